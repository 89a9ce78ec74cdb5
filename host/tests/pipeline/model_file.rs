//! Commands on the model file that came out.

use serde_json::Value;

use super::common::task;
use super::{MODEL, RUN, folder, thimble};

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
