//! `cargo xtask c`: the engine for C: header, static libraries, and an example for the emulator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::arm::{self, Library};

/// The cores that a library is built for.
const TARGETS: &[&str] = &[
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
];

fn folder() -> PathBuf {
    crate::root().join("device/c")
}

/// Writes the header, or with `check` makes sure that it is as it should be; builds the libraries and the example.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    header(check)?;
    for target in TARGETS {
        println!("{}", library(target)?.display());
    }
    println!("{}", example()?.display());
    Ok(())
}

fn header(check: bool) -> anyhow::Result<()> {
    let config =
        cbindgen::Config::from_file(folder().join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_src(folder().join("src/lib.rs"))
        .with_config(config)
        .generate()?
        .write(&mut text);
    let path = folder().join("include/thimble.h");
    if check {
        let present = std::fs::read(&path).unwrap_or_default();
        ensure!(
            present == text,
            "{} is not up to date; `cargo xtask c` writes it",
            path.display()
        );
        return Ok(());
    }
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn library(target: &str) -> anyhow::Result<PathBuf> {
    let mut command = arm::cargo(target, Library::Core, None)?;
    command.current_dir(folder()).arg("build");
    let built = arm::build(command, target, "c-build")?;
    let out = crate::root().join("target/c").join(target);
    std::fs::create_dir_all(&out)?;
    let library = out.join("libthimble.a");
    std::fs::copy(built.join("libthimble.a"), &library)?;
    Ok(library)
}

/// Compiles the example in C for the emulated Cortex-M3, with the shipped model in it.
fn example() -> anyhow::Result<PathBuf> {
    let example = folder().join("example");
    let out = crate::root().join("target/c/example.elf");
    let model = crate::root().join("models/sentiment-en/224k.thimble");
    let status = Command::new("arm-none-eabi-gcc")
        .args(["-mcpu=cortex-m3", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", "-std=c11"])
        .args(["--specs=rdimon.specs", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-Wl,--no-warn-execstack"])
        .arg(format!("-DMODEL=\"{}\"", model.display()))
        .arg("-I")
        .arg(folder().join("include"))
        .arg("-T")
        .arg(example.join("mps2-an385.ld"))
        .args(["main.c", "start.c", "model.S"].map(|file| example.join(file)))
        .arg(Path::new("target/c/thumbv7m-none-eabi/libthimble.a"))
        .arg("-o")
        .arg(&out)
        .current_dir(crate::root())
        .status()
        .context("arm-none-eabi-gcc cannot be started; on Debian: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")?;
    ensure!(status.success(), "the example in C was not built: {status}");
    Ok(out)
}
