//! x86-64 with AVX-512 VNNI: the products of four neighbouring channels and their sum are one instruction (VPDPBUSD).
//!
//! It wants one factor without a sign, so weights get an offset: a flip of their upper bit adds 2^(bits - 1).

use core::arch::x86_64::*;

use thimble_shared::format::{BLOCK, Conv1d};

use super::{Instructions, Kernel, OUTPUTS, Outputs, STEP, Scales, Sums, Window};

pub(super) const KERNEL: Kernel = Kernel {
    name: "AVX-512 VNNI",
    is_here,
    run,
};

fn is_here() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(feature = "std"))]
    cfg!(all(
        target_feature = "avx512bw",
        target_feature = "avx512vl",
        target_feature = "avx512vnni"
    ))
}

/// Runs plain code, compiled for these instructions.
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
pub(super) fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn run(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    // SAFETY: the same is demanded here.
    unsafe { super::convolve::<Avx512>(conv, input, output) }
}

struct Avx512;

impl Instructions for Avx512 {
    fn offset(is_int4: bool) -> i32 {
        if is_int4 { 8 } else { 128 }
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
    unsafe fn total(window: &[i8]) -> i32 {
        let mut sum = _mm512_setzero_si512();
        for step in window.as_chunks::<STEP>().0 {
            // SAFETY: these are 64 bytes.
            let step = unsafe { _mm512_loadu_si512(step.as_ptr().cast()) };
            sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), step);
        }
        _mm512_reduce_add_epi32(sum)
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: &[u8],
        row_bytes: usize,
        windows: &[Window; BLOCK],
    ) -> Sums {
        let load = if INT4 { STEP / 2 } else { STEP };
        let (whole, rest) = (row_bytes / load, row_bytes % load);
        let rows = core::array::from_fn(|output| rows[output * row_bytes..].as_ptr());
        let mut sums = [[_mm512_setzero_si512(); OUTPUTS]; POSITIONS];
        // SAFETY: so many bytes are left of each row, and windows reach as far, in steps.
        unsafe {
            if rest > load / 2 {
                add(
                    rows.map(|row| weights::<INT4>(row.add(whole * load), rest)),
                    windows,
                    whole,
                    &mut sums,
                );
            } else if rest > 0 {
                let weights = rows.map(|row| few_weights::<INT4>(row.add(whole * load), rest));
                for (sums, window) in sums.iter_mut().zip(windows) {
                    let inputs = few_inputs::<INT4>(window.0.as_ptr().add(whole * STEP).cast());
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        let few = _mm256_dpbusd_epi32(_mm256_setzero_si256(), weights, inputs);
                        *sum = _mm512_zextsi256_si512(few);
                    }
                }
            }
            for step in 0..whole {
                add(
                    rows.map(|row| weights::<INT4>(row.add(step * load), load)),
                    windows,
                    step,
                    &mut sums,
                );
            }
        }
        totals::<INT4, POSITIONS>(sums)
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
    unsafe fn requantized(
        sums: &Sums,
        excess: &[i32; BLOCK],
        scales: Scales<'_>,
        relu: bool,
    ) -> Option<Outputs> {
        let multipliers = scales.multipliers.as_flattened();
        // SAFETY: as many bytes, any values; the last vector ends where the multipliers do.
        let [sums, excess, biases, first, others] = unsafe {
            let of_outputs =
                |bytes: &[u8]| _mm512_broadcast_i32x4(_mm_loadu_si128(bytes.as_ptr().cast()));
            let excess = excess.map(|excess| [excess; OUTPUTS]);
            [
                core::mem::transmute::<Sums, __m512i>(*sums),
                core::mem::transmute::<Sums, __m512i>(excess),
                of_outputs(scales.biases.as_flattened()),
                of_outputs(multipliers),
                of_outputs(&multipliers[4..]),
            ]
        };
        // Behind the first mantissa come a shift and a mantissa three times, and the last shift.
        let mantissas = _mm512_shuffle_epi8(
            others,
            _mm512_set4_epi32(0x0E_0D_0C_0B, 0x09_08_07_06, 0x04_03_02_01, 0),
        );
        let mantissas = _mm512_mask_blend_epi32(0x1111, mantissas, first);
        let shifts = _mm512_and_si512(
            _mm512_shuffle_epi8(others, _mm512_set4_epi32(15, 10, 5, 0)),
            _mm512_set1_epi32(0xFF),
        );
        let shifts = _mm512_sub_epi32(shifts, _mm512_set1_epi32(32));
        if _mm512_cmple_epi32_mask(shifts, _mm512_setzero_si512()) != 0 {
            return None;
        }
        let sums = _mm512_add_epi32(_mm512_sub_epi32(sums, excess), biases);
        // Products of 64 bits, of each even lane and of each odd one.
        let even = _mm512_mul_epi32(sums, mantissas);
        let odd = _mm512_mul_epi32(
            _mm512_srli_epi64::<32>(sums),
            _mm512_srli_epi64::<32>(mantissas),
        );
        let upper = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<32>(even), odd);
        let half = _mm512_srli_epi32::<1>(_mm512_sllv_epi32(_mm512_set1_epi32(1), shifts));
        let values = _mm512_srav_epi32(_mm512_add_epi32(upper, half), shifts);
        let least = _mm512_set1_epi32(if relu { 0 } else { i32::MIN });
        let outputs = _mm512_cvtsepi32_epi8(_mm512_max_epi32(values, least));
        // SAFETY: both are 16 bytes that hold any values.
        Some(unsafe { core::mem::transmute::<__m128i, Outputs>(outputs) })
    }
}

/// Weights of a step without sign, from the first `count` bytes; 4-bit ones in the upper half of the vector 16 times themselves, as
/// they stand in their bytes.
///
/// # Safety
/// There are so many bytes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn weights<const INT4: bool>(bytes: *const u8, count: usize) -> __m512i {
    if INT4 {
        // SAFETY: what the mask leaves out is not read.
        let bytes = unsafe { _mm256_maskz_loadu_epi8(u32::MAX >> (32 - count), bytes.cast()) };
        let by_half = |lower: i8, upper: i8| {
            _mm512_mask_blend_epi64(0xF0, _mm512_set1_epi8(lower), _mm512_set1_epi8(upper))
        };
        let flipped = _mm512_xor_si512(_mm512_broadcast_i64x4(bytes), by_half(0x08, 0x80_u8 as i8));
        _mm512_and_si512(flipped, by_half(0x0F, 0xF0_u8 as i8))
    } else {
        // SAFETY: as above.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(u64::MAX >> (64 - count), bytes.cast()) };
        _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN))
    }
}

/// 4 in both halves.
const SHIFT: i64 = 4 << 32 | 4;

/// Adds the products of a step.
///
/// # Safety
/// The windows reach so far.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn add<const POSITIONS: usize>(
    weights: [__m512i; OUTPUTS],
    windows: &[Window; BLOCK],
    step: usize,
    sums: &mut [[__m512i; OUTPUTS]; POSITIONS],
) {
    for (sums, window) in sums.iter_mut().zip(windows) {
        // SAFETY: as above.
        let inputs = unsafe { _mm512_load_si512(window.0.as_ptr().add(step * STEP).cast()) };
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = _mm512_dpbusd_epi32(*sum, weights, inputs);
        }
    }
}

/// As [`weights`], for at most half of a step, which costs half as much; all are themselves.
///
/// # Safety
/// There are so many bytes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn few_weights<const INT4: bool>(bytes: *const u8, count: usize) -> __m256i {
    if INT4 {
        // SAFETY: what the mask leaves out is not read.
        let bytes = unsafe { _mm_maskz_loadu_epi8(u16::MAX >> (16 - count), bytes.cast()) };
        let shifts = _mm256_set_epi64x(SHIFT, SHIFT, 0, 0);
        let halves = _mm256_srlv_epi32(_mm256_broadcastsi128_si256(bytes), shifts);
        let flipped = _mm256_xor_si256(halves, _mm256_set1_epi8(0x08));
        _mm256_and_si256(flipped, _mm256_set1_epi8(0x0F))
    } else {
        // SAFETY: as above.
        let bytes = unsafe { _mm256_maskz_loadu_epi8(u32::MAX >> (32 - count), bytes.cast()) };
        _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN))
    }
}

/// The inputs for [`few_weights`], out of a step.
///
/// # Safety
/// There is a step.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn few_inputs<const INT4: bool>(step: *const u8) -> __m256i {
    // SAFETY: as above.
    unsafe {
        if INT4 {
            let upper = _mm_load_si128(step.add(STEP / 2).cast());
            let lower = _mm256_castsi128_si256(_mm_load_si128(step.cast()));
            _mm256_inserti128_si256::<1>(lower, upper)
        } else {
            _mm256_load_si256(step.cast())
        }
    }
}

/// The sixteen lanes of each sum to one: to a lane of 128 bits a position and four outputs, then over these. With 4-bit weights the
/// upper half of each is 16 times too large.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn totals<const INT4: bool, const POSITIONS: usize>(sums: [[__m512i; OUTPUTS]; POSITIONS]) -> Sums {
    let mut all = [_mm512_setzero_si512(); BLOCK];
    for (all, [a, b, c, d]) in all.iter_mut().zip(sums) {
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        *all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        if INT4 {
            *all = _mm512_mask_srai_epi32::<4>(*all, 0xFF00, *all);
        }
    }
    let [a, b, c, d] = all;
    let both = |a: __m512i, b: __m512i| {
        _mm512_add_epi32(
            _mm512_shuffle_i32x4::<0x88>(a, b),
            _mm512_shuffle_i32x4::<0xDD>(a, b),
        )
    };
    let totals = both(both(a, b), both(c, d));
    // SAFETY: both are 64 bytes that hold any values.
    unsafe { core::mem::transmute::<__m512i, Sums>(totals) }
}
