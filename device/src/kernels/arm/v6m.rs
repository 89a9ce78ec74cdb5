//! Cortex-M0: a multiplication over eight registers, and a sum (MULS and ADD, Arm DDI 0419, A6.7).

use core::arch::naked_asm;

use thimble_shared::format::BLOCK;

use super::words::{GROUP_WORDS_INT4, GROUP_WORDS_INT8, MOST_GROUPS_INT4, widen_int4, widen_int8};
use super::{GROUP, Loops, WIDE};

pub(super) const INT8: Loops = Loops {
    group_bytes: GROUP,
    group_words: GROUP_WORDS_INT8,
    most_groups: WIDE / GROUP_WORDS_INT8,
    widen: widen_int8,
    add_products: add_products_int8,
    shift: 0,
};

pub(super) const INT4: Loops = Loops {
    group_bytes: GROUP / 2,
    group_words: GROUP_WORDS_INT4,
    most_groups: MOST_GROUPS_INT4,
    widen: widen_int4,
    add_products: add_products_int4,
    shift: 0,
};

// SAFETY of both: as `Loops::add_products` demands, they read whole groups of `weights` and of `wide`, write only `sums`, and keep
// the registers that the procedure call standard (Arm IHI 0042) wants kept.

#[unsafe(naked)]
unsafe extern "C" fn add_products_int8(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: &mut [i32; BLOCK],
) {
    naked_asm!(
        "push {{r3-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "ldm r3!, {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        // From the end of the weights, up to zero.
        "lsls r2, r2, #3",
        "adds r0, r0, r2",
        "rsbs r2, r2, #0",
        "2:",
        "ldrsb r3, [r0, r2]",
        "ldm r1!, {{r4-r7}}",
        "muls r4, r3, r4",
        "muls r5, r3, r5",
        "muls r6, r3, r6",
        "muls r7, r3, r7",
        "add r8, r4",
        "add r9, r5",
        "add r10, r6",
        "add r11, r7",
        "adds r2, r2, #1",
        "bne 2b",
        "ldr r3, [sp, #16]",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "stm r3!, {{r4-r7}}",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r3-r7, pc}}",
    )
}

#[unsafe(naked)]
unsafe extern "C" fn add_products_int4(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: &mut [i32; BLOCK],
) {
    naked_asm!(
        "push {{r3-r7, lr}}",
        // Sums of two positions each.
        "movs r6, #0",
        "movs r7, #0",
        "lsls r2, r2, #2",
        "adds r2, r2, r0",
        "mov r12, r2",
        "2:",
        ".irp byte, 0, 1, 2, 3",
        "ldrb r2, [r0, #\\byte]",
        ".irp above, 28, 24",
        "lsls r3, r2, #\\above",
        "asrs r3, r3, #28",
        "ldm r1!, {{r4, r5}}",
        "muls r4, r3, r4",
        "muls r5, r3, r5",
        "adds r6, r6, r4",
        "adds r7, r7, r5",
        ".endr",
        ".endr",
        "adds r0, r0, #4",
        "cmp r0, r12",
        "bne 2b",
        "ldr r3, [sp]",
        "ldm r3!, {{r0, r1, r2, r4}}",
        // What the first of two is below zero was borrowed from the second.
        "sxth r5, r6",
        "adds r0, r0, r5",
        "subs r6, r6, r5",
        "asrs r6, r6, #16",
        "adds r1, r1, r6",
        "sxth r5, r7",
        "adds r2, r2, r5",
        "subs r7, r7, r5",
        "asrs r7, r7, #16",
        "adds r4, r4, r7",
        "subs r3, r3, #16",
        "stm r3!, {{r0, r1, r2, r4}}",
        "pop {{r3-r7, pc}}",
    )
}
