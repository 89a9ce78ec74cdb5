//! `thimble teacher`: fine-tune a BERT, write its soft targets, combine, average and pack.

mod average;
mod combine;
mod label;
mod pack;
mod train;

use clap::Subcommand;

use super::common::Common;

/// Arguments of `thimble teacher`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fine-tune a BERT encoder or classifier on labelled text
    Train(train::Args),
    /// Write a teacher's logits for every row of a data file
    Label(label::Args),
    /// Write the mean of several teachers' logits, an ensemble's soft targets
    Combine(combine::Args),
    /// Write the mean of the weights of several fine-tunings
    Average(average::Args),
    /// Write a teacher with 8-bit weights, a quarter of the size
    Pack(pack::Args),
}

/// Does what the subcommand says.
///
/// # Errors
/// Those of the subcommand.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    match &args.command {
        Command::Train(args) => train::run(args, common),
        Command::Label(args) => label::run(args, common),
        Command::Combine(args) => combine::run(args, common),
        Command::Average(args) => average::run(args, common),
        Command::Pack(args) => pack::run(args, common),
    }
}
