//! Requantization of values of 8 bits on cores with the DSP extension: a word times half a word, and a sum (SMLAWB, Arm DDI 0403,
//! A7.7).

use core::arch::asm;

use thimble_shared::fixed::Multiplier;

/// As the one of [`thimble_shared::fixed`].
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Int8Multiplier {
    mantissa: i32,
    /// Half a unit, and the shift to the right, without the lower 16 bits of the product.
    half: i32,
    shift: u8,
}

impl Int8Multiplier {
    /// None if the shift is not in 17..=46.
    #[inline(always)]
    pub(in crate::kernels) const fn new(multiplier: Multiplier) -> Option<Self> {
        let (mantissa, shift) = (multiplier.mantissa(), multiplier.shift());
        if shift < 17 || shift > 46 {
            return None;
        }
        Some(Self {
            mantissa,
            half: 1 << (shift - 17),
            shift: shift - 16,
        })
    }

    #[inline(always)]
    pub(in crate::kernels) fn requantize(self, value: i8) -> i32 {
        let sum: i32;
        // SAFETY: an instruction that computes a register from others.
        unsafe {
            asm!(
                "smlawb {sum}, {mantissa}, {value}, {half}",
                sum = lateout(reg) sum,
                mantissa = in(reg) self.mantissa,
                value = in(reg) i32::from(value),
                half = in(reg) self.half,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum >> self.shift
    }
}
