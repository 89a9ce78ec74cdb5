//! Thimble's tokenizer gives the ids of the `tokenizers` crate, whatever the text and wherever it is cut.

mod common;

use common::{MANY_SCRIPTS, Pair, english, ids, normalizations};
use proptest::prelude::*;
use thimble_shared::tokenizer::CharMap;
use thimble_shared::vocab::Vocab;

#[test]
fn sst2_dev() {
    let pair = english();
    let file = include_str!("data/sst2.dev.tsv");
    let mut count = 0;
    for line in file.lines().skip(1) {
        let text = line.split_once('\t').unwrap().1;
        assert_eq!(
            pair.ids(text.as_bytes(), &[]),
            pair.expected(text),
            "{text}"
        );
        count += 1;
    }
    assert_eq!(count, 872);
}

#[test]
fn many_scripts_at_every_cut() {
    let file = include_str!("data/scripts.txt");
    for normalization in normalizations() {
        let english = Pair::new(common::ENGLISH.lines(), normalization);
        let scripts = Pair::new(MANY_SCRIPTS.iter().copied(), normalization);
        for text in file.split('\n') {
            for pair in [&english, &scripts] {
                let expected = pair.expected(text);
                assert_eq!(pair.ids(text.as_bytes(), &[]), expected, "{text:?}");
                for cut in 0..text.len().min(200) {
                    assert_eq!(
                        pair.ids(text.as_bytes(), &[cut]),
                        expected,
                        "{text:?} cut at {cut}"
                    );
                }
            }
        }
    }
}

/// Every code point by itself, and between letters.
#[test]
fn every_code_point() {
    for normalization in normalizations() {
        let pair = Pair::new(MANY_SCRIPTS.iter().copied(), normalization);
        let charmap = CharMap::parse(&pair.build.charmap).unwrap();
        let vocab = Vocab::parse(&pair.build.vocab, &charmap).unwrap();
        let points: Vec<char> = ('\0'..=char::MAX).collect();
        for chunk in points.chunks(64) {
            // A space keeps neighbours apart in both.
            let text: String = chunk
                .iter()
                .flat_map(|&c| [c, ' ', 'a', c, 'b', ' '])
                .collect();
            if ids(&charmap, &vocab, text.as_bytes(), &[]) == pair.expected(&text) {
                continue;
            }
            for &c in chunk {
                let text = format!("{c} a{c}b ");
                assert_eq!(
                    ids(&charmap, &vocab, text.as_bytes(), &[]),
                    pair.expected(&text),
                    "U+{:04X} under {normalization:?}",
                    u32::from(c)
                );
            }
        }
    }
}

/// Text that is likely to go wrong: characters of every kind, marks in a row, syllables, words of the vocabulary.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let character = prop_oneof![
        4 => "[a-zA-Z]",
        2 => "[ .,!'#\\[\\]]",
        2 => any::<char>().prop_map(String::from),
        2 => prop::sample::select(MANY_SCRIPTS).prop_map(|piece| piece.trim_start_matches('#').to_owned()),
        2 => "[\u{300}-\u{36F}]",
        2 => prop::sample::select(&['\u{302E}', '\u{302F}', '\u{1D165}', '\u{1D166}', '\u{1D16D}', '\u{1B44}', '\u{A953}', '\u{16FF0}', '\u{94D}', '\u{5B0}', '\u{903}', '\u{1CF7}', '\u{20DD}', '\u{34F}', '\u{35C}'][..]).prop_map(String::from),
        1 => "[\u{AC00}-\u{D7A3}]",
        1 => "[\u{1100}-\u{11FF}]",
        1 => "[\u{4E00}-\u{9FFF}\u{F900}-\u{FAFF}]",
        1 => "[\u{0}-\u{20}\u{7F}-\u{A0}\u{2000}-\u{206F}]",
        1 => "[\u{C0}-\u{24F}\u{1E00}-\u{1FFF}]",
        1 => "[a-b]{90,110}",
    ]
    .prop_map(String::into_bytes);
    let bytes = prop::collection::vec(any::<u8>(), 1..4);
    let part = prop_oneof![30 => character, 1 => bytes];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_and_cuts_uncased(text in texts(), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        thread_local!(static PAIRS: [Pair; 2] = [english(), Pair::new(MANY_SCRIPTS.iter().copied(), normalizations()[0])]);
        check(&PAIRS, &text, &cuts)?;
    }

    #[test]
    fn arbitrary_text_and_cuts_otherwise(text in texts(), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        thread_local!(static PAIRS: [Pair; 3] = [1, 2, 3].map(|i| Pair::new(MANY_SCRIPTS.iter().copied(), normalizations()[i])));
        check(&PAIRS, &text, &cuts)?;
    }
}

/// Each text goes through every pair, so that 60,000 texts are 150,000 comparisons.
fn check<const N: usize>(
    pairs: &'static std::thread::LocalKey<[Pair; N]>,
    text: &[u8],
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let lossy = String::from_utf8_lossy(text);
    pairs.with(|pairs| {
        for pair in pairs {
            prop_assert_eq!(pair.ids(text, cuts), pair.expected(&lossy), "{:?}", &lossy);
        }
        Ok(())
    })
}
