//! The order in which a training set is gone through.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Batches in a chunk whose sequences are sorted by length.
const CHUNK: usize = 100;

/// For each batch of an epoch the indices of its sequences.
///
/// Sequences are shuffled, sorted by length within chunks of 100 batches so that little is padded, and the batches
/// shuffled again. The same seed and epoch give the same order.
pub fn epoch_batches(
    lengths: &[usize],
    batch_size: usize,
    seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    // Odd constant of the golden ratio: spreads consecutive epochs over all seeds.
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (epoch + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut rng);
    let mut batches = Vec::new();
    for chunk in order.chunks_mut(batch_size * CHUNK) {
        chunk.sort_by_key(|&i| lengths[i]);
        batches.extend(chunk.chunks(batch_size).map(<[usize]>::to_vec));
    }
    batches.shuffle(&mut rng);
    batches
}

#[cfg(test)]
mod tests {
    use super::epoch_batches;

    #[test]
    fn each_sequence_once_and_batches_of_like_length() {
        let lengths: Vec<usize> = (0..5000).map(|i| i * 7919 % 60).collect();
        let batches = epoch_batches(&lengths, 16, 3, 0);
        let mut seen: Vec<usize> = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..5000).collect::<Vec<_>>());
        let padding: usize = batches
            .iter()
            .map(|batch| {
                let longest = batch.iter().map(|&i| lengths[i]).max().unwrap_or(0);
                batch.iter().map(|&i| longest - lengths[i]).sum::<usize>()
            })
            .sum();
        assert!(padding < lengths.iter().sum::<usize>() / 20);
        assert_eq!(batches, epoch_batches(&lengths, 16, 3, 0));
        assert_ne!(batches, epoch_batches(&lengths, 16, 3, 1));
        assert_ne!(batches, epoch_batches(&lengths, 16, 4, 0));
    }
}
