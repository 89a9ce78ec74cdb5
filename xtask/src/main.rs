//! Development tasks of the workspace, run as `cargo xtask TASK`.

mod ci;
mod deps;
mod licences;

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
    Ci,
    /// Check that each dependency's licence is one that MIT OR Apache-2.0 software may use
    Licences,
    /// Check that the crates depend on each other as the table in README.md says
    Deps,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Ci => ci::run(),
        Task::Licences => licences::run(),
        Task::Deps => deps::run(),
    }
}

/// The workspace's root folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
}
