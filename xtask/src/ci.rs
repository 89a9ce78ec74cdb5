//! `cargo xtask ci`: what continuous integration runs, and what a developer runs before a commit.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};

/// A step that is one call of cargo: its name and its arguments.
type Step = (&'static str, &'static [&'static str]);

const BEFORE: &[Step] = &[
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
];

const STEPS: &[Step] = &[
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

pub(crate) fn run(install: bool) -> anyhow::Result<()> {
    let start = Instant::now();
    step("tools", || tools(install))?;
    step("licences", crate::licences::run)?;
    step("layers", crate::deps::run)?;
    for (name, args) in BEFORE {
        step(name, || cargo(args))?;
    }
    for workspace in ["device/firmware", "device/c"] {
        let manifest = format!("{workspace}/Cargo.toml");
        step("format", || {
            cargo(&["fmt", "--manifest-path", &manifest, "--check"])
        })?;
    }
    // The tests run what these build.
    step("images of all boards", || crate::firmware::run(&[]))?;
    step("their sizes", || crate::size::run(&[], false, false))?;
    step("where their instructions go", || {
        crate::profile::run("mps2-an386", false)
    })?;
    step("the engine for C", || crate::c::run(true))?;
    step("the engine for Linux on ARM", crate::linux::run)?;
    step("memory of the kernels", crate::sanitize::run)?;
    for (name, args) in STEPS {
        step(name, || cargo(args))?;
    }
    println!(
        "\nall checks passed in {:.1} minutes",
        start.elapsed().as_secs_f64() / 60.0
    );
    Ok(())
}

/// Makes sure that compilers and emulators for ARM are here; with `install`, Debian's package manager brings them.
fn tools(install: bool) -> anyhow::Result<()> {
    let missing = || -> Vec<&str> {
        crate::arm::TOOLS
            .iter()
            .filter(|tool| {
                !std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                    .any(|folder| folder.join(tool).exists())
            })
            .copied()
            .collect()
    };
    let compilers = || crate::arm::check();
    if missing().is_empty() && compilers().is_ok() {
        println!("all there");
        return Ok(());
    }
    let packages = crate::arm::PACKAGES.join(" ");
    ensure!(
        install,
        "these tests want compilers and emulators for ARM; missing: {} {}\non Debian: apt-get install {packages}\n`cargo xtask ci --install` does that",
        missing().join(", "),
        compilers()
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    );
    self::install(crate::arm::PACKAGES)?;
    ensure!(
        missing().is_empty(),
        "still missing: {}",
        missing().join(", ")
    );
    compilers()
}

/// Installs Debian packages: as root directly, else through sudo.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let packages = packages.join(" ");
    let script = format!(
        "set -e; run() {{ if [ \"$(id -u)\" = 0 ]; then \"$@\"; else sudo \"$@\"; fi; }}; run apt-get update -q; \
         run env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends {packages}"
    );
    let status = Command::new("sh").args(["-c", &script]).status()?;
    ensure!(status.success(), "apt-get: {status}");
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
