//! Random networks in the emulators of cores with kernels of their own: every logit is that of the engine here, which
//! `device/tests/oracle.rs` holds against a naive one.

mod common;
#[path = "../../device/tests/common/mod.rs"]
mod random;

use common::{board, image};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use thimble_host::target::{Line, Target, merge, replay};
use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{LayerSpec, Model, ModelSpec, TableSpec};

/// M0, M3, M4, M33 and M55: without and with 32-bit encodings, with the DSP extension of two architectures, with vectors.
const CORES: [&str; 5] = [
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "mps2-an505",
    "mps3-an547",
];
/// Networks a core.
const NETWORKS: usize = 30;

fn check(core: &str, spec: &ModelSpec, texts: &[Vec<u8>]) {
    let board = board(core);
    let bytes = spec.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let merged = merge(&board, &image(&board), &model).unwrap();
    let line = Line::emulate(&board, &merged, &[]).unwrap();
    let mut target = Target::greet(line).unwrap();
    let done = replay(&mut target, &model, texts, |_| {});
    let done = done.unwrap_or_else(|error| panic!("{core}: {error}\n{:?}", spec.layers));
    assert_eq!(done.texts, texts.len());
    assert_eq!(target.memory().unwrap().defects, 0, "{core}");
}

#[test]
fn random_networks_give_the_same_logits_on_every_core() {
    std::thread::scope(|scope| {
        for core in CORES {
            scope.spawn(move || {
                let mut runner = TestRunner::deterministic();
                for _ in 0..NETWORKS {
                    let spec = random::spec().new_tree(&mut runner).unwrap().current();
                    let texts: Vec<Vec<u8>> = (0..8)
                        .map(|_| random::text().new_tree(&mut runner).unwrap().current())
                        .map(String::into_bytes)
                        .collect();
                    check(core, &spec, &texts);
                }
            });
        }
    });
}

/// A network of an embedding with this table, a convolution, and a head that hides no difference.
fn around(table: Vec<i8>, conv: LayerSpec) -> ModelSpec {
    let LayerSpec::Conv1d {
        in_channels,
        out_channels: outputs,
        ..
    } = conv
    else {
        unreachable!()
    };
    let layers = vec![
        LayerSpec::Embedding {
            rows: random::VOCABULARY.pieces.len(),
            dim: in_channels,
            table: TableSpec::Int8(table),
        },
        conv,
        LayerSpec::Pool {
            max: true,
            mean: true,
        },
        LayerSpec::Dense {
            inputs: 2 * outputs,
            outputs: 2,
            relu: false,
            weights: (1..=4 * outputs).map(|weight| weight as i8).collect(),
            biases: vec![1, -1],
            multipliers: vec![Multiplier::ONE; 2],
        },
    ];
    ModelSpec {
        labels: vec!["no".to_owned(), "yes".to_owned()],
        vocabulary: random::VOCABULARY.clone(),
        layers,
        inverse_temperature_q16: 1 << 16,
        provenance: vec![],
        golden: vec![],
    }
}

/// A network whose convolution has the largest sums that there are, with inputs and weights of one value each.
fn largest(bits: u8, channels: usize, input: i8, weight: i8) -> ModelSpec {
    let rows = random::VOCABULARY.pieces.len();
    let (outputs, kernel) = (3, 2);
    let multiplier = Multiplier::new(1 << 30, 43).unwrap();
    let conv = LayerSpec::Conv1d {
        in_channels: channels,
        out_channels: outputs,
        kernel,
        dilation: 3,
        groups: 1,
        relu: false,
        bits,
        weights: vec![weight; outputs * kernel * channels],
        biases: vec![5; outputs],
        multipliers: vec![multiplier; outputs],
    };
    around(vec![input; rows * channels], conv)
}

#[test]
fn no_core_loses_a_bit_of_the_largest_sums() {
    let texts = ["a b good bad film", "a"].map(|text| text.as_bytes().to_vec());
    std::thread::scope(|scope| {
        for core in CORES {
            let texts = &texts;
            scope.spawn(move || {
                for channels in [8, 32, 136] {
                    for (bits, weight) in [(4, -8), (4, 7), (8, -128), (8, 127)] {
                        for input in [-128, 127] {
                            check(core, &largest(bits, channels, input, weight), texts);
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn channels_by_themselves_give_the_same_logits_on_every_core() {
    let rows = random::VOCABULARY.pieces.len();
    // They end at each place of a block.
    let words = ["film", "a", "bad", "good", "b", ".", "!", "film", "unknown"];
    let texts: Vec<_> = (0..=words.len())
        .map(|count| words[..count].join(" ").into_bytes())
        .collect();
    std::thread::scope(|scope| {
        for core in CORES {
            let texts = &texts;
            scope.spawn(move || {
                let mut runner = TestRunner::deterministic();
                for width in [1, 3, 8, 28] {
                    for (kernel, dilation) in [(5, 1), (5, 1), (5, 2), (1, 1), (3, 1), (6, 3)] {
                        let mut random = |outputs, width| {
                            let values = random::linear(outputs, width).new_tree(&mut runner);
                            values.unwrap().current()
                        };
                        let (table, ..) = random(rows, width);
                        let (weights, biases, multipliers) = random(width, kernel);
                        let conv = LayerSpec::Conv1d {
                            in_channels: width,
                            out_channels: width,
                            kernel,
                            dilation,
                            groups: width,
                            relu: biases[0] > 0,
                            bits: 8,
                            weights,
                            biases,
                            multipliers,
                        };
                        check(core, &around(table, conv), texts);
                    }
                }
            });
        }
    });
}
