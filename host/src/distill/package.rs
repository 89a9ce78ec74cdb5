//! From a trained student to the bytes of its model file.

use thimble_shared::fixed::INVERSE_TEMPERATURE_ONE;
use thimble_shared::format::{GoldenSpec, Model, ModelSpec, WriteError};

use super::{DistillError, Plan, Task};
use crate::eval::{self, VerifyError};
use crate::student::train::Trained;
use crate::student::{StudentConfig, StudentError, Vocabulary, calibration, quantize};

/// Texts that every model is tried on, whatever its task: nothing, space, many scripts, no UTF-8.
const HOSTILE: [&[u8]; 4] = [
    b"",
    b" \t\r\n ",
    "Ünïcödé \u{301}e\u{301} 字字 שלום 😀👍🏽 ¡no! naïve—dash…".as_bytes(),
    b"broken \xff\xe2\x82 bytes \xf0\x9f",
];
/// Texts of the dev set beside them.
const FROM_DEV: usize = 12;
/// Longest of these in bytes.
const LONGEST: usize = 160;

/// The model file: integers, a temperature calibrated on the dev set, golden vectors, provenance.
pub(super) fn model_file(
    plan: &Plan,
    config: &StudentConfig,
    vocabulary: &Vocabulary,
    trained: &Trained,
    task: &Task,
    teacher_digest: Option<&str>,
) -> Result<Vec<u8>, DistillError> {
    let student = |error: WriteError| DistillError::Student(StudentError::Write(error));
    let progress = &trained.progress;
    let best = progress.best.as_ref().map_or(0, |best| best.step);
    let steps = format!("{best} of {}", progress.steps);
    let mut spec = ModelSpec {
        labels: task.dev.labels.clone(),
        vocabulary: vocabulary.build.clone(),
        layers: quantize(&trained.student, &trained.quantization, config),
        inverse_temperature_q16: INVERSE_TEMPERATURE_ONE,
        provenance: provenance(plan, task, teacher_digest, &steps),
        golden: vec![],
    };
    let draft = spec.to_bytes().map_err(student)?;
    let model = Model::parse(&draft).map_err(|error| student(WriteError::Refused(error)))?;
    let answers =
        eval::predict(&model, &task.dev.texts(), eval::all_threads()).map_err(VerifyError::from)?;
    let labelled: Vec<(&[i32], usize)> = answers
        .iter()
        .zip(&task.dev.examples)
        .filter_map(|(answer, example)| Some((answer.logits.as_slice(), example.label?)))
        .collect();
    spec.inverse_temperature_q16 = calibration::inverse_temperature(&labelled);
    spec.golden = golden(&model, task)?;
    spec.to_bytes().map_err(student)
}

/// What a model file of `plan` will tell beside the network, as long as it can get: for the file's size before the training.
pub(super) fn evidence(
    plan: &Plan,
    task: &Task,
    teacher_digest: Option<&str>,
) -> (Vec<(String, String)>, Vec<GoldenSpec>) {
    let most = u32::MAX;
    let provenance = provenance(plan, task, teacher_digest, &format!("{most} of {most}"));
    let golden = golden_texts(task).into_iter().map(|text| GoldenSpec {
        text: text.to_vec(),
        ids: vec![],
        logits: vec![0; task.dev.labels.len()],
    });
    (provenance, golden.collect())
}

/// Texts from all over the dev set, and hostile ones.
fn golden_texts(task: &Task) -> Vec<&[u8]> {
    let short: Vec<&str> = task
        .dev
        .texts()
        .into_iter()
        .filter(|text| !text.trim().is_empty() && text.len() <= LONGEST)
        .collect();
    let step = short.len().div_ceil(FROM_DEV).max(1);
    let chosen = short.iter().step_by(step).map(|text| text.as_bytes());
    HOSTILE.into_iter().chain(chosen).collect()
}

/// The golden texts with the engine's answers.
fn golden(model: &Model<'_>, task: &Task) -> Result<Vec<GoldenSpec>, DistillError> {
    let mut arena = eval::arena(model);
    let mut session = thimble_device::Session::new(model, &mut arena).map_err(VerifyError::from)?;
    Ok(golden_texts(task)
        .into_iter()
        .map(|text| {
            session.push_bytes(text);
            let scores = session.finish();
            GoldenSpec {
                text: text.to_vec(),
                ids: eval::ids(model, text),
                logits: scores.logits().to_vec(),
            }
        })
        .collect())
}

fn provenance(
    plan: &Plan,
    task: &Task,
    teacher: Option<&str>,
    steps: &str,
) -> Vec<(String, String)> {
    [
        ("thimble", env!("CARGO_PKG_VERSION").to_owned()),
        ("seed", plan.train.seed.to_string()),
        (
            "teacher",
            teacher.map_or("none: labels alone".to_owned(), |digest| {
                format!("sha256:{digest}")
            }),
        ),
        (
            "train",
            format!("sha256:{} rows:{}", task.train.digest(), task.train.len()),
        ),
        (
            "transfer",
            format!(
                "sha256:{} rows:{}",
                task.transfer.digest(),
                task.transfer.len()
            ),
        ),
        (
            "dev",
            format!("sha256:{} rows:{}", task.dev.digest(), task.dev.len()),
        ),
        ("steps", steps.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}
