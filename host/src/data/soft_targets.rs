//! The description that lies beside a file of soft targets.
//!
//! Soft targets are JSON Lines that any tool reads: `{"text": "…", "label": "positive", "logits": [-1.5, 2.25]}` with `label` null where
//! none is known. Beside `F` lies `F.meta.json`, which names the teacher and the order of the logits.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{DataError, DataErrorKind};

/// Where the logits of a soft-target file come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftTargetMeta {
    /// Digest of the teacher that gave the logits.
    pub teacher_digest: String,
    /// Digests of the teachers whose logits the mean is of, beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// Labels in the order of the logits.
    pub labels: Vec<String>,
    /// [`Dataset::digest`](super::Dataset::digest) of the texts that were labelled.
    pub data_digest: String,
    /// Number of rows.
    pub n: usize,
    /// Decimals to which logits are rounded; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u32>,
    /// Version of the program that wrote the file.
    pub tool_version: String,
}

/// Path of the description of a soft-target file: its whole name and `.meta.json`.
pub fn meta_path(soft_targets: &Path) -> PathBuf {
    let mut name = soft_targets.as_os_str().to_owned();
    name.push(".meta.json");
    name.into()
}

impl SoftTargetMeta {
    /// Reads the description that lies beside a soft-target file; none if there is no such file.
    ///
    /// # Errors
    /// A description that cannot be read or understood.
    pub fn beside(soft_targets: &Path) -> Result<Option<Self>, DataError> {
        let path = meta_path(soft_targets);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::whole(&path, error.into())),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            DataError::whole(&path, DataErrorKind::SoftTargetMeta(error.to_string()))
        })
    }
}
