//! From sums to outputs, on cores without a kernel for that.

use thimble_shared::fixed::{Multiplier, requantize};
use thimble_shared::format::{BLOCK, Conv1d};

use crate::kernels::{scaled, to_int8};

/// Adds biases to the sums of `count` outputs from `first` on, which are `shift` bits too large, requantizes and puts them into their
/// places.
///
/// # Safety
/// There are such outputs, and sums of each.
#[inline(never)]
pub(super) unsafe fn store(
    conv: &Conv1d<'_>,
    places: [usize; BLOCK],
    first: usize,
    count: usize,
    sums: *const [i32; BLOCK],
    shift: u32,
    output: *mut i8,
) {
    let places = places.map(|place| place * conv.out_channels);
    let mut sum: *const i32 = sums.cast();
    for out in first..first + count {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        for place in &places {
            // SAFETY: so the caller says.
            let value = rescaled(bias + unsafe { *sum >> shift }, multiplier);
            // SAFETY: so the caller says.
            unsafe { *output.add(place + out) = to_int8(value, conv.relu) };
            sum = sum.wrapping_add(1);
        }
    }
}

/// [`scaled`], what is usual of it in place where the core has the multiplication for that.
#[inline(always)]
fn rescaled(value: i32, multiplier: Multiplier) -> i32 {
    if multiplier.shift() > 32 && !cfg!(kernel = "v6m") {
        requantize(value, multiplier)
    } else {
        scaled(value, multiplier)
    }
}
