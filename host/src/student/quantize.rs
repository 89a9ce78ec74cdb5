//! From floats to the integers of a model file. Derivations are in `docs/numerics.md`.

use burn::tensor::Tensor;
use thimble_shared::fixed::{LOGIT_BITS, Multiplier};
use thimble_shared::format::{LayerSpec, TableSpec};

use super::network::Student;
use super::quantization::{INT4_RANGE, WEIGHT_EPSILON, largest_weight};
use super::{Codebook, Quantization, StudentConfig};

/// The layers of a trained student in integers.
pub fn quantize(
    student: &Student,
    quantization: &Quantization,
    config: &StudentConfig,
) -> Vec<LayerSpec> {
    let rows = values(student.embedding.val());
    let dim = config.embedding;
    let table = match (&quantization.codebook, quantization.levels) {
        (Some(book), _) => TableSpec::Product {
            centroids: values(student.centroids(book))
                .iter()
                .map(|&value| to_int8(value / quantization.embedding))
                .collect(),
            count: book.count,
            codes: book.codes.clone(),
            parts: book.parts,
            codebooks: book.books(dim),
        },
        (None, Some(lut)) => TableSpec::Int4 {
            lut,
            codes: rows
                .iter()
                .map(|&value| nearest(value / quantization.embedding, &lut))
                .collect(),
        },
        (None, None) => TableSpec::Int8(
            rows.iter()
                .map(|&value| to_int8(value / quantization.embedding))
                .collect(),
        ),
    };
    let mut layers = vec![LayerSpec::Embedding {
        rows: rows.len() / dim,
        dim,
        table,
    }];
    // Scale of what comes in, and the number of the layer that it comes from.
    let mut input = (f64::from(quantization.embedding), 0_usize);
    let mut in_channels = dim;
    for (index, (conv, network)) in config.convs.iter().zip(&student.convs).enumerate() {
        let block = input;
        if let Some(depthwise) = &network.depthwise {
            let output = f64::from(quantization.depthwise[index]);
            // [kernel, inputs] → [inputs, kernel].
            let weights = values(depthwise.val().transpose());
            let bias = vec![0.0; in_channels];
            let (weights, biases, multipliers) =
                linear(&weights, conv.kernel, 8, &bias, input.0, output);
            layers.push(LayerSpec::Conv1d {
                in_channels,
                out_channels: in_channels,
                kernel: conv.kernel,
                dilation: conv.dilation,
                groups: in_channels,
                relu: false,
                bits: 8,
                weights,
                biases,
                multipliers,
            });
            input = (output, layers.len() - 1);
        }
        let (kernel, dilation) = match conv.separable {
            true => (1, 1),
            false => (conv.kernel, conv.dilation),
        };
        let output = f64::from(quantization.convs[index]);
        let width = kernel * (in_channels / conv.groups);
        // [groups, kernel · inputs, outputs] → [groups · outputs, kernel · inputs].
        let weights = values(network.weight.val().swap_dims(1, 2));
        let bias = values(network.bias.val());
        let (weights, biases, multipliers) =
            linear(&weights, width, conv.bits, &bias, input.0, output);
        layers.push(LayerSpec::Conv1d {
            in_channels,
            out_channels: conv.channels,
            kernel,
            dilation,
            groups: conv.groups,
            relu: true,
            bits: conv.bits,
            weights,
            biases,
            multipliers,
        });
        let mut scale = output;
        if conv.residual {
            let sum = f64::from(quantization.sums[index]);
            layers.push(LayerSpec::ResidualAdd {
                from: block.1,
                own: multiplier(output / sum),
                other: multiplier(block.0 / sum),
                relu: false,
            });
            scale = sum;
        }
        input = (scale, layers.len() - 1);
        in_channels = conv.channels;
    }
    layers.push(LayerSpec::Pool {
        max: config.max_pool,
        mean: config.mean_pool,
    });
    // Features are the pooled values in Q8.
    let mut scale = input.0 / 256.0;
    for (index, network) in student.dense.iter().enumerate() {
        let hidden = quantization.hidden.get(index);
        let output = hidden.map_or(1.0 / f64::from(1_u32 << LOGIT_BITS), |&scale| scale.into());
        let [inputs, outputs] = network.weight.val().dims();
        let (weights, biases, multipliers) = linear(
            &values(network.weight.val().transpose()),
            inputs,
            8,
            &values(network.bias.val()),
            scale,
            output,
        );
        layers.push(LayerSpec::Dense {
            inputs,
            outputs,
            relu: hidden.is_some(),
            weights,
            biases,
            multipliers,
        });
        scale = output;
    }
    layers
}

/// Layers of the shape of `config` with zeros for weights: what a model will take before it is trained.
pub fn shape(config: &StudentConfig, rows: usize, classes: usize) -> Vec<LayerSpec> {
    let device = burn::tensor::Device::flex();
    let student = config.init(vec![0.0; rows * config.embedding], classes, &device);
    let ones = |count: usize| vec![1.0; count];
    let quantization = Quantization {
        embedding: 1.0,
        levels: (config.embedding_bits == 4).then_some(std::array::from_fn(|i| i as i8 - 8)),
        codebook: config.product.map(|product| Codebook {
            codes: vec![0; rows * product.codes],
            centroids: vec![
                0.0;
                product.codebooks
                    * product.centroids
                    * (config.embedding / product.codes)
            ],
            count: product.centroids,
            parts: product.codes,
        }),
        depthwise: ones(config.convs.len()),
        convs: ones(config.convs.len()),
        sums: ones(config.convs.len()),
        hidden: ones(config.hidden.len()),
    };
    quantize(&student, &quantization, config)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// Weights `[outputs][width]` in `bits` bits with a scale an output, biases in the scale of the sums, and the factors from there to the
/// scale of the outputs.
fn linear(
    weights: &[f32],
    width: usize,
    bits: u8,
    bias: &[f32],
    input: f64,
    output: f64,
) -> (Vec<i8>, Vec<i32>, Vec<Multiplier>) {
    let (mut integers, mut biases, mut multipliers) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &bias) in weights.chunks_exact(width).zip(bias) {
        let largest = row
            .iter()
            .fold(0.0_f32, |most, weight| most.max(weight.abs()));
        let largest = match bits {
            8 => largest,
            _ => {
                let squares: f32 = row.iter().map(|weight| weight * weight).sum();
                largest.min((squares / row.len() as f32).sqrt() * INT4_RANGE)
            }
        };
        let most = largest_weight(bits);
        let scale = largest.max(WEIGHT_EPSILON) / most;
        let rounded = |weight: &f32| (weight / scale + 0.5).floor().clamp(-most, most) as i8;
        integers.extend(row.iter().map(rounded));
        let sums = input * f64::from(scale);
        // A quarter of the range is left for the products.
        let bound = f64::from(i32::MAX) / 4.0;
        biases.push((f64::from(bias) / sums + 0.5).floor().clamp(-bound, bound) as i32);
        multipliers.push(multiplier(sums / output));
    }
    (integers, biases, multipliers)
}

/// To the nearest int8, halves upwards.
fn to_int8(value: f32) -> i8 {
    (value + 0.5).floor().clamp(-128.0, 127.0) as i8
}

/// Index of the level that is nearest to `value`, the lower one of two at the same distance, the first of equal ones.
fn nearest(value: f32, levels: &[i8; 16]) -> u8 {
    let above = levels.windows(2).filter(|pair| {
        value > (f32::from(pair[0]) + f32::from(pair[1])) / 2.0 && pair[1] > pair[0]
    });
    let level = levels[0].max(above.map(|pair| pair[1]).max().unwrap_or(levels[0]));
    levels.iter().position(|&known| known == level).unwrap_or(0) as u8
}

/// The multiplier nearest to a factor of at least 0; factors below 2^-32 become 0, those above 2^29 that.
fn multiplier(factor: f64) -> Multiplier {
    if factor.is_nan() || factor < (-32_f64).exp2() {
        return Multiplier::ZERO;
    }
    let factor = factor.min(29_f64.exp2());
    // factor = mantissa / 2^shift with the mantissa in 2^30..2^31.
    let mut shift = 30 - factor.log2().floor() as i32;
    let mut mantissa = (factor * f64::from(shift).exp2()).round();
    if mantissa >= 31_f64.exp2() {
        shift -= 1;
        mantissa /= 2.0;
    }
    Multiplier::new(mantissa as i32, shift as u8).unwrap_or(Multiplier::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_are_exact_to_31_bits() {
        // 2^-32 is 2.33e-10.
        for factor in [1.0, 0.5, 0.999_999_999_9, 3.7e-4, 12_345.678, 2.4e-10, 5e8] {
            let multiplier = multiplier(factor);
            let value = f64::from(multiplier.mantissa()) / f64::from(multiplier.shift()).exp2();
            assert!((value / factor - 1.0).abs() < 1e-9, "{factor} {value}");
        }
        assert_eq!(multiplier(0.0), Multiplier::ZERO);
        assert_eq!(multiplier(1e-11), Multiplier::ZERO);
    }

    #[test]
    fn the_nearest_level_is_taken() {
        let levels: [i8; 16] = std::array::from_fn(|i| {
            [
                -100, -50, -50, -9, -3, 0, 1, 2, 5, 9, 12, 20, 33, 60, 90, 127,
            ][i]
        });
        for value in -1300..1300 {
            let value = value as f32 / 10.0;
            let code = nearest(value, &levels);
            let least = levels
                .iter()
                .map(|&level| (f32::from(level) - value).abs())
                .fold(f32::MAX, f32::min);
            assert_eq!(
                (f32::from(levels[usize::from(code)]) - value).abs(),
                least,
                "{value}"
            );
        }
    }
}
