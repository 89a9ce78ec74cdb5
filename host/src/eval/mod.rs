//! How good a model is, judged by the answers of the very engine that runs on the chip.

mod metrics;

pub use metrics::{ClassMetrics, ECE_BINS, Metrics, Outcome, expected_calibration_error};
