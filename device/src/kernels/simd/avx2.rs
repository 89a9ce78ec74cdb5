//! x86-64 with AVX2: the products of four neighbouring channels and their sum are three instructions (VPMADDUBSW, VPMADDWD and
//! VPADDD).
//!
//! The first wants one factor without a sign, so weights get an offset: a flip of their upper bit adds 2^(bits - 1). As its sums of
//! two products have 16 bits, that goes for 4-bit weights only; others are widened.

use core::arch::x86_64::*;

use thimble_shared::format::{BLOCK, Conv1d};

use super::{Instructions, Kernel, OUTPUTS, STEP, Sums, Window};

pub(super) const KERNEL: Kernel = Kernel {
    name: "AVX2",
    is_here,
    run,
};

/// Bytes of weights that are loaded at once.
const LOAD: usize = STEP / 2;

fn is_here() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx2")
}

/// Runs plain code, compiled for these instructions.
#[target_feature(enable = "avx2")]
pub(super) fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[target_feature(enable = "avx2")]
unsafe fn run(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    // SAFETY: the same is demanded here.
    unsafe { super::convolve::<Avx2>(conv, input, output) }
}

struct Avx2;

impl Instructions for Avx2 {
    fn offset(is_int4: bool) -> i32 {
        if is_int4 { 8 } else { 0 }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: &[u8],
        row_bytes: usize,
        windows: &[Window; BLOCK],
    ) -> Sums {
        let mut totals = [_mm_setzero_si128(); OUTPUTS];
        for (output, total) in totals.iter_mut().enumerate() {
            let row = &rows[output * row_bytes..];
            let mut sums = [_mm256_setzero_si256(); BLOCK];
            for start in (0..row_bytes).step_by(LOAD) {
                let [first, second] = weights::<INT4>(&row[start..]);
                for (sum, window) in sums.iter_mut().zip(windows).take(POSITIONS) {
                    // SAFETY: windows reach as far as the rows, in steps.
                    let products = unsafe {
                        if INT4 {
                            products_int4(first, second, window.0.as_ptr().add(2 * start).cast())
                        } else {
                            products_int8(first, second, window.0.as_ptr().add(start).cast())
                        }
                    };
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            *total = lanes_added(sums);
        }
        by_position(totals)
    }
}

/// The next weights, or what is behind the row: of 4 bits those in lower halves without sign and those in upper ones; of 8 bits
/// the first half and the second one, widened.
#[inline]
#[target_feature(enable = "avx2")]
fn weights<const INT4: bool>(rest: &[u8]) -> [__m256i; 2] {
    let bytes = load(rest);
    if INT4 {
        let (flip, low) = (_mm256_set1_epi8(0x08), _mm256_set1_epi8(0x0F));
        let upper = _mm256_srli_epi16::<4>(bytes);
        [bytes, upper].map(|half| _mm256_and_si256(_mm256_xor_si256(half, flip), low))
    } else {
        widened(bytes)
    }
}

/// The first [`LOAD`] bytes, filled up with zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn load(rest: &[u8]) -> __m256i {
    let mut bytes = [0; LOAD];
    match rest.first_chunk() {
        Some(whole) => bytes = *whole,
        None => bytes[..rest.len()].copy_from_slice(rest),
    }
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn widened(bytes: __m256i) -> [__m256i; 2] {
    [
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(bytes)),
    ]
}

/// # Safety
/// There are two vectors of inputs.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products_int4(lower: __m256i, upper: __m256i, inputs: *const __m256i) -> __m256i {
    // SAFETY: as above.
    let (first, second) = unsafe { (_mm256_load_si256(inputs), _mm256_load_si256(inputs.add(1))) };
    // Each at most 2 · 15 · 128: four products have room in 16 bits.
    let sums = _mm256_add_epi16(
        _mm256_maddubs_epi16(lower, first),
        _mm256_maddubs_epi16(upper, second),
    );
    _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
}

/// # Safety
/// There is a vector of inputs.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products_int8(first: __m256i, second: __m256i, inputs: *const __m256i) -> __m256i {
    // SAFETY: as above.
    let [lower, upper] = widened(unsafe { _mm256_load_si256(inputs) });
    _mm256_add_epi32(
        _mm256_madd_epi16(first, lower),
        _mm256_madd_epi16(second, upper),
    )
}

/// The sum of the lanes of each sum.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes_added([a, b, c, d]: [__m256i; BLOCK]) -> __m128i {
    let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_add_epi32(
        _mm256_castsi256_si128(halves),
        _mm256_extracti128_si256::<1>(halves),
    )
}

/// What each output has at each position, by position.
#[inline]
#[target_feature(enable = "avx2")]
fn by_position([a, b, c, d]: [__m128i; OUTPUTS]) -> Sums {
    let (ab, cd) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
    let (later_ab, later_cd) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
    let positions = [
        _mm_unpacklo_epi64(ab, cd),
        _mm_unpackhi_epi64(ab, cd),
        _mm_unpacklo_epi64(later_ab, later_cd),
        _mm_unpackhi_epi64(later_ab, later_cd),
    ];
    // SAFETY: both are 64 bytes that hold any values.
    unsafe { core::mem::transmute::<[__m128i; BLOCK], Sums>(positions) }
}
