//! The model file: its exact bytes, and that nothing but a model is taken for one.

mod refused;
mod written;

use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{GoldenSpec, LayerSpec, ModelSpec, SectionKind, TableSpec};
use thimble_shared::tokenizer::Normalization;
use thimble_shared::vocab::build_vocabulary;

fn half() -> Multiplier {
    Multiplier::new(1 << 30, 31).unwrap()
}

/// Two pieces, two channels, one of each kind of layer.
fn spec() -> ModelSpec {
    let vocabulary = build_vocabulary(["[UNK]", "good"], Normalization::default()).unwrap();
    ModelSpec {
        labels: vec!["no".into(), "yes".into()],
        vocabulary,
        layers: vec![
            LayerSpec::Embedding {
                rows: 2,
                dim: 2,
                table: TableSpec::Int8(vec![0, 1, -2, 3]),
            },
            LayerSpec::Conv1d {
                in_channels: 2,
                out_channels: 2,
                kernel: 2,
                dilation: 3,
                groups: 1,
                relu: true,
                bits: 8,
                weights: vec![1, 2, 3, 4, -1, -2, -3, -4],
                biases: vec![5, -6],
                multipliers: vec![half(); 2],
            },
            LayerSpec::ResidualAdd {
                from: 0,
                own: half(),
                other: Multiplier::ONE,
                relu: false,
            },
            LayerSpec::Relu,
            LayerSpec::Pool {
                max: true,
                mean: false,
            },
            LayerSpec::Dense {
                inputs: 2,
                outputs: 2,
                relu: false,
                weights: vec![7, 8, 9, 10],
                biases: vec![-1, 1],
                multipliers: vec![half(); 2],
            },
        ],
        inverse_temperature_q16: 0x0001_8000,
        provenance: vec![("seed".into(), "1".into())],
        golden: vec![GoldenSpec {
            text: b"good".to_vec(),
            ids: vec![1],
            logits: vec![-7, 9],
        }],
    }
}

/// A CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: impl IntoIterator<Item = u8>) -> u32 {
    !bytes.into_iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Writes the checksum that the bytes should have.
fn seal(file: &mut [u8]) {
    let crc = crc32(file[..12].iter().chain(&file[16..]).copied());
    file[12..16].copy_from_slice(&crc.to_le_bytes());
}

fn range(file: &[u8], kind: SectionKind) -> std::ops::Range<usize> {
    let at = 16 + 12 * (kind as usize - 1);
    let field = |i: usize| u32::from_le_bytes(file[at + 4 * i..][..4].try_into().unwrap()) as usize;
    field(1)..field(1) + field(2)
}
