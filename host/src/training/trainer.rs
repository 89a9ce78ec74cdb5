//! The one loop by which teachers and students are trained, on any device.
//!
//! Nothing in a step waits for the device: the loss is read back every [`READ_EVERY`] steps, and batches are made ready
//! meanwhile. Where the device's memory doesn't hold a batch, it is computed in smaller parts whose gradients are added up, from
//! the last checkpoint on.

use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::Instant;

use burn::module::Module as _;
use burn::tensor::Device;

use super::checkpoint::{self, CheckpointError, Training};
use super::gradients::{of_parts, side_by_side};
use super::mean_loss::UnreadLosses;
use super::progress::OfStep as _;
use super::{
    Dropout, Progress, Schedule, Task, TrainingError, Verdict, average, clip, decay_at, feed,
};
use crate::device::{self, DeviceFailure};

/// Steps between two times that losses are read from the device.
pub const READ_EVERY: usize = 20;

/// How a task's training stands.
pub type ProgressOf<T> = Progress<<T as Task>::Evaluation, <T as Task>::State>;

/// Trains, and returns the best weights, on the plain device, with where the training ended.
///
/// `report` is called after each step; if it breaks, a checkpoint is written and the training ends. Checkpoints lie in `folder`; a training that finds one there goes on from it, and ends as it would have without
/// a break.
///
/// # Errors
/// A checkpoint can't be written or read, the device fails, or the training was told to stop.
pub fn train<T: Task>(
    task: &T,
    start: Training<T::Module>,
    schedule: &Schedule<'_>,
    folder: &Path,
    device: &Device,
    report: &mut dyn FnMut(&ProgressOf<T>) -> ControlFlow<()>,
) -> Result<(T::Module, ProgressOf<T>), TrainingError> {
    std::fs::create_dir_all(folder).map_err(CheckpointError::io(folder))?;
    let batch = schedule.batch_size;
    let mut micro_batch = schedule
        .micro_batch
        .map_or(batch, |most| most.clamp(1, batch));
    loop {
        let run = || {
            attempt(
                task,
                start.clone(),
                schedule,
                folder,
                device,
                micro_batch,
                report,
            )
        };
        match device::guarded(device, run) {
            Err(TrainingError::Device(DeviceFailure::Memory(_))) if micro_batch > 1 => {
                micro_batch = micro_batch.div_ceil(2);
                device.memory_cleanup();
            }
            result => return result,
        }
    }
}

fn attempt<T: Task>(
    task: &T,
    mut training: Training<T::Module>,
    schedule: &Schedule<'_>,
    folder: &Path,
    device: &Device,
    micro_batch: usize,
    report: &mut dyn FnMut(&ProgressOf<T>) -> ControlFlow<()>,
) -> Result<(T::Module, ProgressOf<T>), TrainingError> {
    let steps = schedule.steps();
    let mut progress = match checkpoint::load::<_, ProgressOf<T>>(folder, &mut training)? {
        Some(progress) => {
            checkpoint::check_steps(folder, progress.steps, steps)?;
            progress
        }
        None => Progress::new(steps),
    };
    progress.micro_batch = micro_batch;
    let mut unread = UnreadLosses::default();
    // Weights are handed on, not shared, so that they can be changed where they lie.
    let (training, progress) = thread::scope(move |scope| {
        let (parts, scale) = (side_by_side(device), task.loss_scale());
        let batches = feed::start(scope, task, schedule, progress.step, micro_batch, parts);
        while progress.step < steps {
            task.before(progress.step, &training.average, &mut progress.state)?;
            let asked = Instant::now();
            let Ok(parts) = batches.recv() else {
                // Its thread has panicked; the scope passes that on.
                break;
            };
            progress.waited += asked.elapsed();
            let loss = |module: &T::Module, batch, number| {
                let seed = schedule.noise_seed(progress.step, number);
                task.loss(module, batch, Dropout::new(seed, device), &progress.state)
            };
            let (mut gradients, losses) = of_parts(&training.module, parts, device, scale, loss);
            clip(&training.module, &mut gradients, schedule.clip, scale);
            training.module =
                training
                    .optimizer
                    .step(schedule.rate(progress.step), training.module, gradients);
            let decay = decay_at(progress.step, schedule.average_decay);
            training.average = average(training.average, &training.module, decay);
            unread.add(losses);
            progress.step += 1;
            let is_evaluated = schedule.is_evaluated(progress.step);
            if is_evaluated || progress.step.is_multiple_of(READ_EVERY) {
                unread.read_into(&mut progress.loss)?;
            }
            if is_evaluated {
                evaluate(task, &training, &mut progress, folder)?;
                save(folder, &training, &progress)?;
            }
            if report(&progress).is_break() && progress.step < steps {
                unread.read_into(&mut progress.loss)?;
                save(folder, &training, &progress)?;
                return Err::<_, TrainingError>(TrainingError::Stopped {
                    step: progress.step,
                    steps,
                    folder: folder.to_owned(),
                });
            }
        }
        Ok((training, progress))
    })?;
    let best = progress.best.as_ref().ok_or_else(|| {
        let why = "the training has ended and kept no weights".to_owned();
        let path = folder.to_owned();
        CheckpointError::Invalid { path, why }
    })?;
    let module = checkpoint::load_best(folder, best.step(), training.average)?;
    Ok((module, progress))
}

fn evaluate<T: Task>(
    task: &T,
    training: &Training<T::Module>,
    progress: &mut ProgressOf<T>,
    folder: &Path,
) -> Result<(), TrainingError> {
    let loss = progress.loss.take();
    let plain = training.module.valid();
    let Verdict { evaluation, keep } = task.evaluate(plain, &training.average, progress, loss)?;
    if let Some(module) = keep {
        checkpoint::save_best(folder, progress.step, &module)?;
        progress.best = Some(evaluation.clone());
    }
    progress.history.push(evaluation.clone());
    progress.evaluation = Some(evaluation);
    Ok(())
}

fn save<T: burn::module::Module, E, S>(
    folder: &Path,
    training: &Training<T>,
    progress: &Progress<E, S>,
) -> Result<(), CheckpointError>
where
    E: super::progress::OfStep + serde::Serialize,
    S: serde::Serialize,
{
    checkpoint::save(folder, progress.step, training, progress)?;
    match &progress.best {
        Some(best) => checkpoint::keep_best(folder, best.step()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::AdamWConfig;
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::training::OfStep;

    /// Learns `y = 2a − b` from rows `(a, b)`; its device's memory holds `fits` rows.
    struct Line {
        rows: Vec<[f32; 2]>,
        fits: usize,
        device: Device,
    }

    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Error {
        step: usize,
        loss: f64,
    }

    impl OfStep for Error {
        fn step(&self) -> usize {
            self.step
        }
    }

    impl Task for Line {
        type Module = Linear;
        type Batch = Vec<[f32; 2]>;
        type Evaluation = Error;
        type State = ();

        fn prepare(&self, rows: &[usize], _seed: u64) -> Self::Batch {
            rows.iter().map(|&i| self.rows[i]).collect()
        }

        fn loss(&self, line: &Linear, rows: Self::Batch, _: Dropout, (): &()) -> Tensor<1> {
            let known: Vec<f32> = rows.iter().map(|[a, b]| 2.0 * a - b).collect();
            let size = rows.len();
            let inputs = TensorData::new(rows.concat(), [size, 2]);
            let guess = line.forward(Tensor::<2>::from_data(inputs, &self.device));
            let known = TensorData::new(known, [size, 1]);
            (guess - Tensor::<2>::from_data(known, &self.device))
                .square()
                .mean()
        }

        fn evaluate(
            &self,
            plain: Linear,
            _average: &Linear,
            progress: &ProgressOf<Self>,
            loss: f64,
        ) -> Result<Verdict<Self>, DeviceFailure> {
            if progress.micro_batch > self.fits {
                return Err(DeviceFailure::Memory("a full device".to_owned()));
            }
            Ok(Verdict {
                evaluation: Error {
                    step: progress.step,
                    loss,
                },
                keep: Some(plain),
            })
        }
    }

    /// Weights after a training that `report` watches, and its progress.
    fn trained(
        fits: usize,
        micro_batch: Option<usize>,
        folder: &Path,
        mut report: impl FnMut(&Progress<Error>) -> ControlFlow<()>,
    ) -> Result<(Vec<f32>, Progress<Error>), TrainingError> {
        let device = Device::flex().autodiff();
        let rows: Vec<[f32; 2]> = (0..96)
            .map(|i| {
                [
                    (i * 37 % 96) as f32 / 48.0 - 1.0,
                    (i * 59 % 96) as f32 / 48.0 - 1.0,
                ]
            })
            .collect();
        let task = Line {
            rows,
            fits,
            device: device.clone(),
        };
        let mut module: Linear = LinearConfig::new(2, 1).with_bias(false).init(&device);
        module.weight = module.weight.map(|weight| {
            let zeros = weight.zeros_like().inner();
            Tensor::from_inner(zeros).set_require_grad(true)
        });
        let start = Training {
            average: module.valid(),
            module,
            optimizer: AdamWConfig::new().init(),
        };
        let schedule = Schedule {
            lengths: &[1; 96],
            batch_size: 16,
            micro_batch,
            epochs: 20.0,
            learning_rate: 0.5,
            warmup: 0.1,
            clip: 1.0,
            average_decay: 0.9,
            evaluate_every: 30,
            seed: 4,
        };
        let (module, progress) = train(&task, start, &schedule, folder, &device, &mut report)?;
        Ok((device::floats(module.weight.val())?, progress))
    }

    fn go_on(_: &Progress<Error>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn it_learns_and_smaller_parts_of_a_batch_learn_the_same() {
        let run = |fits, micro_batch| {
            let folder = tempfile::tempdir().unwrap();
            trained(fits, micro_batch, folder.path(), go_on).unwrap()
        };
        let (whole, progress) = run(16, None);
        assert_eq!((progress.micro_batch, progress.history.len()), (16, 4));
        assert!(
            (whole[0] - 2.0).abs() < 0.05 && (whole[1] + 1.0).abs() < 0.05,
            "{whole:?}"
        );
        // Asked for, and for want of memory.
        for (fits, micro_batch, expected) in [(16, Some(3), 3), (5, None, 4), (1, Some(8), 1)] {
            let (parts, progress) = run(fits, micro_batch);
            assert_eq!(progress.micro_batch, expected);
            let near = parts.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(near, "{parts:?} {whole:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = trained(0, None, folder.path(), go_on).unwrap_err();
        assert!(
            error.to_string().contains("out of memory (a full device)"),
            "{error}"
        );
    }

    #[test]
    fn a_stopped_training_goes_on_as_if_it_had_not_been() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, undisturbed) = trained(16, None, &folder.path().join("whole"), go_on).unwrap();
        let broken = folder.path().join("broken");
        // At an evaluation, between two, and one step behind the last stop.
        for stop in [30, 47, 48, 101] {
            let result = trained(16, None, &broken, |progress| match progress.step >= stop {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
            let expected = format!("stopped after step {stop} of 120");
            assert!(result.unwrap_err().to_string().starts_with(&expected));
        }
        let (parts, progress) = trained(16, None, &broken, go_on).unwrap();
        assert_eq!(parts, whole);
        assert_eq!(progress.history, undisturbed.history);
    }
}
