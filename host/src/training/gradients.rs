//! Gradients of a batch: computed in halves side by side, added up.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

/// Gradients and value of the mean loss of a batch. `loss` gives the mean loss of the rows it is handed, and gets the number
/// of the half beside. Small matrix products don't fill several cores; halves of the batch side by side do.
pub fn of_batch<M: Module + Sync, R: Sync>(
    module: &M,
    rows: &[R],
    device: &Device,
    loss: impl Fn(&M, &[R], u64) -> Tensor<1> + Sync,
) -> (GradientsParams, f64) {
    let of_half = |half: &[R], number| {
        // A fork has a graph of its own, so that the halves don't wait for each other.
        let module = module.clone().fork(device);
        let share = half.len() as f64 / rows.len() as f64;
        let loss = loss(&module, half, number) * share;
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        (gradients, f64::from(loss.into_scalar::<f32>()))
    };
    let (first, second) = rows.split_at(rows.len().div_ceil(2));
    if second.is_empty() {
        return of_half(first, 0);
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| of_half(second, 1));
        let (mut gradients, loss) = of_half(first, 0);
        match other.join() {
            Ok((mut more, loss_of_more)) => {
                module.visit(&mut Add {
                    to: &mut gradients,
                    from: &mut more,
                });
                (gradients, loss + loss_of_more)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
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
