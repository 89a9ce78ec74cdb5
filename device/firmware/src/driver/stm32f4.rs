//! ST's STM32F4.

use cortex_m::peripheral::DWT;
use stm32f4xx_hal::pac::{self, USART2};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config as Clocks;
use stm32f4xx_hal::serial::{Config, Error, Serial};
use thimble_service::Received;

use crate::board::{BAUD, CLOCK_HZ, SERIAL_RX, SERIAL_TX};

/// Serial line and clock.
pub(crate) struct Driver {
    serial: Serial<USART2>,
}

impl Driver {
    pub(crate) fn start() -> Self {
        const {
            assert!(
                SERIAL_TX == 2 && SERIAL_RX == 3,
                "the driver knows PA2 and PA3 alone"
            )
        };
        let (Some(chip), Some(mut core)) =
            (pac::Peripherals::take(), cortex_m::Peripherals::take())
        else {
            panic!("start-up runs once")
        };
        let mut clocks = chip.RCC.freeze(Clocks::hsi().sysclk(CLOCK_HZ.Hz()));
        let port = chip.GPIOA.split(&mut clocks);
        let config = Config::default().baudrate(BAUD.bps());
        let Ok(serial) = chip
            .USART2
            .serial((port.pa2, port.pa3), config, &mut clocks)
        else {
            panic!("the clock does not divide to the rate of the line")
        };
        core.DCB.enable_trace();
        core.DWT.enable_cycle_counter();
        Self { serial }
    }

    pub(crate) fn receive(&mut self) -> Received {
        match self.serial.read() {
            Ok(byte) => Received::Byte(byte),
            Err(nb::Error::WouldBlock) => Received::Nothing,
            Err(nb::Error::Other(Error::Overrun)) => Received::Overrun,
            // A damaged byte: the frame's checksum, or the reader, will see it.
            Err(nb::Error::Other(_)) => Received::Byte(b'?'),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // Only the bytes before this one can keep it waiting.
            while matches!(self.serial.write(byte), Err(nb::Error::WouldBlock)) {}
        }
    }

    pub(crate) fn now(&mut self) -> u32 {
        DWT::cycle_count()
    }
}

pub(crate) mod flash {
    //! This image does not write the chip's flash, whose sectors are as large as a model; `boards.toml` says so, and the
    //! service refuses.

    pub(crate) fn erase(_: usize) {}

    pub(crate) fn write(_: usize, _: impl Iterator<Item = u32>) {}
}
