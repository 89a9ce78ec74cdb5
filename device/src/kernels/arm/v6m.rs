//! Cortex-M0: a multiplication over eight registers, and a sum (MULS and ADD, Arm DDI 0419, A6.7).

use core::arch::naked_asm;

use thimble_shared::format::BLOCK;

// SAFETY of what follows: as `Widen` and `AddProducts` demand, these read whole groups and write what becomes of them, and keep the
// registers that the procedure call standard (Arm IHI 0042) wants kept.

#[unsafe(naked)]
pub(super) unsafe extern "C" fn widen_int8(
    positions: &[*const i8; BLOCK],
    wide: *mut u32,
    channels: usize,
) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r12, r2",
        "ldm r0!, {{r4-r7}}",
        "movs r3, #0",
        "2:",
        "ldrsb r0, [r4, r3]",
        "ldrsb r2, [r5, r3]",
        "stm r1!, {{r0, r2}}",
        "ldrsb r0, [r6, r3]",
        "ldrsb r2, [r7, r3]",
        "stm r1!, {{r0, r2}}",
        "adds r3, r3, #1",
        "cmp r3, r12",
        "bne 2b",
        "pop {{r4-r7, pc}}",
    )
}

#[unsafe(naked)]
pub(super) unsafe extern "C" fn widen_int4(
    positions: &[*const i8; BLOCK],
    wide: *mut u32,
    channels: usize,
) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r12, r2",
        "ldm r0!, {{r4-r7}}",
        "movs r3, #0",
        // Of each eight channels 0 and 4, 1 and 5, 2 and 6, 3 and 7.
        "2:",
        r#".irp next, "adds r3, r3, #4", "subs r3, r3, #3""#,
        "ldrsb r0, [r4, r3]",
        "ldrsb r2, [r5, r3]",
        "lsls r2, r2, #16",
        "adds r0, r0, r2",
        "stm r1!, {{r0}}",
        "ldrsb r0, [r6, r3]",
        "ldrsb r2, [r7, r3]",
        "lsls r2, r2, #16",
        "adds r0, r0, r2",
        "stm r1!, {{r0}}",
        "\\next",
        ".endr",
        "lsls r0, r3, #30",
        "bne 2b",
        "adds r3, r3, #4",
        "cmp r3, r12",
        "bne 2b",
        "pop {{r4-r7, pc}}",
    )
}

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
        // The sums are in upper registers. On the stack, above four of these that are kept: weights, widened inputs, groups and
        // sums; above what else is kept of the caller, outputs and bytes of a row.
        "push {{r0-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "1:",
        "ldr r3, [sp, #28]",
        "ldm r3!, {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "ldr r0, [sp, #16]",
        "ldr r1, [sp, #20]",
        // From the end of the weights, up to zero.
        "ldr r2, [sp, #24]",
        "lsls r2, r2, #3",
        "adds r0, r0, r2",
        "rsbs r2, r2, #0",
        "2:",
        ".rept 4",
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
        ".endr",
        "bne 2b",
        "ldr r3, [sp, #28]",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "stm r3!, {{r4-r7}}",
        "str r3, [sp, #28]",
        "ldr r0, [sp, #16]",
        "ldr r1, [sp, #56]",
        "adds r0, r0, r1",
        "str r0, [sp, #16]",
        "ldr r2, [sp, #52]",
        "subs r2, r2, #1",
        "str r2, [sp, #52]",
        "bne 1b",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "add sp, #16",
        "pop {{r4-r7, pc}}",
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
        "push {{r0-r7, lr}}",
        "1:",
        "ldr r0, [sp]",
        "ldr r1, [sp, #4]",
        "ldr r2, [sp, #8]",
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
        "ldr r3, [sp, #12]",
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
        "str r3, [sp, #12]",
        "ldr r0, [sp]",
        "ldr r1, [sp, #40]",
        "adds r0, r0, r1",
        "str r0, [sp]",
        "ldr r2, [sp, #36]",
        "subs r2, r2, #1",
        "str r2, [sp, #36]",
        "bne 1b",
        "add sp, #16",
        "pop {{r4-r7, pc}}",
    )
}
