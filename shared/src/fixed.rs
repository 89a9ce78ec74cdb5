//! Fixed-point arithmetic: the only rounding rule of Thimble, and a softmax without floats. Derivations are in
//! `docs/numerics.md`.

/// A positive factor `mantissa / 2^shift`, or zero.
///
/// The mantissa is 0 or in 2^30..2^31, so that a factor has 31 significant bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Multiplier {
    mantissa: i32,
    shift: u8,
}

impl Multiplier {
    /// Bytes of a multiplier in a model file: the mantissa, little endian, and the shift.
    pub const BYTES: usize = 5;
    /// Factor 0.
    pub const ZERO: Self = Self {
        mantissa: 0,
        shift: 1,
    };
    /// Factor 1.
    pub const ONE: Self = Self {
        mantissa: 1 << 30,
        shift: 30,
    };

    /// The factor `mantissa / 2^shift`; none unless the mantissa is 0 or in 2^30..2^31 and the shift in 1..=62.
    pub const fn new(mantissa: i32, shift: u8) -> Option<Self> {
        if (mantissa == 0 || mantissa >= 1 << 30) && shift >= 1 && shift <= 62 {
            Some(Self { mantissa, shift })
        } else {
            None
        }
    }

    /// The mantissa.
    pub const fn mantissa(self) -> i32 {
        self.mantissa
    }

    /// The shift to the right.
    pub const fn shift(self) -> u8 {
        self.shift
    }

    /// Its bytes in a model file.
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.mantissa.to_le_bytes();
        [a, b, c, d, self.shift]
    }

    /// Reads the bytes of a model file; none if they are no multiplier.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let [a, b, c, d, shift] = bytes;
        Self::new(i32::from_le_bytes([a, b, c, d]), shift)
    }
}

/// `value / 2^shift`, rounded to the nearest whole number and halves upwards: `floor((value + 2^(shift-1)) / 2^shift)`.
///
/// # Contract
/// `shift` is in 1..=62 and `value + 2^(shift-1)` fits in an `i64`.
#[inline(always)]
pub const fn round_shift(value: i64, shift: u8) -> i64 {
    debug_assert!(shift >= 1 && shift <= 62);
    (value + (1 << (shift - 1))) >> shift
}

/// `value · multiplier`, rounded by [`round_shift`] and saturated to an `i32`.
///
/// The product of two values below 2^31 is below 2^62, and the rounding summand at most 2^61: no overflow for any input.
///
/// ```
/// use thimble_shared::fixed::{Multiplier, requantize};
/// let half = Multiplier::new(1 << 30, 31).unwrap();
/// assert_eq!([3, 1, -1, -3].map(|value| requantize(value, half)), [2, 1, 0, -1]);
/// ```
#[inline(always)]
pub const fn requantize(value: i32, multiplier: Multiplier) -> i32 {
    let product = value as i64 * multiplier.mantissa as i64;
    let shift = multiplier.shift;
    if shift > 32 {
        // Half a unit lies in the upper word, so the lower one takes no part; and what is left needs no saturation.
        let upper = (product >> 32) as i32;
        return (upper + (1 << (shift - 33))) >> (shift - 32);
    }
    // The bits of the sum beyond its lower `shift`, in words of 32 bits, as that is what the small cores shift.
    let sum = product + (1 << (shift - 1));
    let (upper, lower) = ((sum >> 32) as i32, sum as u32);
    let shift = shift as u32;
    if shift == 32 {
        return upper;
    }
    if upper >> (shift - 1) != upper >> 31 {
        return if upper < 0 { i32::MIN } else { i32::MAX };
    }
    (upper << (32 - shift)) | (lower >> shift) as i32
}

/// A [`Multiplier`] in halves, by which values of 8 bits are requantized without products of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int8Multiplier {
    /// The upper 16 bits of the mantissa and the lower ones.
    halves: (i32, i32),
    /// Half a unit, and the shift to the right, without the lower 16 bits of the product: those take no part, as half a unit is a
    /// multiple of 2^16.
    half: i32,
    shift: u8,
}

impl Int8Multiplier {
    /// None if the shift is not in 17..=46.
    #[inline(always)]
    pub const fn new(multiplier: Multiplier) -> Option<Self> {
        let Multiplier { mantissa, shift } = multiplier;
        if shift < 17 || shift > 46 {
            return None;
        }
        Some(Self {
            halves: (mantissa >> 16, mantissa & 0xFFFF),
            half: 1 << (shift - 17),
            shift: shift - 16,
        })
    }

    /// As [`requantize`]; the result is below 2^22.
    #[inline(always)]
    pub const fn requantize(self, value: i8) -> i32 {
        let (upper, lower) = self.halves;
        let product = value as i32 * upper + ((value as i32 * lower) >> 16);
        (product + self.half) >> self.shift
    }
}

/// Fraction bits of logits: one logit is 4096.
pub const LOGIT_BITS: u8 = 12;
/// Probability 1 of [`softmax`].
pub const PROBABILITY_ONE: u16 = 1 << 15;
/// An inverse temperature of 1.
pub const INVERSE_TEMPERATURE_ONE: u32 = 1 << 16;

/// Probabilities of logits: `exp(logit · t) / Σ exp(logit · t)` for the inverse temperature `t`.
///
/// `logits` are Q12, `inverse_temperature` is Q16, the result is Q15 ([`PROBABILITY_ONE`] is 1), written to the front of
/// `probabilities`. Each is within 1 of the exact value times 2^15 for up to 64 logits.
///
/// # Contract
/// At most 64 logits, `probabilities` at least as long as `logits`.
pub fn softmax(logits: &[i32], inverse_temperature: u32, probabilities: &mut [u16]) {
    let most = logits.iter().copied().max().unwrap_or(0);
    let sum: u64 = logits
        .iter()
        .map(|&logit| weight(most, logit, inverse_temperature))
        .sum();
    for (probability, &logit) in probabilities.iter_mut().zip(logits) {
        // The weight of the largest logit is 2^30, so the sum is not zero.
        let weight = weight(most, logit, inverse_temperature);
        *probability = (((weight << 15) + sum / 2) / sum) as u16;
    }
}

/// `exp((logit - most) · t)` in Q30.
fn weight(most: i32, logit: i32, inverse_temperature: u32) -> u64 {
    /// log2(e) in Q28.
    const LOG2_E: u64 = 387_270_501;
    let distance = (i64::from(most) - i64::from(logit)) as u64;
    // Q12 · Q16 = Q28; two factors below 2^32.
    let distance = distance * u64::from(inverse_temperature);
    if distance >= 40 << 28 {
        return 0;
    }
    // Q28 · Q28 = Q56 → Q30; a factor below 2^34 and one below 2^29.
    let exponent = (distance * LOG2_E) >> 26;
    exp2_negative((exponent & ((1 << 30) - 1)) as u32) >> (exponent >> 30)
}

/// `2^-fraction` in Q30 for a fraction in Q30 below 1, within 10 units: Taylor's series of exp(-fraction · ln 2) by Horner.
fn exp2_negative(fraction: u32) -> u64 {
    /// (ln 2)^k / k! in Q30 with alternating signs, from the highest power down.
    const COEFFICIENTS: [i64; 10] = [
        -109,
        1_419,
        -16_377,
        165_394,
        -1_431_680,
        10_327_387,
        -59_597_083,
        257_941_248,
        -744_261_118,
        1 << 30,
    ];
    let fraction = i64::from(fraction);
    COEFFICIENTS.iter().fold(0, |sum, &coefficient| {
        round_shift(sum * fraction, 30) + coefficient
    }) as u64
}
