//! Gradients of a batch: computed part by part, some of them side by side, and added up.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use crate::device;

/// Part of a batch.
pub(super) struct Part<B> {
    /// Its rows.
    pub(super) batch: B,
    /// Its share of the batch's rows; those of all parts add up to 1.
    pub(super) share: f64,
}

/// How many parts of a batch a device computes at once. Small matrix products don't fill several cores; halves of the batch
/// side by side do. A card is filled by one.
pub(super) fn side_by_side(device: &Device) -> usize {
    match device::is_processor(device) {
        true => 2,
        false => 1,
    }
}

/// Gradients of `scale` times the mean loss of a batch, and each part's share of that loss, still on the device. `loss` gives the
/// mean loss of the part it is handed, and gets its number beside.
pub(super) fn of_parts<M: Module + Sync, B: Send>(
    module: &M,
    parts: Vec<Part<B>>,
    device: &Device,
    scale: f64,
    loss: impl Fn(&M, B, usize) -> Tensor<1> + Sync,
) -> (GradientsParams, Vec<Tensor<1>>) {
    let of_part = |part: Part<B>, number| {
        // A fork has a graph of its own, so that parts don't wait for each other.
        let module = module.clone().fork(device);
        let loss = loss(&module, part.batch, number) * part.share;
        let gradients = GradientsParams::from_grads((loss.clone() * scale).backward(), &module);
        (gradients, loss.inner())
    };
    let (mut sum, mut losses) = (GradientsParams::new(), Vec::new());
    let mut take = |(mut gradients, loss): (GradientsParams, Tensor<1>)| {
        module.visit(&mut Add {
            to: &mut sum,
            from: &mut gradients,
        });
        losses.push(loss);
    };
    let at_once = side_by_side(device);
    let mut parts = parts.into_iter().enumerate();
    while let Some((number, first)) = parts.next() {
        std::thread::scope(|scope| {
            let others: Vec<_> = parts
                .by_ref()
                .take(at_once - 1)
                .map(|(number, part)| scope.spawn(move || of_part(part, number)))
                .collect();
            take(of_part(first, number));
            for other in others {
                match other.join() {
                    Ok(done) => take(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    (sum, losses)
}

struct Add<'a> {
    to: &'a mut GradientsParams,
    from: &'a mut GradientsParams,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let sum = match (
            self.to.remove::<D>(param.id),
            self.from.remove::<D>(param.id),
        ) {
            (Some(a), Some(b)) => a + b,
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => return,
        };
        self.to.register(param.id, sum);
    }
}
