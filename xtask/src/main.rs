//! Development tasks of the workspace, run as `cargo xtask TASK`.

mod arm;
mod c;
mod ci;
mod count;
mod deps;
mod firmware;
mod gpu;
mod layers;
mod licences;
mod linux;
mod profile;
mod sanitize;
mod size;
mod source;

use clap::{Parser, Subcommand};

/// Development tasks of the Thimble workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Every check of continuous integration, in order of cost; stops at the first failure
    Ci {
        /// Have apt-get install missing compilers and emulators for ARM
        #[arg(long)]
        install: bool,
    },
    /// Check that each dependency's licence is one that MIT OR Apache-2.0 software may use
    Licences,
    /// Check that the crates depend on each other as the table in README.md says
    Deps,
    /// Build the images of boards into target/firmware
    Firmware {
        /// Names of boards [default: all]
        #[arg(value_name = "BOARD")]
        boards: Vec<String>,
    },
    /// Show where the flash and RAM of the images go, and hold them to their bars
    Size {
        /// Names of boards [default: all]
        #[arg(value_name = "BOARD")]
        boards: Vec<String>,
        /// Show source files and functions as well
        #[arg(long)]
        detail: bool,
        /// Measure the RAM of emulated boards too, stack included
        #[arg(long)]
        ram: bool,
    },
    /// Count the instructions of texts in the emulator and write device/counts.toml
    Count,
    /// Show which part of a session takes how many instructions in the emulator, and hold all but the convolutions to their bar
    Profile {
        /// Name of an emulated board
        #[arg(default_value = "mps2-an386")]
        board: String,
        /// Show functions as well
        #[arg(long)]
        detail: bool,
    },
    /// Run the device crate's tests under AddressSanitizer, vector kernels of this processor included
    Sanitize,
    /// Check that a Vulkan device computes what the processor computes; builds for minutes, and is no part of `ci`
    GpuCheck {
        /// Have apt-get install Vulkan's loader and Mesa's software device
        #[arg(long)]
        install: bool,
    },
    /// Build the engine for C: header, static libraries, example
    C {
        /// Only check that the header is up to date
        #[arg(long)]
        check: bool,
    },
    /// Build the device crate's example for Linux on ARM
    Linux,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Ci { install } => ci::run(install),
        Task::Licences => licences::run(),
        Task::Deps => deps::run(),
        Task::Firmware { boards } => firmware::run(&boards),
        Task::Size {
            boards,
            detail,
            ram,
        } => size::run(&boards, detail, ram),
        Task::Count => count::run(),
        Task::Profile { board, detail } => profile::run(&board, detail),
        Task::Sanitize => sanitize::run(),
        Task::GpuCheck { install } => gpu::run(install),
        Task::C { check } => c::run(check),
        Task::Linux => linux::run(),
    }
}

/// The workspace's root folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
}

/// A run of the program `thimble`, in the workspace's root.
fn thimble(arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--release", "-p", "thimble-host", "--"])
        .args(arguments)
        .current_dir(root());
    command
}
