//! Soft targets: a teacher's logits for every row of a dataset, written as it goes and resumable.
//!
//! The file is JSON Lines in the order of the data (see [`crate::data`]); until it is complete it is called
//! `FILE.partial`, and a run that finds such a file of the same teacher and data goes on behind its last whole line.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

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

/// Writes the soft targets of `data` to `path` and their description beside it. Nothing is done if both are there already.
///
/// `report` is called with the number of rows done.
///
/// # Errors
/// The teacher fails, or a file can't be read or written.
pub fn label(
    teacher: &mut dyn Teacher,
    data: &Dataset,
    path: &Path,
    mut report: impl FnMut(usize),
) -> Result<(), TeacherError> {
    let meta = SoftTargetMeta {
        teacher_digest: teacher.digest().to_owned(),
        labels: teacher.labels().to_vec(),
        data_digest: data.digest(),
        n: data.len(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if path.is_file() && read_meta(&meta_path(path)).as_ref() == Some(&meta) {
        report(data.len());
        return Ok(());
    }
    let partial = with_suffix(path, ".partial");
    let mut done = begin(&partial, &meta, data)?;
    report(done);
    let file = OpenOptions::new()
        .append(true)
        .open(&partial)
        .map_err(|e| TeacherError::io(&partial, e))?;
    let mut out = BufWriter::new(file);
    while done < data.len() {
        // Chunks lie where they lie in an undisturbed run, so that batches, and with them every digit, are the same.
        let chunk =
            &data.examples[done - done % CHUNK..data.len().min(done - done % CHUNK + CHUNK)];
        let texts: Vec<&str> = chunk.iter().map(|row| row.text.as_str()).collect();
        let logits = teacher.logits(&texts)?;
        for (row, logits) in chunk.iter().zip(&logits).skip(done % CHUNK) {
            write_row(&mut out, data, row, logits).map_err(|e| TeacherError::io(&partial, e))?;
        }
        out.flush().map_err(|e| TeacherError::io(&partial, e))?;
        done += chunk.len() - done % CHUNK;
        report(done);
    }
    out.get_ref()
        .sync_all()
        .map_err(|e| TeacherError::io(&partial, e))?;
    std::fs::rename(&partial, path).map_err(|e| TeacherError::io(path, e))?;
    write_meta(&meta_path(path), &meta)?;
    let unfinished = meta_path(&partial);
    std::fs::remove_file(&unfinished).map_err(|e| TeacherError::io(&unfinished, e))
}

fn write_row(
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

fn write_meta(path: &Path, meta: &SoftTargetMeta) -> Result<(), TeacherError> {
    let json = serde_json::to_vec_pretty(meta).map_err(|e| TeacherError::Run(e.to_string()))?;
    files::write_whole(path, &json).map_err(|e| TeacherError::io(path, e))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
