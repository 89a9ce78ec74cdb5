//! x86-64: the products of four neighbouring channels and their sum are one instruction (VPDPBUSD of AVX-512 VNNI) or three
//! (VPMADDUBSW, VPMADDWD and VPADDD of AVX2).
//!
//! Both want one factor without a sign, so weights get an offset: a flip of their upper bit adds 2^(bits - 1). With AVX2, whose sums
//! of two products have 16 bits, that goes for 4-bit weights only; others are widened.

use core::arch::x86_64::*;

use thimble_shared::format::BLOCK;

use super::{Kernel, LOAD, MOST, OUTPUTS, STEP, Windows};

pub(super) static KERNELS: [Kernel; 2] = [
    Kernel {
        name: "AVX-512 VNNI",
        is_here: has_vnni,
        sums: [(vnni::<false>, 128), (vnni::<true>, 8)],
    },
    Kernel {
        name: "AVX2",
        is_here: has_avx2,
        sums: [(avx2_int8, 0), (avx2_int4, 8)],
    },
];

fn has_vnni() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512vnni")
        && std::is_x86_feature_detected!("avx512bw");
    #[cfg(not(feature = "std"))]
    cfg!(all(
        target_feature = "avx512vnni",
        target_feature = "avx512bw"
    ))
}

fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx2")
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn vnni<const INT4: bool>(
    rows: [&[u8]; OUTPUTS],
    windows: &Windows,
) -> [[i32; OUTPUTS]; BLOCK] {
    let mut sums = [[_mm512_setzero_si512(); OUTPUTS]; BLOCK];
    let step = if INT4 { STEP } else { LOAD };
    for (index, start) in (0..rows[0].len()).step_by(LOAD).enumerate() {
        let count = (rows[0].len() - start).min(LOAD);
        let mask = u64::MAX >> (LOAD - count);
        // SAFETY: what the mask leaves out, which may lie behind the row, is not read. `Sums` demands that windows, with what fills
        // them up to a step, reach as far.
        let (weights, inputs) = unsafe {
            let weights =
                rows.map(|row| _mm512_maskz_loadu_epi8(mask, row.as_ptr().add(start).cast()));
            let inputs = windows
                .0
                .each_ref()
                .map(|window| window.as_ptr().add(index * step));
            (weights, inputs)
        };
        if INT4 {
            let flip = _mm512_set1_epi8(0x88_u8 as i8);
            let low = _mm512_set1_epi8(0x0F);
            let halves = weights.map(|weights| {
                let weights = _mm512_xor_si512(weights, flip);
                let lower = _mm512_and_si512(weights, low);
                let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(weights), low);
                (lower, upper)
            });
            for (sums, inputs) in sums.iter_mut().zip(inputs) {
                // SAFETY: as above.
                let (first, second) = unsafe {
                    (
                        _mm512_loadu_si512(inputs.cast()),
                        _mm512_loadu_si512(inputs.add(LOAD).cast()),
                    )
                };
                for (sum, (lower, upper)) in sums.iter_mut().zip(halves) {
                    *sum = _mm512_dpbusd_epi32(*sum, lower, first);
                    *sum = _mm512_dpbusd_epi32(*sum, upper, second);
                }
            }
        } else {
            let flip = _mm512_set1_epi8(i8::MIN);
            let weights = weights.map(|weights| _mm512_xor_si512(weights, flip));
            for (sums, inputs) in sums.iter_mut().zip(inputs) {
                // SAFETY: as above.
                let inputs = unsafe { _mm512_loadu_si512(inputs.cast()) };
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, weights, inputs);
                }
            }
        }
    }
    // The sixteen lanes of each sum to one: to a lane of 128 bits a position and four outputs, then over these.
    let [a, b, c, d] = sums.map(|[a, b, c, d]| {
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
    });
    let both = |a: __m512i, b: __m512i| {
        _mm512_add_epi32(
            _mm512_shuffle_i32x4::<0x88>(a, b),
            _mm512_shuffle_i32x4::<0xDD>(a, b),
        )
    };
    let all = both(both(a, b), both(c, d));
    // SAFETY: both are 64 bytes that hold any values.
    unsafe { core::mem::transmute::<__m512i, [[i32; OUTPUTS]; BLOCK]>(all) }
}

/// Weights of a load of 32 bytes, from `start` on, 0 behind the end of the row.
#[target_feature(enable = "avx2")]
fn load(row: &[u8], start: usize) -> __m256i {
    const HALF: usize = LOAD / 2;
    let rest = &row[start.min(row.len())..];
    let mut bytes = [0_u8; HALF];
    let count = rest.len().min(HALF);
    if count == HALF {
        // SAFETY: there are 32 bytes.
        return unsafe { _mm256_loadu_si256(rest.as_ptr().cast()) };
    }
    bytes[..count].copy_from_slice(&rest[..count]);
    // SAFETY: as before.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Inputs of a window.
#[target_feature(enable = "avx2")]
fn inputs(window: &[i8; MOST], start: usize) -> __m256i {
    let bytes = &window[start..start + LOAD / 2];
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// The sum of the lanes.
#[target_feature(enable = "avx2")]
fn total(sum: __m256i) -> i32 {
    // SAFETY: both are 32 bytes that hold any values.
    let lanes = unsafe { core::mem::transmute::<__m256i, [i32; 8]>(sum) };
    lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
}

#[target_feature(enable = "avx2")]
unsafe fn avx2_int4(rows: [&[u8]; OUTPUTS], windows: &Windows) -> [[i32; OUTPUTS]; BLOCK] {
    let (flip, low) = (_mm256_set1_epi8(0x88_u8 as i8), _mm256_set1_epi8(0x0F));
    let ones = _mm256_set1_epi16(1);
    let mut all = [[0; OUTPUTS]; BLOCK];
    for (output, row) in rows.into_iter().enumerate() {
        let mut sums = [_mm256_setzero_si256(); BLOCK];
        for (index, start) in (0..row.len()).step_by(LOAD / 2).enumerate() {
            let weights = _mm256_xor_si256(load(row, start), flip);
            let lower = _mm256_and_si256(weights, low);
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(weights), low);
            let at = index / 2 * STEP + index % 2 * (LOAD / 2);
            for (sum, window) in sums.iter_mut().zip(&windows.0) {
                // Each at most 2 · 15 · 128: four products have room in 16 bits.
                let first = _mm256_maddubs_epi16(lower, inputs(window, at));
                let second = _mm256_maddubs_epi16(upper, inputs(window, at + LOAD));
                let products = _mm256_madd_epi16(_mm256_add_epi16(first, second), ones);
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
        for (all, sum) in all.iter_mut().zip(sums) {
            all[output] = total(sum);
        }
    }
    all
}

#[target_feature(enable = "avx2")]
unsafe fn avx2_int8(rows: [&[u8]; OUTPUTS], windows: &Windows) -> [[i32; OUTPUTS]; BLOCK] {
    let widened = |bytes: __m256i| {
        (
            _mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)),
            _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(bytes)),
        )
    };
    let mut all = [[0; OUTPUTS]; BLOCK];
    for (output, row) in rows.into_iter().enumerate() {
        let mut sums = [_mm256_setzero_si256(); BLOCK];
        for start in (0..row.len()).step_by(LOAD / 2) {
            let (lower, upper) = widened(load(row, start));
            for (sum, window) in sums.iter_mut().zip(&windows.0) {
                let (first, second) = widened(inputs(window, start));
                let products = _mm256_add_epi32(
                    _mm256_madd_epi16(lower, first),
                    _mm256_madd_epi16(upper, second),
                );
                *sum = _mm256_add_epi32(*sum, products);
            }
        }
        for (all, sum) in all.iter_mut().zip(sums) {
            all[output] = total(sum);
        }
    }
    all
}
