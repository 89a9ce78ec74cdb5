//! `cargo xtask ci`: what continuous integration runs, and what a developer runs before a commit.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};

/// A step that is one call of cargo: its name and its arguments.
const STEPS: &[(&str, &[&str])] = &[
    ("format", &["fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--release",
            "--",
            "-D",
            "warnings",
        ],
    ),
    // Overflow checks and debug assertions are on in this profile.
    (
        "tests of the device side, checked arithmetic",
        &["test", "-p", "thimble-shared", "-p", "thimble-device"],
    ),
    (
        "tests of the workspace",
        &["test", "--workspace", "--release"],
    ),
    (
        "documentation",
        &["doc", "--workspace", "--no-deps", "--release"],
    ),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let start = Instant::now();
    step("licences", crate::licences::run)?;
    step("layers", crate::deps::run)?;
    for (name, args) in STEPS {
        step(name, || cargo(args))?;
    }
    println!(
        "\nall checks passed in {:.1} minutes",
        start.elapsed().as_secs_f64() / 60.0
    );
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("\n== {name}");
    let start = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(crate::root())
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "cargo {}: {status}", args.join(" "));
    Ok(())
}
