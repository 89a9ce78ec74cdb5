//! Graphics cards: how many there are, what they are, and burn's devices on them.

use burn::tensor::Device;

use super::{Backend, DeviceError};

/// Cards that a back end finds; 0 where it isn't built.
pub(super) fn count(backend: Backend) -> usize {
    match backend {
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => wgpu::kinds().len(),
        #[cfg(feature = "cuda")]
        Backend::Cuda => cuda::devices().len(),
        _ => 0,
    }
}

/// The first card that is no software; none where the back end isn't built.
pub(super) fn first_hardware(backend: Backend) -> Option<usize> {
    match backend {
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => wgpu::kinds()
            .iter()
            .position(|kind| *kind != burn::tensor::DeviceKind::Cpu),
        #[cfg(feature = "cuda")]
        Backend::Cuda => (!cuda::devices().is_empty()).then_some(0),
        _ => None,
    }
}

/// The card of a number, the first that is no software if there is none given, else the first.
pub(super) fn open(backend: Backend, index: Option<usize>) -> Result<Device, DeviceError> {
    let count = count(backend);
    if count == 0 {
        return Err(DeviceError::none(backend));
    }
    let index = index.or_else(|| first_hardware(backend)).unwrap_or(0);
    if index >= count {
        return Err(DeviceError::NoSuchCard {
            name: backend.name(),
            index,
            count,
        });
    }
    match backend {
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => wgpu::open(index),
        #[cfg(feature = "cuda")]
        Backend::Cuda => cuda::open(index),
        _ => Err(DeviceError::not_built(backend)),
    }
}

/// What the card of a device is; none for the processor.
pub(super) fn description(device: &Device) -> Option<String> {
    if super::is_processor(device) {
        return None;
    }
    #[cfg(feature = "wgpu")]
    if let Some(description) = wgpu::description(device) {
        return Some(description);
    }
    #[cfg(feature = "cuda")]
    if let Some(identity) = device.identity() {
        return Some(format!("{}, CUDA", identity.name));
    }
    None
}

#[cfg(feature = "wgpu")]
mod wgpu {
    use std::sync::{Mutex, PoisonError};

    use burn::tensor::wgpu::wgpu::Adapter;
    use burn::tensor::{Device, DeviceKind, DeviceType};

    use super::DeviceError;

    /// Cards that are open, each with its description: a card can be started once.
    static OPEN: Mutex<Vec<(DeviceKind, String)>> = Mutex::new(Vec::new());

    /// Adapters a kind can have.
    const MOST: usize = 16;

    /// How burn calls each adapter that it lists.
    pub(super) fn kinds() -> Vec<DeviceKind> {
        let known: Vec<DeviceKind> = (0..MOST)
            .flat_map(|index| {
                [
                    DeviceKind::DiscreteGpu(index),
                    DeviceKind::IntegratedGpu(index),
                    DeviceKind::VirtualGpu(index),
                ]
            })
            .chain([DeviceKind::Cpu])
            .collect();
        Device::enumerate(DeviceType::Wgpu)
            .into_vec()
            .iter()
            .filter_map(|device| {
                known
                    .iter()
                    .find(|kind| Device::wgpu((*kind).clone()) == *device)
                    .cloned()
            })
            .collect()
    }

    pub(super) fn open(index: usize) -> Result<Device, DeviceError> {
        let kind = kinds().swap_remove(index);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.iter().any(|(known, _)| *known == kind) {
            return Ok(Device::wgpu(kind));
        }
        let (device, setup) = Device::wgpu_options()
            .device_kind(kind.clone())
            .init_with_setup()
            .map_err(|error| DeviceError::Refused {
                name: format!("wgpu:{index}"),
                why: error.to_string(),
            })?;
        open.push((kind, describe(&setup.adapter)));
        Ok(device)
    }

    fn describe(adapter: &Adapter) -> String {
        let info = adapter.get_info();
        let driver = [info.driver.trim(), info.driver_info.trim()]
            .join(" ")
            .trim()
            .to_owned();
        let driver = match driver.is_empty() {
            true => String::new(),
            false => format!(", {driver}"),
        };
        format!("{}, {:?}{driver}", info.name, info.backend)
    }

    pub(super) fn description(device: &Device) -> Option<String> {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter()
            .find(|(kind, _)| Device::wgpu(kind.clone()) == *device)
            .map(|(_, description)| description.clone())
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use burn::tensor::{Device, DeviceType};

    use super::DeviceError;

    /// CUDA's cards; none where its libraries are missing, over which its back end panics.
    pub(super) fn devices() -> Vec<Device> {
        std::panic::catch_unwind(|| Device::enumerate(DeviceType::Cuda).into_vec())
            .unwrap_or_default()
    }

    pub(super) fn open(index: usize) -> Result<Device, DeviceError> {
        let device = Device::cuda(index);
        let refused = |why: String| DeviceError::Refused {
            name: format!("cuda:{index}"),
            why,
        };
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.sync())) {
            Ok(Ok(())) => Ok(device),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(_) => Err(refused(
                "CUDA's libraries can't be loaded (are driver and toolkit installed?)".to_owned(),
            )),
        }
    }
}
