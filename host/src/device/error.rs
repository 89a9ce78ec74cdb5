//! What can go wrong with a device.

use burn::tensor::ExecutionError;

use super::Backend;

/// A device that can't be had.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The name is none of a device.
    #[error(
        "unknown device {name:?}; there are {names}; `thimble devices` lists those of this machine"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// All names.
        names: String,
    },
    /// The device exists, but was not compiled in.
    #[error(
        "{name} is not in this build; build with `cargo build --release -p thimble-host --features {name}`"
    )]
    NotBuilt {
        /// Name of the device and of the cargo feature that brings it.
        name: &'static str,
    },
    /// The program could use such a card, and there is none, or no driver for it.
    #[error("{name}: no card found; {remedy}")]
    NoCard {
        /// Name of the back end.
        name: &'static str,
        /// What to look at.
        remedy: &'static str,
    },
    /// There are cards, but fewer.
    #[error("{name}: no card of number {index}; this machine has {count}, counted from 0")]
    NoSuchCard {
        /// Name of the back end.
        name: &'static str,
        /// Number asked for.
        index: usize,
        /// Cards that there are.
        count: usize,
    },
    /// The card is there and doesn't start.
    #[error("{name} can't be used: {why}")]
    Refused {
        /// Name of the device.
        name: String,
        /// What the driver says.
        why: String,
    },
}

impl DeviceError {
    pub(super) fn unknown(name: &str) -> Self {
        let names = Backend::ALL.map(Backend::name).join(", ");
        Self::Unknown {
            name: name.to_owned(),
            names: format!("auto, {names}; wgpu and cuda also with a number, as in wgpu:1"),
        }
    }

    pub(super) fn not_built(backend: Backend) -> Self {
        Self::NotBuilt {
            name: backend.name(),
        }
    }

    pub(super) fn none(backend: Backend) -> Self {
        Self::NoCard {
            name: backend.name(),
            remedy: match backend {
                Backend::Cuda => "is NVIDIA's driver installed (does `nvidia-smi` list the card)?",
                _ => "is a Vulkan driver installed (does `vulkaninfo --summary` list the card)?",
            },
        }
    }
}

/// A computation that a device gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFailure {
    /// Its memory is full; less at a time may fit.
    #[error("the device ran out of memory ({0})")]
    Memory(String),
    /// It can't compute this, or was lost.
    #[error("the device failed: {0}")]
    Other(String),
}

impl DeviceFailure {
    pub(super) fn of(message: &str) -> Self {
        let message = message.lines().last().unwrap_or("no reason given").trim();
        let lower = message.to_ascii_lowercase();
        match [
            "out of memory",
            "outofmemory",
            "memory allocation",
            "not enough memory",
        ]
        .iter()
        .any(|sign| lower.contains(sign))
        {
            true => Self::Memory(message.to_owned()),
            false => Self::Other(message.to_owned()),
        }
    }
}

impl From<ExecutionError> for DeviceFailure {
    fn from(error: ExecutionError) -> Self {
        Self::of(&error.to_string())
    }
}
