//! Teachers beside transformers and ONNX Runtime: the logits that the scripts in `golden` wrote down.

use std::path::PathBuf;

use serde_json::Value;
use thimble_host::teacher::Math;
use thimble_host::{device, teacher};

/// A path below the repository's root.
fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn golden(path: &str) -> Value {
    let bytes = std::fs::read(root("tests/golden").join(path)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

/// The largest difference of a logit between a teacher and what was written down.
fn worst(teacher: &str, rows: &[(String, Vec<f64>)]) -> f64 {
    let mut teacher =
        teacher::open(&root(teacher), &device::open("cpu").unwrap(), Math::F32).unwrap();
    let texts: Vec<&str> = rows.iter().map(|(text, _)| text.as_str()).collect();
    let logits = teacher.logits(&texts).unwrap();
    assert_eq!(logits.len(), rows.len());
    let differences = logits.iter().zip(rows).flat_map(|(logits, (_, expected))| {
        assert_eq!(logits.len(), expected.len());
        logits
            .iter()
            .zip(expected)
            .map(|(&logit, expected)| (f64::from(logit) - expected).abs())
    });
    differences.fold(0.0, f64::max)
}

#[test]
fn the_shipped_teacher_is_that_of_transformers() {
    let golden = golden("teacher.json");
    let rows = golden["rows"].as_array().unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["text"].as_str().unwrap().to_owned(),
                numbers(&row["logits"]),
            )
        })
        .collect();
    assert!(rows.len() > 30);
    let worst = worst("models/teacher-sst2-minilm", &rows);
    assert!(worst <= 1e-4, "{worst}");
}

fn tiny(folder: &str, logits: &str) -> Vec<(String, Vec<f64>)> {
    let golden = golden(&format!("{folder}/golden.json"));
    let texts = golden["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned());
    texts
        .zip(golden[logits].as_array().unwrap().iter().map(numbers))
        .collect()
}

#[test]
fn a_hugging_face_folder() {
    let worst = worst("tests/golden/tiny-bert", &tiny("tiny-bert", "logits"));
    assert!(worst <= 1e-4, "{worst}");
}

#[test]
fn a_folder_of_an_mpnet() {
    let worst = worst("tests/golden/tiny-mpnet", &tiny("tiny-mpnet", "logits"));
    assert!(worst <= 1e-4, "{worst}");
}

#[test]
fn an_onnx_file() {
    let worst = worst(
        "tests/golden/tiny-bert/model.onnx",
        &tiny("tiny-bert", "onnx_logits"),
    );
    assert!(worst <= 1e-4, "{worst}");
}

#[test]
fn what_a_teacher_makes_of_tokens() {
    let golden = golden("tiny-bert/token-states.json");
    let ids: Vec<u32> = numbers(&golden["tokens"])
        .iter()
        .map(|&id| id as u32)
        .collect();
    let expected: Vec<f64> = golden["states"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(numbers)
        .collect();
    let folder = root("tests/golden/tiny-bert");
    let mut teacher = teacher::open(&folder, &device::open("cpu").unwrap(), Math::F32).unwrap();
    let tables = teacher.token_tables(&ids).unwrap();
    let [words, states] = &tables[..] else {
        panic!("{} tables", tables.len());
    };
    assert_eq!((words.width, states.width), (32, 32));
    assert_eq!(states.values.len(), expected.len());
    for (value, expected) in states.values.iter().zip(&expected) {
        assert!(
            (f64::from(*value) - expected).abs() < 1e-4,
            "{value} {expected}"
        );
    }
    let file = std::fs::read(folder.join("model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&file).unwrap();
    let table = weights
        .tensor("bert.embeddings.word_embeddings.weight")
        .unwrap();
    let rows: Vec<&[u8]> = table.data().chunks_exact(32 * 4).collect();
    let own: Vec<u8> = words
        .values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let theirs: Vec<u8> = ids
        .iter()
        .flat_map(|&id| rows[id as usize].to_vec())
        .collect();
    assert_eq!(own, theirs);

    let mut onnx = teacher::open(
        &folder.join("model.onnx"),
        &device::open("cpu").unwrap(),
        Math::F32,
    )
    .unwrap();
    assert!(onnx.token_tables(&ids).unwrap().is_empty());
}
