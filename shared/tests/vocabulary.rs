//! The compact vocabulary holds exactly its pieces, in few bytes, and no bytes can make it fail.

mod common;

use std::collections::{BTreeSet, HashMap};

use common::{ENGLISH, MANY_SCRIPTS, Pair, english, ids};
use proptest::prelude::*;
use thimble_shared::tokenizer::{CharMap, Normalization};
use thimble_shared::vocab::{Vocab, build_vocabulary};

#[test]
fn english_takes_at_most_four_bytes_a_piece() {
    let build = english().build;
    assert!(build.pieces.len() >= 8000);
    let bytes_a_piece = build.vocab.len() as f64 / build.pieces.len() as f64;
    println!(
        "{} pieces: vocabulary {} bytes, {bytes_a_piece:.3} a piece; character map {} bytes",
        build.pieces.len(),
        build.vocab.len(),
        build.charmap.len()
    );
    assert!(bytes_a_piece <= 4.0, "{bytes_a_piece}");
    assert!(build.charmap.len() <= 10_000, "{}", build.charmap.len());
}

#[test]
fn pieces_are_those_given() {
    let given: BTreeSet<&str> = ENGLISH.lines().chain(["[UNK]"]).collect();
    let build = english().build;
    let listed: BTreeSet<&str> = build.pieces.iter().map(String::as_str).collect();
    assert_eq!(listed, given);
    assert_eq!(build.pieces[0], "[UNK]");
    assert_eq!(listed.len(), build.pieces.len());
}

#[test]
fn a_vocabulary_may_be_empty_or_one_sided() {
    for (pieces, text, expected) in [
        (&[][..], "a b.", &[0, 0, 0][..]),
        (&["a"], "a aa", &[1, 0]),
        (&["##a"], "a aa", &[0, 0]),
        (
            &["a", "##a", "[UNK]", "a", "##", ""],
            "a aa aab",
            &[1, 1, 2, 0],
        ),
    ] {
        let pair = Pair::new(pieces.iter().copied(), Normalization::default());
        assert_eq!(pair.ids(text.as_bytes(), &[]), expected, "{pieces:?}");
    }
}

#[test]
fn every_single_corrupted_byte_is_refused_or_harmless() {
    let pieces = MANY_SCRIPTS.iter().copied();
    let build = build_vocabulary(pieces, Normalization::default()).unwrap();
    let text: String = MANY_SCRIPTS.concat() + include_str!("data/scripts.txt");
    let mut refused = 0;
    for byte in 0..build.vocab.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut vocab = build.vocab.clone();
            vocab[byte] ^= flip;
            refused += usize::from(!survives(&build.charmap, &vocab, text.as_bytes()));
        }
    }
    assert!(refused > build.vocab.len(), "{refused}");
    for byte in (0..build.charmap.len()).step_by(3) {
        let mut charmap = build.charmap.clone();
        charmap[byte] ^= 0xFF;
        survives(&charmap, &build.vocab, text.as_bytes());
    }
}

/// Uses whatever can be parsed. Returns whether it could.
fn survives(charmap: &[u8], vocab: &[u8], text: &[u8]) -> bool {
    let Ok(charmap) = CharMap::parse(charmap) else {
        return false;
    };
    let Ok(vocab) = Vocab::parse(vocab, &charmap) else {
        return false;
    };
    let found = ids(&charmap, &vocab, text, &[]);
    assert!(found.iter().all(|&id| id < vocab.len()));
    for id in 0..vocab.len() + 2 {
        let mut length = 0;
        vocab.piece(id, &charmap, &mut |_| length += 1);
        assert!(length <= 102);
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in any::<usize>()) {
        thread_local!(static CHARMAP: Vec<u8> = build_vocabulary(["a", "##b", "."], Normalization::default()).unwrap().charmap);
        let cut = cut % (bytes.len() + 1);
        survives(&bytes[..cut], &bytes[cut..], b"some text");
        CHARMAP.with(|charmap| survives(charmap, &bytes, b"ab."));
    }
}

proptest! {
    // Each case goes through all of Unicode to build its character map.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Words against a search of a hash table for ever shorter pieces.
    #[test]
    fn longest_match_is_that_of_a_hash_table(
        pieces in prop::collection::btree_set("(##)?[a-d]{1,5}", 0..60),
        words in prop::collection::vec("[a-e]{1,12}", 40),
    ) {
        let pair = Pair::new(pieces.iter().map(String::as_str), Normalization::default());
        let table: HashMap<&str, u32> = pair.build.pieces.iter().map(String::as_str).zip(0..).collect();
        for word in words {
            let mut expected = Vec::new();
            let mut start = 0;
            while start < word.len() {
                let prefix = if start > 0 { "##" } else { "" };
                let found = (start + 1..=word.len())
                    .rev()
                    .find_map(|end| Some((end, *table.get(format!("{prefix}{}", &word[start..end]).as_str())?)));
                match found {
                    Some((end, id)) => {
                        expected.push(id);
                        start = end;
                    }
                    None => {
                        expected = vec![0];
                        break;
                    }
                }
            }
            prop_assert_eq!(pair.ids(word.as_bytes(), &[]), expected);
        }
    }
}
