//! The engine where there is no image of ours: in a program in C, and on Linux for ARM.
//!
//! `cargo xtask c` and `cargo xtask linux` build the programs; `cargo xtask ci` does so before it runs these tests.

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{Tiny, file, hostile, root};
use thimble_device::Session;
use thimble_host::eval;
use thimble_shared::format::Model;

/// A line a text: label, number of tokens, logits.
fn expected(file: &[u8], texts: &[Vec<u8>]) -> String {
    let model = Model::parse(file).unwrap();
    let mut arena = eval::arena(&model);
    let mut session = Session::new(&model, &mut arena).unwrap();
    let mut lines = String::new();
    for text in texts {
        session.push_bytes(text);
        let scores = session.finish();
        let label = model.labels().name(scores.label());
        write!(lines, "{label} {}", scores.tokens()).unwrap();
        for logit in scores.logits() {
            write!(lines, " {logit}").unwrap();
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn a_program_in_c_says_what_the_host_says() {
    let example = root("target/c/example.elf");
    assert!(
        example.exists(),
        "{} is missing: cargo xtask c",
        example.display()
    );
    let output = Command::new("qemu-system-arm")
        .args([
            "-machine",
            "mps2-an385",
            "-display",
            "none",
            "-monitor",
            "none",
        ])
        .args([
            "-serial",
            "none",
            "-semihosting-config",
            "enable=on,target=native",
            "-kernel",
        ])
        .arg(&example)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let texts = [
        b"a gorgeous, witty, seductive movie".to_vec(),
        b"the plot is dull beyond words".to_vec(),
        b"".to_vec(),
        b"na\xc3\xafve, \xe5\xad\x97 and \xff".to_vec(),
    ];
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8(said).unwrap(), expected(&file(), &texts));
}

#[test]
fn linux_on_arm_says_what_the_host_says() {
    // A text a line.
    let texts: Vec<Vec<u8>> = hostile()
        .into_iter()
        .filter(|text| !text.contains(&b'\n') && !text.is_empty())
        .collect();
    // Convolutions with 4-bit weights, and with 8-bit ones.
    let tiny = root("target/linux/tiny.thimble");
    let model = Tiny::new(["no", "yes"]).with_width(40).with_bits(8);
    std::fs::write(&tiny, model.bytes()).unwrap();
    let aarch64 = ("aarch64-unknown-linux-gnu", "/usr/aarch64-linux-gnu");
    let armv7 = ("armv7-unknown-linux-gnueabihf", "/usr/arm-linux-gnueabihf");
    // With the extension for dot products, without it, and without kernels of their own.
    let machines = [
        (aarch64, ["qemu-aarch64-static", "-cpu", "max"]),
        (aarch64, ["qemu-aarch64-static", "-cpu", "cortex-a53"]),
        (armv7, ["qemu-arm-static", "-cpu", "max"]),
    ];
    for model in [root("models/sentiment-en/224k.thimble"), tiny] {
        let expected = expected(&std::fs::read(&model).unwrap(), &texts);
        for ((target, libraries), [emulator, options @ ..]) in machines {
            let program = root("target/linux").join(target).join("classify");
            assert!(
                program.exists(),
                "{} is missing: cargo xtask linux",
                program.display()
            );
            let mut child = Command::new(emulator)
                .args(options)
                .args(["-L", libraries])
                .arg(&program)
                .arg(&model)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            let lines = [texts.join(&b'\n'), b"\n".to_vec()].concat();
            let writer = std::thread::spawn(move || input.write_all(&lines));
            let output = child.wait_with_output().unwrap();
            writer.join().unwrap().unwrap();
            assert!(output.status.success(), "{target}");
            assert!(
                String::from_utf8(output.stdout).unwrap() == expected,
                "{target} on {options:?} differs"
            );
        }
    }
}
