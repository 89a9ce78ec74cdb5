//! Clipping by the global norm of the gradient (Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>).

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Bool, Tensor};

/// Divides all gradients by `scale`, then shrinks them so that their global norm is at most `bound`. The norm stays on the device:
/// nothing waits for it. Scaled gradients that are not all finite become 0.
pub(super) fn clip<M: Module>(module: &M, gradients: &mut GradientsParams, bound: f64, scale: f64) {
    let mut norm = SquaredNorm {
        gradients,
        sum: None,
    };
    module.visit(&mut norm);
    if let Some(sum) = norm.sum {
        let norm = sum.sqrt();
        let overflown = (scale != 1.0).then(|| norm.clone().is_finite().bool_not());
        let factor = (norm / (bound * scale)).clamp_min(1.0).recip() / scale;
        module.visit(&mut Scale {
            gradients,
            factor,
            overflown,
        });
    }
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squared = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + squared,
                None => squared,
            });
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
    overflown: Option<Tensor<1, Bool>>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            let mut scaled = gradient * factor;
            if let Some(overflown) = &self.overflown {
                let everywhere = overflown.clone().reshape([1; D]).expand(scaled.shape());
                scaled = scaled.mask_fill(everywhere, 0.0);
            }
            self.gradients.register(param.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    /// The gradients of a layer with these, multiplied by `scale`, after clipping.
    fn clipped(gradients: [f32; 4], bound: f64, scale: f64) -> Vec<f32> {
        let device = Device::flex();
        let layer: Linear = LinearConfig::new(1, 2).init(&device.clone().autodiff());
        let tensor =
            |values: [f32; 2]| Tensor::<1>::from_floats(values, &device).mul_scalar(scale as f32);
        let bias = layer.bias.as_ref().unwrap().id;
        let mut params = GradientsParams::new();
        params.register(
            layer.weight.id,
            tensor([gradients[0], gradients[1]]).reshape([1, 2]),
        );
        params.register(bias, tensor([gradients[2], gradients[3]]));
        clip(&layer, &mut params, bound, scale);
        let weight = params.get::<2>(layer.weight.id).unwrap();
        let bias = params.get::<1>(bias).unwrap();
        weight
            .into_data()
            .iter::<f32>()
            .chain(bias.into_data().iter::<f32>())
            .collect()
    }

    #[test]
    fn long_gradients_shrink_to_the_bound_and_short_ones_stay() {
        // A norm of 6.
        let gradients = [2.0, -4.0, 0.0, 4.0];
        assert_eq!(clipped(gradients, 6.5, 1.0), gradients);
        for scale in [1.0, 1024.0] {
            assert_eq!(clipped(gradients, 3.0, scale), [1.0, -2.0, 0.0, 2.0]);
            assert_eq!(clipped(gradients, 8.0, scale), gradients);
        }
    }

    #[test]
    fn overflown_gradients_teach_nothing() {
        for bad in [f32::INFINITY, f32::NAN] {
            assert_eq!(clipped([1.0, bad, 0.5, 0.0], 1.0, 1024.0), [0.0; 4]);
        }
    }
}
