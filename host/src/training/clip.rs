//! Clipping by the global norm of the gradient (Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>).

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients so that their global norm is at most `bound`.
pub fn clip<M: Module>(module: &M, gradients: &mut GradientsParams, bound: f64) {
    let mut norm = SquaredNorm {
        gradients,
        sum: 0.0,
    };
    module.visit(&mut norm);
    let norm = norm.sum.sqrt();
    if norm > bound {
        module.visit(&mut Scale {
            gradients,
            factor: bound / norm,
        });
    }
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squared: f32 = gradient.clone().mul(gradient).sum().into_scalar();
            self.sum += f64::from(squared);
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor);
        }
    }
}
