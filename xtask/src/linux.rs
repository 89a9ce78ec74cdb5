//! `cargo xtask linux`: the device crate's example for Linux on ARM.

use crate::arm::{self, Library};

/// Targets with their linkers.
const TARGETS: &[(&str, &str)] = &[
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
];

/// Builds `target/linux/TARGET/classify`.
pub(crate) fn run() -> anyhow::Result<()> {
    for (target, linker) in TARGETS {
        let mut command = arm::cargo(target, Library::Std, Some(linker))?;
        command.current_dir(crate::root()).args([
            "build",
            "-p",
            "thimble-device",
            "--example",
            "classify",
            "--features",
            "std",
        ]);
        let built = arm::build(command, target, "linux-build")?;
        let out = crate::root().join("target/linux").join(target);
        std::fs::create_dir_all(&out)?;
        let example = out.join("classify");
        std::fs::copy(built.join("examples/classify"), &example)?;
        println!("{}", example.display());
    }
    Ok(())
}
