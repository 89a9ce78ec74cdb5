//! A run that is killed and started again ends as an undisturbed one with the same seed.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{task, thimble_in};

/// Starts `thimble`, kills it (SIGKILL) as soon as `is_time` holds; says whether it was still running then.
fn killed(folder: &Path, arguments: &[&str], is_time: impl Fn() -> bool) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thimble"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if is_time() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(Instant::now() < end, "{arguments:?}: the moment never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts `thimble`, sends it Ctrl-C as soon as `is_time` holds, and checks that it says where it stopped.
fn interrupted(folder: &Path, arguments: &[&str], is_time: impl Fn() -> bool) {
    let child = Command::new(env!("CARGO_BIN_EXE_thimble"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while !is_time() {
        assert!(Instant::now() < end, "{arguments:?}: the moment never came");
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("\nstopped after "), "{said}");
    assert!(output.stdout.is_empty());
}

/// The step that a training's checkpoint names.
fn step(folder: &Path) -> u64 {
    let text = std::fs::read(folder.join("training/progress.json")).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    value["step"].as_u64().unwrap_or(0)
}

#[test]
fn distill() {
    let folder = task::folder();
    let path = folder.path();
    let teacher = task::tiny_bert();
    let arguments = |out: &'static str| {
        [
            "distill",
            "--data",
            "train.tsv",
            "--dev",
            "dev.tsv",
            "--teacher",
            teacher.to_str().unwrap(),
            "--config",
            "codes.toml",
            "--epochs",
            "60",
            "--batch-size",
            "16",
            "--seed",
            "5",
            "--quiet",
            "--out",
            out,
        ]
    };
    let undisturbed = arguments("whole/run");
    thimble_in(path, &undisturbed, b"").ok();

    // Once in the part with floats, once in the part with rounding.
    let broken = arguments("broken/run");
    let run = path.join("broken/run");
    assert!(
        killed(path, &broken, || step(&run) > 0),
        "the run ended before it could be killed"
    );
    let first = step(&run);
    assert!(
        killed(path, &broken, || step(&run) > 1_100),
        "the run ended before it could be killed"
    );
    assert!(first < 900 && step(&run) < 1_500, "{first}, {}", step(&run));
    thimble_in(path, &broken, b"").ok();
    let model = |name: &str| std::fs::read(path.join(name).join("model.thimble")).unwrap();
    assert!(
        model("whole/run") == model("broken/run"),
        "the models differ"
    );
    let metrics =
        |name: &str| std::fs::read_to_string(path.join(name).join("metrics.csv")).unwrap();
    assert_eq!(metrics("whole/run"), metrics("broken/run"));

    // Another seed gives another student, so the comparison can fail.
    let mut other = arguments("other/run");
    other[14] = "6";
    thimble_in(path, &other, b"").ok();
    assert!(
        model("whole/run") != model("other/run"),
        "the seed changes nothing"
    );
}

#[test]
fn teacher_label() {
    let folder = task::folder();
    let path = folder.path();
    let many: String = task::sentences(20_000, 9)
        .into_iter()
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    std::fs::write(path.join("many.txt"), many).unwrap();
    let teacher = task::tiny_bert();
    let arguments = |out: &'static str| {
        [
            "teacher",
            "label",
            "--data",
            "many.txt",
            "--teacher",
            teacher.to_str().unwrap(),
            "--quiet",
            "--out",
            out,
        ]
    };
    thimble_in(path, &arguments("whole.jsonl"), b"").ok();
    let partial = path.join("broken.jsonl.partial");
    let bytes = || std::fs::metadata(&partial).map_or(0, |meta| meta.len());
    assert!(
        killed(path, &arguments("broken.jsonl"), || bytes() > 0),
        "the run ended before it could be killed"
    );
    assert!(!path.join("broken.jsonl").exists());
    let before = bytes();
    interrupted(path, &arguments("broken.jsonl"), || bytes() > before);
    // A line that was cut in the middle, as a full disk or a lost machine leaves it.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&partial)
        .unwrap();
    file.set_len(bytes() - 7).unwrap();
    thimble_in(path, &arguments("broken.jsonl"), b"").ok();
    let read = |name: &str| std::fs::read(path.join(name)).unwrap();
    assert!(
        read("whole.jsonl") == read("broken.jsonl"),
        "the soft targets differ"
    );
    assert!(!partial.exists());
}

#[test]
fn teacher_train() {
    let folder = task::folder();
    let path = folder.path();
    let teacher = task::tiny_bert();
    let arguments = |out: &'static str| {
        [
            "teacher",
            "train",
            "--data",
            "train.tsv",
            "--dev",
            "dev.tsv",
            "--base",
            teacher.to_str().unwrap(),
            "--epochs",
            "12",
            "--batch-size",
            "8",
            "--evaluate-every",
            "50",
            "--learning-rate",
            "1e-3",
            "--quiet",
            "--out",
            out,
        ]
    };
    thimble_in(path, &arguments("whole"), b"").ok();
    let broken = path.join("broken");
    assert!(
        killed(path, &arguments("broken"), || step(&broken) >= 100),
        "the run ended before it could be killed"
    );
    assert!(step(&broken) < 300);
    interrupted(path, &arguments("broken"), || step(&broken) >= 300);
    assert!(step(&broken) < 600);
    thimble_in(path, &arguments("broken"), b"").ok();
    let weights = |name: &str| std::fs::read(path.join(name).join("model.safetensors")).unwrap();
    assert!(weights("whole") == weights("broken"), "the teachers differ");
    // Another training does not go on from it.
    let mut other = arguments("whole");
    let rate = other
        .iter()
        .position(|&argument| argument == "1e-3")
        .unwrap();
    other[rate] = "2e-3";
    thimble_in(path, &other, b"").fails(1, &["whole", "--out"]);
    // It has learnt something that a BERT of random weights does not know.
    let metrics = std::fs::read_to_string(path.join("whole/training/metrics.csv")).unwrap();
    let best = metrics
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(2))
        .filter_map(|v| v.parse::<f64>().ok())
        .fold(0.0, f64::max);
    assert!(best > 0.8, "{metrics}");
}
