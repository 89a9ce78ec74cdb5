//! What is done with teachers beside training and labelling, and where they compute.

mod common;

use std::path::Path;

use common::{task, thimble_in};

/// Weights of a teacher's folder by name.
fn weights(folder: &Path) -> Vec<(String, Vec<f32>)> {
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut weights: Vec<(String, Vec<f32>)> = file
        .tensors()
        .into_iter()
        .filter(|(_, view)| view.dtype() == safetensors::Dtype::F32)
        .map(|(name, view)| {
            let values = view.data().chunks_exact(4);
            let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            (
                name.trim_start_matches("bert.").to_owned(),
                values.collect(),
            )
        })
        .collect();
    weights.sort_by(|a, b| a.0.cmp(&b.0));
    weights
}

#[test]
fn the_mean_of_two_teachers() {
    let folder = task::folder();
    let path = folder.path();
    let tiny = task::tiny_bert();
    let tiny = tiny.to_str().unwrap();
    for seed in ["1", "2"] {
        let mut arguments = vec![
            "teacher",
            "train",
            "--data",
            "train.tsv",
            "--dev",
            "dev.tsv",
        ];
        arguments.extend([
            "--base",
            tiny,
            "--epochs",
            "1",
            "--quiet",
            "--train-embeddings",
        ]);
        arguments.extend(["--learning-rate", "1e-3", "--seed", seed, "--out", seed]);
        thimble_in(path, &arguments, b"").ok();
    }
    let average = |teachers: &[&str]| {
        let mut arguments = vec!["teacher", "average", "--out", "mean"];
        arguments.extend(teachers.iter().flat_map(|teacher| ["--teacher", teacher]));
        thimble_in(path, &arguments, b"")
    };
    average(&["1", "2"]).ok();
    let [one, two, mean] = ["1", "2", "mean"].map(|name| weights(&path.join(name)));
    let mut differences = 0;
    for ((name, mean), (one, two)) in mean.iter().zip(one.iter().zip(&two)) {
        assert_eq!((name, name), (&one.0, &two.0));
        for ((&mean, &one), &two) in mean.iter().zip(&one.1).zip(&two.1) {
            let expected = (f64::from(one) + f64::from(two)) / 2.0;
            assert!(
                (f64::from(mean) - expected).abs() < 1e-6,
                "{name}: {mean} {expected}"
            );
            differences += usize::from(one != two);
        }
    }
    assert!(differences > 1_000, "two seeds gave the same weights");
    // It is a teacher.
    thimble_in(
        path,
        &["eval", "--teacher", "mean", "--data", "dev.tsv"],
        b"",
    )
    .ok();

    average(&["1"]).fails(2, &["--teacher", "two folders"]);
    average(&["1", "nowhere"]).fails(1, &["nowhere"]);
    let config = std::fs::read_to_string(path.join("2/config.json")).unwrap();
    let other = config.replace("\"positive\"", "\"glad\"");
    assert_ne!(config, other);
    std::fs::write(path.join("2/config.json"), other).unwrap();
    average(&["1", "2"]).fails(1, &["2/config.json", "other labels"]);
}

#[test]
fn a_tokenizer_of_another_bert() {
    let folder = task::folder();
    let path = folder.path();
    std::fs::create_dir(path.join("other")).unwrap();
    for file in std::fs::read_dir(task::tiny_bert()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), path.join("other").join(file.file_name())).unwrap();
    }
    let place = path.join("other/tokenizer.json");
    let text = std::fs::read_to_string(&place).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_str(&text).unwrap();
    tokenizer["model"]["vocab"]["greatly"] = 130.into();
    std::fs::write(&place, tokenizer.to_string()).unwrap();
    let data = ["--data", "train.tsv", "--dev", "dev.tsv", "--quiet"];
    for (command, teacher) in [
        (&["teacher", "train"][..], "--base"),
        (&["distill"][..], "--teacher"),
    ] {
        let arguments = [command, &data[..], &[teacher, "other", "--out", "out"][..]].concat();
        let parts = [
            "other/tokenizer.json",
            "\"greatly\" has id 130",
            "130 embeddings",
        ];
        thimble_in(path, &arguments, b"").fails(1, &parts);
    }
}

#[test]
fn matrix_products_in_16_bits() {
    let folder = task::folder();
    let path = folder.path();
    let tiny = task::tiny_bert();
    let label = |math: &str| -> Vec<f64> {
        let mut arguments = vec!["teacher", "label", "--data", "dev.tsv", "--quiet"];
        arguments.extend([
            "--teacher",
            tiny.to_str().unwrap(),
            "--math",
            math,
            "--out",
            math,
        ]);
        thimble_in(path, &arguments, b"").ok();
        let text = std::fs::read_to_string(path.join(math)).unwrap();
        text.lines()
            .flat_map(|line| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                let logits = row["logits"].as_array().unwrap().clone();
                logits.into_iter().map(|value| value.as_f64().unwrap())
            })
            .collect()
    };
    let exact = label("f32");
    let most = exact
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    for (math, bound) in [("f16", 2e-3), ("bf16", 2e-2)] {
        let pairs = exact.iter().zip(label(math));
        let worst = pairs.fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs())) / most;
        assert!(worst > 0.0 && worst < bound, "{math}: {worst}");
    }
    // With its scaled loss.
    let mut arguments = vec![
        "teacher",
        "train",
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
    ];
    arguments.extend([
        "--base",
        tiny.to_str().unwrap(),
        "--epochs",
        "10",
        "--batch-size",
        "16",
    ]);
    arguments.extend([
        "--learning-rate",
        "4e-3",
        "--average-decay",
        "0.9",
        "--json",
        "--quiet",
    ]);
    arguments.extend(["--train-embeddings", "--math", "f16", "--out", "teacher"]);
    let answer = thimble_in(path, &arguments, b"").json();
    assert!(
        answer["best"]["accuracy"].as_f64().unwrap() > 0.9,
        "{answer}"
    );
}

#[test]
fn devices() {
    let folder = task::folder();
    let table = thimble_in(folder.path(), &["devices"], b"").ok();
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("cpu ") && line.contains("cores")),
        "{table}"
    );
    let listed = thimble_in(folder.path(), &["devices", "--json"], b"").ok();
    for line in listed.lines() {
        let device: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = device["name"].as_str().unwrap();
        assert!(
            device["description"].is_null() != device["fault"].is_null(),
            "{line}"
        );
        // What is listed as unusable is refused with the same words, by each command.
        if let Some(fault) = device["fault"].as_str() {
            for command in [
                &["teacher", "label", "--data", "dev.tsv", "--out", "soft"][..],
                &[
                    "teacher",
                    "train",
                    "--data",
                    "train.tsv",
                    "--out",
                    "teacher",
                ],
                &["eval", "--teacher", "nowhere", "--data", "dev.tsv"],
                &["distill", "--data", "train.tsv"],
                &["bench", "train"],
            ] {
                let arguments = [command, &["--device", name]].concat();
                thimble_in(folder.path(), &arguments, b"").fails(1, &[fault]);
            }
        }
    }
    for (name, part) in [
        ("abacus", "unknown device \"abacus\""),
        ("cpu:1", "unknown device"),
        ("wgpu:x", "unknown device"),
    ] {
        let arguments = ["bench", "train", "--device", name];
        thimble_in(folder.path(), &arguments, b"").fails(1, &[part]);
    }
}

#[test]
fn rates_are_measured() {
    let folder = task::folder();
    let tiny = task::tiny_bert();
    let mut arguments = vec![
        "bench",
        "train",
        "--teacher",
        tiny.to_str().unwrap(),
        "--steps",
        "1",
    ];
    arguments.extend([
        "--batch-size",
        "4",
        "--tokens",
        "8",
        "--json",
        "--quiet",
        "--device",
        "auto",
    ]);
    let rates = thimble_in(folder.path(), &arguments, b"").json();
    for name in ["fine_tuning", "labelling", "student"] {
        let rate = &rates[name];
        assert!(
            rate["sentences_per_second"].as_f64().unwrap() > 1.0,
            "{rates}"
        );
        assert!(
            (0.0..=1.0).contains(&rate["waiting"].as_f64().unwrap()),
            "{rates}"
        );
    }
}

#[test]
fn a_smaller_micro_batch_learns_alike() {
    let folder = task::folder();
    let path = folder.path();
    let train = |micro_batch: &str, out: &str| {
        let mut arguments = vec![
            "distill",
            "--data",
            "train.tsv",
            "--dev",
            "dev.tsv",
            "--labels-only",
        ];
        arguments.extend([
            "--config",
            "tiny.toml",
            "--epochs",
            "12",
            "--batch-size",
            "32",
        ]);
        arguments.extend(["--learning-rate", "0.01", "--micro-batch", micro_batch]);
        arguments.extend(["--out", out, "--json", "--quiet"]);
        let report = thimble_in(path, &arguments, b"").json();
        report["int8"]["accuracy"].as_f64().unwrap()
    };
    let (whole, parts) = (train("32", "whole"), train("5", "parts"));
    assert!(whole > 0.9 && parts > 0.9, "{whole} {parts}");
    let arguments = ["distill", "--data", "train.tsv", "--micro-batch", "0"];
    thimble_in(path, &arguments, b"").fails(2, &["--micro-batch"]);
}
