//! Batches made ready ahead of the training, on a thread of their own.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use super::gradients::Part;
use super::{Schedule, Task, epoch_batches};

/// Batches that wait to be trained on.
const AHEAD: usize = 8;

/// Starts to make the batches of a training's steps ready, from step `first` on, each in parts of at most `micro_batch` rows and
/// in at least `parts` parts. It ends with the last step, or when nobody takes batches any more.
pub(super) fn start<'scope, T: Task>(
    scope: &'scope Scope<'scope, '_>,
    task: &'scope T,
    schedule: &'scope Schedule<'_>,
    first: usize,
    micro_batch: usize,
    parts: usize,
) -> Receiver<Vec<Part<T::Batch>>> {
    let (sender, receiver) = sync_channel(AHEAD);
    scope.spawn(move || {
        let an_epoch = schedule.steps_an_epoch();
        let mut batches = (usize::MAX, Vec::new());
        for step in first..schedule.steps() {
            let epoch = step / an_epoch;
            if batches.0 != epoch {
                let (lengths, size) = (schedule.lengths, schedule.batch_size);
                let order = epoch_batches(lengths, size, schedule.seed, epoch as u64);
                batches = (epoch, order);
            }
            let rows = &batches.1[step % an_epoch];
            let parts = rows.len().div_ceil(micro_batch).max(parts);
            let ready = rows
                .chunks(rows.len().div_ceil(parts))
                .enumerate()
                .map(|(number, part)| Part {
                    batch: task.prepare(part, schedule.noise_seed(step, number)),
                    share: part.len() as f64 / rows.len() as f64,
                })
                .collect();
            if sender.send(ready).is_err() {
                return;
            }
        }
    });
    receiver
}
