//! Setting rows aside for development.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::dataset::Dataset;
use super::overlap::normalised;

impl Dataset {
    /// Splits into (train, dev), with about `fraction` (clamped to 0..=1) of the rows of each class in dev.
    ///
    /// The split depends on the rows and the seed alone. Copies of a text (equal in lower case with white space collapsed) stay
    /// together, so that dev holds no text of train. A class with at least two different texts has at least one in each part
    /// if the fraction is neither 0 nor 1. Rows without a label stay in train. The order of rows is kept.
    pub fn split(self, fraction: f64, seed: u64) -> (Self, Self) {
        let fraction = if fraction.is_finite() {
            fraction.clamp(0.0, 1.0)
        } else {
            0.0
        };
        // Copies of a text, in order of first appearance; the class of a group is that of its first labelled row.
        let mut number: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
        for (row, example) in self.examples.iter().enumerate() {
            let group = *number.entry(normalised(&example.text)).or_insert_with(|| {
                groups.push((None, Vec::new()));
                groups.len() - 1
            });
            groups[group].0 = groups[group].0.or(example.label);
            groups[group].1.push(row);
        }
        let mut in_dev = vec![false; self.examples.len()];
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for class in 0..self.labels.len() {
            let mut own: Vec<&Vec<usize>> = groups
                .iter()
                .filter(|(label, _)| *label == Some(class))
                .map(|(_, rows)| rows)
                .collect();
            own.shuffle(&mut random);
            let rows: usize = own.iter().map(|group| group.len()).sum();
            let mut wanted = (rows as f64 * fraction).round() as usize;
            let mut most = own.len();
            if own.len() > 1 && fraction > 0.0 && fraction < 1.0 {
                wanted = wanted.max(1);
                most -= 1;
            }
            let mut taken = 0;
            for group in own.into_iter().take(most) {
                if taken >= wanted {
                    break;
                }
                taken += group.len();
                for &row in group {
                    in_dev[row] = true;
                }
            }
        }
        let mut train = Self {
            labels: self.labels.clone(),
            examples: Vec::new(),
        };
        let mut dev = Self {
            labels: self.labels,
            examples: Vec::new(),
        };
        for (example, dev_row) in self.examples.into_iter().zip(in_dev) {
            if dev_row {
                dev.examples.push(example)
            } else {
                train.examples.push(example)
            }
        }
        (train, dev)
    }
}
