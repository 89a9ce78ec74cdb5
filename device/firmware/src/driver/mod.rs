//! Serial line, clock and flash of each family of chips, behind the same functions: `Driver::start`, `receive`, `send`,
//! `now`, and in `flash` `erase` and `write`.

#[cfg(any(feature = "mps2", feature = "mps3"))]
mod mps;
#[cfg(any(feature = "mps2", feature = "mps3"))]
pub(crate) use mps::{Driver, flash};

#[cfg(any(feature = "nrf51", feature = "nrf52833", feature = "nrf52840"))]
mod nrf;
#[cfg(any(feature = "nrf51", feature = "nrf52833", feature = "nrf52840"))]
pub(crate) use nrf::{Driver, flash};

#[cfg(feature = "rp2040")]
mod rp2040;
#[cfg(feature = "rp2040")]
pub(crate) use rp2040::{Driver, flash};

#[cfg(feature = "stm32f411")]
mod stm32f4;
#[cfg(feature = "stm32f411")]
pub(crate) use stm32f4::{Driver, flash};
