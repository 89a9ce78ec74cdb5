//! Placeholder.
pub mod cli;
pub mod data;
pub mod device;
pub mod eval;
