//! `thimble data` and the frame of the command line.

use std::fs;

use tempfile::TempDir;

mod common;
use common::thimble_in;

#[test]
fn a_file_is_described() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("a.csv"),
        "text,label\na,x\nA,y\n\" \",x\n",
    )
    .unwrap();
    fs::write(folder.path().join("b.txt"), "a\nb\n").unwrap();
    let run = |arguments: &[&str]| thimble_in(folder.path(), arguments, b"");

    let shown = run(&["data", "a.csv", "--against", "b.txt"]).ok();
    assert!(
        shown.starts_with("a.csv: 3 rows, 3 labelled (x 2, y 1)\n"),
        "{shown}"
    );
    assert!(
        shown.contains("texts with more than one label: 1, for example \"a\" is x and y"),
        "{shown}"
    );
    assert!(
        shown.contains("rows whose text is also in b.txt: 2, which are 1 of its rows"),
        "{shown}"
    );

    let json = run(&["data", "a.csv", "--against", "b.txt", "--json"]).json();
    assert_eq!(json["rows"], 3);
    assert_eq!(json["labels"], serde_json::json!(["x", "y"]));
    assert_eq!(json["overlap"]["train_rows"], 2);
    assert_eq!(json["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn a_broken_file_is_one_message_and_exit_code_1() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.csv"), "text,label\na,x,y\n").unwrap();
    let run = |arguments: &[&str]| thimble_in(folder.path(), arguments, b"");
    run(&["data", "a.csv"]).fails(
        1,
        &["error: a.csv:2: the row has 3 fields where the header has 2"],
    );
    run(&["data", "none.csv"]).fails(1, &["none.csv: cannot be read"]);
    run(&["data", "."]).fails(1, &["is a folder"]);
    run(&["data", "a.csv", "--label-column", "z"]).fails(1, &["\"z\"", "\"text\", \"label\""]);
}

#[test]
fn a_senseless_command_line_is_exit_code_2() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        &[][..],
        &["nonsense"],
        &["data"],
        &["data", "a.csv", "--nonsense"],
        &["data", "a.csv", "--map-label", "0"],
        &["data", "a.csv", "--input-format", "xls"],
    ] {
        let run = thimble_in(folder.path(), arguments, b"");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!run.err.is_empty());
    }
}

#[test]
fn help_has_examples() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["--help"][..], &["data", "--help"]] {
        let help = thimble_in(folder.path(), arguments, b"").ok();
        assert!(help.contains("Examples:\n  thimble "), "{help}");
    }
    assert!(
        thimble_in(folder.path(), &["--version"], b"")
            .ok()
            .starts_with("thimble ")
    );
}
