//! Runs with other labels, sizes, seeds and teachers, and such as can't be.

use super::common::task;
use super::{MODEL, folder, thimble};

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
        // So few units die with some seeds.
        "--seed",
        "4",
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
        // So few units die with some seeds.
        "--seed",
        "4",
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
