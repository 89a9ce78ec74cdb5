//! `cargo xtask gpu-check`: a Vulkan device, of hardware or of software, computes what the processor computes.

use std::process::Command;

use anyhow::{Context, ensure};

/// What the check wants, on Debian: Vulkan's loader, and Mesa's drivers with the software device lavapipe among them.
const PACKAGES: [&str; 2] = ["libvulkan1", "mesa-vulkan-drivers"];

pub(crate) fn run(install: bool) -> anyhow::Result<()> {
    if install {
        crate::ci::install(&PACKAGES)?;
    }
    // The loader of software drivers asks for a folder of the user's own.
    let runtime = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "test",
            "--release",
            "-p",
            "thimble-host",
            "--features",
            "wgpu",
        ])
        .args(["--test", "gpu", "--", "--nocapture", "--test-threads", "1"])
        .current_dir(crate::root());
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        command.env("XDG_RUNTIME_DIR", runtime.path());
    }
    let status = command.status().context("cargo could not be started")?;
    ensure!(
        status.success(),
        "the check failed: {status}; without a graphics card, Mesa's software device does: apt-get install {}, or `cargo xtask gpu-check --install`",
        PACKAGES.join(" ")
    );
    Ok(())
}
