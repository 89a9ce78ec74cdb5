//! SHA-256 digests of data.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::dataset::Dataset;

/// SHA-256 of a file's bytes in lower-case hexadecimal.
///
/// # Errors
/// Whatever opening and reading the file gives.
pub fn file_digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of bytes in lower-case hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a dataset's content; every string is preceded by its length, so that no two contents collide by layout.
pub(super) fn dataset(data: &Dataset) -> String {
    let mut hasher = Sha256::new();
    let string = |hasher: &mut Sha256, text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    hasher.update(b"thimble dataset 1");
    hasher.update((data.labels.len() as u64).to_le_bytes());
    for label in &data.labels {
        string(&mut hasher, label);
    }
    for example in &data.examples {
        string(&mut hasher, &example.text);
        hasher.update(
            example
                .label
                .map_or(u64::MAX, |label| label as u64)
                .to_le_bytes(),
        );
        hasher.update(
            example
                .logits
                .as_ref()
                .map_or(0, |logits| logits.len() as u64)
                .to_le_bytes(),
        );
        for logit in example.logits.iter().flatten() {
            hasher.update(logit.to_le_bytes());
        }
    }
    hex(&hasher.finalize())
}

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
