//! What is refused: damaged files, and models that can't be written.

use thimble_shared::format::{
    FormatError, LayerSpec, Model, ModelSpec, SectionKind, TableSpec, WriteError,
};

use super::{half, range, seal, spec};

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
