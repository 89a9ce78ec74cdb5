//! What is remembered.

/// Moves the `kept` values behind the first `gone` to the front. In stretches that don't overlap: this is the only place that
/// would want `memmove`, which takes a good part of a kilobyte of flash.
pub fn forget(values: &mut [i8], gone: usize, kept: usize) {
    #[cfg(kernel)]
    let mut start = super::arm::move_words(values, gone, kept);
    #[cfg(not(kernel))]
    let mut start = 0;
    while start < kept {
        let count = gone.min(kept - start);
        let (to, from) = values[start..].split_at_mut(gone);
        to[..count].copy_from_slice(&from[..count]);
        start += count;
    }
}

/// Sets all to 0.
pub fn clear(words: &mut [u64]) {
    #[cfg(kernel)]
    super::arm::clear(words);
    #[cfg(not(kernel))]
    words.fill(0);
}
