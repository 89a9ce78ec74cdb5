//! Soft targets of several teachers made one.

use std::fs;
use std::path::{Path, PathBuf};

use thimble_host::data::{self, ReadOptions, SoftTargetMeta, meta_path};
use thimble_host::teacher::combine::{Combined, combine};

/// Writes soft targets of the teacher `name`, logits in the order of `labels`.
fn soft_targets(folder: &Path, name: &str, labels: [&str; 2], rows: &[&str]) -> PathBuf {
    let path = folder.join(format!("{name}.jsonl"));
    fs::write(&path, rows.join("\n") + "\n").unwrap();
    let meta = SoftTargetMeta {
        teacher_digest: name.to_owned(),
        with: vec![],
        labels: labels.map(str::to_owned).to_vec(),
        data_digest: format!("texts of {name}"),
        n: rows.len(),
        decimals: None,
        tool_version: "0".to_owned(),
    };
    fs::write(meta_path(&path), serde_json::to_string(&meta).unwrap()).unwrap();
    path
}

#[test]
fn logits_are_the_mean_of_those_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let small = soft_targets(
        folder.path(),
        "small",
        ["neg", "pos"],
        &[
            r#"{"text":"good","label":"pos","logits":[-1.0,2.0]}"#,
            r#"{"text":"so so","label":null,"logits":[0.5,0.25]}"#,
            r#"{"text":"bad","label":null,"logits":[3.0,-3.0]}"#,
            r#"{"text":"so so","label":null,"logits":[0.5,0.75]}"#,
        ],
    );
    // Its logits stand the other way round, and one of its texts nobody else has.
    let large = soft_targets(
        folder.path(),
        "large",
        ["pos", "neg"],
        &[
            r#"{"text":"so so","logits":[-1.25,1.5]}"#,
            r#"{"text":"unheard","logits":[9.0,9.0]}"#,
        ],
    );
    let third = soft_targets(
        folder.path(),
        "third",
        ["neg", "pos"],
        &[r#"{"text":"so so","logits":[4.0,0.1]}"#],
    );
    let out = folder.path().join("all.jsonl");
    let combined = combine(&[small, large, third], &out, Some(2)).unwrap();
    assert_eq!(
        combined,
        Combined {
            rows: 4,
            by_several: 2
        }
    );
    let read = data::read(&out, &ReadOptions::default()).unwrap();
    assert_eq!(read.labels, ["neg", "pos"]);
    let rows = read.examples.iter().map(|row| {
        let logits = row.logits.as_deref().unwrap();
        (row.text.as_str(), row.label, [logits[0], logits[1]])
    });
    let expected = [
        ("good", Some(1), [-1.0, 2.0]),
        // (0.5 + 1.5 + 4) / 3 and (0.25 − 1.25 + 0.1) / 3
        ("so so", None, [2.0, -0.3]),
        ("bad", None, [3.0, -3.0]),
        ("so so", None, [2.0, -0.13]),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let meta = SoftTargetMeta::beside(&out).unwrap().unwrap();
    assert_eq!(meta.teacher_digest, "small");
    assert_eq!(meta.with, ["large", "third"]);
    assert_eq!((meta.n, meta.decimals), (4, Some(2)));
}

#[test]
fn other_labels_missing_logits_and_missing_descriptions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let row = r#"{"text":"good","logits":[-1.0,2.0]}"#;
    let good = soft_targets(folder.path(), "good", ["neg", "pos"], &[row]);
    let others = soft_targets(folder.path(), "others", ["cold", "warm"], &[row]);
    let bare = soft_targets(
        folder.path(),
        "bare",
        ["neg", "pos"],
        &[row, r#"{"text":"bad"}"#],
    );
    let plain = folder.path().join("plain.jsonl");
    fs::write(&plain, row).unwrap();
    let out = folder.path().join("out.jsonl");
    for (second, why) in [
        (others, "its labels are cold, warm and not neg, pos"),
        (bare, "row 2 has no logits"),
        (plain, "there is no description beside it"),
    ] {
        let error = combine(&[good.clone(), second], &out, None).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(!out.exists());
    }
}
