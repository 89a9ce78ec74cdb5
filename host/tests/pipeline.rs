//! The whole path with a tiny teacher: distil, then every command on the model file that comes out.

mod common;

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

#[test]
fn classify() {
    let lines = "a great film\nthe dull plot\n\n";
    let out = thimble(&["classify", "--model", MODEL, "--json"], lines).ok();
    let answers: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["label"], "positive");
    assert_eq!(answers[1]["label"], "negative");
    for answer in &answers {
        assert!(
            answer["logits"]
                .as_array()
                .unwrap()
                .iter()
                .all(Value::is_i64),
            "{answer}"
        );
        let scores = answer["scores"].as_object().unwrap();
        let sum: f64 = scores.values().map(|score| score.as_f64().unwrap()).sum();
        assert!(
            (sum - 1.0).abs() < 1e-3 && scores.contains_key("negative"),
            "{answer}"
        );
    }
    // Arguments, a file and standard input are the same to it.
    let arguments = thimble(
        &[
            "classify",
            "--model",
            MODEL,
            "--json",
            "a great film",
            "the dull plot",
            "",
        ],
        "",
    )
    .ok();
    assert_eq!(arguments, out);
    std::fs::write(folder().join("lines.txt"), lines).unwrap();
    assert_eq!(
        thimble(
            &[
                "classify",
                "--model",
                MODEL,
                "--json",
                "--file",
                "lines.txt"
            ],
            ""
        )
        .ok(),
        out
    );
    assert!(
        thimble(&["classify", "--model", MODEL, "a great film"], "")
            .ok()
            .contains("positive")
    );
}

#[test]
fn eval() {
    let answer = thimble(
        &["eval", "--model", MODEL, "--data", "dev.tsv", "--json"],
        "",
    )
    .json();
    assert_eq!(answer["n"], 61);
    assert_eq!(answer["accuracy"], RUN.1["int8"]["accuracy"]);
    let mut labels: Vec<&str> = answer["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l.as_str().unwrap())
        .collect();
    labels.sort_unstable();
    assert_eq!(labels, ["negative", "positive"]);
    let cells: Vec<u64> = answer["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| {
            row.as_array()
                .unwrap()
                .iter()
                .map(|cell| cell.as_u64().unwrap())
        })
        .collect();
    assert_eq!(cells.iter().sum::<u64>(), 61);
    let groups = answer["by_length"].as_array().unwrap();
    let figure = |name: &'static str| {
        groups
            .iter()
            .map(move |group| group[name].as_f64().unwrap())
    };
    let right: f64 = figure("n")
        .zip(figure("accuracy"))
        .map(|(n, a)| n * a)
        .sum();
    assert_eq!(figure("n").sum::<f64>(), 61.0);
    assert_eq!(right.round() as u64, cells[0] + cells[3]);
    assert_eq!(
        (cells[0] + cells[3]) as f64 / 61.0,
        answer["accuracy"].as_f64().unwrap()
    );
    assert!(answer["macro_f1"].is_f64() && answer["ece"].is_f64());
    let teacher = task::tiny_bert();
    let compared = thimble(
        &[
            "eval",
            "--model",
            MODEL,
            "--data",
            "dev.tsv",
            "--teacher",
            teacher.to_str().unwrap(),
            "--json",
        ],
        "",
    )
    .json();
    assert_eq!(
        compared["teacher"]["agreement"],
        RUN.1["teacher"]["agreement"]
    );
}

#[test]
fn inspect_accounts_for_every_byte() {
    let answer = thimble(&["inspect", MODEL, "--json"], "").json();
    for field in [
        "file_bytes",
        "ram_bytes",
        "parameters",
        "macs_per_token",
        "vocab_size",
    ] {
        assert!(answer[field].as_u64().unwrap() > 0, "{field}: {answer:#}");
    }
    let sections = answer["sections"].as_object().unwrap();
    let sum: u64 = sections.values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(answer["file_bytes"], sum, "{answer:#}");
    assert_eq!(answer["labels"].as_array().unwrap().len(), 2);
    assert!(thimble(&["inspect", MODEL], "").ok().contains("embeddings"));
}

#[test]
fn the_exported_tokenizer_gives_the_same_ids() {
    thimble(
        &[
            "export",
            MODEL,
            "--format",
            "tokenizer",
            "--out",
            "tokenizer.json",
        ],
        "",
    )
    .ok();
    let tokenizer = tokenizers::Tokenizer::from_file(folder().join("tokenizer.json")).unwrap();
    let texts = [
        "a great film",
        "Unseen WORDS, [UNK] it's naïve…",
        "日本 👍🏽 e\u{301}",
        "",
    ];
    for text in texts {
        let answer = thimble(&["tokenize", "--model", MODEL, "--json", text], "").json();
        let encoding = tokenizer.encode(text, false).unwrap();
        let ids: Vec<u64> = answer["ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = encoding.get_ids().iter().map(|&id| id.into()).collect();
        assert_eq!(ids, expected, "{text}");
        let pieces: Vec<&str> = answer["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap())
            .collect();
        assert_eq!(pieces, encoding.get_tokens(), "{text}");
    }
}

#[test]
fn verify_replays_and_finds_damage() {
    let answer = thimble(&["verify", MODEL, "--target", "host", "--json"], "").json();
    assert_eq!(answer["verified"], true);
    thimble(&["verify", MODEL, "--target", "moon"], "").fails(2, &["moon", "host"]);
    let mut bytes = std::fs::read(folder().join(MODEL)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder().join("damaged.thimble"), &bytes).unwrap();
    for command in [
        &["verify", "damaged.thimble"][..],
        &["inspect", "damaged.thimble"],
        &["classify", "--model", "damaged.thimble", "x"],
    ] {
        thimble(command, "").fails(1, &["damaged.thimble", "checksum"]);
    }
}

/// Every single changed byte of the model file is refused with an error, as the page of the format promises.
#[test]
fn every_damaged_byte_is_refused() {
    let file = std::fs::read(folder().join(MODEL)).unwrap();
    let mut damaged = file.clone();
    for at in 0..file.len() {
        for bit in [1, 0x80] {
            damaged[at] ^= bit;
            assert!(
                thimble_shared::format::Model::parse(&damaged).is_err(),
                "byte {at}"
            );
            damaged[at] = file[at];
        }
    }
}

#[test]
fn other_labels_than_two() {
    let rows: String = task::sentences(300, 4)
        .iter()
        .enumerate()
        .map(|(i, (label, text))| match i % 3 {
            0 => format!("neutral,{}\n", task::without_judgement(text)),
            _ => format!("{label},{text}\n"),
        })
        .collect();
    std::fs::write(
        folder().join("three.csv"),
        format!("sentiment,review\n{rows}"),
    )
    .unwrap();
    let arguments = [
        "distill",
        "--data",
        "three.csv",
        "--labels-only",
        "--config",
        "tiny.toml",
        "--epochs",
        "80",
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
        "--out",
        "three",
        "--json",
        "--quiet",
    ];
    let report = thimble(&arguments, "").json();
    assert_eq!(
        report["int8"]["labels"].as_array().unwrap().len(),
        3,
        "{report:#}"
    );
    assert!(report["teacher"].is_null());
    assert!(
        report["int8"]["accuracy"].as_f64().unwrap() > 0.8,
        "{report:#}"
    );
}

#[test]
fn an_embedding_of_codes_and_a_separable_convolution() {
    let arguments = [
        "distill",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--labels-only",
        "--config",
        "codes.toml",
        "--epochs",
        "40",
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
        "--out",
        "codes",
        "--json",
    ];
    let report = thimble(&arguments, "").json();
    for (part, figure) in [("int8", "accuracy"), ("float_to_int8", "agreement")] {
        assert!(report[part][figure].as_f64().unwrap() >= 0.95, "{report:#}");
    }
    let layers = thimble(&["inspect", "codes/model.thimble"], "").ok();
    assert!(layers.contains("2 codes of 12 centroids"), "{layers}");
    assert!(
        layers.contains("kernel 2, dilation 1, groups 8"),
        "{layers}"
    );
}

/// Pieces are learnt from the texts here, which must not depend on the process.
#[test]
fn the_same_seed_gives_the_same_model_in_each_process() {
    let digests: Vec<String> = ["same-1", "same-2", "same-3", "same-4", "same-5"]
        .into_iter()
        .map(|out| {
            let arguments = [
                "distill",
                "--data",
                "train.tsv",
                "--labels-only",
                "--config",
                "tiny.toml",
                "--epochs",
                "1",
                "--out",
                out,
                "--json",
                "--quiet",
            ];
            let report = thimble(&arguments, "").json();
            report["digest"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(
        digests.iter().all(|digest| *digest == digests[0]),
        "{digests:#?}"
    );
}

/// A BERT of random weights knows nothing of the task.
#[test]
fn a_poor_teacher_is_told() {
    let bert = task::tiny_bert();
    let run = thimble(
        &[
            "distill",
            "--data",
            "train.tsv",
            "--teacher",
            bert.to_str().unwrap(),
            "--config",
            "tiny.toml",
            "--epochs",
            "1",
            "--out",
            "poor/run",
        ],
        "",
    );
    assert!(
        run.err.contains("warning: the teacher is right on only"),
        "{}",
        run.err
    );
    run.ok();
}

#[test]
fn what_cannot_be_done_is_said() {
    let bert = task::tiny_bert();
    let bert = bert.to_str().unwrap();
    thimble(&["distill", "--data", "none.tsv"], "").fails(1, &["none.tsv"]);
    thimble(&["distill", "--data", "train.tsv", "--epochs", "0"], "")
        .fails(2, &["--epochs", "above 0"]);
    thimble(&["distill", "--data", "train.tsv", "--dropout", "1"], "")
        .fails(2, &["--dropout", "below 1"]);
    thimble(&["distill", "--data", "train.tsv", "--teacher", "none"], "").fails(1, &["none"]);
    // Another run must not be mixed with the one that lies there.
    thimble(
        &[
            "distill",
            "--data",
            "train.tsv",
            "--teacher",
            bert,
            "--config",
            "tiny.toml",
            "--out",
            "run",
        ],
        "",
    )
    .fails(1, &["run", "--out"]);
    thimble(
        &[
            "distill",
            "--data",
            "train.tsv",
            "--teacher",
            bert,
            "--config",
            "tiny.toml",
            "--max-flash",
            "2K",
            "--out",
            "small/run",
            "--quiet",
        ],
        "",
    )
    .fails(1, &["2", "--max-flash"]);
    thimble(&["classify", "--model", "train.tsv", "x"], "").fails(1, &["train.tsv", "THMB"]);
    thimble(&["eval", "--model", MODEL, "--data", "more.txt"], "")
        .fails(1, &["more.txt", "no labels"]);
    std::fs::write(folder().join("bad.toml"), "pieces = 0\n").unwrap();
    thimble(
        &[
            "distill",
            "--data",
            "train.tsv",
            "--teacher",
            bert,
            "--config",
            "bad.toml",
            "--out",
            "x",
        ],
        "",
    )
    .fails(1, &["bad.toml", "pieces = 0"]);
}
