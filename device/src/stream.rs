//! Ids of pieces in, logits out: the network run over time in blocks of positions.

use heapless::Vec;
use thimble_shared::format::{BLOCK, Layer, MAX_TOKENS, Model};
use thimble_shared::labels::MAX_LABELS;

use crate::kernels;

/// What is remembered of the text: the buffers of the layers before the pooling, and maxima and sums of what is pooled.
///
/// A layer's buffer holds the positions of the past that later kernels look back on, then the block of the present.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    arena: &'a mut [u64],
    /// Tokens of the text, those in the block among them.
    tokens: u32,
    /// Tokens in the block that have not been run.
    waiting: u8,
}

/// The parts of an arena; their sizes add up to [`Model::arena_bytes`].
struct Parts<'a> {
    /// The buffers of the layers; at the end of a text two vectors, for the features that go into a dense layer and for those
    /// that come out.
    work: &'a mut [u64],
    maxima: &'a mut [i8],
    sums: &'a mut [i32],
}

impl<'a> Stream<'a> {
    /// A stream over an arena of [`Model::arena_bytes`]; it wants a [`reset`](Self::reset) before its first id.
    pub(crate) fn new(arena: &'a mut [u64]) -> Self {
        Self {
            arena,
            tokens: 0,
            waiting: 0,
        }
    }

    /// Forgets the text: zeros before the first position.
    pub(crate) fn reset(&mut self, model: &Model<'_>) {
        (self.tokens, self.waiting) = (0, 0);
        let parts = self.parts(model);
        kernels::clear(parts.work);
        parts.maxima.fill(i8::MIN);
        parts.sums.fill(0);
    }

    /// Takes the next id, and runs the network when a block is full.
    pub(crate) fn push(&mut self, model: &Model<'_>, id: u32) {
        if self.tokens >= MAX_TOKENS {
            return;
        }
        let present = usize::from(self.waiting);
        let Some(Layer::Embedding(embedding)) = model.layers().next() else {
            return;
        };
        let Some(buffer) = model.buffers().first() else {
            return;
        };
        let start = buffer.offset + (buffer.history + present) * buffer.width;
        let parts = self.parts(model);
        let buffers: &mut [i8] = bytemuck::cast_slice_mut(parts.work);
        embedding.row(id, &mut buffers[start..start + buffer.width]);
        self.tokens += 1;
        self.waiting += 1;
        if present + 1 == BLOCK {
            self.run(model);
        }
    }

    /// Runs what is waiting and gives the logits, Q12, and the number of tokens. The text is forgotten then.
    pub(crate) fn finish(&mut self, model: &Model<'_>) -> (Vec<i32, MAX_LABELS>, u32) {
        self.run(model);
        let tokens = self.tokens;
        let Parts { work, maxima, sums } = self.parts(model);
        let (input, output) = work.split_at_mut((model.feature_width() * 2).div_ceil(8));
        let [mut input, mut output]: [&mut [i16]; 2] =
            [input, output].map(bytemuck::cast_slice_mut);
        let mut logits = Vec::new();
        let last = model.layer_count() - 1;
        for (index, layer) in model.layers().enumerate() {
            match layer {
                Layer::Pool { max, mean } => {
                    kernels::features(max, mean, maxima, sums, tokens, input)
                }
                Layer::Dense(dense) if index == last => {
                    kernels::dense(&dense, input, &mut |_, logit| {
                        // A model has at most as many outputs as a list of logits takes.
                        let _ = logits.push(logit);
                    });
                }
                Layer::Dense(dense) => {
                    kernels::dense(&dense, input, &mut |i, value| {
                        output[i] = value.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
                    });
                    (input, output) = (output, input);
                }
                _ => {}
            }
        }
        (logits, tokens)
    }

    /// Takes the waiting positions through the layers before the pooling and into it.
    fn run(&mut self, model: &Model<'_>) {
        let count = usize::from(core::mem::take(&mut self.waiting));
        if count == 0 {
            return;
        }
        let Parts { work, maxima, sums } = self.parts(model);
        let arena: &mut [i8] = bytemuck::cast_slice_mut(work);
        let buffers = model.buffers();
        let mut layers = model.layers().skip(1);
        for (index, input) in (1..).zip(buffers) {
            let Some(layer) = layers.next() else { break };
            let Some(own) = buffers.get(index) else {
                let start = input.offset + input.history * input.width;
                kernels::pool(&arena[start..start + count * input.width], maxima, sums);
                break;
            };
            let present = |index: usize| {
                let buffer = buffers[index];
                let start = buffer.offset + buffer.history * buffer.width;
                start..start + count * buffer.width
            };
            let (earlier, rest) = arena.split_at_mut(own.offset);
            let start = own.history * own.width;
            let output = &mut rest[start..start + count * own.width];
            if !matches!(layer, Layer::Conv1d(_)) && own.offset != input.offset {
                output.copy_from_slice(&earlier[present(index - 1)]);
            }
            match &layer {
                Layer::Conv1d(conv) => {
                    let end = input.offset + (input.history + count) * input.width;
                    kernels::conv1d(conv, &earlier[input.offset..end], output);
                }
                Layer::ResidualAdd(add) => {
                    kernels::residual_add(add, output, &earlier[present(add.from)]);
                }
                Layer::Relu => kernels::relu(output),
                Layer::Embedding(_) | Layer::Pool { .. } | Layer::Dense(_) => {}
            }
        }
        let mut end = 0;
        for buffer in buffers {
            // Layers that write over their input have its buffer.
            if buffer.offset < end {
                continue;
            }
            end = buffer.offset + buffer.bytes();
            kernels::forget(
                &mut arena[buffer.offset..end],
                count * buffer.width,
                buffer.history * buffer.width,
            );
        }
    }

    fn parts(&mut self, model: &Model<'_>) -> Parts<'_> {
        let words = |bytes: usize| bytes.div_ceil(8);
        let width = model.pooled_width();
        let (work, rest) = self.arena.split_at_mut(words(model.work_bytes()));
        let (maxima, rest) = rest.split_at_mut(words(width));
        let (sums, _) = rest.split_at_mut(words(width * 4));
        Parts {
            work,
            maxima: &mut bytemuck::cast_slice_mut(maxima)[..width],
            sums: &mut bytemuck::cast_slice_mut(sums)[..width],
        }
    }
}
