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
    buffers: &'a mut [i8],
    maxima: &'a mut [i8],
    sums: &'a mut [i32],
    /// Two vectors, for the features that go into a dense layer and for those that come out.
    features: [&'a mut [i16]; 2],
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
        parts.buffers.fill(0);
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
        embedding.row(id, &mut parts.buffers[start..start + buffer.width]);
        self.tokens += 1;
        self.waiting += 1;
        if present + 1 == BLOCK {
            self.run(model);
        }
    }

    /// Runs what is waiting and gives the logits, Q12, and the number of tokens.
    pub(crate) fn finish(&mut self, model: &Model<'_>) -> (Vec<i32, MAX_LABELS>, u32) {
        self.run(model);
        let tokens = self.tokens;
        let Parts {
            maxima,
            sums,
            features: [mut input, mut output],
            ..
        } = self.parts(model);
        let mut logits = Vec::new();
        let last = model.layer_count() - 1;
        for (index, layer) in model.layers().enumerate() {
            match layer {
                Layer::Pool { max, mean } => {
                    kernels::features(max, mean, maxima, sums, tokens, input)
                }
                Layer::Dense(dense) if index == last => {
                    kernels::dense(&dense, input, |_, logit| {
                        // A model has at most as many outputs as a list of logits takes.
                        let _ = logits.push(logit);
                    });
                }
                Layer::Dense(dense) => {
                    kernels::dense(&dense, input, |i, value| {
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
        let Parts {
            buffers: arena,
            maxima,
            sums,
            ..
        } = self.parts(model);
        let buffers = model.buffers();
        for (index, layer) in model.layers().enumerate().skip(1).take(buffers.len()) {
            let input = buffers[index - 1];
            let Some(own) = buffers.get(index) else {
                let start = input.offset + input.history * input.width;
                kernels::pool(&arena[start..start + count * input.width], maxima, sums);
                break;
            };
            let (earlier, rest) = arena.split_at_mut(own.offset);
            let start = own.history * own.width;
            let output = &mut rest[start..start + count * own.width];
            let present = |index: usize| {
                let buffer = buffers[index];
                let start = buffer.offset + buffer.history * buffer.width;
                &earlier[start..start + count * buffer.width]
            };
            match layer {
                Layer::Conv1d(conv) => {
                    let end = input.offset + (input.history + count) * input.width;
                    kernels::conv1d(&conv, &earlier[input.offset..end], output);
                }
                Layer::ResidualAdd(add) => {
                    kernels::residual_add(&add, present(index - 1), present(add.from), output);
                }
                Layer::Relu => kernels::relu(present(index - 1), output),
                Layer::Embedding(_) | Layer::Pool { .. } | Layer::Dense(_) => {}
            }
        }
        for buffer in buffers {
            let bytes = &mut arena[buffer.offset..buffer.offset + buffer.bytes()];
            let first = count * buffer.width;
            bytes.copy_within(first..first + buffer.history * buffer.width, 0);
        }
    }

    fn parts(&mut self, model: &Model<'_>) -> Parts<'_> {
        let words = |bytes: usize| bytes.div_ceil(8);
        let (width, features) = (model.pooled_width(), model.feature_width());
        let (buffers, rest) = self.arena.split_at_mut(words(model.buffer_bytes()));
        let (maxima, rest) = rest.split_at_mut(words(width));
        let (sums, rest) = rest.split_at_mut(words(width * 4));
        let (input, output) = rest.split_at_mut(words(features * 2));
        Parts {
            buffers: &mut bytemuck::cast_slice_mut(buffers)[..model.buffer_bytes()],
            maxima: &mut bytemuck::cast_slice_mut(maxima)[..width],
            sums: &mut bytemuck::cast_slice_mut(sums)[..width],
            features: [input, output].map(|part| &mut bytemuck::cast_slice_mut(part)[..features]),
        }
    }
}
