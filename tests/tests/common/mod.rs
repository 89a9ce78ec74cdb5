//! What the tests of boards and lines share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use thimble_boards::Board;
use thimble_host::eval;
use thimble_host::target::{self, Line};
use thimble_shared::fixed::{INVERSE_TEMPERATURE_ONE, Multiplier};
use thimble_shared::format::{GoldenSpec, LayerSpec, Model, ModelSpec, TableSpec};
use thimble_shared::tokenizer::Normalization;
use thimble_shared::vocab::build_vocabulary;

pub fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// The shipped student.
pub fn file() -> Vec<u8> {
    std::fs::read(root("models/sentiment-en/224k.thimble")).unwrap()
}

pub fn board(name: &str) -> Board {
    target::board(name).unwrap()
}

pub fn image(board: &Board) -> PathBuf {
    let path = root("target/firmware").join(format!("{}.elf", board.name));
    assert!(
        path.exists(),
        "{} is missing: cargo xtask firmware",
        path.display()
    );
    path
}

/// Types a text and waits for what the board says, up to a second of silence.
pub fn typed(line: &mut Line, text: &str) -> String {
    let mut heard = Vec::new();
    let start = Instant::now();
    while !heard.windows(4).any(|bytes| bytes == b"Type") {
        assert!(start.elapsed() < Duration::from_secs(20), "no greeting");
        heard.extend(
            line.receive(Duration::from_secs(1))
                .unwrap()
                .unwrap_or_default(),
        );
    }
    line.send(text.as_bytes()).unwrap();
    while let Some(bytes) = line.receive(Duration::from_secs(2)).unwrap() {
        heard.extend(bytes);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Texts in many scripts and texts that are none.
pub fn hostile() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = [
        "",
        " ",
        "naïve façade, Ångström — ÜBER",
        "это плохой фильм!",
        "这部电影很好看。",
        "とても良い映画でした",
        "정말 좋은 영화",
        "فيلم رائع جدا",
        "סרט נהדר",
        "यह फिल्म अच्छी है",
        "หนังเรื่องนี้ดีมาก",
        "👍🏽👨‍👩‍👧 great ☹️",
        "e\u{301}\u{327} \u{0}\u{7f}\u{85}\u{200b}\u{feff}x",
        "don't... [UNK] [CLS] ##ing ¿qué?",
        "\u{1d4d0}\u{fb01}ﬃ ½ ①",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    texts.push(vec![
        0xff, 0xfe, b'a', 0xc3, 0x28, 0xe2, 0x82, 0xf0, 0x9f, 0x98,
    ]);
    texts.push((0..=255).collect());
    texts.push(vec![0x80; 300]);
    texts.push("good".repeat(25_000).into_bytes());
    texts.push("a dull film . ".repeat(300).into_bytes());
    texts.push("字".repeat(700).into_bytes());
    texts
}

/// A small model of random weights with one golden vector.
pub struct Tiny {
    labels: Vec<String>,
    provenance: usize,
    width: usize,
    bits: u8,
}

impl Tiny {
    pub fn new<const N: usize>(labels: [&str; N]) -> Self {
        Self {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            provenance: 0,
            width: 8,
            bits: 4,
        }
    }

    /// With so many bytes that mean nothing.
    pub fn with_provenance(self, provenance: usize) -> Self {
        Self { provenance, ..self }
    }

    /// With so many values of a position, a multiple of 8.
    pub fn with_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// With so many bits a weight of its convolution, 4 or 8.
    pub fn with_bits(self, bits: u8) -> Self {
        Self { bits, ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let pieces = ["[UNK]", "a", "b", "warm", "dull", "##er", ".", "字", "é"];
        let normalization = Normalization {
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: false,
            lowercase: true,
        };
        let mut state = 1u32;
        let mut int8s = |count: usize| -> Vec<i8> {
            (0..count)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as i8
                })
                .collect()
        };
        let (width, classes) = (self.width, self.labels.len());
        let multiplier = Multiplier::new(1 << 30, 37).unwrap();
        let bits = self.bits;
        let conv = LayerSpec::Conv1d {
            in_channels: width,
            out_channels: width,
            kernel: 3,
            dilation: 1,
            groups: 1,
            relu: true,
            bits,
            weights: int8s(3 * width * width)
                .into_iter()
                .map(|weight| weight >> (8 - bits))
                .collect(),
            biases: vec![7; width],
            multipliers: vec![multiplier; width],
        };
        let layers = vec![
            LayerSpec::Embedding {
                rows: pieces.len(),
                dim: width,
                table: TableSpec::Int8(int8s(pieces.len() * width)),
            },
            conv,
            LayerSpec::Pool {
                max: true,
                mean: true,
            },
            LayerSpec::Dense {
                inputs: 2 * width,
                outputs: classes,
                relu: false,
                weights: int8s(2 * width * classes),
                biases: vec![-3; classes],
                multipliers: vec![multiplier; classes],
            },
        ];
        let spec = ModelSpec {
            labels: self.labels.clone(),
            vocabulary: build_vocabulary(pieces, normalization).unwrap(),
            layers,
            inverse_temperature_q16: INVERSE_TEMPERATURE_ONE,
            provenance: vec![("filling".to_owned(), "x".repeat(self.provenance))],
            golden: Vec::new(),
        };
        let text = "A warmer, dull 字. b".as_bytes();
        let bare = spec.to_bytes().unwrap();
        let model = Model::parse(&bare).unwrap();
        let mut arena = eval::arena(&model);
        let mut session = thimble_device::Session::new(&model, &mut arena).unwrap();
        session.push_bytes(text);
        let golden = GoldenSpec {
            text: text.to_vec(),
            ids: eval::ids(&model, text),
            logits: session.finish().logits().to_vec(),
        };
        let spec = ModelSpec {
            golden: vec![golden],
            ..spec
        };
        spec.to_bytes().unwrap()
    }
}
