//! Widened inputs of cores whose one multiplication is that of words.
//!
//! With 8-bit weights an input is a word. With 4-bit weights a word has the inputs of two positions, the second 2^16 times itself:
//! one multiplication gives both products, of at most 2^10 each, and up to 31 of them have room beside each other.

use thimble_shared::format::BLOCK;

use super::GROUP;

/// Words of a group with 8-bit weights: channel after channel, the positions of each.
pub(super) const GROUP_WORDS_INT8: usize = GROUP * BLOCK;
/// Words of a group with 4-bit weights: in the order of the halves of the bytes of weights, low before high.
pub(super) const GROUP_WORDS_INT4: usize = GROUP * BLOCK / 2;
/// Groups of 4-bit weights whose products have room in half a word.
pub(super) const MOST_GROUPS_INT4: usize = 31 / GROUP;

pub(super) fn widen_int8(positions: [&[i8]; BLOCK], wide: &mut [u32]) {
    let [a, b, c, d] = positions;
    let wide = wide.as_chunks_mut::<BLOCK>().0;
    for ((((&a, &b), &c), &d), wide) in a.iter().zip(b).zip(c).zip(d).zip(wide) {
        *wide = [word(a), word(b), word(c), word(d)];
    }
}

pub(super) fn widen_int4(positions: [&[i8]; BLOCK], wide: &mut [u32]) {
    let [a, b, c, d] = positions;
    let (a, b) = (a.as_chunks::<GROUP>().0, b.as_chunks::<GROUP>().0);
    let (c, d) = (c.as_chunks::<GROUP>().0, d.as_chunks::<GROUP>().0);
    let wide = wide.as_chunks_mut::<GROUP_WORDS_INT4>().0;
    for ((((a, b), c), d), wide) in a.iter().zip(b).zip(c).zip(d).zip(wide) {
        for low in 0..GROUP / 2 {
            for (half, channel) in [low, low + GROUP / 2].into_iter().enumerate() {
                let at = BLOCK * low + BLOCK / 2 * half;
                wide[at] = word(a[channel]).wrapping_add(word(b[channel]) << 16);
                wide[at + 1] = word(c[channel]).wrapping_add(word(d[channel]) << 16);
            }
        }
    }
}

fn word(value: i8) -> u32 {
    i32::from(value) as u32
}
