//! Distils a BERT text classifier into an integer model file for microcontrollers, on a workstation.
//!
//! The modules, in the order that data takes:
//!
//! - [`data`] reads labelled and unlabelled text into a dataset and says what is wrong with it.
//! - [`teacher`] fine-tunes a BERT, or opens any ONNX classifier, and writes its soft targets.
//! - [`student`] teaches a small CNN what the teacher knows and turns it into integers.
//! - [`eval`] runs the chip's engine over a dataset and measures it.
//!
//! [`distill`] goes all of this way in one call, [`tune`] many times to find the best sizes.
//!
//! Beside the way: [`training`] is what both trainers share, [`device`] chooses where tensors are computed, [`rates`] measures how fast,
//! [`target`] speaks with boards and emulators, [`files`] writes files whole or not at all, and [`cli`] is the command line over all of it.
//!
//! The tokenizer, the labels and the model file are those of `thimble-shared`, the engine is that of `thimble-device`: what is evaluated
//! here is what runs on the chip.

pub mod cli;
pub mod data;
pub mod device;
pub mod distill;
pub mod eval;
pub mod files;
pub mod rates;
pub mod student;
pub mod target;
pub mod teacher;
pub mod training;
pub mod tune;
