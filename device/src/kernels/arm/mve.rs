//! Cortex-M55 and what else has vectors (MVE, Arm DDI 0553): sixteen products and their sum are one instruction (VMLADAVA).
//!
//! Inputs stay as they are, those of a position one behind the other. Loops are predicated at their tails, so that a stretch may end
//! within a vector.

use core::arch::naked_asm;
use core::num::NonZeroUsize;

use thimble_shared::format::BLOCK;

use super::{GROUP, Loops, WIDE};

/// Bytes from the inputs of a position to those of the next: the number is in the assembler too.
const STRIDE: usize = 256;
const _: () = assert!(STRIDE * BLOCK == WIDE * 4);

pub(super) const INT8: Loops = Loops {
    group_bytes: NonZeroUsize::new(GROUP).unwrap(),
    wide_bytes: 1,
    most_groups: NonZeroUsize::new(STRIDE / GROUP).unwrap(),
    widen: gather,
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

// SAFETY of what follows: as `Widen` and `AddProducts` demand, these read whole groups and write what becomes of them and their own
// part of the stack, arguments among it, and keep the registers that the procedure call standard (Arm IHI 0042) wants kept. What
// is behind the tail of a loop is neither read nor written.

#[unsafe(naked)]
unsafe extern "C" fn gather(positions: &[*const i8; BLOCK], wide: *mut u32, channels: usize) {
    naked_asm!(
        CPU!(),
        "push {{r4-r7, lr}}",
        "ldm r0, {{r3-r6}}",
        "add r0, r1, #256",
        "add r7, r1, #512",
        "add r12, r1, #768",
        "dlstp.8 lr, r2",
        "1:",
        "vldrb.u8 q0, [r3], #16",
        "vldrb.u8 q1, [r4], #16",
        "vldrb.u8 q2, [r5], #16",
        "vldrb.u8 q3, [r6], #16",
        "vstrb.8 q0, [r1], #16",
        "vstrb.8 q1, [r0], #16",
        "vstrb.8 q2, [r7], #16",
        "vstrb.8 q3, [r12], #16",
        "letp lr, 1b",
        "pop {{r4-r7, pc}}",
    )
}

/// The front of a loop over outputs, within that over vectors: sums are in r4, r6, r8 and r10, inputs at r5, r7, r9 and r11, the
/// weights at r12.
macro_rules! begin_output {
    () => {
        concat!(
            "1:\n",
            "ldrd r4, r6, [r3]\n",
            "ldrd r8, r10, [r3, #8]\n",
            "mov r5, r1\n",
            "add r7, r1, #256\n",
            "add r9, r1, #512\n",
            "add r11, r1, #768\n",
            "mov r12, r0\n",
            "dlstp.8 lr, r2\n",
            "2:\n",
        )
    };
}

/// The products of a vector of weights in q0, and the end of the loops. `arguments` is where on the stack the outputs and the bytes
/// of a row are.
macro_rules! next_output {
    ($outputs:literal, $row_bytes:literal) => {
        concat!(
            "vldrb.u8 q1, [r5], #16\n",
            "vldrb.u8 q2, [r7], #16\n",
            "vmladava.s8 r4, q0, q1\n",
            "vldrb.u8 q3, [r9], #16\n",
            "vmladava.s8 r6, q0, q2\n",
            "vldrb.u8 q1, [r11], #16\n",
            "vmladava.s8 r8, q0, q3\n",
            "vmladava.s8 r10, q0, q1\n",
            "letp lr, 2b\n",
            "strd r4, r6, [r3], #8\n",
            "strd r8, r10, [r3], #8\n",
            "ldr r4, ",
            $outputs,
            "\nldr r6, ",
            $row_bytes,
            "\nadd r0, r0, r6\n",
            "subs r4, r4, #1\n",
            "str r4, ",
            $outputs,
            "\nbne 1b\n",
        )
    };
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
        "push {{r4-r11, lr}}",
        "lsls r2, r2, #3",
        begin_output!(),
        "vldrb.u8 q0, [r12], #16",
        next_output!("[sp, #36]", "[sp, #40]"),
        "pop {{r4-r11, pc}}",
    )
}

/// Each word of weights is taken twice: shifted, with the lower halves of its bytes, and as it is, with the upper ones.
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
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "lsls r2, r2, #3",
        // Words 0, 0, 1, 1; shifts of their bytes; the upper halves.
        "movs r4, #0",
        "movs r5, #1",
        "vmov.32 q5[0], r4",
        "vmov.32 q5[1], r4",
        "vmov.32 q5[2], r5",
        "vmov.32 q5[3], r5",
        "mov r6, #0x04040404",
        "vmov.32 q6[0], r6",
        "vmov.32 q6[1], r4",
        "vmov.32 q6[2], r6",
        "vmov.32 q6[3], r4",
        "mov r6, #0xF0F0F0F0",
        "vdup.32 q7, r6",
        begin_output!(),
        "vldrw.u32 q0, [r12, q5, uxtw #2]",
        "add r12, r12, #8",
        "vshl.s8 q0, q0, q6",
        "vand q0, q0, q7",
        next_output!("[sp, #100]", "[sp, #104]"),
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}
