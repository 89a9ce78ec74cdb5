//! Placeholder.
pub mod data;
pub mod files;
pub mod teacher;
pub mod training;
