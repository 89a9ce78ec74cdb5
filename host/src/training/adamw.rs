//! AdamW (Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>).
//!
//! On the processor a step of burn's AdamW goes through every value some twenty times, on one core, while a student's step is otherwise
//! computed by all of them; so there the same arithmetic is done in one pass. Anywhere else burn does it.

use std::thread;

use burn::module::ParamGroup;
use burn::optim::{
    AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Device, Tensor, TensorData};

use crate::device;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Values below which a thread of its own does not pay.
const A_THREADS_WORTH: usize = 1 << 16;

/// AdamW with `weight_decay` for all parameters but those whose path has one of the words `without_decay`.
pub(crate) fn adamw(weight_decay: f32, without_decay: &[&str]) -> ModuleOptimizer {
    let group = ParamGroup::from_any_predicates(without_decay.to_vec());
    ModuleOptimizer::from(OnePass::new(weight_decay)).with_group(group, OnePass::new(0.0), None)
}

#[derive(Clone)]
struct OnePass {
    weight_decay: f32,
    burns: AdamW,
}

impl OnePass {
    fn new(weight_decay: f32) -> Self {
        let config = AdamWConfig::new()
            .with_beta_1(BETA_1)
            .with_beta_2(BETA_2)
            .with_epsilon(EPSILON)
            .with_weight_decay(weight_decay);
        Self {
            weight_decay,
            burns: config.build(),
        }
    }
}

impl Optimizer for OnePass {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let device = tensor.device();
        let state = match state {
            Some(state) if device::is_processor(&device) => state.momentum,
            state => return self.burns.step(rate, tensor, gradient, state),
        };
        let time = state.time + 1;
        let mut values = tensor.into_data();
        let [mut moment_1, mut moment_2] = [state.moment_1, state.moment_2].map(Tensor::into_data);
        Step::new(rate, time as i32, self.weight_decay).of_all(
            floats(&mut values),
            floats(&mut gradient.into_data()),
            floats(&mut moment_1),
            floats(&mut moment_2),
        );
        let on_device = |data: TensorData| Tensor::from_data(data, &device);
        let momentum = AdaptiveMomentumState {
            time,
            moment_1: on_device(moment_1),
            moment_2: on_device(moment_2),
            max_moment_2: None,
        };
        (on_device(values), Some(AdamWState { momentum }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AdamW::to_device(state, device)
    }
}

fn floats(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice()
        .expect("parameters and their gradients are f32 on the processor")
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Step {
    rate: f32,
    kept: f32,
    corrections: [f32; 2],
}

impl Step {
    fn new(rate: f64, time: i32, weight_decay: f32) -> Self {
        Self {
            rate: rate as f32,
            kept: (1.0 - rate * f64::from(weight_decay)) as f32,
            corrections: [1.0 - BETA_1.powi(time), 1.0 - BETA_2.powi(time)],
        }
    }
    /// Changes all values and moments; large tensors on all cores.
    fn of_all(self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(values.len() / A_THREADS_WORTH).max(1);
        if threads == 1 {
            return self.of(values, gradient, first, second);
        }
        let size = values.len().div_ceil(threads);
        thread::scope(|scope| {
            let moments = first.chunks_mut(size).zip(second.chunks_mut(size));
            let parts = values.chunks_mut(size).zip(gradient.chunks(size));
            for ((values, gradient), (first, second)) in parts.zip(moments) {
                scope.spawn(move || self.of(values, gradient, first, second));
            }
        });
    }

    /// The same of values that lie together. Each operation is burn's, in its order.
    fn of(self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let moments = first.iter_mut().zip(second);
        for ((value, &gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            *first = *first * BETA_1 + gradient * (1.0 - BETA_1);
            *second = *second * BETA_2 + gradient * gradient * (1.0 - BETA_2);
            let [unbiased, size] = [*first / self.corrections[0], *second / self.corrections[1]];
            let delta = unbiased / (size.sqrt() + EPSILON);
            *value = *value * self.kept - delta * self.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor of the values of `f` at 0, 1, 2, …
    fn tensor(length: usize, f: impl Fn(f32) -> f32) -> Tensor<1> {
        let values: Vec<f32> = (0..length).map(|i| f(i as f32)).collect();
        Tensor::from_data(TensorData::new(values, [length]), &Device::flex())
    }

    fn values(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.clone().into_data().iter().collect()
    }

    #[test]
    fn one_pass_is_burns_adamw() {
        // On one core, and on several.
        for length in [1, 1000, 3 * A_THREADS_WORTH + 1] {
            for weight_decay in [0.0, 0.01] {
                let own = OnePass::new(weight_decay);
                let start = tensor(length, |i| (i * 0.37).sin());
                let (mut ours, mut burns) = ((start.clone(), None), (start, None));
                for step in 0..12 {
                    let gradient = tensor(length, |i| (i * 0.11 + step as f32).cos() * 0.1);
                    let rate = 1e-2 / f64::from(step + 1);
                    ours = own.step(rate, ours.0, gradient.clone(), ours.1);
                    burns = own.burns.step(rate, burns.0, gradient, burns.1);
                }
                let pairs = values(&ours.0).into_iter().zip(values(&burns.0));
                let worst = pairs.fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
                assert!(worst <= 1e-6, "{length} values: {worst}");
            }
        }
    }
}
