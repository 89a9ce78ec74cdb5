//! What a student is worth, by the engine's own answers.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thimble_shared::fixed::LOGIT_BITS;
use thimble_shared::format::{Model, WriteError};

use super::{DistillError, Task};
use crate::eval::{self, Agreement, Metrics, Verified, VerifyError};
use crate::student::answers;
use crate::student::train::Trained;
use crate::student::{Row, StudentError};

/// Figures of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The model file.
    pub model: PathBuf,
    /// SHA-256 of the model file.
    pub digest: String,
    /// Texts that were learnt from.
    pub train_rows: usize,
    /// The engine's figures on the dev set.
    pub int8: Metrics,
    /// Share of the dev set that the floats classify rightly.
    pub float_accuracy: f64,
    /// Floats beside integers.
    pub float_to_int8: Comparison,
    /// The engine beside the teacher, where there is one.
    pub teacher: Option<Agreement>,
    /// Bytes of the model file.
    pub file_bytes: usize,
    /// Bytes of memory of a session.
    pub ram_bytes: usize,
    /// Multiplications with an addition that a token costs.
    pub macs_per_token: u64,
    /// Golden vectors that were replayed.
    pub verified: Verified,
}

/// Two sets of logits of the same texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Accuracy of the second less that of the first.
    pub accuracy_difference: f64,
    /// Share of texts to which both give the same label.
    pub agreement: f64,
    /// Largest difference of a logit.
    pub largest_logit_difference: f64,
}

/// Runs the engine over the dev set, compares it with the floats and the teacher, and replays the golden vectors.
pub(super) fn judge(
    path: &Path,
    bytes: &[u8],
    trained: &Trained,
    task: &Task,
    dev: &[Row],
    train_rows: usize,
) -> Result<Report, DistillError> {
    let model =
        Model::parse(bytes).map_err(|error| StudentError::Write(WriteError::Refused(error)))?;
    let answers =
        eval::predict(&model, &task.dev.texts(), eval::all_threads()).map_err(VerifyError::from)?;
    let outcomes: Vec<_> = answers
        .iter()
        .zip(dev)
        .filter_map(|(answer, row)| Some(answer.outcome(row.label?)))
        .collect();
    let int8 = Metrics::of(&task.dev.labels, &outcomes);
    let student = trained.student.in_floats(&trained.quantization);
    let floats = answers::logits(&student, None, dev).map_err(StudentError::from)?;
    let float_accuracy = answers::share_right(dev, &floats);
    let one = f64::from(1_u32 << LOGIT_BITS);
    let same = answers
        .iter()
        .zip(&floats)
        .filter(|(answer, logits)| answer.label == eval::argmax(logits))
        .count();
    let differences = answers.iter().zip(&floats).flat_map(|(answer, logits)| {
        answer
            .logits
            .iter()
            .zip(logits)
            .map(|(&integer, &float)| (f64::from(integer) / one - f64::from(float)).abs())
    });
    let float_to_int8 = Comparison {
        accuracy_difference: int8.accuracy - float_accuracy,
        agreement: same as f64 / dev.len().max(1) as f64,
        largest_logit_difference: differences.fold(0.0, f64::max),
    };
    let rows: Vec<_> = answers
        .iter()
        .zip(dev)
        .filter_map(|(answer, row)| Some((answer, row.logits.as_deref()?, row.label)))
        .collect();
    Ok(Report {
        model: path.to_owned(),
        digest: crate::data::digest_of(bytes),
        train_rows,
        int8,
        float_accuracy,
        float_to_int8,
        teacher: (!rows.is_empty()).then(|| Agreement::of(rows)),
        file_bytes: bytes.len(),
        ram_bytes: model.ram_bytes(),
        macs_per_token: model.macs_per_token(),
        verified: eval::verify(&model)?,
    })
}
