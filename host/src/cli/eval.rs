//! `thimble eval`: how good a model is on a data file.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;
use serde::Serialize;

use super::common::{Common, DeviceArgs, ReadArgs};
use super::model::{ModelArgs, ModelFile};
use super::output::{self, Table, percent, thousands};
use crate::data::{self, Dataset};
use crate::eval::{self, Agreement, Metrics, OfLength, Outcome, Prediction};

/// Arguments of `thimble eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble eval --data dev.tsv
  thimble eval --model mine.thimble --data test.csv --map-label 0=negative --map-label 1=positive --json
  thimble eval --model mine.thimble --data dev.tsv --teacher models/teacher-sst2-minilm")]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Labelled TSV, CSV or JSON Lines, also .zst or .gz
    #[arg(long, short, value_name = "FILE")]
    data: PathBuf,
    /// Compare with a teacher: a folder as Hugging Face writes it, or an ONNX file with its tokenizer.json
    #[arg(long, value_name = "FOLDER", conflicts_with = "soft_targets")]
    teacher: Option<PathBuf>,
    /// Compare with a teacher's soft targets of the same texts
    #[arg(long, value_name = "FILE")]
    soft_targets: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    metrics: Metrics,
    by_length: Vec<OfLength>,
    #[serde(skip_serializing_if = "Option::is_none")]
    teacher: Option<Comparison>,
    model: FileAnswer,
    data: FileAnswer,
    /// Rows of the data without a label, which the metrics leave out.
    unlabelled: usize,
    tokens: u64,
    seconds: f64,
    sentences_per_second: f64,
}

#[derive(Serialize)]
struct FileAnswer {
    file: PathBuf,
    digest: String,
}

#[derive(Serialize)]
struct Comparison {
    from: PathBuf,
    #[serde(flatten)]
    agreement: Agreement,
}

/// Runs the engine over the data and prints its figures.
///
/// # Errors
/// An unusable model or data file, labels that the model does not know, a teacher with other labels.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = args.model.open()?;
    let model = file.parse()?;
    let labels: Vec<String> = model.labels().iter().map(str::to_owned).collect();
    let data = args.read.read(&args.data, Some(labels.clone()), common)?;
    ensure!(
        data.labelled() > 0,
        "{} has no labels; expected a column such as label or sentiment with {} (name it with --label-column)",
        args.data.display(),
        labels.join(", ")
    );
    let teacher = teacher_logits(args, &data)?;

    let start = Instant::now();
    let predictions = eval::predict(&model, &data.texts(), eval::all_threads())?;
    let seconds = start.elapsed().as_secs_f64();

    let outcomes: Vec<Outcome> = data
        .examples
        .iter()
        .zip(&predictions)
        .filter_map(|(example, prediction)| Some(prediction.outcome(example.label?)))
        .collect();
    let lengths = data
        .examples
        .iter()
        .zip(&predictions)
        .filter_map(|(example, answer)| Some((answer.tokens, example.label? == answer.label)));
    let answer = Answer {
        metrics: Metrics::of(&labels, &outcomes),
        by_length: eval::by_length(lengths),
        teacher: teacher.map(|(from, logits)| compare(from, &data, &predictions, &logits)),
        model: FileAnswer {
            file: file.path.clone(),
            digest: file.digest(),
        },
        data: FileAnswer {
            file: args.data.clone(),
            digest: data.digest(),
        },
        unlabelled: data.len() - data.labelled(),
        tokens: predictions.iter().map(|prediction| prediction.tokens).sum(),
        seconds,
        sentences_per_second: data.len() as f64 / seconds.max(1e-9),
    };
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer)?;
    } else {
        print(&mut out, &answer, &file)?;
    }
    out.flush()?;
    Ok(())
}

/// For each row the teacher's logits where they are known, and where they come from.
type TeacherLogits = (PathBuf, Vec<Option<Vec<f32>>>);

fn teacher_logits(args: &Args, data: &Dataset) -> anyhow::Result<Option<TeacherLogits>> {
    if let Some(path) = &args.teacher {
        let mut teacher = args.device.teacher(path)?;
        let order = data
            .labels
            .iter()
            .map(|label| teacher.labels().iter().position(|known| known == label))
            .collect::<Option<Vec<usize>>>()
            .filter(|order| order.len() == teacher.labels().len());
        let Some(order) = order else {
            anyhow::bail!(
                "the teacher {} has the labels {}, the model {}",
                path.display(),
                teacher.labels().join(", "),
                data.labels.join(", ")
            );
        };
        let logits = teacher.logits(&data.texts())?;
        let logits = logits
            .into_iter()
            .map(|row| Some(order.iter().map(|&i| row[i]).collect()))
            .collect();
        return Ok(Some((path.clone(), logits)));
    }
    if let Some(path) = &args.soft_targets {
        let soft = data::read(path, &args.read.options(Some(data.labels.clone())))?;
        let known: HashMap<&str, &Vec<f32>> = soft
            .examples
            .iter()
            .filter_map(|example| Some((example.text.as_str(), example.logits.as_ref()?)))
            .collect();
        let logits: Vec<_> = data
            .examples
            .iter()
            .map(|example| known.get(example.text.as_str()).copied().cloned())
            .collect();
        ensure!(
            logits.iter().any(Option::is_some),
            "{} has soft targets for none of the texts in {}; write them with `thimble teacher label`",
            path.display(),
            args.data.display()
        );
        return Ok(Some((path.clone(), logits)));
    }
    if data.examples.iter().any(|example| example.logits.is_some()) {
        let logits = data
            .examples
            .iter()
            .map(|example| example.logits.clone())
            .collect();
        return Ok(Some((args.data.clone(), logits)));
    }
    Ok(None)
}

fn compare(
    from: PathBuf,
    data: &Dataset,
    predictions: &[Prediction],
    logits: &[Option<Vec<f32>>],
) -> Comparison {
    let rows = data
        .examples
        .iter()
        .zip(predictions)
        .zip(logits)
        .filter_map(|((example, prediction), logits)| {
            Some((prediction, logits.as_deref()?, example.label))
        });
    Comparison {
        from,
        agreement: Agreement::of(rows),
    }
}

fn print(out: &mut impl Write, answer: &Answer, file: &ModelFile) -> anyhow::Result<()> {
    let metrics = &answer.metrics;
    writeln!(
        out,
        "{} ({} bytes) on {}",
        answer.model.file.display(),
        thousands(file.bytes.len() as u64),
        answer.data.file.display()
    )?;
    writeln!(out)?;
    let mut figures = Table::new(&["<", ""]);
    let mut figure = |name: &str, value: String| figures.row([name.to_owned(), value]);
    figure("texts", thousands(metrics.n as u64));
    figure("accuracy", percent(metrics.accuracy));
    figure("macro F1", percent(metrics.macro_f1));
    figure("calibration error", percent(metrics.ece));
    figure("log loss, nats", format!("{:.4}", metrics.log_loss));
    if let Some(teacher) = &answer.teacher {
        figure(
            "agreement with teacher",
            percent(teacher.agreement.agreement),
        );
        figure(
            "squared error of a logit, to the teacher's",
            format!("{:.4}", teacher.agreement.squared_error),
        );
        if let Some(accuracy) = teacher.agreement.teacher_accuracy {
            figure("accuracy of the teacher", percent(accuracy));
        }
    }
    figure(
        "texts a second",
        thousands(answer.sentences_per_second as u64),
    );
    figures.print(out, "  ")?;
    writeln!(out)?;

    let mut classes = Table::new(&["class<", "texts", "precision", "recall", "F1"]);
    for class in &metrics.per_class {
        let shares = [class.precision, class.recall, class.f1].map(percent);
        classes.row(
            [class.label.clone(), thousands(class.support)]
                .into_iter()
                .chain(shares),
        );
    }
    classes.print(out, "  ")?;
    writeln!(out)?;

    let mut lengths = Table::new(&["tokens", "texts", "accuracy"]);
    for group in &answer.by_length {
        let range = match group.to {
            Some(to) => format!("{} to {to}", group.from),
            None => format!("from {}", group.from),
        };
        lengths.row([range, thousands(group.n as u64), percent(group.accuracy)]);
    }
    lengths.print(out, "  ")?;
    writeln!(out)?;

    let heading: Vec<&str> = ["true \\ answered<"]
        .into_iter()
        .chain(metrics.labels.iter().map(String::as_str))
        .collect();
    let mut confusion = Table::new(&heading);
    for (label, row) in metrics.labels.iter().zip(&metrics.confusion) {
        confusion.row(
            [label.clone()]
                .into_iter()
                .chain(row.iter().map(|&count| thousands(count))),
        );
    }
    confusion.print(out, "  ")?;
    Ok(())
}
