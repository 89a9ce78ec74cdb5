//! Where tensors are computed: the processor, or a graphics card if the program was built for it.
//!
//! A device has a name, `cpu`, `ndarray`, `wgpu`, `wgpu:1`, `cuda`, `cuda:1`, or `auto` for the best there is. [`open`] gives
//! burn's device of a name, [`list`] says what this machine has and what stands in the way of the rest.

mod cards;
mod error;
mod read;

use burn::tensor::Device;

pub use error::{DeviceError, DeviceFailure};
pub use read::{floats, guarded, integers};

/// A back end of burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The processor, always there.
    Cpu,
    /// The processor, by burn's older back end.
    Ndarray,
    /// Graphics cards through Vulkan, Metal or DirectX.
    Wgpu,
    /// NVIDIA's cards through CUDA.
    Cuda,
}

impl Backend {
    const ALL: [Self; 4] = [Self::Cpu, Self::Ndarray, Self::Wgpu, Self::Cuda];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether the program was built with it; if not, the cargo feature of its name brings it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    fn has_cards(self) -> bool {
        matches!(self, Self::Wgpu | Self::Cuda)
    }
}

/// A device of this machine, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// What to give as `--device`.
    pub name: String,
    /// The card, its driver and interface; for the processor its cores.
    pub description: Option<String>,
    /// Why it can't be used.
    pub fault: Option<String>,
}

/// All devices that this program could use, usable or not; each card is opened.
pub fn list() -> Vec<Listed> {
    let mut all = Vec::new();
    for backend in Backend::ALL {
        if !backend.is_built() {
            all.push(Listed {
                name: backend.name().to_owned(),
                description: None,
                fault: Some(DeviceError::not_built(backend).to_string()),
            });
            continue;
        }
        let found = match backend {
            Backend::Cpu | Backend::Ndarray => 1,
            Backend::Wgpu | Backend::Cuda => cards::count(backend),
        };
        if found == 0 {
            all.push(Listed {
                name: backend.name().to_owned(),
                description: None,
                fault: Some(DeviceError::none(backend).to_string()),
            });
        }
        for index in 0..found {
            let name = match backend.has_cards() {
                true => format!("{}:{index}", backend.name()),
                false => backend.name().to_owned(),
            };
            let (description, fault) = match open(&name) {
                Ok(device) => (Some(describe(&device)), None),
                Err(error) => (None, Some(error.to_string())),
            };
            all.push(Listed {
                name,
                description,
                fault,
            });
        }
    }
    all
}

/// The device of a name. `auto` is the first usable of: an NVIDIA card through CUDA, a graphics card through wgpu, the processor.
///
/// # Errors
/// An unknown name, a back end that the program was built without, or a card that isn't there or doesn't start.
///
/// ```
/// use thimble_host::device::open;
/// assert!(open("cpu").is_ok());
/// assert!(open("auto").is_ok());
/// let error = open("abacus").unwrap_err();
/// assert!(error.to_string().starts_with("unknown device \"abacus\""));
/// ```
pub fn open(name: &str) -> Result<Device, DeviceError> {
    if name == "auto" {
        return Ok(best());
    }
    let (base, index) = match name.split_once(':') {
        Some((base, index)) => {
            let index = index.parse().map_err(|_| DeviceError::unknown(name))?;
            (base, Some(index))
        }
        None => (name, None),
    };
    let backend = Backend::ALL
        .into_iter()
        .find(|backend| backend.name() == base)
        .filter(|backend| index.is_none() || backend.has_cards())
        .ok_or_else(|| DeviceError::unknown(name))?;
    if !backend.is_built() {
        return Err(DeviceError::not_built(backend));
    }
    match backend {
        Backend::Cpu => Ok(Device::flex()),
        #[cfg(feature = "ndarray")]
        Backend::Ndarray => Ok(Device::ndarray()),
        _ => cards::open(backend, index),
    }
}

/// The best device that can be had.
fn best() -> Device {
    [Backend::Cuda, Backend::Wgpu]
        .into_iter()
        .filter(|backend| backend.is_built())
        .find_map(|backend| {
            let index = cards::first_hardware(backend)?;
            cards::open(backend, Some(index)).ok()
        })
        .unwrap_or_else(Device::flex)
}

/// Whether tensors are computed by this machine's processor, thread by thread, so that several threads are faster than one.
pub fn is_processor(device: &Device) -> bool {
    #[cfg(feature = "ndarray")]
    if *device == Device::ndarray() {
        return true;
    }
    *device == Device::flex()
}

/// What a device is, for people: the card with its driver, or the processor with its cores.
pub fn describe(device: &Device) -> String {
    cards::description(device).unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!("processor, {cores} cores")
    })
}
