//! `cargo xtask sanitize`: the vector kernels of workstations, and all else that the device crate's tests run, under AddressSanitizer,
//! which finds what reads or writes beside its buffer. No other crate that a device runs has `unsafe` code.

use std::process::Command;

use anyhow::{Context, ensure};

/// Runs the tests of the device crate. The sanitizer's runtime comes with Rust's toolchain; its option is an unstable one, so it is
/// allowed for this build alone.
pub(crate) fn run() -> anyhow::Result<()> {
    let host = host()?;
    let target = crate::root().join("target/sanitize");
    let status = Command::new(env!("CARGO"))
        .args(["test", "-p", "thimble-device"])
        .args(["--lib", "--tests", "--features", "std"])
        .args(["--target", &host, "--target-dir"])
        .arg(target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .current_dir(crate::root())
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "tests under AddressSanitizer: {status}");
    Ok(())
}

/// The target that the compiler itself runs on.
fn host() -> anyhow::Result<String> {
    let answer = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("rustc could not be started")?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc -vV names no host target")
}
