//! Placeholder.
pub mod cli;
pub mod data;
pub mod device;
pub mod eval;
pub mod files;
pub mod teacher;
pub mod training;
