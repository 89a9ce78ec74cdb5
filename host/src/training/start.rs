//! First weights, the same on every device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

/// A module made by `init` with random numbers of `seed`, ready to be trained on `device`. The numbers are drawn on the processor,
/// as each device has a generator of its own.
pub fn first_weights<M: Module, E>(
    seed: u64,
    device: &Device,
    init: impl FnOnce(&Device) -> Result<M, E>,
) -> Result<M, E> {
    let processor = Device::flex();
    processor.seed(seed);
    let module = init(&processor)?;
    module.visit(&mut Draw);
    Ok(module.to_device(&device.clone().inner()).train())
}

/// burn draws a parameter when it is first looked at.
struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}
