//! Cortex-M4, M7 and what else has the DSP extension: two products an instruction (SMLAD, Arm DDI 0403, A7.7).
//!
//! Of four channels, the widened inputs are the even ones of the positions one after the other, then the odd ones, 16 bits each,
//! as SXTB16 takes them out of a word of weights.

use core::arch::naked_asm;
use core::num::NonZeroUsize;

use thimble_shared::format::BLOCK;

use super::{GROUP, Loops, most_groups};

pub(super) const INT8: Loops = Loops {
    group_bytes: NonZeroUsize::new(GROUP).unwrap(),
    wide_bytes: 8,
    most_groups: most_groups(8),
    widen,
    add_products: add_products_int8,
    shift: 0,
};

/// 4-bit weights are taken for 16 times themselves.
pub(super) const INT4: Loops = Loops {
    group_bytes: NonZeroUsize::new(GROUP / 2).unwrap(),
    add_products: add_products_int4,
    shift: 4,
    ..INT8
};

/// The products of a quad: its weights are bytes of the register `weights`.
macro_rules! quad {
    ($weights:literal) => {
        concat!(
            "ldm r1!, {{r8-r11}}\n",
            "sxtb16 r12, ",
            $weights,
            "\n",
            "smlad r4, r12, r8, r4\n",
            "smlad r5, r12, r9, r5\n",
            "smlad r6, r12, r10, r6\n",
            "smlad r7, r12, r11, r7\n",
            "ldm r1!, {{r8-r11}}\n",
            "sxtb16 r12, ",
            $weights,
            ", ror #8\n",
            "smlad r4, r12, r8, r4\n",
            "smlad r5, r12, r9, r5\n",
            "smlad r6, r12, r10, r6\n",
            "smlad r7, r12, r11, r7\n",
        )
    };
}

/// All groups, whose number is in r2: two a turn, of an odd number the first by itself.
macro_rules! groups {
    ($($group:expr),* $(,)?) => {
        concat!(
            "lsls r3, r2, #31\n",
            "bne 3f\n",
            "2:\n",
            $($group,)*
            "3:\n",
            $($group,)*
            "subs r2, r2, #2\n",
            "bgt 2b\n",
        )
    };
}

// SAFETY of what follows: as `Widen` and `AddProducts` demand, these read whole groups and write what becomes of them and their own
// part of the stack, arguments among it, and keep the registers that the procedure call standard (Arm IHI 0042) wants kept.

#[unsafe(naked)]
unsafe extern "C" fn widen(positions: &[*const i8; BLOCK], wide: *mut u32, channels: usize) {
    naked_asm!(
        CPU!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r3-r6}}",
        "1:",
        "ldr r8, [r3], #4",
        "ldr r9, [r4], #4",
        "ldr r10, [r5], #4",
        "ldr r11, [r6], #4",
        "sxtb16 r0, r8",
        "sxtb16 r7, r9",
        "sxtb16 r12, r10",
        "sxtb16 lr, r11",
        "stm r1!, {{r0, r7, r12, lr}}",
        ".irp position, r8, r9, r10, r11",
        "sxtb16 \\position, \\position, ror #8",
        ".endr",
        "stm r1!, {{r8-r11}}",
        "subs r2, r2, #4",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}

#[unsafe(naked)]
unsafe extern "C" fn add_products_int8(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: *mut [i32; BLOCK],
    outputs: usize,
    row_bytes: usize,
) {
    naked_asm!(
        CPU!(),
        begin_output!(),
        groups!(
            "ldr r3, [r0], #4\n",
            quad!("r3"),
            "ldr r3, [r0], #4\n",
            quad!("r3"),
        ),
        next_output!(),
    )
}

#[unsafe(naked)]
unsafe extern "C" fn add_products_int4(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: *mut [i32; BLOCK],
    outputs: usize,
    row_bytes: usize,
) {
    naked_asm!(
        CPU!(),
        begin_output!(),
        groups!(
            "ldr r3, [r0], #4\n",
            "lsl lr, r3, #4\n",
            "and lr, lr, #0xF0F0F0F0\n",
            quad!("lr"),
            "and lr, r3, #0xF0F0F0F0\n",
            quad!("lr"),
        ),
        next_output!(),
    )
}
