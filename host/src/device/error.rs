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

/// How burn's back ends and the drivers below them say that memory is full, or that a tensor is larger than a card's buffers may be.
const FULL: [&str; 4] = [
    "out of memory",
    "out of device memory",
    "can't allocate buffer",
    "out_of_memory",
];

impl DeviceFailure {
    /// The failure behind a back end's message, which may have many lines.
    pub(super) fn of(message: &str) -> Self {
        let lines = || {
            message
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
        };
        let is_full = |line: &&str| {
            let line = line.to_ascii_lowercase();
            FULL.iter().any(|sign| line.contains(sign))
        };
        match lines().find(is_full) {
            Some(line) => Self::Memory(line.to_owned()),
            // What a cause says is more than that there was one.
            None => Self::Other(lines().take(3).collect::<Vec<_>>().join(" ")),
        }
    }
}

impl From<ExecutionError> for DeviceFailure {
    fn from(error: ExecutionError) -> Self {
        Self::of(&error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_memory_is_told_from_other_failures() {
        // As wgpu's and CubeCL's errors read, behind what wraps them.
        for full in [
            "wgpu error: Out of Memory",
            "Can't have an error when submitting a task: CallError(task panicked on device runner thread: wgpu error: Out of Memory)",
            "An error happened during execution\nCaused by:\n  out of device memory allocating 1048576 bytes\n   0: a backtrace",
            "Error while reading data\n  can't allocate buffer of size: 4294967296\n   0: a backtrace",
            "CUDA_ERROR_OUT_OF_MEMORY",
        ] {
            assert!(
                matches!(DeviceFailure::of(full), DeviceFailure::Memory(_)),
                "{full}"
            );
        }
        let lost = "The device is poisoned\nCaused by:\n  Unknown: the driver was reset";
        let expected =
            "the device failed: The device is poisoned Caused by: Unknown: the driver was reset";
        assert_eq!(DeviceFailure::of(lost).to_string(), expected);
        let error = ExecutionError::generic("out of device memory allocating 5 bytes");
        assert!(matches!(
            DeviceFailure::from(error),
            DeviceFailure::Memory(_)
        ));
    }
}
