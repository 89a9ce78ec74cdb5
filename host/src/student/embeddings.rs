//! The rows that a student's embedding starts with.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::teacher::Table;

/// Root mean square of the first values.
const SIZE: f64 = 0.5;
/// Rounds of the subspace iteration; the leading directions of word embeddings converge within half of it.
const ROUNDS: usize = 40;

/// Random rows, `[rows][dim]`.
pub(crate) fn random(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rows * dim)
        .map(|_| normal(&mut rng) as f32 * SIZE as f32)
        .collect()
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// The rows of all tables, side by side, projected onto their `dim` principal components (PCA by subspace iteration with Gram-Schmidt), all
/// scaled alike so that their root mean square is [`SIZE`]. Each table counts alike, whatever the size of its numbers. The result is
/// `[rows][dim]`; components beyond the tables' width are 0.
pub(crate) fn principal_components(tables: &[Table], dim: usize, seed: u64) -> Vec<f32> {
    let tables: Vec<(usize, Vec<f64>)> = tables
        .iter()
        .map(|table| (table.width, standardised(table)))
        .collect();
    let width: usize = tables.iter().map(|(width, _)| width).sum();
    let rows = tables
        .first()
        .map_or(0, |(width, values)| values.len() / width);
    let centred: Vec<f64> = (0..rows)
        .flat_map(|row| {
            tables
                .iter()
                .flat_map(move |(width, values)| &values[row * width..(row + 1) * width])
                .copied()
        })
        .collect();
    let mut covariance = vec![0.0; width * width];
    for row in centred.chunks_exact(width) {
        for (target, &value) in covariance.chunks_exact_mut(width).zip(row) {
            for (target, &other) in target.iter_mut().zip(row) {
                *target += value * other;
            }
        }
    }
    let kept = dim.min(width);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut directions: Vec<Vec<f64>> = (0..kept)
        .map(|_| (0..width).map(|_| normal(&mut rng)).collect())
        .collect();
    orthonormalise(&mut directions);
    for _ in 0..ROUNDS {
        for direction in &mut directions {
            *direction = covariance
                .chunks_exact(width)
                .map(|row| dot(row, direction))
                .collect();
        }
        orthonormalise(&mut directions);
    }
    let mut projected = vec![0.0; rows * dim];
    for (target, row) in projected
        .chunks_exact_mut(dim)
        .zip(centred.chunks_exact(width))
    {
        for (target, direction) in target.iter_mut().zip(&directions) {
            *target = dot(row, direction);
        }
    }
    scaled(projected, SIZE)
        .into_iter()
        .map(|value| value as f32)
        .collect()
}

/// The rows without their mean, of root mean square 1; zeros if all rows are alike.
fn standardised(table: &Table) -> Vec<f64> {
    let rows = table.values.len() / table.width;
    let mut mean = vec![0.0; table.width];
    for row in table.values.chunks_exact(table.width) {
        for (mean, &value) in mean.iter_mut().zip(row) {
            *mean += f64::from(value) / rows as f64;
        }
    }
    let centred = table.values.chunks_exact(table.width).flat_map(|row| {
        row.iter().zip(&mean).map(|(&value, mean)| {
            let own = f64::from(value) - mean;
            // What rounding leaves of a value that is the mean's.
            if own.abs() > mean.abs() * 1e-9 {
                own
            } else {
                0.0
            }
        })
    });
    scaled(centred.collect(), 1.0)
}

/// The values, times what gives them a root mean square of `size`.
fn scaled(mut values: Vec<f64>, size: f64) -> Vec<f64> {
    let square = dot(&values, &values) / values.len().max(1) as f64;
    let scale = if square > 0.0 {
        size / square.sqrt()
    } else {
        0.0
    };
    values.iter_mut().for_each(|value| *value *= scale);
    values
}

/// The values of each row, which come by falling variance, dealt out to `parts` parts there and back, so that all parts have
/// about as much to tell (eigenvalue allocation, Ge et al. 2013, <https://doi.org/10.1109/TPAMI.2013.240>). `parts` divides `dim`.
pub(crate) fn dealt(rows: &[f32], dim: usize, parts: usize) -> Vec<f32> {
    let mut dealt = vec![0.0; rows.len()];
    for (target, row) in dealt.chunks_exact_mut(dim).zip(rows.chunks_exact(dim)) {
        for (round, values) in row.chunks_exact(parts).enumerate() {
            for (index, &value) in values.iter().enumerate() {
                let part = match round % 2 {
                    0 => index,
                    _ => parts - 1 - index,
                };
                target[part * (dim / parts) + round] = value;
            }
        }
    }
    dealt
}

fn orthonormalise(directions: &mut [Vec<f64>]) {
    for index in 0..directions.len() {
        let (earlier, rest) = directions.split_at_mut(index);
        let own = &mut rest[0];
        for other in earlier.iter() {
            let share = dot(own, other);
            own.iter_mut()
                .zip(other)
                .for_each(|(own, other)| *own -= share * other);
        }
        let norm = dot(own, own).sqrt();
        // A direction that is a sum of the earlier ones has nothing to add.
        let scale = if norm > 1e-12 { 1.0 / norm } else { 0.0 };
        own.iter_mut().for_each(|own| *own *= scale);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_dealt_there_and_back() {
        let row = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
        let expected = [8.0, 3.0, 2.0, 7.0, 4.0, 1.0, 6.0, 5.0, 0.0];
        assert_eq!(
            dealt(&[row, row].concat(), 9, 3),
            [expected, expected].concat()
        );
    }

    #[test]
    fn distances_along_the_main_directions_are_kept() {
        // Points in a plane of four dimensions: two components hold everything but scale.
        let points: Vec<[f32; 2]> = (0..50)
            .map(|i| [(i as f32 * 0.7).sin(), (i as f32 * 1.3).cos() * 0.4])
            .collect();
        let source: Vec<f32> = points
            .iter()
            .flat_map(|[a, b]| [a + b, a - b, 2.0 * a, 0.5 * b])
            .collect();
        // A second table, all of whose rows are alike, has nothing to add.
        let tables = [(4, source.clone()), (3, vec![7.0; 150])]
            .map(|(width, values)| Table { width, values });
        let projected = principal_components(&tables, 2, 7);
        let distance = |rows: &[f32], width: usize, i: usize, j: usize| -> f32 {
            (0..width)
                .map(|k| (rows[i * width + k] - rows[j * width + k]).powi(2))
                .sum::<f32>()
                .sqrt()
        };
        let scale = distance(&projected, 2, 0, 1) / distance(&source, 4, 0, 1);
        for i in 2..50 {
            let ratio = distance(&projected, 2, 0, i) / distance(&source, 4, 0, i);
            assert!((ratio / scale - 1.0).abs() < 1e-3, "{ratio} {scale}");
        }
        let square =
            projected.iter().map(|value| value * value).sum::<f32>() / projected.len() as f32;
        assert!((square.sqrt() - SIZE as f32).abs() < 1e-3);
        assert_eq!(principal_components(&tables, 6, 7).len(), 300);
    }
}
