//! Each kernel in vectors that this processor has against sums of 64 bits.
#![cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]

mod common;

use proptest::prelude::*;
use thimble_device::kernels::simd::{KERNELS, Kernel};
use thimble_shared::fixed::requantize;
use thimble_shared::format::{BLOCK, Conv1d, Layer, LayerSpec, Model};

/// The convolutions of a random network and their weights.
fn weights_of(spec: &thimble_shared::format::ModelSpec) -> Vec<Vec<i8>> {
    let convs = spec.layers.iter().filter_map(|layer| match layer {
        LayerSpec::Conv1d { weights, .. } => Some(weights.clone()),
        _ => None,
    });
    convs.collect()
}

fn naive(conv: &Conv1d<'_>, weights: &[i8], input: &[i8], positions: usize) -> Vec<i8> {
    let (tap, outs) = (
        conv.in_channels / conv.groups,
        conv.out_channels / conv.groups,
    );
    let mut output = Vec::new();
    for position in 0..positions {
        for out in 0..conv.out_channels {
            let mut sum = i64::from(conv.biases.get(out));
            for k in 0..conv.kernel {
                for channel in 0..tap {
                    let at = (position + k * conv.dilation) * conv.in_channels;
                    sum += i64::from(input[at + out / outs * tap + channel])
                        * i64::from(weights[(out * conv.kernel + k) * tap + channel]);
                }
            }
            let value = requantize(sum.try_into().unwrap(), conv.multipliers.get(out));
            output.push(value.clamp(if conv.relu { 0 } else { -128 }, 127) as i8);
        }
    }
    output
}

fn check(kernel: &Kernel, spec: &thimble_shared::format::ModelSpec, seed: u64) -> usize {
    let bytes = spec.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let convs = model.layers().filter_map(|layer| match layer {
        Layer::Conv1d(conv) => Some(conv),
        _ => None,
    });
    let mut state = seed;
    let mut done = 0;
    for (conv, weights) in convs.zip(weights_of(spec)) {
        let history = (conv.kernel - 1) * conv.dilation;
        for positions in 1..=BLOCK {
            let input: Vec<i8> = (0..(history + positions) * conv.in_channels)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    // The ends of the range are as frequent as all between.
                    match state >> 62 {
                        0 => -128,
                        1 => 127,
                        _ => (state >> 40) as i8,
                    }
                })
                .collect();
            let mut output = vec![0; positions * conv.out_channels];
            if kernel.conv1d(&conv, &input, &mut output) {
                assert_eq!(
                    output,
                    naive(&conv, &weights, &input, positions),
                    "{}",
                    kernel.name
                );
                done += 1;
            }
        }
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact(spec in common::spec(), seed in any::<u64>()) {
        for kernel in &KERNELS {
            check(kernel, &spec, seed);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_this_processor_has_is_run() {
    let has_avx512 = std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni");
    let has_avx2 = std::is_x86_feature_detected!("avx2");
    for (kernel, is_here) in KERNELS.iter().zip([has_avx512, has_avx2]) {
        for (bits, channels, outputs) in [
            (8, 64, 96),
            (4, 64, 96),
            // Rows that end in a step's first half and in its second one, within 4 bytes and 16; outputs that are no multiple of 4.
            (4, 136, 5),
            (4, 24, 7),
            (4, 8, 4),
            (4, 40, 6),
            (4, 56, 4),
            (8, 5, 70),
            (8, 32, 4),
            (8, 11, 4),
            (8, 128, 9),
            // The widest row.
            (4, 336, 4),
            (8, 341, 4),
        ] {
            let done = check(kernel, &common::conv(bits, channels, outputs), 7);
            assert_eq!(done, if is_here { BLOCK } else { 0 }, "{}", kernel.name);
        }
        // Too few outputs, and too many inputs.
        for (channels, outputs) in [(64, 3), (342, 4)] {
            assert_eq!(check(kernel, &common::conv(8, channels, outputs), 7), 0);
        }
    }
}
