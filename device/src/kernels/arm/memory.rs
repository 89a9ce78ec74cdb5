//! Memory word by word: what the compiler's library has for that is made to be small.

use core::arch::naked_asm;

/// Bytes that are moved at a time.
const STEP: usize = 16;

/// Moves what of the `kept` values behind the first `gone` it can to the front, and says how many these are.
pub(in crate::kernels) fn move_words(values: &mut [i8], gone: usize, kept: usize) -> usize {
    let whole = kept - kept % STEP;
    let to = values.as_mut_ptr();
    if whole == 0 || (to as usize | gone) % 4 != 0 {
        return 0;
    }
    let from = values[gone..gone + whole].as_ptr();
    // SAFETY: so many bytes are there, at both places on a word's boundary.
    unsafe { move_down(to, from, whole) };
    whole
}

/// Sets all to 0.
pub(in crate::kernels) fn clear(words: &mut [u64]) {
    let words = words.as_mut_ptr_range();
    // SAFETY: these are the words between.
    unsafe { clear_up_to(words.start.cast(), words.end.cast()) };
}

/// Moves `bytes` bytes to a lower address; they may overlap.
///
/// # Safety
/// `bytes` is a multiple of [`STEP`] and not 0, there are so many, and both addresses are multiples of 4.
// SAFETY: it writes these bytes and keeps the registers that the procedure call standard (Arm IHI 0042) wants kept.
#[unsafe(naked)]
unsafe extern "C" fn move_down(to: *mut i8, from: *const i8, bytes: usize) {
    naked_asm!(
        "push {{r4-r6, lr}}",
        "1:",
        "ldm r1!, {{r3-r6}}",
        "stm r0!, {{r3-r6}}",
        "subs r2, r2, #16",
        "bne 1b",
        "pop {{r4-r6, pc}}",
    )
}

/// Sets an even number of words to 0.
///
/// # Safety
/// These words are there.
// SAFETY: it writes these words and keeps the registers that the procedure call standard (Arm IHI 0042) wants kept.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clear_up_to(start: *mut u32, end: *mut u32) {
    naked_asm!(
        "movs r2, #0",
        "movs r3, #0",
        "b 2f",
        "1:",
        "stm r0!, {{r2, r3}}",
        "2:",
        "cmp r0, r1",
        "bne 1b",
        "bx lr",
    )
}
