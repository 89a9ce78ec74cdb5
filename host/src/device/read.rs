//! Values back from a device, with its failures as errors.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Int, Tensor};

use super::{DeviceFailure, is_processor};

/// All values of a tensor, row by row; waits until they are computed.
///
/// # Errors
/// The device could not compute them.
pub fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DeviceFailure> {
    Ok(tensor.try_into_data()?.iter().collect())
}

/// All values of a tensor of whole numbers, row by row; waits until they are computed.
///
/// # Errors
/// The device could not compute them.
pub fn integers<const D: usize>(tensor: Tensor<D, Int>) -> Result<Vec<i64>, DeviceFailure> {
    Ok(tensor.try_into_data()?.iter().collect())
}

/// Does `work` on a device. Back ends of graphics cards panic, on several threads, where a card gives up in the middle of
/// something (its memory is full, say); here that becomes an error. A panic on the processor is a bug and goes on.
///
/// # Errors
/// Those of `work`, and a panic of a card's back end.
pub fn guarded<T, E: From<DeviceFailure>>(
    device: &Device,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if is_processor(device) {
        return work();
    }
    silence();
    GUARDED.fetch_add(1, Ordering::SeqCst);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.fetch_sub(1, Ordering::SeqCst);
    result.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(DeviceFailure::of(message.unwrap_or("no reason given")).into())
    })
}

/// How much work is under way whose panics become errors.
static GUARDED: AtomicUsize = AtomicUsize::new(0);

/// From here on a panic says nothing by itself while [`GUARDED`] work is under way.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.load(Ordering::SeqCst) == 0 {
                loud(info);
            }
        }));
    });
}
