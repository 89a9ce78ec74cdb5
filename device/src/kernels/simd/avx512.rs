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
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: [&[u8]; OUTPUTS],
        windows: &[Window; BLOCK],
    ) -> Sums {
        let load = if INT4 { STEP / 2 } else { STEP };
        let mut sums = [[_mm512_setzero_si512(); OUTPUTS]; POSITIONS];
        let mut add = |start: usize, count: usize| {
            // SAFETY: `count` bytes of each row are there from `start` on, and windows reach as far, in steps.
            unsafe {
                let weights = rows.map(|row| weights::<INT4>(row.as_ptr().add(start), count));
                for (sums, window) in sums.iter_mut().zip(windows) {
                    let inputs =
                        _mm512_load_si512(window.0.as_ptr().add(start * STEP / load).cast());
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = _mm512_dpbusd_epi32(*sum, weights, inputs);
                    }
                }
            }
        };
        let whole = rows[0].len() / load * load;
        for start in (0..whole).step_by(load) {
            add(start, load);
        }
        if whole < rows[0].len() {
            add(whole, rows[0].len() - whole);
        }
        totals(sums)
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
    unsafe fn requantized(
        sums: &Sums,
        excess: &[i32; BLOCK],
        scales: &Scales,
        relu: bool,
    ) -> Outputs {
        // SAFETY: as many bytes, any values.
        let [sums, excess, biases, mantissas, shifts] = unsafe {
            let of_outputs =
                |values: *const i32| _mm512_broadcast_i32x4(_mm_loadu_si128(values.cast()));
            [
                _mm512_loadu_si512(sums.as_ptr().cast()),
                _mm512_permutexvar_epi32(
                    _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0),
                    _mm512_castsi128_si512(_mm_loadu_si128(excess.as_ptr().cast())),
                ),
                of_outputs(scales.biases.as_ptr()),
                of_outputs(scales.mantissas.as_ptr()),
                of_outputs(scales.shifts.as_ptr().cast()),
            ]
        };
        let sums = _mm512_add_epi32(_mm512_sub_epi32(sums, excess), biases);
        // Products of 64 bits, of each even lane and of each odd one.
        let even = _mm512_mul_epi32(sums, mantissas);
        let odd = _mm512_mul_epi32(
            _mm512_srli_epi64::<32>(sums),
            _mm512_srli_epi64::<32>(mantissas),
        );
        let upper = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<32>(even), odd);
        let shifts = _mm512_sub_epi32(shifts, _mm512_set1_epi32(32));
        let half = _mm512_srli_epi32::<1>(_mm512_sllv_epi32(_mm512_set1_epi32(1), shifts));
        let values = _mm512_srav_epi32(_mm512_add_epi32(upper, half), shifts);
        let least = _mm512_set1_epi32(if relu { 0 } else { i32::MIN });
        let outputs = _mm512_cvtsepi32_epi8(_mm512_max_epi32(values, least));
        // SAFETY: both are 16 bytes that hold any values.
        unsafe { core::mem::transmute::<__m128i, Outputs>(outputs) }
    }
}

/// Weights of a step without sign, from the first `count` bytes.
///
/// # Safety
/// There are so many bytes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn weights<const INT4: bool>(bytes: *const u8, count: usize) -> __m512i {
    if INT4 {
        // SAFETY: what the mask leaves out is not read.
        let bytes = unsafe { _mm256_maskz_loadu_epi8(u32::MAX >> (32 - count), bytes.cast()) };
        let shifts = _mm512_set_epi64(SHIFT, SHIFT, SHIFT, SHIFT, 0, 0, 0, 0);
        let halves = _mm512_srlv_epi32(_mm512_broadcast_i64x4(bytes), shifts);
        let flipped = _mm512_xor_si512(halves, _mm512_set1_epi8(0x08));
        _mm512_and_si512(flipped, _mm512_set1_epi8(0x0F))
    } else {
        // SAFETY: as above.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(u64::MAX >> (64 - count), bytes.cast()) };
        _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN))
    }
}

/// 4 in both halves.
const SHIFT: i64 = 4 << 32 | 4;

/// The sixteen lanes of each sum to one: to a lane of 128 bits a position and four outputs, then over these.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn totals<const POSITIONS: usize>(sums: [[__m512i; OUTPUTS]; POSITIONS]) -> Sums {
    let mut all = [_mm512_setzero_si512(); BLOCK];
    for (all, [a, b, c, d]) in all.iter_mut().zip(sums) {
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        *all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
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
