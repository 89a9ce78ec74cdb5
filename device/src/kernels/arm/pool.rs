//! Pooling on cores with the DSP extension: four channels are a word (SSUB8 and SEL, SXTAB16 and SXTAH, Arm DDI 0403, A7.7).

use core::arch::naked_asm;

use thimble_shared::format::BLOCK;

/// As the plain kernel, for whole words of a whole block; false if it is none.
pub(in crate::kernels) fn pool(input: &[i8], maxima: &mut [i8], sums: &mut [i32]) -> bool {
    let width = maxima.len();
    let fits =
        width.is_multiple_of(4) && width > 0 && input.len() == BLOCK * width && sums.len() == width;
    if fits {
        // SAFETY: there are so many values.
        unsafe {
            pool_block(
                input.as_ptr(),
                maxima.as_mut_ptr(),
                sums.as_mut_ptr(),
                width,
            )
        };
    }
    fits
}

/// Takes a block of positions into maxima and sums.
///
/// # Safety
/// `width`, a multiple of 4 and not 0, is the number of maxima and of sums; there are four times as many inputs.
// SAFETY: it writes these maxima and sums and its own part of the stack, and keeps the registers that the procedure call standard
// (Arm IHI 0042) wants kept.
#[unsafe(naked)]
unsafe extern "C" fn pool_block(input: *const i8, maxima: *mut i8, sums: *mut i32, width: usize) {
    naked_asm!(
        CPU!(),
        "push {{r4-r11, lr}}",
        "lsls r4, r3, #1",
        "adds r5, r4, r3",
        "mov r12, r3",
        "1:",
        // The positions, then the maxima.
        "ldr r7, [r0, r3]",
        "ldr r8, [r0, r4]",
        "ldr r9, [r0, r5]",
        "ldr r6, [r0], #4",
        "ldr r10, [r1]",
        ".irp position, r6, r7, r8, r9",
        "ssub8 r11, \\position, r10",
        "sel r10, \\position, r10",
        ".endr",
        "str r10, [r1], #4",
        // Sums of four have room in half a word: of channels 0 and 2, of 1 and 3.
        "sxtb16 r10, r6",
        "sxtb16 r11, r6, ror #8",
        ".irp position, r7, r8, r9",
        "sxtab16 r10, r10, \\position",
        "sxtab16 r11, r11, \\position, ror #8",
        ".endr",
        "ldm r2, {{r6-r9}}",
        "sxtah r6, r6, r10",
        "sxtah r7, r7, r11",
        "sxtah r8, r8, r10, ror #16",
        "sxtah r9, r9, r11, ror #16",
        "stm r2!, {{r6-r9}}",
        "subs r12, r12, #4",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}
