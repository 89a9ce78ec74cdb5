//! Gradients of a batch: computed in halves side by side, added up, clipped.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::Labelled;
use crate::teacher::DropoutMasks;
use crate::teacher::bert::Bert;
use crate::teacher::encode;

/// Gradients and value of the mean cross-entropy of a batch. Small matrix products don't fill several cores; halves of the
/// batch side by side do.
pub(super) fn of_batch(
    bert: &Bert,
    rows: &[&Labelled],
    dropout: impl Fn(u64) -> DropoutMasks + Sync,
    device: &Device,
) -> (GradientsParams, f64) {
    let of_part = |part: &[&Labelled], half| {
        let share = part.len() as f64 / rows.len() as f64;
        // A fork has a graph of its own, so that the halves don't wait for each other.
        of_half(
            bert.clone().fork(device),
            part,
            share,
            dropout(half),
            device,
        )
    };
    let (first, second) = rows.split_at(rows.len().div_ceil(2));
    if second.is_empty() {
        return of_part(first, 0);
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| of_part(second, 1));
        let (mut gradients, loss) = of_part(first, 0);
        match other.join() {
            Ok((mut more, loss_of_more)) => {
                bert.visit(&mut Add {
                    to: &mut gradients,
                    from: &mut more,
                });
                (gradients, loss + loss_of_more)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Gradients and value of the loss of a part of a batch, both weighted by the part's share of it.
fn of_half(
    bert: Bert,
    rows: &[&Labelled],
    share: f64,
    dropout: DropoutMasks,
    device: &Device,
) -> (GradientsParams, f64) {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    let labels: Vec<i32> = rows.iter().map(|row| row.label as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows.len()]), device);
    let logits = bert.forward(encode::batch(&ids, device), Some(dropout));
    let loss = CrossEntropyLossConfig::new()
        .init(device)
        .forward(logits, labels)
        * share;
    let gradients = GradientsParams::from_grads(loss.backward(), &bert);
    (gradients, loss.into_scalar::<f32>().into())
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
