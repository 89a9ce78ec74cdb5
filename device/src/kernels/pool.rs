//! Maximum and mean over time, gathered while the text runs by.

/// Takes a block of positions into the maxima and sums of the text so far.
///
/// # Shapes
/// `input`: `[n][width]`; `maxima` and `sums`: `[width]`, at first -128 and 0.
///
/// # Contract
/// At most `MAX_TOKENS` positions a text, so that no sum leaves an `i32`.
#[inline(never)]
pub fn pool(input: &[i8], maxima: &mut [i8], sums: &mut [i32]) {
    #[cfg(kernel = "dsp")]
    if super::arm::pool(input, maxima, sums) {
        return;
    }
    for position in input.chunks_exact(maxima.len()) {
        for ((maximum, sum), &value) in maxima.iter_mut().zip(sums.iter_mut()).zip(position) {
            *maximum = (*maximum).max(value);
            *sum += i32::from(value);
        }
    }
}

/// The features of a text of `tokens` positions: maxima, then means, Q8 in the scale of what was pooled, halves rounded
/// upwards. All are 0 for a text without tokens.
///
/// # Shapes
/// `maxima` and `sums`: `[width]`; `features`: at least `[width · (max + mean)]`.
pub fn features(
    max: bool,
    mean: bool,
    maxima: &[i8],
    sums: &[i32],
    tokens: u32,
    features: &mut [i16],
) {
    if tokens == 0 {
        features.fill(0);
        return;
    }
    let maxima = maxima
        .iter()
        .take(if max { maxima.len() } else { 0 })
        .map(|&maximum| i16::from(maximum) << 8);
    let means = sums
        .iter()
        .take(if mean { sums.len() } else { 0 })
        .map(|&sum| mean_q8(sum, tokens as i32));
    for (feature, value) in features.iter_mut().zip(maxima.chain(means)) {
        *feature = value;
    }
}

/// `floor(256 · sum / count + 1/2)`, which is an `i16` for sums of int8 values; by long division where there is none of 64 bits.
fn mean_q8(sum: i32, count: i32) -> i16 {
    if cfg!(target_pointer_width = "64") {
        let (sum, count) = (i64::from(sum), i64::from(count));
        return (512 * sum + count).div_euclid(2 * count) as i16;
    }
    let (mut quotient, mut rest) = (sum.div_euclid(count), sum.rem_euclid(count));
    // Eight bits of the fraction, and the one that decides.
    for _ in 0..9 {
        rest *= 2;
        quotient *= 2;
        if rest >= count {
            rest -= count;
            quotient += 1;
        }
    }
    ((quotient + 1) >> 1) as i16
}
