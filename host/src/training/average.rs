//! Exponential moving average of a module's weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// `decay · average + (1 − decay) · module`, for every parameter that is trained.
///
/// `module` lies on an autodiff device, `average` was made from it with `valid()`.
pub(super) fn average<M: Module>(average: M, module: &M, decay: f64) -> M {
    let mut values = Values::default();
    module.visit(&mut values);
    values.0.reverse();
    average.map(&mut Blend {
        values: values.0,
        decay,
    })
}

/// The decay of a step, from 0: smaller at first, so that the average forgets the start.
pub(super) fn decay_at(step: usize, decay: f64) -> f64 {
    let step = step as f64;
    decay.min((1.0 + step) / (10.0 + step))
}

/// Flat values of the trained parameters, in the order of visits.
#[derive(Default)]
struct Values(Vec<(ParamId, Tensor<1>)>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        if tensor.is_require_grad() {
            let length = tensor.shape().num_elements();
            self.0.push((param.id, tensor.inner().reshape([length])));
        }
    }
}

struct Blend {
    values: Vec<(ParamId, Tensor<1>)>,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((_, value)) = self.values.pop_if(|(id, _)| *id == param.id) else {
            return param;
        };
        let decay = self.decay;
        param.map(|average| {
            let shape = average.shape();
            average * decay + value.reshape(shape) * (1.0 - decay)
        })
    }
}
