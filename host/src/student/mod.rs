//! Students: small causal CNNs that learn a teacher's judgement and become model files.
//!
//! [`StudentConfig`] says how a student looks, [`Vocabulary`] which pieces it knows and with which rows it starts,
//! [`Student`] is the network, [`train`] teaches it (the last part of the way with fake quantization), [`quantize`] turns it
//! into integers, [`calibration`] finds the temperature of its probabilities.

pub mod answers;
mod batch;
pub mod calibration;
mod codebook;
mod config;
pub(crate) mod embeddings;
mod error;
mod loss;
mod network;
mod quantization;
mod quantize;
mod scales;
pub mod train;
mod vocabulary;

pub use batch::{Batch, Padded, Row};
pub use codebook::Codebook;
pub use config::{ConvConfig, ProductConfig, StudentConfig};
pub use error::StudentError;
pub use loss::{LossConfig, SoftLoss, Targets};
pub use network::Student;
pub use quantization::Quantization;
pub use quantize::{quantize, shape};
pub use vocabulary::Vocabulary;
