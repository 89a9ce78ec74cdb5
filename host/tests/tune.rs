//! `thimble tune` finds a student that fits, tells what it tried, and goes on where it was.

mod common;

use std::path::Path;

use common::{task, thimble_in};
use serde_json::Value;

const SEARCH: [&str; 13] = [
    "tune",
    "--data",
    "train.tsv",
    "--dev",
    "dev.tsv",
    "--labels-only",
    "--max-flash",
    "20K",
    "--time",
    "15s",
    "--quiet",
    "--out",
    "search",
];

fn tune(folder: &Path) -> Value {
    let arguments = [&SEARCH[..], &["--json"]].concat();
    thimble_in(folder, &arguments, b"").json()
}

#[test]
fn the_best_of_its_trials_fits_and_is_what_they_say() {
    let folder = task::folder();
    let found = tune(folder.path());
    let trials = found["trials"].as_array().unwrap();
    let figures = |trial: &Value, name: &str| trial["outcome"]["student"][name].as_f64();
    let best = &trials[found["best"].as_u64().unwrap() as usize];
    let least = trials
        .iter()
        .filter_map(|trial| figures(trial, "log_loss"))
        .fold(f64::INFINITY, f64::min);
    assert_eq!(figures(best, "log_loss"), Some(least));
    assert!(trials.len() >= 3, "{trials:?}");
    let shapes: std::collections::HashSet<String> = trials
        .iter()
        .map(|trial| trial["shape"].to_string())
        .collect();
    assert!(shapes.len() >= 2, "{shapes:?}");
    assert!(figures(best, "file_bytes").unwrap() <= 20.0 * 1024.0);

    let arguments = [
        "eval",
        "--model",
        "search/model.thimble",
        "--data",
        "dev.tsv",
        "--json",
    ];
    let judged = thimble_in(folder.path(), &arguments, b"").json();
    assert_eq!(judged["log_loss"].as_f64(), Some(least));
    assert_eq!(judged["accuracy"].as_f64(), figures(best, "accuracy"));
    assert!(figures(best, "accuracy").unwrap() > 0.8, "{trials:?}");

    // Nothing is tried again.
    assert_eq!(tune(folder.path()), found);
    // Without the last trials, as if the search had been stopped there, the others stay as they are.
    let path = folder.path().join("search/trials.json");
    std::fs::write(&path, serde_json::to_vec(&trials[..2]).unwrap()).unwrap();
    let again = tune(folder.path());
    assert_eq!(again["trials"].as_array().unwrap()[..2], trials[..2]);

    std::fs::write(&path, "[{").unwrap();
    thimble_in(folder.path(), &SEARCH, b"").fails(1, &["trials.json", "delete the folder"]);
}

#[test]
fn what_no_student_fits_into_is_said() {
    let folder = task::folder();
    let mut arguments = SEARCH;
    arguments[7] = "2K";
    thimble_in(folder.path(), &arguments, b"").fails(1, &["no student fits", "bytes of flash"]);
    arguments[9] = "soon";
    thimble_in(folder.path(), &arguments, b"").fails(2, &["--time", "soon"]);
}
