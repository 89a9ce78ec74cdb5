//! Lists of labels: any 2 to 64 different names, and nothing else.

use proptest::prelude::*;
use thimble_shared::labels::{Labels, LabelsError, to_bytes};

#[test]
fn bytes_are_pinned() {
    let bytes = to_bytes(&["negative", "très bon"]).unwrap();
    assert_eq!(bytes, b"\x02\x08negative\x09tr\xc3\xa8s bon");
    let labels = Labels::parse(&bytes).unwrap();
    assert_eq!(labels.len(), 2);
    assert_eq!(
        [labels.name(0), labels.name(1), labels.name(2)],
        ["negative", "très bon", ""]
    );
}

#[test]
fn what_is_no_list_is_refused() {
    for (bytes, error) in [
        (&b""[..], LabelsError::Length),
        (b"\x00", LabelsError::Count(0)),
        (b"\x01\x01a", LabelsError::Count(1)),
        (b"\x41", LabelsError::Count(65)),
        (b"\x02\x01a", LabelsError::Length),
        (b"\x02\x01a\x02b", LabelsError::Length),
        (b"\x02\x01a\x01b\x00", LabelsError::Length),
        (b"\x02\x01a\x00", LabelsError::Name(1)),
        (b"\x02\x01\xff\x01b", LabelsError::Name(0)),
        (b"\x02\x01a\x01a", LabelsError::Repeated(1)),
    ] {
        assert_eq!(Labels::parse(bytes), Err(error), "{bytes:?}");
    }
    assert_eq!(
        to_bytes(&["a".repeat(256), "b".into()]),
        Err(LabelsError::Name(0))
    );
    assert_eq!(to_bytes::<&str>(&[]), Err(LabelsError::Count(0)));
    assert_eq!(to_bytes(&["x"; 300]), Err(LabelsError::Count(300)));
}

proptest! {
    #[test]
    fn names_survive(names in prop::collection::btree_set("\\PC{1,20}", 2..=64)) {
        let names: Vec<String> = names.into_iter().collect();
        let bytes = to_bytes(&names).unwrap();
        let labels = Labels::parse(&bytes).unwrap();
        prop_assert!(labels.iter().eq(names.iter().map(String::as_str)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(labels) = Labels::parse(&bytes) {
            prop_assert_eq!(labels.iter().count(), labels.len());
        }
    }
}
