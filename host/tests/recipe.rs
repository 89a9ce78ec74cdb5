//! A recipe says all of a run but its seed.

mod common;

use std::path::Path;

use common::{task, thimble_in};
use sha2::{Digest, Sha256};

const SIZES: &str = "pieces = 120\nembedding = 8\nconvs = [{ channels = 8 }]\n";

fn digest(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A folder with a task and `sizes/small.toml`, a recipe for it that is changed by `change`.
fn with_recipe(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = task::folder();
    let path = folder.path();
    std::fs::create_dir(path.join("sizes")).unwrap();
    let [train, dev] = ["train.tsv", "dev.tsv"].map(|name| digest(&path.join(name)));
    let recipe = format!(
        "data = {{ path = \"../train.tsv\", sha256 = \"{train}\", from = \"the shop\" }}\ndev = {{ path = \"../dev.tsv\", sha256 = \"{dev}\" }}\n\
         max_flash = \"60K\"\nepochs = 2\nbatch_size = 32\nlearning_rate = 0.01\ndropout = 0.3\n"
    );
    let recipe = change(recipe) + "[student]\n" + SIZES;
    std::fs::write(path.join("sizes/small.toml"), recipe).unwrap();
    std::fs::write(path.join("sizes.toml"), SIZES).unwrap();
    folder
}

#[test]
fn a_recipe_is_its_options() {
    let teacher = task::tiny_bert();
    let folder = with_recipe(|recipe| {
        let digest = teacher_digest();
        let path = teacher.canonicalize().unwrap();
        format!(
            "{recipe}teacher = {{ path = {:?}, sha256 = \"{digest}\" }}\n",
            path.to_str().unwrap()
        )
    });
    let run = |arguments: &[&str]| {
        let arguments = [&["distill", "--seed", "3", "--json", "--quiet"], arguments].concat();
        thimble_in(folder.path(), &arguments, b"").json()
    };
    let made = run(&["--recipe", "sizes/small.toml"]);
    let by_options = run(&[
        "--data",
        "train.tsv",
        "--dev",
        "dev.tsv",
        "--teacher",
        teacher.to_str().unwrap(),
        "--max-flash",
        "60K",
        "--epochs",
        "2",
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
        "--dropout",
        "0.3",
        "--config",
        "sizes.toml",
        "--out",
        "options",
    ]);
    assert_eq!(made["digest"], by_options["digest"]);
    assert_eq!(made["model"], "runs/sizes-small-seed-3/model.thimble");
}

/// The digest of the tiny teacher as its soft targets name it.
fn teacher_digest() -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.txt"), "a good film\n").unwrap();
    let teacher = task::tiny_bert();
    let arguments = [
        "teacher",
        "label",
        "--teacher",
        teacher.to_str().unwrap(),
        "--data",
        "one.txt",
        "--out",
        "one.jsonl",
    ];
    thimble_in(folder.path(), &arguments, b"").ok();
    let meta = std::fs::read(folder.path().join("one.jsonl.meta.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_slice(&meta).unwrap();
    meta["teacher_digest"].as_str().unwrap().to_owned()
}

#[test]
fn other_inputs_are_refused() {
    let folder = with_recipe(|recipe| recipe);
    let path = folder.path();
    let run = |more: &[&str]| {
        let arguments = [&["distill", "--recipe", "sizes/small.toml"], more].concat();
        thimble_in(path, &arguments, b"")
    };
    run(&["--epochs", "3"]).fails(2, &["--recipe", "--epochs"]);
    let train = path.join("train.tsv");
    let mut changed = std::fs::read(&train).unwrap();
    changed.extend_from_slice(b"positive\tone more\n");
    std::fs::write(&train, changed).unwrap();
    run(&[]).fails(1, &["train.tsv", "small.toml", &digest(&train), "the shop"]);
    std::fs::remove_file(&train).unwrap();
    run(&[]).fails(1, &["train.tsv can't be read", "the shop"]);
    std::fs::write(path.join("sizes/small.toml"), "epoch = 3\n").unwrap();
    run(&[]).fails(1, &["small.toml is no recipe", "epoch"]);

    let folder = with_recipe(|recipe| {
        let path = task::tiny_bert().canonicalize().unwrap();
        let path = path.to_str().unwrap();
        format!("{recipe}teacher = {{ path = {path:?}, sha256 = \"00\" }}\n")
    });
    let arguments = ["distill", "--recipe", "sizes/small.toml", "--quiet"];
    thimble_in(folder.path(), &arguments, b"").fails(1, &["tiny-bert", "small.toml", "not 00"]);
}
