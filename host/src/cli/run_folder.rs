//! What the folders of runs have in common: the manifest that keeps runs apart, and the metrics.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::common::Common;
use crate::files;

/// Makes the folder of a run and writes down which run it is, or finds the same run in it. Says whether it is new. A run that was
/// refused before it learnt anything gives way.
///
/// # Errors
/// Another run lies there, or the folder can't be made or written to.
pub(super) fn begin(folder: &Path, manifest: &impl Serialize) -> anyhow::Result<bool> {
    let manifest = serde_json::to_vec_pretty(manifest)?;
    let path = folder.join("manifest.json");
    match std::fs::read(&path) {
        Ok(known) if known == manifest => return Ok(false),
        Ok(_) if has_nothing_else(folder) => {}
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

/// Whether only what a run is lies in its folder, nothing that it has made.
fn has_nothing_else(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.into_iter().all(|entry| {
        entry.is_ok_and(|entry| {
            ["manifest.json", "config.toml"]
                .iter()
                .any(|name| entry.file_name() == *name)
        })
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_to_another_run_while_nothing_was_learnt_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(begin(folder.path(), &"first").unwrap());
        assert!(!begin(folder.path(), &"first").unwrap());
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        assert!(begin(folder.path(), &"second").unwrap());
        assert!(!begin(folder.path(), &"second").unwrap());
        std::fs::create_dir(folder.path().join("training")).unwrap();
        assert!(!begin(folder.path(), &"second").unwrap());
        let error = begin(folder.path(), &"third").unwrap_err();
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
