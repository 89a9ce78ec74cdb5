//! The tokenizer beside that of Hugging Face, and the compact vocabulary beside a sorted table:
//! `cargo bench -p thimble-shared --features build`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use thimble_shared::tokenizer::{CharMap, Normalization, Tokenizer};
use thimble_shared::vocab::{Vocab, VocabularyBuild, build_vocabulary};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

/// 8,001 English pieces.
const PIECES: &str = include_str!("../tests/data/english-8k.txt");
const DEV: &str = include_str!("../tests/data/sst2.dev.tsv");

fn main() {
    let build = vocabulary();
    let text: usize = PIECES.lines().map(str::len).sum();
    let count = build.pieces.len();
    println!(
        "{count} pieces: {} bytes ({:.2} a piece), character map {}; sorted table with 32-bit offsets and 16-bit ids {}",
        build.vocab.len(),
        build.vocab.len() as f64 / count as f64,
        build.charmap.len(),
        text + 6 * count
    );
    divan::main();
}

fn vocabulary() -> VocabularyBuild {
    build_vocabulary(PIECES.lines(), Normalization::default())
        .expect("the pieces make a vocabulary")
}

fn texts() -> Vec<&'static str> {
    DEV.lines()
        .skip(1)
        .filter_map(|line| line.split('\t').nth(1))
        .collect()
}

fn bytes(texts: &[&str]) -> BytesCount {
    BytesCount::new(texts.iter().map(|text| text.len()).sum::<usize>())
}

#[divan::bench]
fn tokenize_thimble(bencher: Bencher<'_, '_>) {
    let build = vocabulary();
    let charmap = CharMap::parse(&build.charmap).expect("just built");
    let vocab = Vocab::parse(&build.vocab, &charmap).expect("just built");
    let texts = texts();
    let mut tokenizer = Tokenizer::new();
    bencher.counter(bytes(&texts)).bench_local(|| {
        let mut sum = 0;
        for text in &texts {
            tokenizer.push_bytes(&charmap, &vocab, text.as_bytes(), &mut |id| sum += id);
            tokenizer.finish(&charmap, &vocab, &mut |id| sum += id);
        }
        sum
    });
}

#[divan::bench]
fn tokenize_hugging_face(bencher: Bencher<'_, '_>) {
    let ids: ahash::AHashMap<String, u32> = vocabulary().pieces.into_iter().zip(0..).collect();
    let model = WordPiece::builder()
        .vocab(ids)
        .unk_token("[UNK]".into())
        .build()
        .expect("a model");
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, Some(true), true)));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    let texts = texts();
    bencher.counter(bytes(&texts)).bench_local(|| {
        texts
            .iter()
            .map(|&text| {
                tokenizer
                    .encode_fast(text, false)
                    .expect("any text")
                    .get_ids()
                    .iter()
                    .sum::<u32>()
            })
            .sum::<u32>()
    });
}

/// Whole words of one piece, looked up one at a time.
fn words() -> Vec<&'static str> {
    PIECES
        .lines()
        .filter(|piece| piece.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect()
}

#[divan::bench]
fn lookup_compact(bencher: Bencher<'_, '_>) {
    let build = vocabulary();
    let charmap = CharMap::parse(&build.charmap).expect("just built");
    let vocab = Vocab::parse(&build.vocab, &charmap).expect("just built");
    let words = words();
    let mut tokenizer = Tokenizer::new();
    // Through the tokenizer, which walks the vocabulary once a word: normalisation is in the figure.
    bencher
        .counter(ItemsCount::new(words.len()))
        .bench_local(|| {
            let mut sum = 0;
            for word in &words {
                tokenizer.push_bytes(&charmap, &vocab, word.as_bytes(), &mut |id| sum += id);
                tokenizer.finish(&charmap, &vocab, &mut |id| sum += id);
            }
            sum
        });
}

#[divan::bench]
fn lookup_sorted_table(bencher: Bencher<'_, '_>) {
    let mut table: Vec<(&str, u16)> = PIECES.lines().zip(0..).collect();
    table.sort_unstable();
    let words = words();
    bencher
        .counter(ItemsCount::new(words.len()))
        .bench_local(|| {
            let id = |word: &&str| {
                table
                    .binary_search_by(|(piece, _)| piece.cmp(word))
                    .map_or(0, |at| table[at].1)
            };
            words.iter().map(|word| u32::from(id(word))).sum::<u32>()
        });
}
