//! Accuracy of texts of similar length.

use serde::Serialize;

/// The most tokens of each group but the last.
const BOUNDS: [u64; 6] = [8, 16, 24, 32, 64, 256];

/// Figures of the texts of some lengths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfLength {
    /// The fewest tokens of such a text.
    pub from: u64,
    /// The most tokens; none for the last group.
    pub to: Option<u64>,
    /// Texts.
    pub n: usize,
    /// Share of right answers.
    pub accuracy: f64,
}

/// Accuracy by length, of groups that have a text; `outcomes` are numbers of tokens, and whether the answer is right.
///
/// ```
/// use thimble_host::eval::by_length;
/// let groups = by_length([(3, true), (8, false), (1000, true)]);
/// assert_eq!((groups[0].from, groups[0].to, groups[0].n, groups[0].accuracy), (0, Some(8), 2, 0.5));
/// assert_eq!((groups[1].from, groups[1].to, groups[1].n, groups[1].accuracy), (257, None, 1, 1.0));
/// ```
pub fn by_length(outcomes: impl IntoIterator<Item = (u64, bool)>) -> Vec<OfLength> {
    let mut counts = [(0, 0); BOUNDS.len() + 1];
    for (tokens, is_right) in outcomes {
        let (n, right) = &mut counts[BOUNDS.partition_point(|&bound| bound < tokens)];
        *n += 1;
        *right += usize::from(is_right);
    }
    let groups = counts.into_iter().enumerate().filter(|(_, (n, _))| *n > 0);
    groups
        .map(|(index, (n, right))| OfLength {
            from: index.checked_sub(1).map_or(0, |before| BOUNDS[before] + 1),
            to: BOUNDS.get(index).copied(),
            n,
            accuracy: right as f64 / n as f64,
        })
        .collect()
}
