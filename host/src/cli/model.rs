//! The model file that a subcommand works on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use thimble_shared::format::Model;

use super::common;
use crate::data;

/// Name of the model that comes with Thimble, below `models`.
const SHIPPED: &str = "sentiment-en/224k.thimble";

/// Which model.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ModelArgs {
    /// Model file [default: the shipped models/sentiment-en/224k.thimble]
    #[arg(long, short, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArgs {
    /// Reads the model file.
    pub(super) fn open(&self) -> anyhow::Result<ModelFile> {
        match &self.model {
            Some(path) => ModelFile::open(path),
            None => ModelFile::open(&common::shipped(SHIPPED))
                .context("there is no shipped model here; name one with --model or make one with `thimble distill`"),
        }
    }
}

/// A model file's bytes with their name.
pub(super) struct ModelFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl ModelFile {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            bytes: common::read_file(path)?,
        })
    }

    /// The checked view of the bytes.
    pub(super) fn parse(&self) -> anyhow::Result<Model<'_>> {
        Model::parse(&self.bytes).with_context(|| {
            format!(
                "{} is no model that can be used; copy or make it anew with `thimble distill`",
                self.path.display()
            )
        })
    }

    /// SHA-256 of the file in lower-case hexadecimal.
    pub(super) fn digest(&self) -> String {
        data::digest_of(&self.bytes)
    }
}
