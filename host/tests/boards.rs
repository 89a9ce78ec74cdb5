//! The command line about boards, as far as it wants no image.

use std::process::{Command, Output};

fn thimble(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thimble"))
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap()
}

fn error(args: &[&str], code: i32) -> String {
    let output = thimble(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

const MODEL: &str = "models/sentiment-en/224k.thimble";

#[test]
fn the_boards_are_listed() {
    let output = thimble(&["firmware", "--list", "--json"]);
    assert!(output.status.success());
    let boards: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let microbit = boards
        .as_array()
        .unwrap()
        .iter()
        .find(|board| board["name"] == "microbit")
        .unwrap();
    assert_eq!(microbit["model_room"], 224 * 1024);
    assert_eq!(microbit["emulated"], true);
    let text = String::from_utf8(thimble(&["firmware", "--list"]).stdout).unwrap();
    assert!(text.contains("Raspberry Pi Pico"), "{text}");
}

#[test]
fn what_makes_no_sense_is_a_usage_error_with_the_remedy() {
    let told = error(&["verify", MODEL, "--target", "qemu:toaster"], 2);
    assert!(
        told.contains("toaster") && told.contains("microbit"),
        "{told}"
    );
    let told = error(&["verify", MODEL, "--target", "toaster"], 2);
    assert!(told.contains("qemu:BOARD"), "{told}");
    let told = error(&["verify", MODEL, "--target", "serial:/dev/null@fast"], 2);
    assert!(told.contains("serial:PORT@BAUD"), "{told}");
    let told = error(&["verify", MODEL, "--file", "models/data/sst2.dev.tsv"], 2);
    assert!(told.contains("--target"), "{told}");
    let told = error(&["firmware", "microbit", "-o", "image.uf2"], 2);
    assert!(told.contains("hex"), "{told}");
    let told = error(&["firmware", "toaster"], 2);
    assert!(told.contains("pico"), "{told}");
    let told = error(&["write", MODEL, "--target", "host"], 2);
    assert!(told.contains("host"), "{told}");
    let told = error(&["classify", "--json", "--instructions", "a"], 2);
    assert!(told.contains("qemu:BOARD"), "{told}");
}

#[test]
fn what_is_not_there_is_told_with_the_remedy() {
    let told = error(&["firmware", "pico", "--image", "nowhere.elf"], 1);
    assert!(
        told.contains("nowhere.elf") && told.contains("cargo xtask firmware pico"),
        "{told}"
    );
    let told = error(&["firmware", "pico", "--image", "README.md"], 1);
    assert!(told.contains("README.md is no image"), "{told}");
    let told = error(&["classify", "--target", "serial:/dev/nowhere", "a"], 1);
    assert!(told.contains("/dev/nowhere"), "{told}");
}
