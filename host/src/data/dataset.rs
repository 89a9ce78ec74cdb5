//! Texts with their labels.

use super::digest;
use super::report::DatasetReport;

/// One text, perhaps with a label, perhaps with a teacher's logits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// The text as it stands in the file.
    pub text: String,
    /// Index into [`Dataset::labels`].
    pub label: Option<usize>,
    /// A teacher's logits, one for each label, in the order of [`Dataset::labels`].
    pub logits: Option<Vec<f32>>,
}

/// Examples that share a set of labels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Names of the classes, 2 to 64 of them; none if the examples are unlabelled.
    pub labels: Vec<String>,
    /// The rows in the order of the file.
    pub examples: Vec<Example>,
}

impl Dataset {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// Number of examples with a label.
    pub fn labelled(&self) -> usize {
        self.examples
            .iter()
            .filter(|example| example.label.is_some())
            .count()
    }

    /// The texts in order.
    pub fn texts(&self) -> Vec<&str> {
        self.examples
            .iter()
            .map(|example| example.text.as_str())
            .collect()
    }

    /// Name of an example's label.
    pub fn label_name(&self, example: &Example) -> Option<&str> {
        self.labels.get(example.label?).map(String::as_str)
    }

    /// SHA-256 of the content in lower-case hexadecimal: labels, texts, label of each text and logits, in order. It does not
    /// depend on the file's format, packing or column names.
    pub fn digest(&self) -> String {
        digest::dataset(self)
    }

    /// What the rows are worth: counts, duplicates and conflicts.
    pub fn report(&self) -> DatasetReport {
        DatasetReport::of(self)
    }

    /// Removes the rows whose text is empty or white space. Returns how many there were.
    pub fn remove_empty(&mut self) -> usize {
        let before = self.examples.len();
        self.examples
            .retain(|example| !example.text.trim().is_empty());
        before - self.examples.len()
    }
}
