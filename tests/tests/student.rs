//! The shipped student: beside an independent reader of its file, and what its card says of it.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;
use thimble_device::Session;
use thimble_host::{data, eval};
use thimble_shared::format::Model;

/// What `golden/student.py` made of the file.
#[derive(Deserialize)]
struct Golden {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
    logits: Vec<i32>,
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn file() -> Vec<u8> {
    shipped("224k")
}

fn shipped(size: &str) -> Vec<u8> {
    std::fs::read(root(&format!("models/sentiment-en/{size}.thimble"))).unwrap()
}

fn dev() -> data::Dataset {
    data::read(
        &root("models/data/sst2.dev.tsv"),
        &data::ReadOptions::default(),
    )
    .unwrap()
}

#[test]
fn every_logit_is_that_of_an_independent_reader() {
    let golden: Golden =
        serde_json::from_slice(&std::fs::read(root("tests/golden/student.json")).unwrap()).unwrap();
    assert!(golden.rows.len() > 872);
    let file = file();
    let model = Model::parse(&file).unwrap();
    let mut arena = vec![0; model.arena_bytes() / 8];
    let mut session = Session::new(&model, &mut arena).unwrap();
    for row in &golden.rows {
        session.push_str(&row.text);
        let scores = session.finish();
        assert_eq!(scores.logits(), row.logits, "{}", row.text);
        assert_eq!(
            eval::ids(&model, row.text.as_bytes()),
            row.ids,
            "{}",
            row.text
        );
    }
}

#[test]
fn each_size_is_as_good_and_as_small_as_it_is_said_to_be() {
    let dev = dev();
    for (size, kilobytes, least) in [("224k", 224, 0.894), ("96k", 96, 0.896), ("48k", 48, 0.877)] {
        let file = shipped(size);
        let model = Model::parse(&file).unwrap();
        let answers = eval::predict(&model, &dev.texts(), 2).unwrap();
        let right = answers
            .iter()
            .zip(&dev.examples)
            .filter(|(answer, example)| {
                let name = model.labels().name(answer.label);
                dev.label_name(example) == Some(name)
            });
        let accuracy = right.count() as f64 / dev.len() as f64;
        assert!(accuracy >= least, "{size}: {accuracy}");
        assert!(file.len() <= kilobytes * 1024, "{size}");
        assert!(model.ram_bytes() <= 6 * 1024, "{size}");
        let verified = eval::verify(&model).unwrap();
        assert!(verified.vectors > 0, "{size}");
    }
}

/// A damaged byte anywhere is refused; here for bytes all over the file, in every section.
#[test]
fn damage_is_refused() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    let mut places: Vec<usize> = model
        .sections()
        .flat_map(|(_, range)| [range.start, range.end - 1])
        .collect();
    places.extend((0..200).chain((0..file.len()).step_by(997)));
    let mut damaged = file.clone();
    for at in places {
        damaged[at] ^= 0x10;
        assert!(Model::parse(&damaged).is_err(), "byte {at}");
        damaged[at] = file[at];
    }
}

/// Nothing that the student or its teacher was trained on stands in the set that judges them.
#[test]
fn training_and_judging_are_apart() {
    let dev = dev();
    let key = |text: &str| {
        text.to_lowercase()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let judged: HashSet<String> = dev
        .examples
        .iter()
        .map(|example| key(&example.text))
        .collect();
    let options = data::ReadOptions {
        texts_only: true,
        ..data::ReadOptions::default()
    };
    for name in [
        "sst2.train.jsonl.zst",
        "films.jsonl.zst",
        "films-2.jsonl.zst",
        "films-3.jsonl.zst",
        "augmented.jsonl.zst",
    ] {
        let set = data::read(&root("models/data").join(name), &options).unwrap();
        let both: Vec<&str> = set
            .examples
            .iter()
            .map(|example| example.text.as_str())
            .filter(|text| judged.contains(&key(text)))
            .collect();
        assert!(both.is_empty(), "{name}: {both:?}");
    }
}
