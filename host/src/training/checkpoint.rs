//! Checkpoints from which a killed training goes on as if nothing had happened.
//!
//! A checkpoint is a folder of its own; `progress.json` beside it names the step, is written last and by renaming, so that
//! a kill at any moment leaves either the old checkpoint or the new one.

use std::io;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::{ModuleRecord, RecordError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;

const POINTER: &str = "progress.json";
const STEP: &str = "step-";
const BEST: &str = "best-";

/// Why a checkpoint can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file can't be read or written.
    #[error("checkpoint {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file isn't what was written there.
    #[error("checkpoint {}: {why}; delete the folder to start anew", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The checkpoint is that of a longer or shorter training.
    #[error(
        "{} holds the checkpoint of a training of {known} steps, this one has {steps}; name another folder, or give the options and data it was started with",
        folder.display()
    )]
    OtherTraining {
        /// Folder of the checkpoint.
        folder: PathBuf,
        /// Steps of its training.
        known: usize,
        /// Steps of the one that was to go on from it.
        steps: usize,
    },
}

impl CheckpointError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn record(path: &Path) -> impl FnOnce(RecordError) -> Self {
        let path = path.to_owned();
        move |error| Self::Invalid {
            path,
            why: error.to_string(),
        }
    }
}

/// What a training consists of between two steps.
#[derive(Clone)]
pub struct Training<M> {
    /// The module that is trained, on an autodiff device.
    pub module: M,
    /// Its moving average, on the plain device.
    pub average: M,
    /// The optimizer with its moments.
    pub optimizer: ModuleOptimizer,
}

#[derive(Serialize, Deserialize)]
struct Pointer<P> {
    step: usize,
    progress: P,
}

/// Writes the checkpoint of `step` into `folder` and removes the one before.
///
/// # Errors
/// A file can't be written; the checkpoint before is then still there.
pub(super) fn save<M: Module, P: Serialize>(
    folder: &Path,
    step: usize,
    training: &Training<M>,
    progress: &P,
) -> Result<(), CheckpointError> {
    let target = folder.join(format!("{STEP}{step}"));
    std::fs::create_dir_all(&target).map_err(CheckpointError::io(&target))?;
    let records = [
        ("weights", training.module.clone().into_record()),
        ("average", training.average.clone().into_record()),
    ];
    for (name, record) in records {
        let path = target.join(name);
        record.save(&path).map_err(CheckpointError::record(&path))?;
    }
    let path = target.join("optimizer");
    let optimizer = training.optimizer.to_record();
    optimizer
        .save(&path)
        .map_err(CheckpointError::record(&path))?;
    let pointer = folder.join(POINTER);
    let text = serde_json::to_vec_pretty(&Pointer { step, progress }).map_err(|error| {
        CheckpointError::Invalid {
            path: pointer.clone(),
            why: error.to_string(),
        }
    })?;
    files::write_whole(&pointer, &text).map_err(CheckpointError::io(&pointer))?;
    remove_others(folder, STEP, &target)
}

/// Checks that a checkpoint's training has as many steps as the one that goes on from it.
///
/// # Errors
/// It has not.
pub(super) fn check_steps(
    folder: &Path,
    known: usize,
    steps: usize,
) -> Result<(), CheckpointError> {
    if known == steps {
        return Ok(());
    }
    let folder = folder.to_owned();
    Err(CheckpointError::OtherTraining {
        folder,
        known,
        steps,
    })
}

/// Writes a module's weights into `folder` as `best-STEP` and leaves those that are there; [`keep_best`] removes them once a
/// checkpoint names the new ones.
///
/// # Errors
/// The file can't be written.
pub(super) fn save_best<M: Module>(
    folder: &Path,
    step: usize,
    module: &M,
) -> Result<(), CheckpointError> {
    let path = folder.join(format!("{BEST}{step}"));
    std::fs::create_dir_all(&path).map_err(CheckpointError::io(&path))?;
    let path = path.join("weights");
    module
        .clone()
        .into_record()
        .save(&path)
        .map_err(CheckpointError::record(&path))
}

/// Reads what [`save_best`] wrote.
///
/// # Errors
/// A file can't be read or isn't of such a module.
pub(super) fn load_best<M: Module>(
    folder: &Path,
    step: usize,
    module: M,
) -> Result<M, CheckpointError> {
    let path = folder.join(format!("{BEST}{step}")).join("weights");
    ModuleRecord::load(&path)
        .and_then(|record| module.try_load_record(record))
        .map_err(CheckpointError::record(&path))
}

/// Removes all best weights but those of `step`.
///
/// # Errors
/// A folder can't be read or removed.
pub(super) fn keep_best(folder: &Path, step: usize) -> Result<(), CheckpointError> {
    remove_others(folder, BEST, &folder.join(format!("{BEST}{step}")))
}

fn remove_others(folder: &Path, prefix: &str, kept: &Path) -> Result<(), CheckpointError> {
    for entry in std::fs::read_dir(folder).map_err(CheckpointError::io(folder))? {
        let path = entry.map_err(CheckpointError::io(folder))?.path();
        let is_checkpoint = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        if is_checkpoint && path != kept {
            std::fs::remove_dir_all(&path).map_err(CheckpointError::io(&path))?;
        }
    }
    Ok(())
}

/// Reads the checkpoint of `folder` into `training`, which has the same structure. `None` if there is none.
///
/// # Errors
/// A file can't be read or isn't a checkpoint of such a training.
pub(super) fn load<M: Module, P: DeserializeOwned>(
    folder: &Path,
    training: &mut Training<M>,
) -> Result<Option<P>, CheckpointError> {
    let pointer = folder.join(POINTER);
    let text = match std::fs::read(&pointer) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CheckpointError::io(&pointer)(error)),
    };
    let Pointer { step, progress } =
        serde_json::from_slice::<Pointer<P>>(&text).map_err(|error| CheckpointError::Invalid {
            path: pointer,
            why: error.to_string(),
        })?;
    let source = folder.join(format!("{STEP}{step}"));
    let module = |name: &str, module: M| {
        let path = source.join(name);
        ModuleRecord::load(&path)
            .and_then(|record| module.try_load_record(record))
            .map_err(CheckpointError::record(&path))
    };
    training.module = module("weights", training.module.clone())?;
    training.average = module("average", training.average.clone())?;
    let path = source.join("optimizer");
    let record = OptimizerRecord::load(&path).map_err(CheckpointError::record(&path))?;
    training.optimizer = training.optimizer.clone().load_record(record);
    Ok(Some(progress))
}
