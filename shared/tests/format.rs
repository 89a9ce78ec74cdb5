//! The model file: its exact bytes, and that nothing but a model is taken for one.

use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{
    FormatError, GoldenSpec, Layer, LayerSpec, Model, ModelSpec, SectionKind, Table, TableSpec,
    WriteError,
};
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

#[test]
fn the_bytes_are_those_of_the_page() {
    let spec = spec();
    let file = spec.to_bytes().unwrap();
    let half = [0, 0, 0, 0x40, 31];
    // Each section in hand-written bytes, but for the two that vocabulary.rs and tokenizer_parity.rs look after.
    let sections: [&[u8]; 11] = [
        b"\x02\x02no\x03yes",
        &spec.vocabulary.charmap,
        &spec.vocabulary.vocab,
        &[
            6, // layers
            0, 2, 2, // embedding, 2 rows of 2 int8
            2, 2, 2, 2, 3, 1, 1, // conv1d 2 → 2, kernel 2, dilation 3, 1 group, ReLU
            3, 0, 0x80, 0x80, 0x80, 0x80, 8, 31, 0x80, 0x80, 0x80, 0x80, 8, 30,
            0, // sum with layer 0
            4, // ReLU
            5, 1, 0, // maximum only
            6, 2, 2, 0, // dense 2 → 2
        ],
        &[0, 1, 0xFE, 3],
        &[1, 2, 3, 4, 0xFF, 0xFE, 0xFD, 0xFC, 7, 8, 9, 10],
        &[
            5, 0, 0, 0, 0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0,
        ],
        &[half; 4].concat(),
        &[0, 0x80, 1, 0],
        &[
            &[4, 0, 0, 0, 1, 0, 0, 0][..],
            &crc32([1, 0, 0, 0]).to_le_bytes(),
            b"good",
            &[0xF9, 0xFF, 0xFF, 0xFF, 9, 0, 0, 0],
        ]
        .concat(),
        b"\x04seed\x011",
    ];
    let mut expected = b"THMB\x01\x00\x0b\x00".to_vec();
    expected.resize(16 + 12 * 11, 0);
    for (index, section) in sections.iter().enumerate() {
        expected.resize(expected.len().next_multiple_of(8), 0);
        let entry =
            [index + 1, expected.len(), section.len()].map(|field| (field as u32).to_le_bytes());
        expected[16 + 12 * index..][..12].copy_from_slice(entry.as_flattened());
        expected.extend_from_slice(section);
    }
    let length = expected.len() as u32;
    expected[8..12].copy_from_slice(&length.to_le_bytes());
    seal(&mut expected);
    assert_eq!(file, expected);
}

#[test]
fn what_is_read_is_what_was_written() {
    let spec = spec();
    let file = spec.to_bytes().unwrap();
    let model = Model::parse(&file).unwrap();
    assert!(model.labels().iter().eq(["no", "yes"]));
    assert_eq!(model.vocab().len(), 2);
    assert_eq!(model.inverse_temperature(), 0x0001_8000);
    assert!(model.provenance().eq([("seed", "1")]));
    let golden: Vec<_> = model.golden().collect();
    assert_eq!(golden.len(), 1);
    assert_eq!((golden[0].text, golden[0].tokens), (&b"good"[..], 1));
    assert!(golden[0].logits().eq([-7, 9]));
    assert_eq!(
        (
            model.parameters(),
            model.macs_per_token(),
            model.macs_per_text()
        ),
        (4 + 8 + 4 + 4, 8, 4)
    );
    // Embedding: 3 + 4 positions of 2 values; the convolution: 4 positions, which sum and ReLU write over; the pooled maxima, sums.
    assert_eq!(
        model.arena_bytes(),
        (14 + 8usize).next_multiple_of(8) + 8 + 8
    );
    let layers: Vec<_> = model.layers().collect();
    let Layer::Embedding(embedding) = layers[0] else {
        panic!("{:?}", layers[0])
    };
    let mut row = [0; 2];
    for (id, expected) in [(0, [0, 1]), (1, [-2, 3]), (2, [0, 1]), (u32::MAX, [0, 1])] {
        embedding.row(id, &mut row);
        assert_eq!(row, expected, "row {id}");
    }
    let Layer::Dense(dense) = layers[5] else {
        panic!("{:?}", layers[5])
    };
    assert_eq!(
        (dense.weights, dense.biases.get(0), dense.biases.get(1)),
        (&[7, 8, 9, 10][..], -1, 1)
    );
}

#[test]
fn an_odd_row_of_half_bytes() {
    let mut spec = spec();
    let lut: [i8; 16] = std::array::from_fn(|i| (10 * i as i16 - 70) as i8);
    spec.layers = vec![
        LayerSpec::Embedding {
            rows: 2,
            dim: 3,
            table: TableSpec::Int4 {
                lut,
                codes: vec![1, 2, 3, 15, 0, 7],
            },
        },
        LayerSpec::Pool {
            max: false,
            mean: true,
        },
        LayerSpec::Dense {
            inputs: 3,
            outputs: 2,
            relu: false,
            weights: vec![0; 6],
            biases: vec![0; 2],
            multipliers: vec![half(); 2],
        },
    ];
    let file = spec.to_bytes().unwrap();
    assert_eq!(
        file[range(&file, SectionKind::Embeddings)],
        [0x21, 0x03, 0x0F, 0x07]
    );
    let model = Model::parse(&file).unwrap();
    let Some(Layer::Embedding(embedding)) = model.layers().next() else {
        panic!()
    };
    assert!(matches!(embedding.table, Table::Int4 { .. }));
    let mut row = [0; 3];
    embedding.row(1, &mut row);
    assert_eq!(row, [80, -70, 0]);
}

#[test]
fn rows_of_codes() {
    let product = |codebooks, count, codes| {
        let mut spec = spec();
        spec.layers = vec![
            LayerSpec::Embedding {
                rows: 2,
                dim: 4,
                table: TableSpec::Product {
                    centroids: (1..=2 * (codebooks * count) as i8).collect(),
                    count,
                    codes,
                    parts: 2,
                    codebooks,
                },
            },
            LayerSpec::Pool {
                max: true,
                mean: false,
            },
            LayerSpec::Dense {
                inputs: 4,
                outputs: 2,
                relu: false,
                weights: vec![0; 8],
                biases: vec![0; 2],
                multipliers: vec![half(); 2],
            },
        ];
        spec
    };
    let file = product(2, 3, vec![0, 2, 1, 0]).to_bytes().unwrap();
    assert_eq!(
        file[range(&file, SectionKind::Embeddings)],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 2, 1, 0]
    );
    let layers = range(&file, SectionKind::Layers).start;
    // Three layers; number 7 with 2 rows of 4 values, 2 codes, 3 centroids, 2 codebooks.
    assert_eq!(file[layers..layers + 7], [3, 7, 2, 4, 2, 3, 2]);
    let shared = product(1, 3, vec![0, 2, 1, 0]).to_bytes().unwrap();
    for (file, first, second) in [
        (&file, [1, 2, 11, 12], [3, 4, 7, 8]),
        (&shared, [1, 2, 5, 6], [3, 4, 1, 2]),
    ] {
        let model = Model::parse(file).unwrap();
        let Some(Layer::Embedding(embedding)) = model.layers().next() else {
            panic!()
        };
        for (id, expected) in [(0, first), (1, second), (9, first)] {
            let mut row = [0; 4];
            embedding.row(id, &mut row);
            assert_eq!(row, expected, "{id}");
        }
    }
    assert_eq!(
        product(0, 3, vec![0, 2, 1, 0]).to_bytes(),
        Err(WriteError::Refused(FormatError::Shape(0)))
    );
    assert_eq!(
        product(2, 3, vec![0, 2, 3, 0]).to_bytes(),
        Err(WriteError::Refused(FormatError::Code))
    );
    assert_eq!(
        product(2, 3, vec![0, 2, 1]).to_bytes(),
        Err(WriteError::Data(0))
    );
}

#[test]
fn weights_of_half_bytes() {
    let conv = |last: i8, bits| {
        let mut spec = spec();
        spec.layers = vec![
            LayerSpec::Embedding {
                rows: 2,
                dim: 8,
                table: TableSpec::Int8(vec![0; 16]),
            },
            LayerSpec::Conv1d {
                in_channels: 8,
                out_channels: 1,
                kernel: 2,
                dilation: 1,
                groups: 1,
                relu: false,
                bits,
                weights: vec![1, 2, 3, 4, 5, 6, 7, -8, -1, -2, 3, 0, 0, 0, 0, last],
                biases: vec![0],
                multipliers: vec![half()],
            },
            LayerSpec::Pool {
                max: true,
                mean: false,
            },
            LayerSpec::Dense {
                inputs: 1,
                outputs: 2,
                relu: false,
                weights: vec![0; 2],
                biases: vec![0; 2],
                multipliers: vec![half(); 2],
            },
        ];
        spec
    };
    let file = conv(7, 4).to_bytes().unwrap();
    assert_eq!(
        file[range(&file, SectionKind::Layers)][4..11],
        [8, 8, 1, 2, 1, 1, 0]
    );
    assert_eq!(
        file[range(&file, SectionKind::Weights)],
        [
            0x51, 0x62, 0x73, 0x84, // the tap of the past
            0x0F, 0x0E, 0x03, 0x70, // that of the present
            0, 0, // dense
        ]
    );
    let model = Model::parse(&file).unwrap();
    assert_eq!((model.macs_per_token(), model.parameters()), (16, 37));
    for (last, bits) in [(8, 4), (-9, 4), (7, 5)] {
        let error = conv(last, bits).to_bytes().unwrap_err();
        assert!(matches!(error, WriteError::Range(1)), "{error}");
    }
    // Channels that are no multiple of eight, and two groups of them.
    let shaped = |channels: usize, groups: usize| {
        let mut spec = conv(7, 4);
        spec.layers[0] = LayerSpec::Embedding {
            rows: 2,
            dim: channels,
            table: TableSpec::Int8(vec![0; 2 * channels]),
        };
        spec.layers[1] = LayerSpec::Conv1d {
            in_channels: channels,
            out_channels: 2,
            kernel: 1,
            dilation: 1,
            groups,
            relu: false,
            bits: 4,
            weights: vec![1; 2 * channels / groups],
            biases: vec![0; 2],
            multipliers: vec![half(); 2],
        };
        if let LayerSpec::Dense {
            inputs, weights, ..
        } = &mut spec.layers[3]
        {
            (*inputs, *weights) = (2, vec![0; 4]);
        }
        spec.to_bytes().map(drop)
    };
    assert_eq!(shaped(16, 1), Ok(()));
    assert_eq!(shaped(12, 1), Err(WriteError::Range(1)));
    let refused = WriteError::Refused(FormatError::Shape(1));
    assert_eq!(shaped(16, 2), Err(refused));
    // The largest sum of products and bias that there is.
    let with_bias = |bias| {
        let mut spec = conv(7, 4);
        let LayerSpec::Conv1d { biases, .. } = &mut spec.layers[1] else {
            panic!()
        };
        biases[0] = bias;
        spec.to_bytes().map(drop)
    };
    let most = i32::MAX - 16 * 128 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 1 + 2 + 3 + 7);
    with_bias(most).unwrap();
    assert!(matches!(
        with_bias(most + 1),
        Err(WriteError::Refused(FormatError::Accumulator(1)))
    ));
}

#[test]
fn every_changed_byte_is_refused() {
    let file = spec().to_bytes().unwrap();
    for at in 0..file.len() {
        for change in 1..=255u8 {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            let error = Model::parse(&damaged).err();
            let expected = match at {
                0..4 => matches!(error, Some(FormatError::Magic)),
                4..6 => matches!(error, Some(FormatError::Version(_))),
                8..12 => matches!(error, Some(FormatError::Length { .. })),
                _ => matches!(error, Some(FormatError::Checksum { .. })),
            };
            assert!(expected, "byte {at}: {error:?}");
        }
    }
}

#[test]
fn a_file_cut_short_or_with_a_tail_is_refused() {
    let mut file = spec().to_bytes().unwrap();
    for length in 0..file.len() {
        assert!(Model::parse(&file[..length]).is_err(), "{length} bytes");
    }
    let expected = file.len() as u32;
    file.push(0);
    assert_eq!(
        Model::parse(&file).unwrap_err(),
        FormatError::Length {
            expected,
            got: expected + 1
        }
    );
}

/// A file with a right checksum and one thing wrong.
#[test]
fn what_is_wrong_is_named() {
    let file = spec().to_bytes().unwrap();
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = file.clone();
        change(&mut file);
        seal(&mut file);
        Model::parse(&file).err()
    };
    let put = |kind, at: usize, byte: u8| {
        move |file: &mut Vec<u8>| {
            let start = range(file, kind).start;
            file[start + at] = byte;
        }
    };
    assert_eq!(
        refused(&|file| file[6] = 12),
        Some(FormatError::SectionTable)
    );
    assert_eq!(
        refused(&|file| file[16] = 2),
        Some(FormatError::MissingSection(SectionKind::Labels))
    );
    assert_eq!(
        refused(&|file| file[20] += 8),
        Some(FormatError::SectionTable)
    );
    assert_eq!(
        refused(&|file| file[24] = 255),
        Some(FormatError::SectionTable)
    );
    assert_eq!(
        refused(&|file| file[16 + 12 * 10 + 8] -= 1),
        Some(FormatError::SectionTable)
    );
    let padding = range(&file, SectionKind::Layers).end;
    assert!(!padding.is_multiple_of(8));
    assert_eq!(
        refused(&|file| file[padding] = 1),
        Some(FormatError::Padding)
    );
    assert!(matches!(
        refused(&put(SectionKind::Labels, 0, 65)),
        Some(FormatError::Labels(_))
    ));
    assert!(matches!(
        refused(&put(SectionKind::CharMap, 0, 255)),
        Some(FormatError::CharMap(_))
    ));
    assert!(matches!(
        refused(&put(SectionKind::Vocab, 0, 255)),
        Some(FormatError::Vocab(_))
    ));
    assert_eq!(
        refused(&put(SectionKind::Layers, 0, 25)),
        Some(FormatError::Order(24))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 0, 5)),
        Some(FormatError::Descriptor(5))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 0, 7)),
        Some(FormatError::Descriptor(6))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 1, 4)),
        Some(FormatError::Order(0))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 2, 3)),
        Some(FormatError::SectionLength(SectionKind::Embeddings))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 5, 3)),
        Some(FormatError::Shape(1))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 7, 0)),
        Some(FormatError::Shape(1))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 9, 0)),
        Some(FormatError::Shape(1))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 10, 2)),
        Some(FormatError::Descriptor(1))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 12, 2)),
        Some(FormatError::Shape(2))
    );
    assert_eq!(
        refused(&put(SectionKind::Layers, 18, 63)),
        Some(FormatError::Multiplier(2))
    );
    assert_eq!(
        refused(&put(SectionKind::Multipliers, 4, 0)),
        Some(FormatError::Multiplier(1))
    );
    let most = |file: &mut Vec<u8>| {
        let start = range(file, SectionKind::Biases).start;
        file[start..start + 4].copy_from_slice(&i32::MAX.to_le_bytes());
    };
    assert_eq!(refused(&most), Some(FormatError::Accumulator(1)));
    assert_eq!(
        refused(&put(SectionKind::Biases, 15, 0x80)),
        Some(FormatError::Accumulator(5))
    );
    assert_eq!(
        refused(&|file| {
            let range = range(file, SectionKind::Calibration);
            file[range].fill(0);
        }),
        Some(FormatError::Calibration)
    );
    assert_eq!(
        refused(&put(SectionKind::Golden, 0, 5)),
        Some(FormatError::Golden)
    );
    assert_eq!(
        refused(&put(SectionKind::Provenance, 0, 200)),
        Some(FormatError::Provenance)
    );
    // The unchanged file, sealed by this test's own checksum, is taken.
    let mut same = file.clone();
    seal(&mut same);
    assert!(Model::parse(&same).is_ok());
}

#[test]
fn what_does_not_fit_is_not_written() {
    let written = |change: &dyn Fn(&mut ModelSpec)| {
        let mut spec = spec();
        change(&mut spec);
        spec.to_bytes().expect_err("unfit")
    };
    assert!(matches!(
        written(&|spec| spec.labels.truncate(1)),
        WriteError::Labels(_)
    ));
    assert_eq!(
        written(&|spec| spec.labels.push("maybe".into())),
        WriteError::Golden(0)
    );
    assert_eq!(
        written(&|spec| {
            spec.golden.clear();
            spec.labels.push("maybe".into());
        }),
        WriteError::Refused(FormatError::Shape(5))
    );
    assert_eq!(
        written(&|spec| spec.layers = vec![LayerSpec::Relu; 25]),
        WriteError::TooManyLayers(25)
    );
    assert_eq!(
        written(&|spec| spec.layers.truncate(5)),
        WriteError::Refused(FormatError::Descriptor(5))
    );
    let table = |rows, dim, table| LayerSpec::Embedding { rows, dim, table };
    assert_eq!(
        written(&|spec| spec.layers[0] = table(2, 2, TableSpec::Int8(vec![0; 3]))),
        WriteError::Data(0)
    );
    assert_eq!(
        written(&|spec| spec.layers[0] = table(
            2,
            2,
            TableSpec::Int4 {
                lut: [0; 16],
                codes: vec![0, 1, 2, 16]
            }
        )),
        WriteError::Range(0)
    );
    assert_eq!(
        written(&|spec| spec.layers[0] = table(
            2,
            0,
            TableSpec::Int4 {
                lut: [0; 16],
                codes: vec![]
            }
        )),
        WriteError::Range(0)
    );
    assert_eq!(
        written(&|spec| spec.layers[2] = LayerSpec::ResidualAdd {
            from: 256,
            own: half(),
            other: half(),
            relu: false
        }),
        WriteError::Range(2)
    );
    assert_eq!(
        written(&|spec| spec.layers[2] = LayerSpec::ResidualAdd {
            from: 2,
            own: half(),
            other: half(),
            relu: false
        }),
        WriteError::Refused(FormatError::Shape(2))
    );
}
