//! `thimble devices`.

use std::io::Write as _;

use super::common::Common;
use super::output;
use crate::device;

/// Arguments of `thimble devices`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble devices
  thimble distill --device wgpu:0
  thimble teacher train --device auto --data tickets.csv --out tickets-teacher

A device is given by its name in the first column; `auto` is the best that is usable: CUDA before wgpu before the processor.")]
pub struct Args {
    /// Print one JSON object a device
    #[arg(long)]
    json: bool,
}

/// Lists devices, usable or not.
///
/// # Errors
/// Nobody reads the list.
pub fn run(args: &Args, _common: &Common) -> anyhow::Result<()> {
    let mut out = output::stdout();
    let mut table = output::Table::new(&["device<", "<"]);
    for listed in device::list() {
        if args.json {
            output::json(&mut out, &listed)?;
            continue;
        }
        let what = match (listed.description, listed.fault) {
            (_, Some(fault)) => format!("not usable: {fault}"),
            (Some(description), None) => description,
            (None, None) => String::new(),
        };
        table.row([listed.name, what]);
    }
    if !args.json {
        table.print(&mut out, "")?;
    }
    out.flush()?;
    Ok(())
}
