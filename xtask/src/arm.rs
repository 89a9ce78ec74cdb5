//! Building for ARM: with rustup's target where it is installed, else with Debian's compiler and the standard library's source.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Debian's packages: compiler and library source for other targets, linkers and C libraries, emulators.
pub(crate) const PACKAGES: &[&str] = &[
    "cargo-web",
    "rustc-web",
    "rust-web-src",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "qemu-system-arm",
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "gcc-arm-linux-gnueabihf",
    "libc6-dev-armhf-cross",
    "qemu-user-static",
];

/// Programs that the tests call.
pub(crate) const TOOLS: &[&str] = &[
    "arm-none-eabi-gcc",
    "aarch64-linux-gnu-gcc",
    "arm-linux-gnueabihf-gcc",
    "qemu-system-arm",
    "qemu-aarch64-static",
    "qemu-arm-static",
];

/// Makes sure that there is a compiler for ARM as new as this workspace wants.
pub(crate) fn check() -> anyhow::Result<()> {
    let target = "thumbv6m-none-eabi";
    cargo(target, Library::Core, None)?;
    let version = compiler(target)?;
    let minor = version
        .split(['.', ' '])
        .nth(2)
        .and_then(|minor| minor.parse::<u32>().ok());
    ensure!(
        minor.is_some_and(|minor| minor >= OLDEST_MINOR),
        "{version} is older than 1.{OLDEST_MINOR}"
    );
    Ok(())
}

/// Of Rust 1.x, the oldest x that this workspace builds with.
const OLDEST_MINOR: u32 = 95;

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The parts of the standard library that a build wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Library {
    Core,
    Std,
}

/// The variable by which cargo takes a setting of a target.
pub(crate) fn variable(target: &str, setting: &str) -> String {
    let target = target.to_uppercase().replace(['-', '.'], "_");
    format!("CARGO_TARGET_{target}_{setting}")
}

/// A cargo command that builds for `target`.
pub(crate) fn cargo(
    target: &str,
    library: Library,
    linker: Option<&str>,
) -> anyhow::Result<Command> {
    let variable = variable(target, "LINKER");
    let sysroot = sysroot("rustc")?;
    let mut command = if sysroot.join("lib/rustlib").join(target).exists() {
        Command::new("cargo")
    } else {
        debian(library)?
    };
    match linker {
        Some(linker) => {
            command.env(variable, linker);
        }
        // Debian's compiler has no linker for bare metal; that of any rustup toolchain does.
        None => {
            let lld = host(&sysroot)?.join("bin/rust-lld");
            ensure!(
                lld.exists(),
                "{} is missing; install Rust by rustup",
                lld.display()
            );
            command.env(variable, lld);
        }
    }
    // What a build for the workstation wants is not for chips.
    command
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}

/// Has `command` build in release mode below `target/NAME`, and gives the folder of what was built.
pub(crate) fn build(mut command: Command, target: &str, name: &str) -> anyhow::Result<PathBuf> {
    let folder = crate::root().join("target").join(name);
    let status = command
        .args(["--release", "--locked", "--quiet", "--target", target])
        .arg("--target-dir")
        .arg(&folder)
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "{name} for {target} failed: {status}");
    Ok(folder.join(target).join("release"))
}

/// Debian's cargo and compiler, which build the library they lack from source.
fn debian(library: Library) -> anyhow::Result<Command> {
    let cargo = Path::new("/usr/bin/cargo");
    if !cargo.exists() || !Path::new("/usr/lib/rustlib/src").exists() {
        bail!(
            "no compiler for ARM is here: either `rustup target add` the targets of device/boards/boards.toml, or on Debian\n  \
             apt-get install {}",
            PACKAGES.join(" ")
        );
    }
    let mut command = Command::new(cargo);
    command
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1");
    // Set by rustup's cargo for what it runs.
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC"] {
        command.env_remove(variable);
    }
    command.env(
        "CARGO_UNSTABLE_BUILD_STD",
        match library {
            Library::Core => "core",
            Library::Std => "std,panic_abort",
        },
    );
    Ok(command)
}

/// The version of the compiler that builds for `target`.
pub(crate) fn compiler(target: &str) -> anyhow::Result<String> {
    let rustup = sysroot("rustc")?.join("lib/rustlib").join(target).exists();
    let rustc = if rustup { "rustc" } else { DEBIAN_RUSTC };
    let output = Command::new(rustc).arg("-V").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn sysroot(rustc: &str) -> anyhow::Result<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .with_context(|| format!("{rustc} cannot be run"))?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// The folder of the workstation's own target in a sysroot.
fn host(sysroot: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("rustc").args(["-vV"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let triple = text
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc names no host")?;
    Ok(sysroot.join("lib/rustlib").join(triple))
}
