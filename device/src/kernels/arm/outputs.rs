//! Outputs of a convolution on cores with the DSP extension: from sums, or straight from the inputs where groups of channels are too
//! narrow for words.
//!
//! An output of a block is a turn of one loop: it gets at four sums, requantizes and stores them. In words of 32 bits (SMMLA, Arm
//! DDI 0403, A7.7): beyond a shift of 32 half a unit lies in the upper word of the product. A smaller shift stands for a factor of
//! 1/4 at least, so sums of more than 11 bits are as good as those of 11, which can be taken for 2^20 times themselves instead.

use core::arch::naked_asm;

use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{BLOCK, Conv1d};

/// Adds biases to the sums of `count` outputs from `first` on, which are `shift` bits too large, requantizes and puts them into their
/// places.
///
/// # Safety
/// There are such outputs, and sums of each.
pub(super) unsafe fn store(
    conv: &Conv1d<'_>,
    places: [usize; BLOCK],
    first: usize,
    count: usize,
    sums: *const [i32; BLOCK],
    shift: u32,
    output: *mut i8,
) {
    // SAFETY: so the caller says.
    unsafe {
        put_sums(
            output.add(first),
            conv.relu,
            places[1] * conv.out_channels,
            places[3] * conv.out_channels,
            sums,
            conv.biases.bytes().as_ptr().add(first * 4),
            conv.multipliers
                .bytes()
                .as_ptr()
                .add(first * Multiplier::BYTES),
            count,
            0,
            shift,
        );
    }
}

/// Convolves groups of any number of channels, with 8-bit weights.
///
/// # Safety
/// The inputs and outputs of these places, the weights, biases and multipliers are there.
pub(super) unsafe fn grouped(
    conv: &Conv1d<'_>,
    row_bytes: usize,
    places: [usize; BLOCK],
    input: *const i8,
    output: *mut i8,
) {
    let [channels, outputs] = [conv.in_channels, conv.out_channels].map(|all| all / conv.groups);
    // Groups of one output are taken together, each one further in the inputs.
    let (together, ahead) = if outputs == 1 {
        (conv.groups, channels)
    } else {
        (outputs, 0)
    };
    let five = conv.kernel == 5 && conv.dilation == 1 && ahead == 1 && places[3] == 3;
    let (mut first, mut input) = (0, input);
    while first < conv.out_channels {
        // SAFETY: so the caller says.
        unsafe {
            put_outputs(
                output.add(first),
                conv.relu,
                places[1] * conv.out_channels,
                places[3] * conv.out_channels,
                conv.weights.bytes().as_ptr().add(first * row_bytes),
                conv.biases.bytes().as_ptr().add(first * 4),
                conv.multipliers
                    .bytes()
                    .as_ptr()
                    .add(first * Multiplier::BYTES),
                together,
                conv.kernel,
                conv.dilation * conv.in_channels - channels,
                if five { 0 } else { channels },
                ahead,
                input,
                places[1] * conv.in_channels,
                places[3] * conv.in_channels,
            );
        }
        first += together;
        input = input.wrapping_add(channels);
    }
}

/// Of `outputs` outputs beside each other, computes those of the places 0, `second`, twice `second` and `last`.
///
/// With `taps` of 0, `values` are sums, so many bits too large as `gap` says. Else they are weights of so many taps of `channels`
/// channels, whose inputs are `gap` behind those of the tap before; the places of the first output's are 0, `in_second`, twice
/// `in_second` and `in_last` of `input`, those of the next are `ahead`. `channels` of 0 stands for five taps of one channel each,
/// where the inputs of the next tap are those of the next place, and those of the next output are beside them.
///
/// # Safety
/// There is an output at least; a bias and a multiplier of each; and so much of `output`, `values` and `input`.
// SAFETY: it writes these outputs and its own part of the stack, arguments among it, and keeps the registers that the procedure call
// standard (Arm IHI 0042) wants kept.
#[unsafe(naked)]
unsafe extern "C" fn put_outputs(
    output: *mut i8,
    relu: bool,
    second: usize,
    last: usize,
    values: *const u8,
    biases: *const u8,
    multipliers: *const u8,
    outputs: usize,
    taps: usize,
    gap: usize,
    channels: usize,
    ahead: usize,
    input: *const i8,
    in_second: usize,
    in_last: usize,
) {
    naked_asm!(
        CPU!(),
        // lr is the output, r8 and r9 second and last place, r12 the values. At the stack's end are the output at which a run ends,
        // relu, second and last; above thirteen registers the other arguments.
        "push {{r0-r11, lr}}",
        "mov lr, r0",
        "mov r8, r2",
        "mov r9, r3",
        "ldr r12, [sp, #{values}]",
        // The place of the bias of output 0.
        "ldr r0, [sp, #{biases}]",
        "sub r0, r0, lr, lsl #2",
        "str r0, [sp, #{biases}]",
        // A run of one output.
        "1:",
        "add r0, lr, #1",
        "str r0, [sp]",
        "ldr r1, [sp, #{biases}]",
        "ldr r4, [r1, lr, lsl #2]",
        "ldrd r0, r1, [sp, #{taps}]",
        "cbz r0, 4f",
        "ldr r2, [sp, #{channels}]",
        "cbz r2, 6f",
        // Tap after tap.
        "ldrd r8, r9, [sp, #{in_second}]",
        "ldrd r3, r11, [sp, #{ahead}]",
        "add r3, r3, r11",
        "str r3, [sp, #{input}]",
        "mov r5, r4",
        "mov r6, r4",
        "mov r7, r4",
        "2:",
        "ldr r10, [sp, #{channels}]",
        "3:",
        "ldrsb r3, [r12], #1",
        "ldrsb r2, [r11, r8]",
        "mla r5, r2, r3, r5",
        "ldrsb r2, [r11, r8, lsl #1]",
        "mla r6, r2, r3, r6",
        "ldrsb r2, [r11, r9]",
        "mla r7, r2, r3, r7",
        "ldrsb r2, [r11], #1",
        "mla r4, r2, r3, r4",
        "subs r10, r10, #1",
        "bne 3b",
        "add r11, r11, r1",
        "subs r0, r0, #1",
        "bne 2b",
        "ldrd r8, r9, [sp, #8]",
        "b 5f",
        // Sums that are there.
        "4:",
        "mov r3, r4",
        "ldm r12!, {{r4-r7}}",
        ".irp sum, r4, r5, r6, r7",
        "asrs \\sum, \\sum, r1",
        "adds \\sum, \\sum, r3",
        ".endr",
        "5:",
        "ldr r2, [sp, #{multipliers}]",
        "ldr r0, [r2], #5",
        "ldrb r1, [r2, #-1]",
        "str r2, [sp, #{multipliers}]",
        "b 8f",
        // Five taps, all outputs in a run: r10 is the input, r11 that of the last tap. Multipliers, of five bytes, are found by the
        // weights.
        "6:",
        "ldr r10, [sp, #{input}]",
        "add r11, r10, r8, lsl #2",
        "ldrd r0, r1, [sp, #{multipliers}]",
        "add r1, r1, lr",
        "str r1, [sp]",
        "movs r1, #1",
        "str r1, [sp, #{outputs}]",
        "sub r0, r0, r12",
        "subs r0, r0, #5",
        "adds r1, r0, #4",
        "strd r0, r1, [sp, #{taps}]",
        "7:",
        "ldr r1, [sp, #{biases}]",
        "ldr r7, [r1, lr, lsl #2]",
        // Pairs of inputs x0 to x7 are two positions apart, as SXTB16 takes the weights out of a word.
        "ldr r0, [r12], #4",
        "sxtb16 r1, r0, ror #8",
        "sxtb16 r0, r0",
        "ldrsb r2, [r10, r8]",
        "ldrsb r3, [r10, r9]",
        "pkhbt r2, r2, r3, lsl #16",
        "smlad r4, r1, r2, r7",
        "smlad r5, r0, r2, r7",
        "ldrsb r2, [r11, r8]",
        "pkhbt r3, r3, r2, lsl #16",
        "smlad r6, r1, r3, r7",
        "smlad r7, r0, r3, r7",
        "ldrsb r3, [r12]",
        "smlabb r5, r2, r3, r5",
        "ldrsb r2, [r11, r9]",
        "smlabb r7, r2, r3, r7",
        "ldrsb r2, [r11, r8, lsl #1]",
        "ldrsb r3, [r11], #1",
        "pkhbt r2, r3, r2, lsl #16",
        "smlad r7, r1, r2, r7",
        "ldrsb r3, [r10, r8, lsl #1]",
        "pkhbt r3, r3, r2, lsl #16",
        "smlad r5, r1, r3, r5",
        "smlad r6, r0, r3, r6",
        "ldrsb r1, [r10], #1",
        "pkhbt r1, r1, r3, lsl #16",
        "smlad r4, r0, r1, r4",
        "ldrsb r0, [r12], #1",
        "smlabb r4, r2, r0, r4",
        "smlatb r6, r2, r0, r6",
        "ldrd r2, r3, [sp, #{taps}]",
        "ldr r0, [r2, r12]",
        "ldrb r1, [r3, r12]",
        // Requantizes: the shift without its last bit, which SSAT takes.
        "8:",
        "movs r2, #1",
        "subs r1, r1, #33",
        "blt 12f",
        "9:",
        "lsls r2, r2, r1",
        ".irp sum, r4, r5, r6, r7",
        "smmla \\sum, \\sum, r0, r2",
        "asrs \\sum, \\sum, r1",
        ".endr",
        "ldrd r2, r3, [sp]",
        "cbz r3, 10f",
        ".irp sum, r4, r5, r6, r7",
        "usat \\sum, #7, \\sum, asr #1",
        ".endr",
        "b 11f",
        "10:",
        ".irp sum, r4, r5, r6, r7",
        "ssat \\sum, #8, \\sum, asr #1",
        ".endr",
        "11:",
        "strb r7, [lr, r9]",
        "strb r6, [lr, r8, lsl #1]",
        "strb r5, [lr, r8]",
        "strb r4, [lr], #1",
        "cmp lr, r2",
        "bne 7b",
        "ldr r0, [sp, #{outputs}]",
        "subs r0, r0, #1",
        "str r0, [sp, #{outputs}]",
        "bne 1b",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
        // A small shift.
        "12:",
        ".irp sum, r4, r5, r6, r7",
        "ssat \\sum, #11, \\sum",
        "lsls \\sum, \\sum, #20",
        ".endr",
        "adds r1, r1, #20",
        "bpl 9b",
        "movs r1, #0",
        "b 9b",
        values = const 52,
        biases = const 56,
        multipliers = const 60,
        outputs = const 64,
        taps = const 68,
        channels = const 76,
        ahead = const 80,
        input = const 84,
        in_second = const 88,
    )
}

/// [`put_outputs`] of sums, without the arguments that these don't want.
///
/// # Safety
/// There is an output at least; a bias, a multiplier and sums of each; and so much of `output`.
// SAFETY: that function does not look at the other arguments then.
#[unsafe(naked)]
unsafe extern "C" fn put_sums(
    output: *mut i8,
    relu: bool,
    second: usize,
    last: usize,
    sums: *const [i32; BLOCK],
    biases: *const u8,
    multipliers: *const u8,
    outputs: usize,
    taps: usize,
    shift: u32,
) {
    naked_asm!("b {put_outputs}", put_outputs = sym put_outputs)
}
