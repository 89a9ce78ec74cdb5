//! Sizes of a student that its flash and RAM hold.

use serde::Serialize;
use thimble_shared::fixed::INVERSE_TEMPERATURE_ONE;
use thimble_shared::format::{Model, ModelSpec};

use super::{DistillError, Plan, Task, package};
use crate::student::{ConvConfig, StudentConfig, StudentError, Vocabulary, shape};

/// What a student may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Bytes of the model file.
    pub flash: usize,
    /// Bytes of memory of a session.
    pub ram: usize,
}

impl Default for Budget {
    /// What leaves room for the program in a chip of 256 KiB of flash and 16 KiB of RAM.
    fn default() -> Self {
        Self {
            flash: 224 * 1024,
            ram: 6 * 1024,
        }
    }
}

/// A student's sizes with its vocabulary.
pub(super) struct Sized {
    pub(super) config: StudentConfig,
    pub(super) vocabulary: Vocabulary,
    /// Bytes of the file at most.
    pub(super) file_bytes: usize,
    pub(super) ram_bytes: usize,
}

/// Finds the sizes and chooses the vocabulary. Only a plan that may be adapted is made smaller.
pub(super) fn fit(
    plan: &Plan,
    task: &Task,
    teacher_digest: Option<&str>,
    choose: impl Fn(usize) -> Result<Vocabulary, StudentError>,
) -> Result<Sized, DistillError> {
    let mut config = plan.student.clone();
    config.validate()?;
    let mut vocabulary = choose(config.pieces)?;
    loop {
        let (provenance, golden) = package::evidence(plan, task, teacher_digest);
        let labels = &task.dev.labels;
        let spec = ModelSpec {
            labels: labels.clone(),
            vocabulary: vocabulary.build.clone(),
            layers: shape(&config, vocabulary.len(), labels.len()),
            inverse_temperature_q16: INVERSE_TEMPERATURE_ONE,
            provenance,
            golden,
        };
        let (file_bytes, ram_bytes) = sizes(&spec)?;
        let over = |what, needed, allowed, remedy| DistillError::Budget {
            what,
            needed,
            allowed,
            remedy,
        };
        if ram_bytes > plan.budget.ram {
            let remedy = "allow more with --max-ram or narrow the layers of --config";
            let error = over("RAM", ram_bytes, plan.budget.ram, remedy);
            if !plan.adapt || !narrow(&mut config) {
                return Err(error);
            }
        } else if file_bytes > plan.budget.flash {
            let remedy = "allow more with --max-flash or shrink --config";
            let error = over("flash", file_bytes, plan.budget.flash, remedy);
            let row = config.row_bytes() + 2;
            let fewer = (file_bytes - plan.budget.flash).div_ceil(row).max(8);
            config.pieces = match vocabulary.len().checked_sub(fewer) {
                Some(pieces @ 150..) if plan.adapt => pieces,
                _ => return Err(error),
            };
            vocabulary = choose(config.pieces)?;
        } else {
            config.pieces = vocabulary.len();
            return Ok(Sized {
                config,
                vocabulary,
                file_bytes,
                ram_bytes,
            });
        }
    }
}

/// Makes all layers narrower; false if they are as narrow as can be.
fn narrow(config: &mut StudentConfig) -> bool {
    let less = |width: usize| (width * 7 / 8) & !3;
    let convs = |conv: &ConvConfig| less(conv.channels);
    let codes = config.product.map_or(1, |product| product.codes);
    let embedding = less(config.embedding) / codes * codes;
    if embedding < 8
        || config
            .convs
            .iter()
            .any(|conv| convs(conv) < 8 || conv.groups > 1)
    {
        return false;
    }
    config.embedding = embedding;
    config
        .convs
        .iter_mut()
        .for_each(|conv| conv.channels = convs(conv));
    true
}

/// Bytes of the file and of a session's memory.
fn sizes(spec: &ModelSpec) -> Result<(usize, usize), StudentError> {
    let bytes = spec.to_bytes()?;
    let ram = Model::parse(&bytes)
        .map_err(thimble_shared::format::WriteError::Refused)?
        .ram_bytes();
    Ok((bytes.len(), ram))
}
