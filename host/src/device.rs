//! Where tensors are computed: `cpu`, or a graphics card if the program was built for it.

use burn::tensor::Device;

/// A device that cannot be had.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The name is none of a device.
    #[error("unknown device {name:?}; this build has {}", available().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The device exists, but was not compiled in.
    #[error(
        "device {name:?} is not in this build, which has {}; build with `--features {feature}`",
        available().join(", ")
    )]
    NotBuilt {
        /// What was asked for.
        name: String,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
}

/// Names of the devices that this build has.
pub fn available() -> Vec<&'static str> {
    let mut names = vec!["cpu"];
    for (name, built) in [
        ("ndarray", cfg!(feature = "ndarray")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("vulkan", cfg!(feature = "vulkan")),
        ("cuda", cfg!(feature = "cuda")),
    ] {
        if built {
            names.push(name);
        }
    }
    names
}

/// The device of a name: `cpu`, `ndarray`, `wgpu`, `vulkan` or `cuda`.
///
/// # Errors
/// An unknown name, or a device that the program was built without.
///
/// ```
/// assert!(thimble_host::device::open("cpu").is_ok());
/// let error = thimble_host::device::open("abacus").unwrap_err();
/// assert!(error.to_string().starts_with("unknown device \"abacus\"; this build has cpu"));
/// ```
pub fn open(name: &str) -> Result<Device, DeviceError> {
    let missing = |feature| {
        Err(DeviceError::NotBuilt {
            name: name.to_owned(),
            feature,
        })
    };
    match name {
        "cpu" | "flex" => Ok(Device::flex()),
        #[cfg(feature = "ndarray")]
        "ndarray" => Ok(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(burn::tensor::DeviceIndex::Default)),
        "ndarray" => missing("ndarray"),
        "wgpu" => missing("wgpu"),
        "vulkan" => missing("vulkan"),
        "cuda" => missing("cuda"),
        _ => Err(DeviceError::Unknown {
            name: name.to_owned(),
        }),
    }
}
