//! `cargo xtask linux`: the device crate's example for Linux on ARM.

use anyhow::{Context, ensure};

use crate::arm::{self, Library};

/// Targets with their linkers.
const TARGETS: &[(&str, &str)] = &[
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
];

/// Builds `target/linux/TARGET/classify`.
pub(crate) fn run() -> anyhow::Result<()> {
    let build = crate::root().join("target/linux-build");
    for (target, linker) in TARGETS {
        let status = arm::cargo(target, Library::Std, Some(linker))?
            .current_dir(crate::root())
            .args([
                "build",
                "--release",
                "--locked",
                "--quiet",
                "-p",
                "thimble-device",
            ])
            .args(["--example", "classify", "--target", target])
            .arg("--target-dir")
            .arg(&build)
            .status()
            .context("cargo could not be started")?;
        ensure!(
            status.success(),
            "the example for {target} was not built: {status}"
        );
        let out = crate::root().join("target/linux").join(target);
        std::fs::create_dir_all(&out)?;
        let example = out.join("classify");
        std::fs::copy(
            build.join(target).join("release/examples/classify"),
            &example,
        )?;
        println!("{}", example.display());
    }
    Ok(())
}
