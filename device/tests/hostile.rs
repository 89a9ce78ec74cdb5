//! Files with a right checksum and anything else in them: refused, or run without a panic.

mod common;

use common::{spec, text};
use crc::{CRC_32_ISO_HDLC, Crc};
use proptest::prelude::*;
use proptest::sample::Index;
use thimble_device::Session;
use thimble_shared::format::{HEADER_BYTES, Model};

/// Writes the checksum that the bytes should have.
fn seal(file: &mut [u8]) {
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    digest.update(&file[..HEADER_BYTES - 4]);
    digest.update(&file[HEADER_BYTES..]);
    let checksum = digest.finalize();
    file[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// Whether the file is taken for a model; if so, it has to answer.
fn answers(file: &[u8], texts: &[String]) -> Result<bool, TestCaseError> {
    let Ok(model) = Model::parse(file) else {
        return Ok(false);
    };
    prop_assume!(model.arena_bytes() < 1 << 20);
    let mut arena = vec![0; model.arena_bytes() / 8];
    let mut session = Session::new(&model, &mut arena).unwrap();
    for text in texts {
        session.push_str(text);
        prop_assert_eq!(session.finish().logits().len(), model.labels().len());
    }
    model.golden().for_each(drop);
    model.provenance().for_each(drop);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_and_resealed_file_never_panics(
        spec in spec(),
        texts in prop::collection::vec(text(), 1..3),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = spec.to_bytes().unwrap();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        seal(&mut file);
        answers(&file, &texts)?;
    }
}

/// Every byte of a file, set to the values at which things break, with a right checksum.
#[test]
fn every_byte_of_a_resealed_file() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts = ["good bads film! é 字".to_owned()];
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..3 {
        let file = spec()
            .new_tree(&mut runner)
            .unwrap()
            .current()
            .to_bytes()
            .unwrap();
        for at in 0..file.len() {
            for byte in [
                0,
                1,
                0x7F,
                0x80,
                0xFF,
                file[at].wrapping_add(1),
                file[at].wrapping_sub(1),
            ] {
                let mut changed = file.clone();
                changed[at] = byte;
                seal(&mut changed);
                match answers(&changed, &texts) {
                    Ok(true) => taken += 1,
                    Ok(false) => refused += 1,
                    // An arena that this test does not want to allocate.
                    Err(TestCaseError::Reject(_)) => {}
                    Err(error) => panic!("byte {at} = {byte}: {error}"),
                }
            }
        }
    }
    // Weights may be anything; headers and tables may not.
    assert!(
        taken > 100 && refused > 100,
        "{taken} taken, {refused} refused"
    );
}
