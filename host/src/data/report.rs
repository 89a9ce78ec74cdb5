//! What the rows of a dataset are worth.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;

use super::dataset::Dataset;
use super::overlap::normalised;

/// How many conflicts a report shows as examples.
const SHOWN: usize = 3;

/// A text that stands in a dataset with more than one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The text, normalised.
    pub text: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// Counts over a dataset. Two texts are the same if they are equal in lower case with white space collapsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetReport {
    /// All rows.
    pub rows: usize,
    /// Rows with a label.
    pub labelled: usize,
    /// Rows without a label.
    pub unlabelled: usize,
    /// Rows with logits of a teacher.
    pub with_logits: usize,
    /// Rows whose text is empty or white space.
    pub empty_texts: usize,
    /// Rows whose text has stood before.
    pub duplicates: usize,
    /// Texts that stand with more than one label.
    pub conflicts: usize,
    /// The first few of these.
    pub conflict_examples: Vec<Conflict>,
    /// Labelled rows of each class, in the order of the labels.
    pub per_class: Vec<(String, usize)>,
    /// Rows whose text begins and ends with a double quote: many of them hint at a quoted file read as TSV.
    pub quoted: usize,
}

impl DatasetReport {
    pub(super) fn of(data: &Dataset) -> Self {
        let mut labels_of: HashMap<String, BTreeSet<usize>> = HashMap::with_capacity(data.len());
        let mut order = Vec::new();
        let mut per_class: Vec<(String, usize)> =
            data.labels.iter().map(|label| (label.clone(), 0)).collect();
        let mut duplicates = 0;
        for example in &data.examples {
            if let Some(label) = example.label {
                per_class[label].1 += 1;
            }
            let text = normalised(&example.text);
            if text.is_empty() {
                continue;
            }
            let repeated = labels_of.get(&text).map(BTreeSet::len);
            duplicates += usize::from(repeated.is_some());
            let labels = labels_of.entry(text).or_default();
            if labels.len() == 1 && example.label.is_some_and(|label| labels.insert(label)) {
                order.push(normalised(&example.text));
            } else {
                labels.extend(example.label);
            }
        }
        let count = |test: &dyn Fn(&super::Example) -> bool| {
            data.examples.iter().filter(|row| test(row)).count()
        };
        let labelled = data.labelled();
        Self {
            rows: data.len(),
            labelled,
            unlabelled: data.len() - labelled,
            with_logits: count(&|row| row.logits.is_some()),
            empty_texts: count(&|row| row.text.trim().is_empty()),
            duplicates,
            conflicts: order.len(),
            conflict_examples: order
                .into_iter()
                .take(SHOWN)
                .map(|text| {
                    let labels = labels_of[&text]
                        .iter()
                        .map(|&label| data.labels[label].clone())
                        .collect();
                    Conflict { text, labels }
                })
                .collect(),
            per_class,
            quoted: count(&|row| {
                row.text.len() > 1 && row.text.starts_with('"') && row.text.ends_with('"')
            }),
        }
    }

    /// What a user should look at, a sentence each; none if nothing is remarkable.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.empty_texts > 0 {
            warnings.push(format!(
                "rows with an empty text: {} of {}",
                self.empty_texts, self.rows
            ));
        }
        if self.labelled > 0 && self.unlabelled > 0 {
            warnings.push(format!(
                "rows without a label: {} of {}",
                self.unlabelled, self.rows
            ));
        }
        if self.duplicates > 0 {
            warnings.push(format!(
                "rows that repeat an earlier text: {} of {}",
                self.duplicates, self.rows
            ));
        }
        if self.conflicts > 0 {
            let shown: Vec<String> = self
                .conflict_examples
                .iter()
                .map(|conflict| {
                    format!(
                        "{:?} is {}",
                        shortened(&conflict.text),
                        conflict.labels.join(" and ")
                    )
                })
                .collect();
            warnings.push(format!(
                "texts with more than one label: {}, for example {}",
                self.conflicts,
                shown.join("; ")
            ));
        }
        for (label, _) in self
            .per_class
            .iter()
            .filter(|(_, count)| self.labelled > 0 && *count == 0)
        {
            warnings.push(format!("no row has the label {label:?}"));
        }
        if self.rows >= 4 && self.quoted * 2 > self.rows {
            warnings.push(
                "most texts begin and end with a double quote, which TSV takes as text; if they are quoting, read the file as CSV".to_owned(),
            );
        }
        warnings
    }
}

impl fmt::Display for DatasetReport {
    /// One line of counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        let classes: Vec<String> = self
            .per_class
            .iter()
            .map(|(label, count)| format!("{label} {count}"))
            .collect();
        if self.labelled > 0 {
            write!(f, ", {} labelled ({})", self.labelled, classes.join(", "))?;
        }
        if self.with_logits > 0 {
            write!(f, ", {} with soft targets", self.with_logits)?;
        }
        Ok(())
    }
}

/// The first 60 characters of a text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
