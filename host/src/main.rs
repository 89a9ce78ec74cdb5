//! The program `thimble`; everything it does is in [`thimble_host::cli`].

use std::io::Write;
use std::process::ExitCode;

use thimble_host::cli;

fn main() -> ExitCode {
    match cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as in `thimble classify … | head`.
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is closed as well.
            let sign = if cli::was_interrupted() {
                ""
            } else {
                "error: "
            };
            let _ = writeln!(std::io::stderr(), "{sign}{error:#}");
            cli::exit_code(&error)
        }
    }
}
