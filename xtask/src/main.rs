//! Development tasks of the workspace, run as `cargo xtask TASK`.

mod arm;
mod ci;
mod deps;
mod firmware;
mod licences;
mod size;

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
    /// s
    Size,
    /// Build the images of boards into target/firmware
    Firmware {
        /// Names of boards [default: all]
        #[arg(value_name = "BOARD")]
        boards: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Ci => ci::run(),
        Task::Licences => licences::run(),
        Task::Deps => deps::run(),
        Task::Firmware { boards } => firmware::run(&boards),
        Task::Size => {
            let size = size::measure(std::path::Path::new(&std::env::var("ELF")?))?;
            for (part, detail) in &size.parts {
                println!("{part:?} {}", size.of(*part));
                let mut detail: Vec<_> = detail.iter().collect();
                detail.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
                for (name, bytes) in detail
                    .into_iter()
                    .take(std::env::var("LINES").map_or(14, |l| l.parse().unwrap()))
                {
                    println!("    {bytes:6} {name}");
                }
            }
            println!("{}", size.total());
            Ok(())
        }
    }
}

/// The workspace's root folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
}
