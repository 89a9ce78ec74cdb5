//! The pieces of a student: the most frequent ones of its teacher, or pieces learnt from the texts.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use thimble_shared::tokenizer::{CharMap, Normalization, Tokenizer};
use thimble_shared::vocab::{Vocab, VocabularyBuild, build_vocabulary};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainerBuilder};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, Tokenizer as HuggingFace,
};

use super::StudentError;

/// A student's vocabulary, with the ids that its pieces have for the teacher.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Bytes for the model file, and the pieces in the order of their ids.
    pub build: VocabularyBuild,
    /// For each piece the teacher's id of it; none if the pieces are not the teacher's.
    pub teacher_ids: Option<Vec<u32>>,
}

impl Vocabulary {
    /// The `pieces` pieces that are most frequent in `texts`, out of the teacher's if that has BERT's WordPiece, else learnt from
    /// the texts. Single letters, digits and signs of ASCII are always among them where the teacher has them, so that few
    /// words are unknown.
    ///
    /// # Errors
    /// A tokenizer fails, or the pieces make no vocabulary.
    pub fn choose(
        teacher: Option<&HuggingFace>,
        texts: &[&str],
        pieces: usize,
    ) -> Result<Self, StudentError> {
        let known = teacher.and_then(bert_wordpiece);
        let (normalization, candidates) = match &known {
            Some((normalization, ids)) => (*normalization, ids.keys().cloned().collect()),
            None => (LEARNT, learnt(texts, pieces)?),
        };
        let mut candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
        candidates.sort_unstable();
        // With all candidates first; then with the pieces that are kept, since what stood for dropped words counts for the pieces
        // they fall into.
        let all = build_vocabulary(candidates.iter().copied(), normalization)?;
        let counts = counts(&all, texts);
        let kept = most_frequent(&all, &counts, pieces + pieces / 4);
        let draft = build_vocabulary(kept.iter().copied(), normalization)?;
        let counts = self::counts(&draft, texts);
        let kept = most_frequent(&draft, &counts, pieces);
        let build = build_vocabulary(kept.iter().copied(), normalization)?;
        let id = |ids: &HashMap<String, u32>, piece: &String| ids.get(piece).copied().unwrap_or(0);
        let teacher_ids =
            known.map(|(_, ids)| build.pieces.iter().map(|piece| id(&ids, piece)).collect());
        Ok(Self { build, teacher_ids })
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.build.pieces.len()
    }

    /// Whether there is no piece, which can't be: `[UNK]` always is one.
    pub fn is_empty(&self) -> bool {
        self.build.pieces.is_empty()
    }

    /// Ids of each text's pieces, by the very tokenizer that runs on the chip.
    pub fn ids(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        ids(&self.build, texts)
    }
}

/// How texts are normalized for pieces that are learnt from them.
const LEARNT: Normalization = Normalization {
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: true,
    lowercase: true,
};

/// Pieces out of which the most frequent can be chosen: each character of the texts, at the begin of a word and behind it, and twice
/// as many longer pieces as are `wanted` in all.
fn learnt(texts: &[&str], wanted: usize) -> Result<Vec<String>, StudentError> {
    let failed = |error: tokenizers::Error| StudentError::Vocabulary(error.to_string());
    let mut tokenizer = HuggingFace::new(WordPiece::default());
    tokenizer.with_normalizer(Some(BertNormalizer::default()));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    let characters = characters(texts).map_err(failed)?;
    let mut trainer: TrainerWrapper = WordPieceTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(2 * wanted + characters.len())
        .min_frequency(2)
        .special_tokens(
            std::iter::once("[UNK]".to_owned())
                .chain(characters)
                .map(|piece| AddedToken::from(piece, true))
                .collect(),
        )
        .build()
        .into();
    tokenizer
        .train(&mut trainer, texts.iter().copied())
        .map_err(failed)?;
    Ok(tokenizer.get_vocab(false).into_keys().collect())
}

/// Each character that begins a word, and `##c` for each that goes on one, the most frequent first. Left to itself, the trainer
/// numbers the latter in the order of a hash table, which is another in each process, and breaks ties by their numbers.
fn characters(texts: &[&str]) -> Result<Vec<String>, tokenizers::Error> {
    let mut counts: BTreeMap<(bool, char), u64> = BTreeMap::new();
    for text in texts {
        let mut normalized = NormalizedString::from(*text);
        BertNormalizer::default().normalize(&mut normalized)?;
        let mut words = PreTokenizedString::from(normalized);
        BertPreTokenizer.pre_tokenize(&mut words)?;
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            for (place, character) in word.chars().enumerate() {
                *counts.entry((place > 0, character)).or_default() += 1;
            }
        }
    }
    let mut characters: Vec<((bool, char), u64)> = counts.into_iter().collect();
    characters.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let piece = |((goes_on, character), _)| match goes_on {
        true => format!("##{character}"),
        false => String::from(character),
    };
    Ok(characters.into_iter().map(piece).collect())
}

fn ids(build: &VocabularyBuild, texts: &[&str]) -> Vec<Vec<u32>> {
    let parsed = CharMap::parse(&build.charmap)
        .ok()
        .and_then(|charmap| Some((charmap, Vocab::parse(&build.vocab, &charmap).ok()?)));
    // What was built can be parsed.
    let Some((charmap, vocab)) = parsed else {
        return vec![Vec::new(); texts.len()];
    };
    let mut tokenizer = Tokenizer::new();
    let mut one = |text: &&str| {
        let mut ids = Vec::new();
        tokenizer.push_bytes(&charmap, &vocab, text.as_bytes(), &mut |id| ids.push(id));
        tokenizer.finish(&charmap, &vocab, &mut |id| ids.push(id));
        ids
    };
    texts.iter().map(&mut one).collect()
}

fn counts(build: &VocabularyBuild, texts: &[&str]) -> Vec<u64> {
    let mut counts = vec![0; build.pieces.len()];
    for id in ids(build, texts).concat() {
        counts[id as usize] += 1;
    }
    counts
}

/// The `wanted` most frequent pieces, all single characters of ASCII among them.
fn most_frequent<'a>(build: &'a VocabularyBuild, counts: &[u64], wanted: usize) -> Vec<&'a str> {
    let is_single = |piece: &str| {
        let text = piece.strip_prefix("##").unwrap_or(piece);
        text.len() == 1 && text.is_ascii()
    };
    let mut order: Vec<(u64, &str)> = build
        .pieces
        .iter()
        .zip(counts)
        .map(|(piece, &count)| {
            (
                if is_single(piece) { u64::MAX } else { count },
                piece.as_str(),
            )
        })
        .filter(|&(count, piece)| count > 0 && piece != "[UNK]")
        .collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    order
        .into_iter()
        .map(|(_, piece)| piece)
        .take(wanted.saturating_sub(1))
        .collect()
}

/// Normalization and pieces of a tokenizer that is BERT's; none of any other.
fn bert_wordpiece(tokenizer: &HuggingFace) -> Option<(Normalization, HashMap<String, u32>)> {
    let description: Value = serde_json::from_str(&tokenizer.to_string(false).ok()?).ok()?;
    let normalizer = &description["normalizer"];
    let model = &description["model"];
    let is_bert = normalizer["type"] == "BertNormalizer"
        && description["pre_tokenizer"]["type"] == "BertPreTokenizer"
        && model["type"] == "WordPiece"
        && model["unk_token"] == "[UNK]"
        && model["continuing_subword_prefix"] == "##"
        && model["max_input_chars_per_word"] == 100;
    if !is_bert {
        return None;
    }
    let flag = |name: &str| normalizer[name].as_bool();
    let lowercase = flag("lowercase")?;
    let normalization = Normalization {
        clean_text: flag("clean_text")?,
        handle_chinese_chars: flag("handle_chinese_chars")?,
        strip_accents: flag("strip_accents").unwrap_or(lowercase),
        lowercase,
    };
    let ids = model["vocab"]
        .as_object()?
        .iter()
        .filter(|(piece, _)| !(piece.starts_with('[') && piece.ends_with(']') && piece.len() > 2))
        .map(|(piece, id)| Some((piece.clone(), u32::try_from(id.as_u64()?).ok()?)))
        .collect::<Option<_>>()?;
    Some((normalization, ids))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_characters_than_pieces_the_frequent_ones_are_learnt() {
        // Common characters stand behind thousands of rare ones, twice each, in the order of Unicode.
        let texts: Vec<String> = ('\u{4E00}'..'\u{5A00}')
            .map(|rare| format!("{rare}{rare}的很好 really good"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vocabulary = Vocabulary::choose(None, &texts, 300).unwrap();
        assert_eq!(vocabulary.len(), 300);
        for piece in ["的", "很", "好", "really", "good"] {
            assert!(
                vocabulary.build.pieces.iter().any(|known| known == piece),
                "{piece} in {:?}",
                vocabulary.build.pieces
            );
        }
        let ids = vocabulary.ids(&["的很好 really good"]).concat();
        assert!(ids.len() == 5 && !ids.contains(&0), "{ids:?}");
    }
}
