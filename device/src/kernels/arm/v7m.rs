//! Cortex-M3, and M33 or M55 without their DSP extension: a product and its sum are an instruction (MLA, Arm DDI 0403, A7.7).

use core::arch::naked_asm;
use core::slice;

use thimble_shared::format::BLOCK;

use super::GROUP;

/// Safe if [`Widen`](super::Widen) is.
pub(super) unsafe extern "C" fn widen_int8(
    positions: &[*const i8; BLOCK],
    wide: *mut u32,
    channels: usize,
) {
    // SAFETY: so the caller says.
    let ([a, b, c, d], wide) = unsafe {
        (
            positions.map(|position| slice::from_raw_parts(position, channels)),
            slice::from_raw_parts_mut(wide, channels * BLOCK),
        )
    };
    let wide = wide.as_chunks_mut::<BLOCK>().0;
    for ((((&a, &b), &c), &d), wide) in a.iter().zip(b).zip(c).zip(d).zip(wide) {
        *wide = [word(a), word(b), word(c), word(d)];
    }
}

/// Safe if [`Widen`](super::Widen) is.
pub(super) unsafe extern "C" fn widen_int4(
    positions: &[*const i8; BLOCK],
    wide: *mut u32,
    channels: usize,
) {
    // SAFETY: so the caller says.
    let ([a, b, c, d], wide) = unsafe {
        (
            positions.map(|position| slice::from_raw_parts(position, channels)),
            slice::from_raw_parts_mut(wide, channels * BLOCK / 2),
        )
    };
    let (a, b) = (a.as_chunks::<GROUP>().0, b.as_chunks::<GROUP>().0);
    let (c, d) = (c.as_chunks::<GROUP>().0, d.as_chunks::<GROUP>().0);
    let wide = wide.as_chunks_mut::<{ GROUP * BLOCK / 2 }>().0;
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

// SAFETY of both: as `AddProducts` demands, they read whole groups of `weights` and of `wide`, write only `sums` and their own part of
// the stack, arguments among it, and keep the registers that the procedure call standard (Arm IHI 0042) wants kept.

#[unsafe(naked)]
pub(super) unsafe extern "C" fn add_products_int8(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: *mut [i32; BLOCK],
    outputs: usize,
    row_bytes: usize,
) {
    naked_asm!(
        begin_output!(),
        "2:",
        ".rept 8",
        "ldrsb r12, [r0], #1",
        "ldm r1!, {{r8-r11}}",
        "mla r4, r12, r8, r4",
        "mla r5, r12, r9, r5",
        "mla r6, r12, r10, r6",
        "mla r7, r12, r11, r7",
        ".endr",
        "subs r2, r2, #1",
        "bne 2b",
        next_output!(),
    )
}

#[unsafe(naked)]
pub(super) unsafe extern "C" fn add_products_int4(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: *mut [i32; BLOCK],
    outputs: usize,
    row_bytes: usize,
) {
    naked_asm!(
        "push {{r0-r11, lr}}",
        "1:",
        "ldm sp, {{r0-r3}}",
        // Sums of two positions each.
        "movs r4, #0",
        "movs r5, #0",
        "2:",
        "ldr r6, [r0], #4",
        ".irp half, 0, 4, 8, 12, 16, 20, 24, 28",
        "sbfx r7, r6, #\\half, #4",
        "ldm r1!, {{r8, r9}}",
        "mla r4, r7, r8, r4",
        "mla r5, r7, r9, r5",
        ".endr",
        "subs r2, r2, #1",
        "bne 2b",
        "ldm r3, {{r7-r10}}",
        // What the first of two is below zero was borrowed from the second.
        "sxth r6, r4",
        "add r7, r7, r6",
        "subs r4, r4, r6",
        "add r8, r8, r4, asr #16",
        "sxth r6, r5",
        "add r9, r9, r6",
        "subs r5, r5, r6",
        "add r10, r10, r5, asr #16",
        "stm r3!, {{r7-r10}}",
        "ldr r0, [sp]",
        "ldr r1, [sp, #56]",
        "ldr r2, [sp, #52]",
        "add r0, r0, r1",
        "str r0, [sp]",
        "str r3, [sp, #12]",
        "subs r2, r2, #1",
        "str r2, [sp, #52]",
        "bne 1b",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
    )
}
