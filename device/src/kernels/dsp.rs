//! Causal convolution with the DSP extension of Cortex-M4 and M7: two products an instruction (SMLAD, Arm DDI 0403, A7.7).
//!
//! A block's four positions share each weight that is loaded. Their inputs are widened to 16 bits beforehand, four channels of
//! them at a time: the even channels of the positions one after the other, then the odd ones, as SXTB16 takes them out of a word of
//! weights. So the inner loop has an instruction to load weights, two to widen them, two to load inputs, and eight that multiply.

use core::arch::asm;
use core::ops::Range;

use thimble_shared::fixed::requantize;
use thimble_shared::format::{BLOCK, Conv1d, INT4_GROUP, Weights};

use super::to_int8;

/// Channels of a word of 8-bit weights.
const QUAD: usize = 4;
/// Quads whose inputs are widened together: 512 bytes of the stack.
const QUADS: usize = 16;
/// Words of the widened inputs of a quad.
const WIDE: usize = 2 * BLOCK;
/// Outputs whose sums are kept beside each other: 512 bytes of the stack.
const OUTPUTS: usize = 32;

/// Whether this kernel convolves such layers.
pub(super) fn fits(conv: &Conv1d<'_>) -> bool {
    let step = match conv.weights {
        Weights::Int8(_) => QUAD,
        Weights::Int4(_) => INT4_GROUP,
    };
    conv.groups == 1 && conv.in_channels.is_multiple_of(step)
}

/// As the plain kernel; there are at most [`BLOCK`] positions, and the layer [fits](fits).
pub(super) fn conv1d(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    for first in (0..conv.out_channels).step_by(OUTPUTS) {
        let outputs = first..conv.out_channels.min(first + OUTPUTS);
        convolve(conv, outputs, input, output);
    }
}

/// Computes some of the outputs.
fn convolve(conv: &Conv1d<'_>, outputs: Range<usize>, input: &[i8], output: &mut [i8]) {
    let row_bytes = conv.row_bytes();
    let tap_bytes = row_bytes / conv.kernel;
    let (add_products, quad_bytes, shift): (AddProducts, usize, u32) = match conv.weights {
        Weights::Int8(_) => (add_products_int8, QUAD, 0),
        // 4-bit weights are taken for 16 times themselves.
        Weights::Int4(_) => (add_products_int4, QUAD / 2, 4),
    };
    let mut wide = [0; QUADS * WIDE];
    let mut sums = [[0; BLOCK]; OUTPUTS];
    let sums = &mut sums[..outputs.len()];
    let rows = &conv.weights.bytes()[outputs.start * row_bytes..outputs.end * row_bytes];
    for tap in 0..conv.kernel {
        for start in (0..conv.in_channels).step_by(QUADS * QUAD) {
            let quads = (conv.in_channels - start).min(QUADS * QUAD) / QUAD;
            for position in 0..output.len() / conv.out_channels {
                let at = (position + tap * conv.dilation) * conv.in_channels + start;
                widen(&input[at..at + quads * QUAD], &mut wide[position..]);
            }
            let at = tap * tap_bytes + start / QUAD * quad_bytes;
            for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(row_bytes)) {
                add_products(&row[at..at + quads * quad_bytes], &wide, sums);
            }
        }
    }
    for (out, sums) in outputs.zip(sums) {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        for (position, sum) in output.chunks_exact_mut(conv.out_channels).zip(sums) {
            let sum = requantize(bias + (*sum >> shift), multiplier);
            position[out] = to_int8(sum, conv.relu);
        }
    }
}

/// Widens quads of channels of a position; its words in `wide` are every fourth.
fn widen(input: &[i8], wide: &mut [u32]) {
    for (quad, wide) in input
        .as_chunks::<QUAD>()
        .0
        .iter()
        .zip(wide.chunks_mut(WIDE))
    {
        let word = u32::from_le_bytes(quad.map(|value| value as u8));
        let (even, odd): (u32, u32);
        // SAFETY: two instructions that compute a register from another.
        unsafe {
            asm!(
                "sxtb16 {even}, {word}",
                "sxtb16 {odd}, {word}, ror #8",
                word = in(reg) word,
                even = lateout(reg) even,
                odd = lateout(reg) odd,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        wide[0] = even;
        wide[BLOCK] = odd;
    }
}

/// Adds the products of a stretch of an output's weights and of the widened inputs to the sums of the positions.
type AddProducts = fn(&[u8], &[u32; QUADS * WIDE], &mut [i32; BLOCK]);

/// A byte is a weight, and there are at most [`QUADS`] quads of them.
fn add_products_int8(weights: &[u8], wide: &[u32; QUADS * WIDE], sums: &mut [i32; BLOCK]) {
    let quads = weights.len() / QUAD;
    debug_assert!(quads <= QUADS);
    let [mut a, mut b, mut c, mut d] = *sums;
    if quads > 0 {
        // SAFETY: reads 4 bytes of `weights` and 32 of `wide` a quad, whose number was taken from the length of `weights`, and
        // `wide` holds as many. The registers that are no operands are restored.
        unsafe {
            asm!(
                "push {{r6, r7, r11}}",
                "2:",
                "ldr r6, [r0], #4",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, r6",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, r6, ror #8",
                "subs r2, r2, #1",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "bne 2b",
                "pop {{r6, r7, r11}}",
                inout("r0") weights.as_ptr() => _,
                inout("r1") wide.as_ptr() => _,
                inout("r2") quads => _,
                inout("r3") a,
                inout("r4") b,
                inout("r5") c,
                inout("r12") d,
                out("r8") _,
                out("r9") _,
                out("r10") _,
            );
        }
    }
    *sums = [a, b, c, d];
}

/// A byte is two weights, a word those of two quads, and there are at most [`QUADS`] quads. The sums get 16 times the products.
fn add_products_int4(weights: &[u8], wide: &[u32; QUADS * WIDE], sums: &mut [i32; BLOCK]) {
    let words = weights.len() / QUAD;
    debug_assert!(2 * words <= QUADS);
    let [mut a, mut b, mut c, mut d] = *sums;
    if words > 0 {
        // SAFETY: reads 4 bytes of `weights` and 64 of `wide` a word, whose number was taken from the length of `weights`, and
        // `wide` holds as many. The registers that are no operands are restored.
        unsafe {
            asm!(
                "push {{r6, r7, r11}}",
                "2:",
                "ldr r6, [r0], #4",
                "lsl lr, r6, #4",
                "and lr, lr, #0xF0F0F0F0",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, lr",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, lr, ror #8",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "and lr, r6, #0xF0F0F0F0",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, lr",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "ldm r1!, {{r8, r9, r10, r11}}",
                "sxtb16 r7, lr, ror #8",
                "subs r2, r2, #1",
                "smlad r3, r7, r8, r3",
                "smlad r4, r7, r9, r4",
                "smlad r5, r7, r10, r5",
                "smlad r12, r7, r11, r12",
                "bne 2b",
                "pop {{r6, r7, r11}}",
                inout("r0") weights.as_ptr() => _,
                inout("r1") wide.as_ptr() => _,
                inout("r2") words => _,
                inout("r3") a,
                inout("r4") b,
                inout("r5") c,
                inout("r12") d,
                out("r8") _,
                out("r9") _,
                out("r10") _,
                out("lr") _,
            );
        }
    }
    *sums = [a, b, c, d];
}
