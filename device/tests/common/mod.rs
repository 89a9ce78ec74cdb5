//! Small random models, and a naive engine over 64-bit integers to compare with.
#![allow(unreachable_pub, dead_code, reason = "each test uses a part of it")]

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{LayerSpec, Model, ModelSpec, TableSpec};
use thimble_shared::tokenizer::{Normalization, Tokenizer};
use thimble_shared::vocab::{VocabularyBuild, build_vocabulary};

pub const WORDS: [&str; 12] = [
    "[UNK]", "a", "b", "good", "bad", "film", "##s", "##ly", ".", "!", "é", "字",
];

pub static VOCABULARY: LazyLock<VocabularyBuild> = LazyLock::new(|| {
    let pieces: Vec<String> = WORDS.iter().map(|&word| word.to_owned()).collect();
    let normalization = Normalization {
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: false,
        lowercase: true,
    };
    build_vocabulary(pieces.iter().map(String::as_str), normalization).unwrap()
});

pub fn multiplier() -> impl Strategy<Value = Multiplier> {
    prop_oneof![
        9 => (1i32 << 30..=i32::MAX, 31u8..=42).prop_map(|(mantissa, shift)| Multiplier::new(mantissa, shift).unwrap()),
        1 => select(vec![Multiplier::ZERO, Multiplier::ONE, Multiplier::new(i32::MAX, 62).unwrap()]),
    ]
}

fn int8s(count: usize) -> impl Strategy<Value = Vec<i8>> {
    prop::collection::vec(any::<i8>(), count)
}

/// Weights, biases and multipliers of a layer.
pub fn linear(
    outputs: usize,
    width: usize,
) -> impl Strategy<Value = (Vec<i8>, Vec<i32>, Vec<Multiplier>)> {
    (
        int8s(outputs * width),
        prop::collection::vec(-100_000i32..100_000, outputs),
        prop::collection::vec(multiplier(), outputs),
    )
}

fn embedding(dim: usize) -> impl Strategy<Value = LayerSpec> {
    let rows = VOCABULARY.pieces.len();
    let int8 = int8s(rows * dim).prop_map(TableSpec::Int8);
    let int4 = (
        any::<[i8; 16]>(),
        prop::collection::vec(0u8..16, rows * dim),
    )
        .prop_map(|(lut, codes)| TableSpec::Int4 { lut, codes });
    let parts: Vec<usize> = (1..=dim)
        .filter(|parts| dim.is_multiple_of(*parts))
        .collect();
    let product = (select(parts), select(vec![1, 5, 256]), any::<Index>())
        .prop_flat_map(move |(parts, count, index)| {
            let divisors: Vec<usize> = (1..=parts)
                .filter(|part| parts.is_multiple_of(*part))
                .collect();
            let codebooks = *index.get(&divisors);
            (
                int8s(codebooks * count * (dim / parts)),
                prop::collection::vec(0..=(count - 1) as u8, rows * parts),
                Just((parts, count, codebooks)),
            )
        })
        .prop_map(
            |(centroids, codes, (parts, count, codebooks))| TableSpec::Product {
                centroids,
                count,
                codes,
                parts,
                codebooks,
            },
        );
    prop_oneof![int8, int4, product].prop_map(move |table| LayerSpec::Embedding {
        rows,
        dim,
        table,
    })
}

/// Layers after `layers`, whose widths are `widths`, up to the last dense one.
fn more(layers: Vec<LayerSpec>, widths: Vec<usize>, left: usize) -> BoxedStrategy<Vec<LayerSpec>> {
    let width = *widths.last().unwrap();
    let push = |layers: &[LayerSpec], layer| {
        let mut layers = layers.to_vec();
        layers.push(layer);
        layers
    };
    if left == 0 {
        let before = layers;
        return (
            select(vec![(true, true), (true, false), (false, true)]),
            1usize..6,
            2usize..5,
            any::<bool>(),
            any::<bool>(),
        )
            .prop_flat_map(move |((max, mean), hidden, classes, two, relu)| {
                let before = push(&before, LayerSpec::Pool { max, mean });
                let features = width * (usize::from(max) + usize::from(mean));
                let last = if two { hidden } else { features };
                (linear(hidden, features), linear(classes, last)).prop_map(
                    move |(first, second)| {
                        let mut layers = before.clone();
                        if two {
                            let (weights, biases, multipliers) = first;
                            let (inputs, outputs) = (features, hidden);
                            layers.push(LayerSpec::Dense {
                                inputs,
                                outputs,
                                relu,
                                weights,
                                biases,
                                multipliers,
                            });
                        }
                        let (weights, biases, multipliers) = second;
                        layers.push(LayerSpec::Dense {
                            inputs: last,
                            outputs: classes,
                            relu: false,
                            weights,
                            biases,
                            multipliers,
                        });
                        layers
                    },
                )
            })
            .boxed();
    }
    let same: Vec<usize> = (0..widths.len())
        .filter(|&index| widths[index] == width)
        .collect();
    let (for_conv, for_add) = (layers.clone(), layers.clone());
    let (widths_conv, widths_same) = (widths.clone(), widths);
    // With 0 groups, each channel is convolved by itself.
    let shape = (0usize..4, 1usize..7, 1usize..4, 1usize..4);
    let conv = (shape, any::<bool>(), select(vec![4, 8])).prop_flat_map(
        move |((groups, kernel, dilation, factor), relu, bits)| {
            let groups = match groups {
                0 => width,
                groups if width.is_multiple_of(groups) => groups,
                _ => 1,
            };
            // 4-bit weights want one group of channels, in eights.
            let bits = if groups == 1 && width.is_multiple_of(8) {
                bits
            } else {
                8
            };
            // Outputs that a layer with 4-bit weights may follow are as frequent as others.
            let out_channels = match factor {
                3 if groups < 4 => 8 * groups,
                2 if width <= 40 => 2 * groups,
                _ => groups,
            };
            let (layers, mut widths) = (for_conv.clone(), widths_conv.clone());
            widths.push(out_channels);
            linear(out_channels, kernel * width / groups).prop_flat_map(
                move |(weights, biases, multipliers)| {
                    let layer = LayerSpec::Conv1d {
                        in_channels: width,
                        out_channels,
                        kernel,
                        dilation,
                        groups,
                        relu,
                        bits,
                        weights: if bits == 4 {
                            weights.iter().map(|weight| weight >> 4).collect()
                        } else {
                            weights
                        },
                        biases,
                        multipliers,
                    };
                    more(push(&layers, layer), widths.clone(), left - 1)
                },
            )
        },
    );
    let mut widths_more = widths_same;
    widths_more.push(width);
    let widths_relu = widths_more.clone();
    let add = (select(same), multiplier(), multiplier(), any::<bool>()).prop_flat_map(
        move |(from, own, other, relu)| {
            more(
                push(
                    &for_add,
                    LayerSpec::ResidualAdd {
                        from,
                        own,
                        other,
                        relu,
                    },
                ),
                widths_more.clone(),
                left - 1,
            )
        },
    );
    let relu = more(push(&layers, LayerSpec::Relu), widths_relu, left - 1);
    prop_oneof![4 => conv, 2 => add, 1 => relu].boxed()
}

/// A model whose only convolution has a kernel of 3, dilation 2 and weights of all sizes.
pub fn conv(bits: u8, channels: usize, outputs: usize) -> ModelSpec {
    let rows = VOCABULARY.pieces.len();
    let least = if bits == 4 { -8 } else { -128 };
    let value = |i: usize| (i * 37 % (1 << bits)) as i32 + least;
    let layers = vec![
        LayerSpec::Embedding {
            rows,
            dim: channels,
            table: TableSpec::Int8(vec![1; rows * channels]),
        },
        LayerSpec::Conv1d {
            in_channels: channels,
            out_channels: outputs,
            kernel: 3,
            dilation: 2,
            groups: 1,
            relu: false,
            bits,
            weights: (0..outputs * 3 * channels)
                .map(|i| value(i) as i8)
                .collect(),
            biases: (0..outputs as i32).map(|i| 100 * i).collect(),
            multipliers: vec![Multiplier::new(3 << 29, 42).unwrap(); outputs],
        },
        LayerSpec::Pool {
            max: true,
            mean: false,
        },
        LayerSpec::Dense {
            inputs: outputs,
            outputs: 2,
            relu: false,
            weights: vec![1; 2 * outputs],
            biases: vec![0; 2],
            multipliers: vec![Multiplier::ONE; 2],
        },
    ];
    model(layers)
}

fn model(layers: Vec<LayerSpec>) -> ModelSpec {
    let Some(LayerSpec::Dense { outputs, .. }) = layers.last() else {
        unreachable!()
    };
    ModelSpec {
        labels: (0..*outputs)
            .map(|class| format!("class {class}"))
            .collect(),
        vocabulary: VOCABULARY.clone(),
        layers,
        inverse_temperature_q16: 1 << 16,
        provenance: vec![],
        golden: vec![],
    }
}

/// Any small model.
pub fn spec() -> impl Strategy<Value = ModelSpec> {
    (
        prop_oneof![1usize..20, select(vec![8, 16, 24, 40])],
        0usize..5,
    )
        .prop_flat_map(|(dim, count)| {
            embedding(dim).prop_flat_map(move |embedding| more(vec![embedding], vec![dim], count))
        })
        .prop_map(model)
}

/// Texts of the vocabulary's words and others, often short.
pub fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        5 => select(vec!["a", "b", "good", "bads", "filmly", ".", "!", "é", "字字", "unknown", "badlys!"]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(word, 0..30).prop_map(|words| words.join(" "))
}

pub fn ids(model: &Model<'_>, text: &str) -> Vec<u32> {
    let (mut tokenizer, mut ids) = (Tokenizer::new(), Vec::new());
    tokenizer.push_bytes(model.charmap(), model.vocab(), text.as_bytes(), &mut |id| {
        ids.push(id)
    });
    tokenizer.finish(model.charmap(), model.vocab(), &mut |id| ids.push(id));
    ids
}

/// `floor(value · multiplier + 1/2)` without any bound, saturated to 32 bits.
fn scaled(value: i64, multiplier: Multiplier) -> i64 {
    let product = i128::from(value) * i128::from(multiplier.mantissa());
    let one = 1i128 << multiplier.shift();
    (2 * product + one)
        .div_euclid(2 * one)
        .clamp(i32::MIN.into(), i32::MAX.into()) as i64
}

fn int8(value: i64, relu: bool) -> i64 {
    value.clamp(if relu { 0 } else { -128 }, 127)
}

/// The logits of a whole text, straight from the definitions: no blocks, no buffers, 64-bit sums.
pub fn naive(spec: &ModelSpec, ids: &[u32]) -> Vec<i64> {
    // Outputs of all layers before the pooling: [layer][time][channel].
    let mut layers: Vec<Vec<Vec<i64>>> = Vec::new();
    let mut features: Vec<i64> = Vec::new();
    let last = spec.layers.len() - 1;
    for (index, layer) in spec.layers.iter().enumerate() {
        match layer {
            LayerSpec::Embedding { dim, table, .. } => {
                let value = |at: usize| match table {
                    TableSpec::Int8(rows) => i64::from(rows[at]),
                    TableSpec::Int4 { lut, codes } => i64::from(lut[usize::from(codes[at])]),
                    TableSpec::Product {
                        centroids,
                        count,
                        codes,
                        parts,
                        codebooks,
                    } => {
                        let size = dim / parts;
                        let (row, part, value) = (at / dim, at % dim / size, at % size);
                        let centroid = usize::from(codes[row * parts + part]);
                        let book = part / (parts / codebooks);
                        i64::from(centroids[(book * count + centroid) * size + value])
                    }
                };
                layers.push(
                    ids.iter()
                        .map(|&id| (0..*dim).map(|i| value(id as usize * dim + i)).collect())
                        .collect(),
                );
            }
            LayerSpec::Conv1d {
                in_channels,
                out_channels,
                kernel,
                dilation,
                groups,
                relu,
                bits: _,
                weights,
                biases,
                multipliers,
            } => {
                let input = layers.last().unwrap();
                let (ins, outs) = (in_channels / groups, out_channels / groups);
                let at = |t: usize, o: usize| {
                    let mut sum = i64::from(biases[o]);
                    for k in 0..*kernel {
                        let Some(source) = t.checked_sub((kernel - 1 - k) * dilation) else {
                            continue;
                        };
                        for i in 0..ins {
                            sum += i64::from(weights[(o * kernel + k) * ins + i])
                                * input[source][o / outs * ins + i];
                        }
                    }
                    int8(scaled(sum, multipliers[o]), *relu)
                };
                let output = (0..ids.len())
                    .map(|t| (0..*out_channels).map(|o| at(t, o)).collect())
                    .collect();
                layers.push(output);
            }
            LayerSpec::ResidualAdd {
                from,
                own,
                other,
                relu,
            } => {
                let (a, b) = (layers.last().unwrap(), &layers[*from]);
                let add = |a: i64, b: i64| int8(scaled(a, *own) + scaled(b, *other), *relu);
                let output = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| a.iter().zip(b).map(|(&a, &b)| add(a, b)).collect())
                    .collect();
                layers.push(output);
            }
            LayerSpec::Relu => {
                let output = layers
                    .last()
                    .unwrap()
                    .iter()
                    .map(|row| row.iter().map(|&v| v.max(0)).collect())
                    .collect();
                layers.push(output);
            }
            LayerSpec::Pool { max, mean } => {
                let input = layers.last().unwrap();
                let width = match spec.layers[..index]
                    .iter()
                    .rev()
                    .find_map(|layer| match layer {
                        LayerSpec::Conv1d { out_channels, .. } => Some(*out_channels),
                        LayerSpec::Embedding { dim, .. } => Some(*dim),
                        _ => None,
                    }) {
                    Some(width) => width,
                    None => unreachable!(),
                };
                let column = |i: usize| input.iter().map(move |row| row[i]);
                if *max {
                    features
                        .extend((0..width).map(|i| column(i).max().map_or(0, |value| value * 256)));
                }
                if *mean {
                    let n = ids.len() as f64;
                    let mean = |i| {
                        if ids.is_empty() {
                            0
                        } else {
                            (column(i).sum::<i64>() as f64 * 256.0 / n + 0.5).floor() as i64
                        }
                    };
                    features.extend((0..width).map(mean));
                }
            }
            LayerSpec::Dense {
                inputs,
                outputs,
                relu,
                weights,
                biases,
                multipliers,
            } => {
                let at = |o: usize| {
                    let products =
                        (0..*inputs).map(|i| i64::from(weights[o * inputs + i]) * features[i]);
                    let value =
                        scaled(i64::from(biases[o]) + products.sum::<i64>(), multipliers[o]);
                    let value = if *relu { value.max(0) } else { value };
                    if index == last {
                        value
                    } else {
                        value.clamp(-32768, 32767)
                    }
                };
                features = (0..*outputs).map(at).collect();
            }
        }
    }
    features
}
