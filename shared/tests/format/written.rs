//! What is written: byte for byte, and as it is read again.

use thimble_shared::format::{
    FormatError, Layer, LayerSpec, Model, SectionKind, Table, TableSpec, WriteError,
};

use super::{crc32, half, range, seal, spec};

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
