//! Both tokenizers over one vocabulary.
#![allow(dead_code, reason = "each test uses a part of it")]

use thimble_shared::tokenizer::{CharMap, Normalization, Tokenizer};
use thimble_shared::vocab::{Vocab, VocabularyBuild, build_vocabulary};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

/// Thimble's tokenizer and that of the `tokenizers` crate.
pub(crate) struct Pair {
    pub build: VocabularyBuild,
    pub reference: tokenizers::Tokenizer,
}

impl Pair {
    pub(crate) fn new<'p>(
        pieces: impl IntoIterator<Item = &'p str>,
        normalization: Normalization,
    ) -> Self {
        let build = build_vocabulary(pieces, normalization).unwrap();
        let ids: ahash::AHashMap<String, u32> = build.pieces.iter().cloned().zip(0..).collect();
        let model = WordPiece::builder()
            .vocab(ids)
            .unk_token("[UNK]".into())
            .max_input_chars_per_word(100)
            .build()
            .unwrap();
        let mut reference = tokenizers::Tokenizer::new(model);
        reference.with_normalizer(Some(BertNormalizer::new(
            normalization.clean_text,
            normalization.handle_chinese_chars,
            Some(normalization.strip_accents),
            normalization.lowercase,
        )));
        reference.with_pre_tokenizer(Some(BertPreTokenizer));
        Self { build, reference }
    }

    /// Ids by Thimble of a text that arrives cut before each of `cuts`.
    pub(crate) fn ids(&self, text: &[u8], cuts: &[usize]) -> Vec<u32> {
        let charmap = CharMap::parse(&self.build.charmap).unwrap();
        let vocab = Vocab::parse(&self.build.vocab, &charmap).unwrap();
        ids(&charmap, &vocab, text, cuts)
    }

    /// Ids by `tokenizers`.
    pub(crate) fn expected(&self, text: &str) -> Vec<u32> {
        self.reference
            .encode_fast(text, false)
            .unwrap()
            .get_ids()
            .to_vec()
    }
}

pub(crate) fn ids(
    charmap: &CharMap<'_>,
    vocab: &Vocab<'_>,
    text: &[u8],
    cuts: &[usize],
) -> Vec<u32> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.sort_unstable();
    let mut ids = Vec::new();
    let mut emit = |id| ids.push(id);
    let mut tokenizer = Tokenizer::new();
    let mut from = 0;
    for to in cuts.into_iter().chain([text.len()]) {
        tokenizer.push_bytes(charmap, vocab, &text[from..to], &mut emit);
        from = to;
    }
    tokenizer.finish(charmap, vocab, &mut emit);
    ids
}

pub(crate) const ENGLISH: &str = include_str!("../data/english-8k.txt");

pub(crate) fn english() -> Pair {
    Pair::new(ENGLISH.lines(), Normalization::default())
}

/// Single characters and short pieces of many scripts, spacing marks with combining classes, jamo and ideographs.
pub(crate) const MANY_SCRIPTS: &[&str] = &[
    "a",
    "b",
    "##a",
    "##b",
    "##ab",
    "ab",
    "1",
    "##1",
    ".",
    ",",
    "!",
    "«",
    "-",
    "'",
    "é",
    "##é",
    "i",
    "##i",
    "п",
    "##р",
    "##п",
    "ри",
    "й",
    "и",
    "##и",
    "σ",
    "##σ",
    "ς",
    "##ς",
    "ש",
    "##ש",
    "م",
    "##ر",
    "न",
    "##म",
    "##ा",
    "##स",
    "क",
    "##ि",
    "你",
    "好",
    "世界",
    "豈",
    "##豈",
    "漢",
    "𠀀",
    "丽",
    "ᄀ",
    "##ᅡ",
    "##ᆨ",
    "ᄒ",
    "##ᅵ",
    "##ᇂ",
    "각",
    "##힣",
    "こ",
    "##ん",
    "か",
    "##か",
    "\u{302E}",
    "##\u{302E}",
    "##\u{302F}",
    "\u{1D165}",
    "##\u{1D165}",
    "##\u{1D166}",
    "##\u{1D16D}",
    "##\u{1B44}",
    "ᬂ",
    "##\u{A953}",
    "##\u{111C0}",
    "##\u{16FF0}",
    "##\u{94D}",
    "\u{16FF0}",
    "👍",
    "##🏽",
    "\u{200D}",
    "##\u{200D}",
    "A",
    "##B",
    "\u{301}",
    "##\u{301}",
    "##\u{308}",
    "##\u{323}",
    "ß",
    "##ß",
    "##ss",
    "ﬁ",
    "##ﬁ",
    "½",
    "Ⅷ",
    "ⅷ",
    "=",
    "<",
    "##\u{338}",
    "≠",
    "[CLS]",
    "##",
    "don't",
    "\u{1B44}",
    "\u{A953}",
];

/// The four normalisations that the tests go through.
pub(crate) fn normalizations() -> [Normalization; 4] {
    let all = Normalization::default();
    let cased = Normalization {
        strip_accents: false,
        lowercase: false,
        ..all
    };
    let raw = Normalization {
        clean_text: false,
        handle_chinese_chars: false,
        ..all
    };
    let lower = Normalization {
        strip_accents: false,
        ..all
    };
    [all, cased, raw, lower]
}
