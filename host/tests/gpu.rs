//! A graphics card computes what the processor computes. `cargo xtask gpu-check` runs this; without a Vulkan device it fails.

mod common;

use std::path::Path;
use std::sync::LazyLock;

use common::{task, thimble_in};
use serde_json::Value;

/// The name of a Vulkan device: that of the environment variable `THIMBLE_GPU`, else the first that is listed.
static CARD: LazyLock<String> = LazyLock::new(|| {
    let listed = thimble_in(Path::new("."), &["devices", "--json"], b"").ok();
    let devices: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked = std::env::var("THIMBLE_GPU").ok();
    let card = devices.iter().find(|device| {
        let is_vulkan = device["description"]
            .as_str()
            .is_some_and(|text| text.contains("Vulkan"));
        is_vulkan && asked.as_ref().is_none_or(|name| device["name"] == *name)
    });
    let card = card.unwrap_or_else(|| panic!("no Vulkan device is usable: {listed}"));
    println!("on {}: {}", card["name"], card["description"]);
    card["name"].as_str().unwrap().to_owned()
});

/// Runs the same command on the processor and on the card, each with an output of its own behind the arguments.
fn on_both(folder: &Path, arguments: &[&str]) -> [std::path::PathBuf; 2] {
    ["cpu", CARD.as_str()].map(|device| {
        let out = device.replace(':', "-");
        let mut all = arguments.to_vec();
        all.extend(["--quiet", "--device", device, "--out", &out]);
        thimble_in(folder, &all, b"").ok();
        folder.join(out)
    })
}

fn logits(path: &Path) -> Vec<f64> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .flat_map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let logits = row["logits"].as_array().unwrap().clone();
            logits.into_iter().map(|value| value.as_f64().unwrap())
        })
        .collect()
}

/// The largest difference, as a share of the largest value.
fn relative_difference(a: &[f64], b: &[f64]) -> f64 {
    assert!(!a.is_empty());
    assert_eq!(a.len(), b.len());
    let most = a.iter().fold(0.0_f64, |most, a| most.max(a.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max) / most
}

#[test]
fn the_shipped_teacher_gives_the_same_logits() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/data/sst2.dev.tsv");
    let some: String = std::fs::read_to_string(dev)
        .unwrap()
        .lines()
        .take(97)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(folder.path().join("some.tsv"), some).unwrap();
    let arguments = ["teacher", "label", "--data", "some.tsv"];
    let [here, there] = on_both(folder.path(), &arguments).map(|path| logits(&path));
    assert_eq!(here.len(), 2 * 96);
    let difference = relative_difference(&here, &there);
    println!("teacher: relative difference of logits {difference:.1e}");
    assert!(difference <= 1e-3, "{difference}");
}

/// The share of right answers on the dev set, as the run says.
fn best(metrics: &Path, columns: &[usize]) -> f64 {
    let text = std::fs::read_to_string(metrics).unwrap();
    let cells = text.lines().skip(1).flat_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        columns
            .iter()
            .map(move |&i| cells[i].parse::<f64>().unwrap())
    });
    cells.fold(0.0, f64::max)
}

#[test]
fn fine_tuning_comes_to_the_same() {
    let folder = task::folder();
    task::write(&folder.path().join("dev.tsv"), &task::sentences(200, 2));
    let teacher = task::tiny_bert();
    let arguments = [
        "teacher",
        "train",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--base",
        teacher.to_str().unwrap(),
        "--epochs",
        "10",
        "--batch-size",
        "16",
        "--learning-rate",
        "4e-3",
        "--average-decay",
        "0.9",
        "--train-embeddings",
        "--evaluate-every",
        "50",
    ];
    let [here, there] = on_both(folder.path(), &arguments)
        .map(|out| best(&out.join("training/metrics.csv"), &[2, 3]));
    println!("fine-tuning: dev accuracy {here} on the processor, {there} on the card");
    assert!(here > 0.9 && (here - there).abs() < 0.05, "{here} {there}");
}

#[test]
fn a_student_comes_to_the_same() {
    let folder = task::folder();
    task::write(&folder.path().join("dev.tsv"), &task::sentences(200, 2));
    let arguments = [
        "distill",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--labels-only",
        "--config",
        "tiny.toml",
        "--epochs",
        "12",
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
    ];
    let runs = on_both(folder.path(), &arguments);
    let [here, there] = runs
        .each_ref()
        .map(|run| best(&run.join("metrics.csv"), &[2]));
    println!("student: dev accuracy {here} on the processor, {there} on the card");
    assert!(here > 0.9 && (here - there).abs() < 0.05, "{here} {there}");
    // What was trained on the card is a model like any other.
    let model = runs[1].join("model.thimble");
    thimble_in(folder.path(), &["verify", model.to_str().unwrap()], b"").ok();
}
