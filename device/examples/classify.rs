//! Classifies lines of standard input with the engine alone, on anything that has a standard library: for each line its
//! label, number of tokens, and logits.
//!
//! `cargo run --release -p thimble-device --example classify -- models/sentiment-en/224k.thimble < reviews.txt`

use std::error::Error;
use std::io::{BufRead, Write};

use thimble_device::Session;
use thimble_shared::format::Model;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("usage: classify MODEL < texts, one a line")?;
    let file = std::fs::read(path)?;
    let model = Model::parse(&file)?;
    let mut arena = vec![0; model.arena_bytes() / 8];
    let mut session = Session::new(&model, &mut arena)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().split(b'\n') {
        session.push_bytes(&line?);
        let scores = session.finish();
        let label = model.labels().name(scores.label());
        write!(out, "{label} {}", scores.tokens())?;
        for logit in scores.logits() {
            write!(out, " {logit}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
