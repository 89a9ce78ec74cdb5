//! Teachers: what labels the texts that a student learns from.
//!
//! [`open`] reads a Hugging Face folder of a fine-tuned BERT ([`BertTeacher`], run by burn) or any ONNX classifier with its
//! `tokenizer.json` ([`OnnxTeacher`], run by tract). [`train`] makes the former, [`label`] writes a teacher's soft targets,
//! [`combine`] those of several teachers as one.

mod architecture;
pub mod bert;
mod bert_teacher;
pub mod combine;
mod config;
pub mod encode;
mod error;
pub mod label;
mod onnx;
mod pass;
mod relative;
pub mod train;
mod weights;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use sha2::{Digest as _, Sha256};

pub use bert_teacher::BertTeacher;
pub use config::BertConfig;
pub use encode::Encoder;
pub use error::TeacherError;
pub use onnx::OnnxTeacher;
pub use pass::{Math, Pass, Rates};
pub use weights::Precision;

/// A text classifier whose judgement a student learns.
pub trait Teacher {
    /// Class names in the order of the logits.
    fn labels(&self) -> &[String];

    /// SHA-256 of weights, configuration and tokenizer in lower-case hexadecimal.
    fn digest(&self) -> &str;

    /// Its tokenizer, cutting texts to what it can read. It may be used on another thread while the teacher computes.
    fn encoder(&self) -> &Arc<Encoder>;

    /// Logits of each sequence of token ids, special pieces included, one for each label.
    ///
    /// # Errors
    /// The network can't be run.
    fn logits_of(&mut self, sequences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, TeacherError>;

    /// Logits of each text, one for each label.
    ///
    /// # Errors
    /// A text can't be tokenized, or the network can't be run.
    fn logits(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, TeacherError> {
        let sequences = self.encoder().ids(texts)?;
        self.logits_of(&sequences)
    }

    /// What it makes of each of some tokens, with which a student's embedding can start: their word embeddings, and what becomes of
    /// each as a text of its own. Nothing if the network does not show it.
    ///
    /// # Errors
    /// The network can't be run.
    fn token_tables(&mut self, ids: &[u32]) -> Result<Vec<Table>, TeacherError>;
}

/// A row of numbers for each token.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Numbers a row.
    pub width: usize,
    /// `[tokens][width]`.
    pub values: Vec<f32>,
}

/// Longest sequence that a teacher reads, in pieces.
pub const MAX_PIECES: usize = 128;

/// Opens a teacher: a folder with `config.json`, `tokenizer.json` and `model.safetensors` or `model.onnx`, or an ONNX file
/// beside those. `device` and `math` are where and how a BERT computes; ONNX files run on the processor, as they are.
///
/// # Errors
/// Nothing of that kind lies there, or it can't be read; the message names the file.
pub fn open(path: &Path, device: &Device, math: Math) -> Result<Box<dyn Teacher>, TeacherError> {
    if path.is_dir() {
        if path.join(WEIGHTS).is_file() {
            return Ok(Box::new(BertTeacher::read(path, device, math)?));
        }
        if path.join("model.onnx").is_file() {
            return Ok(Box::new(OnnxTeacher::read(&path.join("model.onnx"))?));
        }
        return Err(TeacherError::invalid(
            path,
            "a teacher's folder holds model.safetensors or model.onnx, this one neither",
        ));
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "onnx")
    {
        return Ok(Box::new(OnnxTeacher::read(path)?));
    }
    let why = match path.exists() {
        true => "a teacher is a folder, or a file whose name ends in .onnx",
        false => "there is no such teacher",
    };
    Err(TeacherError::invalid(path, why))
}

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";

/// SHA-256 of the contents of some files, one after the other.
fn digest(files: &[PathBuf]) -> Result<String, TeacherError> {
    let mut hash = Sha256::new();
    for path in files {
        let mut file = std::fs::File::open(path).map_err(|e| TeacherError::io(path, e))?;
        std::io::copy(&mut file, &mut hash).map_err(|e| TeacherError::io(path, e))?;
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
