//! Texts that two datasets share.
//!
//! A set that is judged by texts it was trained on says nothing. Texts are compared [`normalised`], which finds copies that differ
//! in case and spacing.

use std::collections::HashSet;

use serde::Serialize;

use super::dataset::Dataset;

/// A text in lower case, white space trimmed and collapsed to single spaces.
pub fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// What two datasets share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// Rows of the training set whose text is in the evaluation set.
    pub train_rows: usize,
    /// Rows of the evaluation set whose text is in the training set.
    pub eval_rows: usize,
    /// The first few shared texts, normalised.
    pub examples: Vec<String>,
}

/// Counts the texts that stand in both sets; empty texts do not count.
pub fn between(train: &Dataset, eval: &Dataset) -> Overlap {
    let wanted = texts(eval);
    let mut shared = HashSet::new();
    let mut found = Overlap {
        train_rows: 0,
        eval_rows: 0,
        examples: Vec::new(),
    };
    for example in &train.examples {
        let text = normalised(&example.text);
        if wanted.contains(&text) {
            found.train_rows += 1;
            if found.examples.len() < 3 && !shared.contains(&text) {
                found.examples.push(text.clone());
            }
            shared.insert(text);
        }
    }
    found.eval_rows = eval
        .examples
        .iter()
        .filter(|example| shared.contains(&normalised(&example.text)))
        .count();
    found
}

/// Removes from `train` every row whose text is in `eval`. Returns how many rows went.
pub fn remove(train: &mut Dataset, eval: &Dataset) -> usize {
    let unwanted = texts(eval);
    let before = train.len();
    train
        .examples
        .retain(|example| !unwanted.contains(&normalised(&example.text)));
    before - train.len()
}

fn texts(data: &Dataset) -> HashSet<String> {
    data.examples
        .iter()
        .map(|example| normalised(&example.text))
        .filter(|text| !text.is_empty())
        .collect()
}
