//! What the folders of runs have in common: the manifest that keeps runs apart, and the metrics.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::common::Common;
use crate::files;

/// Makes the folder of a run and writes down which run it is, or finds the same run in it. Says whether it is new.
///
/// # Errors
/// Another run lies there, or the folder can't be made or written to.
pub(super) fn begin(folder: &Path, manifest: &impl Serialize) -> anyhow::Result<bool> {
    let manifest = serde_json::to_vec_pretty(manifest)?;
    let path = folder.join("manifest.json");
    match std::fs::read(&path) {
        Ok(known) if known == manifest => return Ok(false),
        Ok(_) => anyhow::bail!(
            "{} holds a run with other data, options or teacher; name another folder with --out, or delete this one",
            folder.display()
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    files::write_whole(&path, &manifest)?;
    Ok(true)
}

/// Writes the evaluations so far as `metrics.csv`. They are a by-product: if that fails, a warning says so and the run goes on.
pub(super) fn write_metrics(folder: &Path, history: &[impl Serialize], common: &Common) {
    let written = || -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for evaluation in history {
            writer.serialize(evaluation)?;
        }
        Ok(files::write_whole(
            &folder.join("metrics.csv"),
            &writer.into_inner()?,
        )?)
    };
    if let Err(error) = written() {
        common.warn(format!("{error:#}"));
    }
}
