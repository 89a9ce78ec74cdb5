//! How good a model is, judged by the answers of the very engine that runs on the chip.
//!
//! [`predict`] runs the engine over many texts, [`Metrics`], [`by_length`] and [`Agreement`] judge its answers, [`verify`]
//! replays a model's golden vectors.

mod agreement;
mod engine;
mod lengths;
mod metrics;
mod verify;

pub use agreement::{Agreement, argmax};
pub use engine::{Prediction, all_threads, arena, predict, probability};
pub use lengths::{OfLength, by_length};
pub use metrics::{ClassMetrics, ECE_BINS, Metrics, Outcome, expected_calibration_error};
pub use verify::{Verified, VerifyError, ids, verify};
