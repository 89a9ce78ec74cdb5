//! Relative positions in MPNet's attention: each head adds to a score what it has learnt for the distance of the two pieces,
//! near distances one by one, far ones in buckets that grow (Raffel et al. 2020, <https://arxiv.org/abs/1910.10683>, section 2.1).

use burn::tensor::{Int, Tensor, TensorData};

/// Distances from here on share the last bucket of their direction.
const FAR: f32 = 128.0;

/// What is added to attention scores.
///
/// # Shapes
/// - table: `[buckets, heads]`
/// - output: `[1, heads, time, time]`, the reading piece before the piece read
pub(super) fn attention_bias(table: Tensor<2>, time: usize) -> Tensor<4> {
    let [buckets, heads] = table.dims();
    let cells = (0..time).flat_map(|reader| (0..time).map(move |read| (reader, read)));
    let rows: Vec<i32> = cells
        .map(|(reader, read)| bucket(read as i32 - reader as i32, buckets as i32))
        .collect();
    let rows = TensorData::new(rows, [time * time]);
    let rows = Tensor::<1, Int>::from_data(rows, &table.device());
    table
        .select(0, rows)
        .reshape([1, time, time, heads])
        .permute([0, 3, 1, 2])
}

/// The bucket of a distance: the lower half of the buckets is for what stands before the reader and for itself, the upper half for
/// what stands behind it.
fn bucket(distance: i32, buckets: i32) -> i32 {
    let half = buckets / 2;
    let start = if distance > 0 { half } else { 0 };
    let distance = distance.abs();
    let exact = half / 2;
    if distance < exact {
        return start + distance;
    }
    let scale = (distance as f32 / exact as f32).ln() / (FAR / exact as f32).ln();
    start + (exact + (scale * (half - exact) as f32) as i32).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn buckets_are_exact_nearby_grow_and_end() {
        let of =
            |distances: &[i32]| -> Vec<i32> { distances.iter().map(|&d| bucket(d, 32)).collect() };
        assert_eq!(of(&[0, -1, -7, -8, -11, -12, -16]), [0, 1, 7, 8, 8, 9, 10]);
        assert_eq!(
            of(&[1, 7, 8, 12, 127, 128, 4000]),
            [17, 23, 24, 25, 31, 31, 31]
        );
    }
}
