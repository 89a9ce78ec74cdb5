//! Product quantization of the embedding (Jégou et al. 2011, <https://doi.org/10.1109/TPAMI.2010.57>): rows are cut into parts,
//! and of each part some centroids are kept. Both are found by k-means; then rows and centroids go on learning, the rows by the
//! straight-through estimator (as in van den Oord et al. 2017, <https://arxiv.org/abs/1711.00937>), and codes are chosen anew from time to time.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::ProductConfig;

/// Rounds of k-means.
const ROUNDS: usize = 25;

/// Codes of all rows, and the centroids that they name before these learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Codebook {
    /// `[rows][parts]`.
    pub codes: Vec<u8>,
    /// `[codebooks][count][dim / parts]`.
    pub centroids: Vec<f32>,
    /// Centroids of a codebook.
    pub count: usize,
    /// Parts of a row.
    pub parts: usize,
}

impl Codebook {
    /// Centroids of `rows`, `[rows][dim]`, where row `i` counts `weights[i]` times (Lloyd's algorithm from centroids drawn by
    /// k-means++, Arthur and Vassilvitskii 2007).
    pub fn of(
        rows: &[f32],
        dim: usize,
        weights: &[f64],
        product: ProductConfig,
        seed: u64,
    ) -> Self {
        let (parts, size) = (product.codes, dim / product.codes);
        let sharing = parts / product.codebooks;
        let mut codes = vec![0; rows.len() / dim * parts];
        let mut centroids = Vec::new();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weights: Vec<f64> = weights
            .iter()
            .flat_map(|&weight| std::iter::repeat_n(weight, sharing))
            .collect();
        for first in (0..parts).step_by(sharing) {
            let points: Vec<&[f32]> = rows
                .chunks_exact(dim)
                .flat_map(|row| row[first * size..(first + sharing) * size].chunks_exact(size))
                .collect();
            let (found, nearest) = k_means(&points, &weights, product.centroids, &mut rng);
            centroids.extend(found.concat());
            for (row, nearest) in codes.chunks_exact_mut(parts).zip(nearest.chunks(sharing)) {
                for (code, &nearest) in row[first..].iter_mut().zip(nearest) {
                    *code = nearest as u8;
                }
            }
        }
        Self {
            codes,
            centroids,
            count: product.centroids,
            parts,
        }
    }

    /// Codebooks that rows of `dim` values have.
    pub(super) fn books(&self, dim: usize) -> usize {
        self.centroids.len() / (self.count * (dim / self.parts))
    }

    /// Chooses the code of each part anew: that of the nearest of the `centroids`, `[codebooks][count][dim / parts]`, to the part in
    /// `rows`, `[rows][dim]`.
    pub(super) fn choose(&mut self, rows: &[f32], centroids: &[f32]) {
        let dim = rows.len() * self.parts / self.codes.len();
        let (size, books) = (dim / self.parts, self.books(dim));
        let books: Vec<Search> = centroids
            .chunks_exact(centroids.len() / books)
            .map(|book| Search::new(book, size))
            .collect();
        let sharing = self.parts / books.len();
        let book_of: Vec<&Search> = (0..self.parts).map(|part| &books[part / sharing]).collect();
        for (row, codes) in rows
            .chunks_exact(dim)
            .zip(self.codes.chunks_exact_mut(self.parts))
        {
            for ((part, code), book) in row.chunks_exact(size).zip(codes).zip(&book_of) {
                *code = book.nearest(part) as u8;
            }
        }
    }

    /// The centroids as `[codebooks · count, dim / parts]`.
    pub(super) fn centroids_on(&self, dim: usize, device: &Device) -> Tensor<2> {
        let size = dim / self.parts;
        let data = TensorData::new(self.centroids.clone(), [self.centroids.len() / size, size]);
        Tensor::from_data(data, device)
    }

    /// For each row of `dim` values the numbers of its centroids among those of all codebooks, `[rows, parts]`.
    pub(super) fn places_on(&self, dim: usize, device: &Device) -> Tensor<2, Int> {
        let sharing = self.parts / self.books(dim);
        let places = self.codes.iter().enumerate();
        let places: Vec<i32> = places
            .map(|(i, &code)| (i % self.parts / sharing * self.count + usize::from(code)) as i32)
            .collect();
        let rows = places.len() / self.parts;
        Tensor::from_data(TensorData::new(places, [rows, self.parts]), device)
    }
}

/// Centroids and, for each point, the number of the nearest.
fn k_means(
    points: &[&[f32]],
    weights: &[f64],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> (Vec<Vec<f32>>, Vec<usize>) {
    let mut centroids = first_centroids(points, weights, count, rng);
    let mut nearest = vec![0; points.len()];
    for _ in 0..ROUNDS {
        assign(points, &centroids, &mut nearest);
        let size = centroids[0].len();
        let mut sums = vec![(vec![0.0_f64; size], 0.0_f64); count];
        for ((point, &index), &weight) in points.iter().zip(&nearest).zip(weights) {
            let (sum, total) = &mut sums[index];
            *total += weight;
            for (sum, &value) in sum.iter_mut().zip(*point) {
                *sum += weight * f64::from(value);
            }
        }
        for (centroid, (sum, total)) in centroids.iter_mut().zip(&sums) {
            // A centroid without points stays where it is.
            if *total > 0.0 {
                *centroid = sum.iter().map(|sum| (sum / total) as f32).collect();
            }
        }
    }
    assign(points, &centroids, &mut nearest);
    (centroids, nearest)
}

/// Each point with a probability proportional to its weight times its squared distance to those before.
fn first_centroids(
    points: &[&[f32]],
    weights: &[f64],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<f32>> {
    let mut worth = weights.to_vec();
    let mut least = vec![f64::INFINITY; points.len()];
    let mut centroids: Vec<Vec<f32>> = Vec::new();
    while centroids.len() < count {
        let mut place = rng.random::<f64>() * worth.iter().sum::<f64>();
        let drawn = worth.iter().position(|&worth| {
            place -= worth;
            place < 0.0
        });
        let chosen = points[drawn.unwrap_or(centroids.len() % points.len())];
        for ((least, worth), (point, weight)) in least
            .iter_mut()
            .zip(&mut worth)
            .zip(points.iter().zip(weights))
        {
            *least = least.min(f64::from(distance(point, chosen)));
            *worth = *least * weight;
        }
        centroids.push(chosen.to_vec());
    }
    centroids
}

fn assign(points: &[&[f32]], centroids: &[Vec<f32>], nearest: &mut [usize]) {
    let search = Search::new(&centroids.concat(), centroids[0].len());
    for (point, nearest) in points.iter().zip(nearest) {
        *nearest = search.nearest(point);
    }
}

/// Centroids, laid out for finding the nearest.
struct Search {
    /// `[size][centroids]`.
    columns: Vec<Vec<f32>>,
    /// Half their squared lengths.
    halves: Vec<f32>,
}

impl Search {
    /// Of `[centroids][size]`.
    fn new(centroids: &[f32], size: usize) -> Self {
        let each = || centroids.chunks_exact(size);
        Self {
            columns: (0..size)
                .map(|i| each().map(|centroid| centroid[i]).collect())
                .collect(),
            halves: each()
                .map(|centroid| centroid.iter().map(|value| value * value).sum::<f32>() / 2.0)
                .collect(),
        }
    }

    /// The number of the nearest: |x - c|² is least where |c|² / 2 - x · c is.
    fn nearest(&self, point: &[f32]) -> usize {
        let mut costs = self.halves.clone();
        for (column, &value) in self.columns.iter().zip(point) {
            for (cost, &centroid) in costs.iter_mut().zip(column) {
                *cost -= value * centroid;
            }
        }
        let least = costs.iter().copied().fold(f32::INFINITY, f32::min);
        costs.iter().position(|&cost| cost == least).unwrap_or(0)
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_few_kinds_are_kept_whole() {
        // Parts of four kinds each, in all combinations.
        let kinds = [[1.0, 0.0], [0.0, 2.0], [-3.0, 0.5], [0.25, -1.0]];
        let rows: Vec<f32> = (0..16)
            .flat_map(|i| [kinds[i % 4], kinds[i / 4]].concat())
            .collect();
        for codebooks in [1, 2] {
            let product = ProductConfig {
                codes: 2,
                centroids: 4,
                codebooks,
            };
            let mut book = Codebook::of(&rows, 4, &[1.0; 16], product, 3);
            let device = Device::flex();
            for _ in 0..2 {
                let (centroids, places) = (
                    book.centroids_on(4, &device),
                    book.places_on(4, &device).flatten::<1>(0, 1),
                );
                let read: Vec<f32> = centroids.select(0, places).into_data().iter().collect();
                assert_eq!(read, rows, "{codebooks} codebooks");
                let centroids = book.centroids.clone();
                book.codes.fill(0);
                book.choose(&rows, &centroids);
            }
        }
    }

    #[test]
    fn the_nearest_centroids_are_chosen() {
        let (rows, dim, parts) = (40, 6, 3);
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut values = |count: usize| -> Vec<f32> {
            (0..count)
                .map(|_| rng.random::<f32>() * 2.0 - 1.0)
                .collect()
        };
        let (points, centroids) = (values(rows * dim), values(7 * dim));
        let mut book = Codebook {
            codes: vec![0; rows * parts],
            centroids: centroids.clone(),
            count: 7,
            parts,
        };
        book.choose(&points, &centroids);
        for (i, &code) in book.codes.iter().enumerate() {
            let part = &points[i * 2..i * 2 + 2];
            let centroid = |c: usize| &centroids[(i % parts * 7 + c) * 2..][..2];
            let nearest = (0..7)
                .min_by(|&a, &b| {
                    distance(part, centroid(a)).total_cmp(&distance(part, centroid(b)))
                })
                .unwrap();
            assert_eq!(usize::from(code), nearest, "{i}");
        }
    }

    #[test]
    fn more_centroids_than_rows_are_filled() {
        let product = ProductConfig {
            codes: 1,
            centroids: 8,
            codebooks: 1,
        };
        let book = Codebook::of(&[1.0, 2.0, 3.0], 1, &[1.0, 0.0, 5.0], product, 1);
        assert_eq!((book.codes.len(), book.centroids.len()), (3, 8));
        let value = |row: usize| book.centroids[usize::from(book.codes[row])];
        assert_eq!((value(0), value(2)), (1.0, 3.0));
    }
}
