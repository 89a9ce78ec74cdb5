//! x86-64 with AVX2: the products of four neighbouring channels and their sum are three instructions (VPMADDUBSW, VPMADDWD and
//! VPADDD).
//!
//! The first wants one factor without a sign, so weights get an offset: a flip of their upper bit adds 2^(bits - 1). As its sums of
//! two products have 16 bits, that goes for 4-bit weights only, of which several steps have room there; others are widened.

use core::arch::x86_64::*;

use thimble_shared::format::{BLOCK, Conv1d};

use super::{Instructions, Kernel, OUTPUTS, Outputs, STEP, Scales, Sums, Window};

pub(super) const KERNEL: Kernel = Kernel {
    name: "AVX2",
    is_here,
    run,
};

/// Bytes of weights that are loaded at once.
const LOAD: usize = STEP / 2;

/// Loads of 4-bit weights whose products are added up in 16 bits: a lane gets four products of each, of 15 and 128 at most.
const SHORT_LOADS: usize = 4;
const _: () = assert!(SHORT_LOADS * 4 * 15 * 128 <= i16::MAX as usize);

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
    unsafe fn total(window: &[i8]) -> i32 {
        let mut sum = _mm256_setzero_si256();
        for half in window.as_chunks::<{ STEP / 2 }>().0 {
            // SAFETY: these are 32 bytes.
            let half = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
            let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), half);
            sum = _mm256_add_epi32(sum, pairs_added(pairs));
        }
        let halves = half_added([sum; BLOCK]);
        _mm256_extract_epi32::<0>(halves) + _mm256_extract_epi32::<4>(halves)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: &[u8],
        row_bytes: usize,
        windows: &[Window; BLOCK],
    ) -> Sums {
        let mut pairs = [_mm256_setzero_si256(); OUTPUTS / 2];
        for (index, pair) in pairs.iter_mut().enumerate() {
            let rows = &rows[2 * index * row_bytes..];
            // SAFETY: windows reach as far as the rows, in steps.
            *pair = unsafe { of_pair::<INT4, POSITIONS>(rows, row_bytes, windows) };
        }
        by_position(pairs)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn requantized(
        sums: &Sums,
        excess: &[i32; BLOCK],
        scales: Scales<'_>,
        relu: bool,
    ) -> Option<Outputs> {
        let multipliers = scales.multipliers.as_flattened();
        // SAFETY: as many bytes, any values; the last vector ends where the multipliers do.
        let (sums, excess, [biases, first, others]) = unsafe {
            let of_outputs = |bytes: &[u8]| _mm_loadu_si128(bytes.as_ptr().cast());
            (
                core::mem::transmute::<Sums, [__m256i; 2]>(*sums),
                core::mem::transmute::<Sums, [__m256i; 2]>(excess.map(|excess| [excess; OUTPUTS])),
                [
                    of_outputs(scales.biases.as_flattened()),
                    of_outputs(multipliers),
                    of_outputs(&multipliers[4..]),
                ],
            )
        };
        // Behind the first mantissa come a shift and a mantissa three times, and the last shift.
        let mantissas = _mm_shuffle_epi8(
            others,
            _mm_set_epi32(0x0E_0D_0C_0B, 0x09_08_07_06, 0x04_03_02_01, 0),
        );
        let mantissas = _mm_blend_epi32::<1>(mantissas, first);
        let shifts = _mm_and_si128(
            _mm_shuffle_epi8(others, _mm_set_epi32(15, 10, 5, 0)),
            _mm_set1_epi32(0xFF),
        );
        let shifts = _mm_sub_epi32(shifts, _mm_set1_epi32(32));
        if _mm_movemask_epi8(_mm_cmpgt_epi32(_mm_set1_epi32(1), shifts)) != 0 {
            return None;
        }
        let half = _mm_srli_epi32::<1>(_mm_sllv_epi32(_mm_set1_epi32(1), shifts));
        let least = _mm256_set1_epi32(if relu { 0 } else { i32::MIN });
        let biases = _mm256_broadcastsi128_si256(biases);
        let mantissas = _mm256_broadcastsi128_si256(mantissas);
        let (shifts, half) = (
            _mm256_broadcastsi128_si256(shifts),
            _mm256_broadcastsi128_si256(half),
        );
        let mut values = [_mm256_setzero_si256(); 2];
        for positions in 0..2 {
            let sums = _mm256_sub_epi32(sums[positions], excess[positions]);
            let sums = _mm256_add_epi32(sums, biases);
            // Products of 64 bits, of each even lane and of each odd one.
            let even = _mm256_mul_epi32(sums, mantissas);
            let odd = _mm256_mul_epi32(
                _mm256_srli_epi64::<32>(sums),
                _mm256_srli_epi64::<32>(mantissas),
            );
            let upper = _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<32>(even), odd);
            let shifted = _mm256_srav_epi32(_mm256_add_epi32(upper, half), shifts);
            values[positions] = _mm256_max_epi32(shifted, least);
        }
        // Of each lane of 128 bits: its position out of the first two, and that out of the others.
        let words = _mm256_packs_epi32(values[0], values[1]);
        let bytes = _mm256_packs_epi16(words, words);
        let outputs = _mm_unpacklo_epi32(
            _mm256_castsi256_si128(bytes),
            _mm256_extracti128_si256::<1>(bytes),
        );
        // SAFETY: both are 16 bytes that hold any values.
        Some(unsafe { core::mem::transmute::<__m128i, Outputs>(outputs) })
    }
}

/// Sums of products with the first two rows: those of one in the lower lane of 128 bits, those of the other in the upper, by position.
///
/// # Safety
/// The first `POSITIONS` windows reach as far as the rows, in steps.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn of_pair<const INT4: bool, const POSITIONS: usize>(
    rows: &[u8],
    row_bytes: usize,
    windows: &[Window; BLOCK],
) -> __m256i {
    let (first, second) = (rows, &rows[row_bytes..]);
    // SAFETY: as above.
    let sums = unsafe {
        match INT4 {
            true => sums_int4::<POSITIONS>(first, second, row_bytes, windows),
            false => [
                sums_int8::<POSITIONS>(first, row_bytes, windows),
                sums_int8::<POSITIONS>(second, row_bytes, windows),
            ],
        }
    };
    let [first, second] = sums;
    let (first, second) = (half_added(first), half_added(second));
    _mm256_add_epi32(
        _mm256_permute2x128_si256::<0x20>(first, second),
        _mm256_permute2x128_si256::<0x31>(first, second),
    )
}

/// Sums of products with two rows of 4-bit weights, in lanes, by position.
///
/// # Safety
/// The first `POSITIONS` windows reach as far as the rows, in steps.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sums_int4<const POSITIONS: usize>(
    first: &[u8],
    second: &[u8],
    row_bytes: usize,
    windows: &[Window; BLOCK],
) -> [[__m256i; BLOCK]; 2] {
    let zeros = [[_mm256_setzero_si256(); BLOCK]; 2];
    let (loads, others) = (whole(first, row_bytes), whole(second, row_bytes));
    let (mut short, mut sums) = (zeros, zeros);
    // What is left of the rows goes with the first loads.
    let left = !row_bytes.is_multiple_of(LOAD);
    if left {
        let at = loads.len() * LOAD;
        let weights = [rest(&first[at..]), rest(&second[at..])];
        // SAFETY: as above.
        unsafe { add_int4::<POSITIONS>(weights, windows, loads.len(), &mut short) };
    }
    let begun = loads.len().min(SHORT_LOADS - usize::from(left));
    for step in 0..begun {
        let weights = [load(&loads[step]), load(&others[step])];
        // SAFETY: as above.
        unsafe { add_int4::<POSITIONS>(weights, windows, step, &mut short) };
    }
    add_pairs(&mut sums, &short);
    for begun in (begun..loads.len()).step_by(SHORT_LOADS) {
        short = zeros;
        for step in begun..loads.len().min(begun + SHORT_LOADS) {
            let weights = [load(&loads[step]), load(&others[step])];
            // SAFETY: as above.
            unsafe { add_int4::<POSITIONS>(weights, windows, step, &mut short) };
        }
        add_pairs(&mut sums, &short);
    }
    sums
}

/// Adds products of a load of each of two rows, in lanes of 16 bits, by position.
///
/// # Safety
/// The processor has the instructions, and the first `POSITIONS` windows reach as far as the step.
#[inline(always)]
unsafe fn add_int4<const POSITIONS: usize>(
    weights: [__m256i; 2],
    windows: &[Window; BLOCK],
    step: usize,
    [sums, other_sums]: &mut [[__m256i; BLOCK]; 2],
) {
    // SAFETY: as above.
    unsafe {
        let (low, high) = unsigned_halves(weights[0]);
        let (other_low, other_high) = unsigned_halves(weights[1]);
        for position in 0..POSITIONS {
            let inputs = windows[position].0.as_ptr().add(step * STEP).cast();
            let (lower, upper) = (_mm256_load_si256(inputs), _mm256_load_si256(inputs.add(1)));
            let sum = &mut sums[position];
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(low, lower));
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(high, upper));
            let sum = &mut other_sums[position];
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(other_low, lower));
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(other_high, upper));
        }
    }
}

/// Adds sums of 16 bits to those of 32.
#[inline]
#[target_feature(enable = "avx2")]
fn add_pairs(sums: &mut [[__m256i; BLOCK]; 2], short: &[[__m256i; BLOCK]; 2]) {
    for row in 0..2 {
        for position in 0..BLOCK {
            let pairs = pairs_added(short[row][position]);
            sums[row][position] = _mm256_add_epi32(sums[row][position], pairs);
        }
    }
}

/// Sums of products with a row of 8-bit weights, in lanes, by position.
///
/// # Safety
/// The first `POSITIONS` windows reach as far as the row, in steps.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sums_int8<const POSITIONS: usize>(
    row: &[u8],
    row_bytes: usize,
    windows: &[Window; BLOCK],
) -> [__m256i; BLOCK] {
    let mut sums = [_mm256_setzero_si256(); BLOCK];
    let loads = whole(row, row_bytes);
    // SAFETY: as above.
    unsafe {
        if !row_bytes.is_multiple_of(LOAD) {
            let weights = rest(&row[loads.len() * LOAD..]);
            add_int8::<POSITIONS>(weights, windows, loads.len(), &mut sums);
        }
        for (index, weights) in loads.iter().enumerate() {
            add_int8::<POSITIONS>(load(weights), windows, index, &mut sums);
        }
    }
    sums
}

/// Adds products of the load with that number.
///
/// # Safety
/// The first `POSITIONS` windows reach as far.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_int8<const POSITIONS: usize>(
    weights: __m256i,
    windows: &[Window; BLOCK],
    number: usize,
    sums: &mut [__m256i; BLOCK],
) {
    let (low, high) = widened(weights);
    for position in 0..POSITIONS {
        // SAFETY: as above.
        let inputs =
            unsafe { _mm256_load_si256(windows[position].0.as_ptr().add(number * LOAD).cast()) };
        let (lower, upper) = widened(inputs);
        let lower = _mm256_madd_epi16(low, lower);
        let upper = _mm256_madd_epi16(high, upper);
        sums[position] = _mm256_add_epi32(sums[position], _mm256_add_epi32(lower, upper));
    }
}

/// The whole loads of a row.
#[inline]
fn whole(row: &[u8], row_bytes: usize) -> &[[u8; LOAD]] {
    row[..row_bytes].as_chunks().0
}

/// 4-bit weights without sign: those in the lower halves of bytes, and those in the upper ones.
#[inline]
#[target_feature(enable = "avx2")]
fn unsigned_halves(bytes: __m256i) -> (__m256i, __m256i) {
    let flipped = _mm256_xor_si256(bytes, _mm256_set1_epi8(0x88_u8 as i8));
    let low = _mm256_set1_epi8(0x0F);
    (
        _mm256_and_si256(flipped, low),
        _mm256_and_si256(_mm256_srli_epi16::<4>(flipped), low),
    )
}

/// Each two neighbours of 16 bits as one of 32.
#[inline]
#[target_feature(enable = "avx2")]
fn pairs_added(sums: __m256i) -> __m256i {
    _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; LOAD]) -> __m256i {
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// What is left of a row, with what stands behind it or zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn rest(bytes: &[u8]) -> __m256i {
    match bytes.first_chunk() {
        Some(bytes) => load(bytes),
        None => {
            let mut filled = [0; LOAD];
            filled[..bytes.len()].copy_from_slice(bytes);
            load(&filled)
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn widened(bytes: __m256i) -> (__m256i, __m256i) {
    (
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(bytes)),
    )
}

/// The sums of the four lanes in each half of each sum: those of the lower halves in the lower half, in order.
#[inline]
#[target_feature(enable = "avx2")]
fn half_added([a, b, c, d]: [__m256i; BLOCK]) -> __m256i {
    let ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd))
}

/// What each output has at each position, by position, out of what two pairs of outputs have.
#[inline]
#[target_feature(enable = "avx2")]
fn by_position([first, second]: [__m256i; OUTPUTS / 2]) -> Sums {
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let positions = [
        _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi32(first, second), order),
        _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi32(first, second), order),
    ];
    // SAFETY: both are 64 bytes that hold any values.
    unsafe { core::mem::transmute::<[__m256i; 2], Sums>(positions) }
}
