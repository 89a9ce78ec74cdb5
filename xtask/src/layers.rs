//! Networks of one layer more and one less, whose difference in instructions is that of the layer.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{LayerSpec, ModelSpec, TableSpec};
use thimble_shared::tokenizer::Normalization;
use thimble_shared::vocab::build_vocabulary;

use crate::profile;

/// Positions of the text.
const POSITIONS: u64 = 32;

/// Instructions of a layer for [`POSITIONS`] positions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    instructions: u64,
    /// Multiplications and additions of a convolution, values of another layer.
    operations: u64,
}

/// Counts the layers on a board: `count` runs a model on two texts and tells their instructions.
///
/// There is always a pooling, so what it takes is no difference of networks. It is counted by the emulator's trace: the instructions
/// of its kernel that 64 positions take beyond 32.
pub(crate) fn count(
    board: &str,
    count: impl Fn(&[u8], &str) -> anyhow::Result<Vec<u64>>,
) -> anyhow::Result<BTreeMap<String, Layer>> {
    let text = format!("\n{}\n", "a ".repeat(POSITIONS as usize).trim_end());
    let of = |width: usize, layers: Vec<LayerSpec>| -> anyhow::Result<u64> {
        let counts = count(&model(width, layers)?, &text)?;
        let [empty, full] = counts[..] else {
            anyhow::bail!("{} answers to two texts", counts.len());
        };
        Ok(full - empty)
    };
    let cases = [
        (
            "conv1d, 64 to 96 channels, kernel 5, int8",
            64,
            conv(64, 96, 1, 8),
            5 * 64 * 96,
        ),
        (
            "conv1d, 64 to 96 channels, kernel 5, int4",
            64,
            conv(64, 96, 1, 4),
            5 * 64 * 96,
        ),
        (
            "depthwise conv1d, 96 channels, kernel 5, int8",
            96,
            conv(96, 96, 96, 8),
            5 * 96,
        ),
        ("residual add, 96 channels", 96, residual_add(), 96),
    ];
    let mut counts = BTreeMap::new();
    let mut add = |name: &str, instructions: u64, operations: u64| {
        let layer = Layer {
            instructions,
            operations: operations * POSITIONS,
        };
        println!(
            "  {name:48} {:>10} instructions, {:.3} operations an instruction",
            layer.instructions,
            layer.operations as f64 / layer.instructions as f64
        );
        counts.insert(name.to_owned(), layer);
    };
    for (name, width, layer, operations) in cases {
        let instructions = of(width, vec![layer])? - of(width, vec![])?;
        add(name, instructions, operations);
    }
    let model = file(&model(96, vec![])?)?;
    let pooling = |positions: u64| {
        let text = "a ".repeat(positions as usize);
        let counts = profile::count(board, model.path(), &[&text])?;
        anyhow::Ok(profile::sum(&counts, profile::Part::Pooling))
    };
    let instructions = pooling(2 * POSITIONS)? - pooling(POSITIONS)?;
    add("max and mean pooling, 96 channels", instructions, 96);
    Ok(counts)
}

/// A model as a file.
pub(crate) fn file(model: &[u8]) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(model)?;
    Ok(file)
}

fn conv(in_channels: usize, out_channels: usize, groups: usize, bits: u8) -> LayerSpec {
    let (kernel, range) = (5, 1 << bits);
    LayerSpec::Conv1d {
        in_channels,
        out_channels,
        kernel,
        dilation: 1,
        groups,
        // A separable convolution has its ReLU behind the second part.
        relu: groups == 1,
        bits,
        weights: (0..out_channels * kernel * in_channels / groups)
            .map(|i| (i % range) as i32 - range as i32 / 2)
            .map(|weight| weight as i8)
            .collect(),
        biases: vec![1; out_channels],
        multipliers: multipliers(out_channels, 40),
    }
}

fn residual_add() -> LayerSpec {
    let [own, other] = [multipliers(1, 31)[0], multipliers(1, 32)[0]];
    LayerSpec::ResidualAdd {
        from: 0,
        own,
        other,
        relu: true,
    }
}

fn multipliers(count: usize, shift: u8) -> Vec<Multiplier> {
    vec![Multiplier::new(3 << 29, shift).expect("in range"); count]
}

/// A model of an embedding, these layers, and a head.
fn model(width: usize, between: Vec<LayerSpec>) -> anyhow::Result<Vec<u8>> {
    let pieces = ["[UNK]", "a"];
    let normalization = Normalization {
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: false,
        lowercase: true,
    };
    let embedding = LayerSpec::Embedding {
        rows: pieces.len(),
        dim: width,
        table: TableSpec::Int8((0..pieces.len() * width).map(|i| i as i8).collect()),
    };
    let pooled = match between.last() {
        Some(LayerSpec::Conv1d { out_channels, .. }) => *out_channels,
        _ => width,
    };
    let head = [
        LayerSpec::Pool {
            max: true,
            mean: true,
        },
        LayerSpec::Dense {
            inputs: 2 * pooled,
            outputs: 2,
            relu: false,
            weights: vec![1; 4 * pooled],
            biases: vec![0; 2],
            multipliers: multipliers(2, 31),
        },
    ];
    let spec = ModelSpec {
        labels: vec!["no".to_owned(), "yes".to_owned()],
        vocabulary: build_vocabulary(pieces, normalization).context("the vocabulary")?,
        layers: [embedding].into_iter().chain(between).chain(head).collect(),
        inverse_temperature_q16: 1 << 16,
        provenance: vec![],
        golden: vec![],
    };
    spec.to_bytes().context("the model")
}
