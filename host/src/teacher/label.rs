//! Soft targets: a teacher's logits for every row of a dataset, written as it goes and resumable.
//!
//! The file is JSON Lines in the order of the data (see [`crate::data`]); until it is complete it is called
//! `FILE.partial`, and a run that finds such a file of the same teacher and data goes on behind its last whole line.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Teacher, TeacherError};
use crate::data::{Dataset, Example, SoftTargetMeta, meta_path};
use crate::files;

/// Rows that are labelled, then written, at a time; sorted by length within.
const CHUNK: usize = 2048;

#[derive(Serialize)]
struct Row<'a> {
    text: &'a str,
    label: Option<&'a str>,
    logits: &'a [f32],
}

/// Writes the soft targets of `data` to `path` and their description beside it. Nothing is done if both are there already. While
/// the teacher computes, the texts that come next are tokenized.
///
/// With `decimals`, logits are rounded to so many. `report` is called with the number of rows done; if it breaks, the labelling ends behind the rows it has written. Returns for how
/// long the teacher waited for tokenized texts.
///
/// # Errors
/// The teacher fails, a file can't be read or written, or the labelling was told to stop.
pub fn label(
    teacher: &mut dyn Teacher,
    data: &Dataset,
    path: &Path,
    decimals: Option<u32>,
    report: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Duration, TeacherError> {
    let meta = SoftTargetMeta {
        teacher_digest: teacher.digest().to_owned(),
        with: Vec::new(),
        labels: teacher.labels().to_vec(),
        data_digest: data.digest(),
        n: data.len(),
        decimals,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if path.is_file() && read_meta(&meta_path(path)).as_ref() == Some(&meta) {
        // Nothing is left to stop.
        let _ = report(data.len());
        return Ok(Duration::ZERO);
    }
    let partial = with_suffix(path, ".partial");
    let mut done = begin(&partial, &meta, data)?;
    let mut go_on = report(done);
    let file = OpenOptions::new()
        .append(true)
        .open(&partial)
        .map_err(|e| TeacherError::io(&partial, e))?;
    let mut out = BufWriter::new(file);
    // Chunks lie where they lie in an undisturbed run, so that batches, and with them every digit, are the same.
    let chunks = data.examples.chunks(CHUNK).skip(done / CHUNK);
    let mut waited = Duration::ZERO;
    let encoder = Arc::clone(teacher.encoder());
    thread::scope(|scope| {
        let (sender, tokenized) = sync_channel(1);
        let ahead = chunks.clone();
        scope.spawn(move || {
            for chunk in ahead {
                let texts: Vec<&str> = chunk.iter().map(|row| row.text.as_str()).collect();
                if sender.send(encoder.ids(&texts)).is_err() {
                    return;
                }
            }
        });
        for chunk in chunks {
            let asked = Instant::now();
            let Ok(sequences) = tokenized.recv() else {
                // Its thread has panicked; the scope passes that on.
                break;
            };
            waited += asked.elapsed();
            if go_on.is_break() {
                return Err(TeacherError::Stopped {
                    done,
                    rows: data.len(),
                });
            }
            let logits = teacher.logits_of(&sequences?)?;
            for (row, logits) in chunk.iter().zip(&logits).skip(done % CHUNK) {
                write_row(&mut out, data, row, &rounded(logits, decimals))
                    .map_err(|e| TeacherError::io(&partial, e))?;
            }
            out.flush().map_err(|e| TeacherError::io(&partial, e))?;
            done += chunk.len() - done % CHUNK;
            go_on = report(done);
        }
        Ok(())
    })?;
    out.get_ref()
        .sync_all()
        .map_err(|e| TeacherError::io(&partial, e))?;
    std::fs::rename(&partial, path).map_err(|e| TeacherError::io(path, e))?;
    write_meta(&meta_path(path), &meta)?;
    let unfinished = meta_path(&partial);
    std::fs::remove_file(&unfinished).map_err(|e| TeacherError::io(&unfinished, e))?;
    Ok(waited)
}

pub(super) fn rounded(logits: &[f32], decimals: Option<u32>) -> Vec<f32> {
    let Some(decimals) = decimals else {
        return logits.to_vec();
    };
    let one = 10_f64.powi(decimals as i32);
    let round = |&logit: &f32| ((f64::from(logit) * one).round() / one) as f32;
    logits.iter().map(round).collect()
}

pub(super) fn write_row(
    out: &mut impl std::io::Write,
    data: &Dataset,
    row: &Example,
    logits: &[f32],
) -> std::io::Result<()> {
    let line = Row {
        text: &row.text,
        label: data.label_name(row),
        logits,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Makes the unfinished file ready to be appended to. Returns how many rows it holds.
fn begin(partial: &Path, meta: &SoftTargetMeta, data: &Dataset) -> Result<usize, TeacherError> {
    let beside = meta_path(partial);
    if partial.is_file() && read_meta(&beside).as_ref() == Some(meta) {
        let bytes = std::fs::read(partial).map_err(|e| TeacherError::io(partial, e))?;
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let rows = bytes[..whole].iter().filter(|&&b| b == b'\n').count();
        if rows <= data.len() {
            let file = OpenOptions::new().write(true).open(partial);
            file.and_then(|file| file.set_len(whole as u64))
                .map_err(|e| TeacherError::io(partial, e))?;
            return Ok(rows);
        }
    }
    File::create(partial).map_err(|e| TeacherError::io(partial, e))?;
    write_meta(&beside, meta)?;
    Ok(0)
}

fn read_meta(path: &Path) -> Option<SoftTargetMeta> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

pub(super) fn write_meta(path: &Path, meta: &SoftTargetMeta) -> Result<(), TeacherError> {
    let json = serde_json::to_vec_pretty(meta).map_err(|e| TeacherError::Run(e.to_string()))?;
    files::write_whole(path, &json).map_err(|e| TeacherError::io(path, e))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
