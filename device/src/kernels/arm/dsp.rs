//! Cortex-M4, M7 and what else has the DSP extension: two products an instruction (SMLAD, Arm DDI 0403, A7.7).
//!
//! Of four channels, the widened inputs are the even ones of the positions one after the other, then the odd ones, 16 bits each,
//! as SXTB16 takes them out of a word of weights.

use core::arch::{asm, naked_asm};
use core::slice;

use thimble_shared::format::BLOCK;

use super::{GROUP, Loops, WIDE};

/// Channels of a word.
const QUAD: usize = 4;
/// Words of the widened inputs of a quad.
const QUAD_WORDS: usize = 2 * BLOCK;

pub(super) const INT8: Loops = Loops {
    group_bytes: GROUP,
    group_words: GROUP / QUAD * QUAD_WORDS,
    most_groups: WIDE / (GROUP / QUAD * QUAD_WORDS),
    widen,
    add_products: add_products_int8,
    shift: 0,
};

/// 4-bit weights are taken for 16 times themselves.
pub(super) const INT4: Loops = Loops {
    group_bytes: GROUP / 2,
    add_products: add_products_int4,
    shift: 4,
    ..INT8
};

/// Safe if [`Widen`](super::Widen) is.
unsafe extern "C" fn widen(positions: &[*const i8; BLOCK], wide: *mut u32, channels: usize) {
    // SAFETY: so the caller says.
    let ([a, b, c, d], wide) = unsafe {
        (
            positions.map(|position| slice::from_raw_parts(position, channels)),
            slice::from_raw_parts_mut(wide, channels / QUAD * QUAD_WORDS),
        )
    };
    let (a, b) = (a.as_chunks().0.iter(), b.as_chunks().0.iter());
    let (c, d) = (c.as_chunks().0.iter(), d.as_chunks().0.iter());
    let wide = wide.as_chunks_mut::<QUAD_WORDS>().0;
    for ((((a, b), c), d), wide) in a.zip(b).zip(c).zip(d).zip(wide) {
        (wide[0], wide[BLOCK]) = even_and_odd(*a);
        (wide[1], wide[BLOCK + 1]) = even_and_odd(*b);
        (wide[2], wide[BLOCK + 2]) = even_and_odd(*c);
        (wide[3], wide[BLOCK + 3]) = even_and_odd(*d);
    }
}

/// Channels 0 and 2, and 1 and 3, 16 bits each.
#[inline(always)]
fn even_and_odd(quad: [i8; QUAD]) -> (u32, u32) {
    let word: u32 = bytemuck::cast(quad);
    let (even, odd): (u32, u32);
    // SAFETY: two instructions that compute a register from another.
    unsafe {
        asm!(
            "sxtb16 {even}, {word}",
            "sxtb16 {odd}, {word}, ror #8",
            word = in(reg) word,
            even = out(reg) even,
            odd = lateout(reg) odd,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    (even, odd)
}

/// Has the assembler, which goes by the target alone, know the extension.
macro_rules! CPU {
    () => {
        concat!(".cpu ", env!("KERNEL_CPU"))
    };
}

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

// SAFETY of both: as `AddProducts` demands, they read whole groups of `weights` and of `wide`, write only `sums` and their own part of
// the stack, arguments among it, and keep the registers that the procedure call standard (Arm IHI 0042) wants kept.

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
        "ldr r3, [r0], #4",
        quad!("r3"),
        "ldr r3, [r0], #4",
        quad!("r3"),
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
        "ldr r3, [r0], #4",
        "lsl lr, r3, #4",
        "and lr, lr, #0xF0F0F0F0",
        quad!("lr"),
        "and lr, r3, #0xF0F0F0F0",
        quad!("lr"),
        next_output!(),
    )
}
