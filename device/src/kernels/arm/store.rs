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
    for at in 0..count {
        let out = first + at;
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        // SAFETY: so the caller says.
        for (place, sum) in places.into_iter().zip(unsafe { *sums.add(at) }) {
            let value = to_int8(rescaled(bias + (sum >> shift), multiplier), conv.relu);
            // SAFETY: so the caller says.
            unsafe { *output.add(place + out) = value };
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
