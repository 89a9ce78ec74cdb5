//! The whole path with a tiny teacher: distil, then every command on the model file that comes out.

#[path = "../common/mod.rs"]
mod common;
mod model_file;
mod runs;

use std::path::Path;
use std::sync::LazyLock;

use common::{Run, task, thimble_in};
use serde_json::Value;

/// A run of `distill` that the tests share: its folder and its report.
static RUN: LazyLock<(tempfile::TempDir, Value)> = LazyLock::new(|| {
    let folder = task::folder();
    let teacher = task::tiny_bert();
    let arguments = [
        "distill",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--unlabeled",
        "more.txt",
        "--teacher",
        teacher.to_str().unwrap(),
        "--config",
        "tiny.toml",
        "--epochs",
        "12",
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
        "--alpha",
        "0.9",
        "--out",
        "run",
        "--json",
    ];
    let report = thimble_in(folder.path(), &arguments, b"").json();
    (folder, report)
});

fn folder() -> &'static Path {
    RUN.0.path()
}

fn thimble(arguments: &[&str], input: &str) -> Run {
    thimble_in(folder(), arguments, input.as_bytes())
}

const MODEL: &str = "run/model.thimble";

#[test]
fn the_student_learns_and_its_integers_agree() {
    let report = &RUN.1;
    assert!(
        report["int8"]["accuracy"].as_f64().unwrap() >= 0.95,
        "{report:#}"
    );
    assert!(
        report["float_to_int8"]["agreement"].as_f64().unwrap() >= 0.95,
        "{report:#}"
    );
    assert!(
        report["verified"]["vectors"].as_u64().unwrap() >= 3,
        "{report:#}"
    );
    for name in [
        "config.toml",
        "manifest.json",
        "metrics.csv",
        "report.json",
        "model.thimble",
    ] {
        assert!(folder().join("run").join(name).is_file(), "{name}");
    }
    let bytes = std::fs::metadata(folder().join(MODEL)).unwrap().len();
    assert_eq!(report["file_bytes"], bytes);
}

#[test]
fn soft_targets_are_the_teachers() {
    let teacher = task::tiny_bert();
    thimble(
        &[
            "teacher",
            "label",
            "--data",
            "more.txt",
            "--teacher",
            teacher.to_str().unwrap(),
            "--out",
            "soft.jsonl",
        ],
        "",
    )
    .ok();
    let fresh = std::fs::read_to_string(folder().join("soft.jsonl")).unwrap();
    let cached = std::fs::read_dir(folder().join("soft-targets")).unwrap();
    let cached: Vec<String> = cached
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(cached.len(), 3);
    assert!(cached.contains(&fresh));
    let row: Value = serde_json::from_str(fresh.lines().next().unwrap()).unwrap();
    assert_eq!(row["logits"].as_array().unwrap().len(), 2);
}

/// metrics.csv of a short distillation with these texts beside the labelled ones.
fn metrics_with(folder: &Path, out: &str, texts: &str, more: &[&str]) -> String {
    let teacher = task::tiny_bert();
    let mut arguments = vec!["distill", "--data", "train.tsv", "--dev", "dev.tsv"];
    arguments.extend([
        "--teacher",
        teacher.to_str().unwrap(),
        "--config",
        "tiny.toml",
    ]);
    arguments.extend([
        "--epochs",
        "2",
        "--unlabeled",
        texts,
        "--out",
        out,
        "--quiet",
    ]);
    arguments.extend(more);
    thimble_in(folder, &arguments, b"").ok();
    std::fs::read_to_string(folder.join(out).join("metrics.csv")).unwrap()
}

#[test]
fn soft_targets_of_the_same_teacher_are_taken_as_they_are() {
    let folder = task::folder();
    let path = folder.path();
    let teacher = task::tiny_bert();
    let mut arguments = vec!["teacher", "label", "--data", "more.txt", "--quiet"];
    arguments.extend([
        "--teacher",
        teacher.to_str().unwrap(),
        "--out",
        "soft.jsonl",
    ]);
    thimble_in(path, &arguments, b"").ok();
    let afresh = metrics_with(path, "a/run", "more.txt", &[]);
    assert_eq!(metrics_with(path, "b/run", "soft.jsonl", &[]), afresh);
    let written = |run: &str| std::fs::read_dir(path.join(run)).unwrap().count();
    assert_eq!(
        (written("a/soft-targets"), written("b/soft-targets")),
        (6, 4),
        "two files each for train, dev and, if it is labelled, more.txt"
    );

    // A kept file that has lost a row is no ground to learn from.
    let kept = std::fs::read_dir(path.join("b/soft-targets")).unwrap();
    let mut kept = kept.map(|entry| entry.unwrap().path());
    let kept = kept.find(|path| path.extension().is_some_and(|name| name == "jsonl"));
    let kept = kept.unwrap();
    let rows = std::fs::read_to_string(&kept).unwrap();
    let fewer = &rows[rows.find('\n').unwrap() + 1..];
    std::fs::write(&kept, fewer).unwrap();
    let mut again = vec![
        "distill",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--quiet",
    ];
    again.extend([
        "--teacher",
        teacher.to_str().unwrap(),
        "--config",
        "tiny.toml",
    ]);
    again.extend(["--epochs", "2", "--out", "b/another"]);
    let name = kept.file_name().unwrap().to_str().unwrap();
    thimble_in(path, &again, b"").fails(1, &[name, "delete it"]);

    // Other logits teach something else, unless they are not believed.
    let soft = std::fs::read_to_string(path.join("soft.jsonl")).unwrap();
    std::fs::write(path.join("soft.jsonl"), soft.replace("[-", "[-1")).unwrap();
    assert_ne!(metrics_with(path, "c/run", "soft.jsonl", &[]), afresh);
    assert_eq!(
        metrics_with(path, "d/run", "soft.jsonl", &["--relabel"]),
        afresh
    );
    let meta = path.join("soft.jsonl.meta.json");
    let mut about: Value = serde_json::from_slice(&std::fs::read(&meta).unwrap()).unwrap();
    about["teacher_digest"] = "0".repeat(64).into();
    std::fs::write(&meta, about.to_string()).unwrap();
    assert_eq!(metrics_with(path, "e/run", "soft.jsonl", &[]), afresh);

    // Rounded ones are nearly the same.
    arguments.extend(["--decimals", "1"]);
    thimble_in(path, &arguments, b"").ok();
    let text = std::fs::read_to_string(path.join("soft.jsonl")).unwrap();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        for logit in row["logits"].as_array().unwrap() {
            let tenths = logit.as_f64().unwrap() * 10.0;
            assert!((tenths - tenths.round()).abs() < 1e-5, "{line}");
        }
    }
}
