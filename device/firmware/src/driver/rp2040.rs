//! Raspberry Pi's RP2040.

use rp2040_hal::clocks::{Clock, init_clocks_and_plls};
use rp2040_hal::fugit::RateExtU32;
use rp2040_hal::gpio::bank0::{Gpio0, Gpio1};
use rp2040_hal::gpio::{FunctionUart, Pin, Pins, PullDown};
use rp2040_hal::uart::{DataBits, Enabled, ReadErrorType, StopBits, UartConfig, UartPeripheral};
use rp2040_hal::{Sio, Timer, Watchdog, pac};
use thimble_service::Received;

use crate::board::{BAUD, CLOCK_HZ, SERIAL_RX, SERIAL_TX};

/// The second boot loader, which lets the chip read its flash.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// Frequency of the board's crystal.
const CRYSTAL_HZ: u32 = 12_000_000;

type UartPins = (
    Pin<Gpio0, FunctionUart, PullDown>,
    Pin<Gpio1, FunctionUart, PullDown>,
);

/// Serial line and clock.
pub(crate) struct Driver {
    uart: UartPeripheral<Enabled, pac::UART0, UartPins>,
    timer: Timer,
}

impl Driver {
    pub(crate) fn start() -> Self {
        const {
            assert!(
                SERIAL_TX == 0 && SERIAL_RX == 1,
                "the driver knows these pins alone"
            )
        };
        const { assert!(CLOCK_HZ == 1_000_000, "the timer counts microseconds") };
        let (Some(mut chip), Some(core)) = (pac::Peripherals::take(), pac::CorePeripherals::take())
        else {
            panic!("start-up runs once")
        };
        drop(core);
        let mut watchdog = Watchdog::new(chip.WATCHDOG);
        let Ok(clocks) = init_clocks_and_plls(
            CRYSTAL_HZ,
            chip.XOSC,
            chip.CLOCKS,
            chip.PLL_SYS,
            chip.PLL_USB,
            &mut chip.RESETS,
            &mut watchdog,
        ) else {
            panic!("the board's crystal does not swing")
        };
        let sio = Sio::new(chip.SIO);
        let pins = Pins::new(
            chip.IO_BANK0,
            chip.PADS_BANK0,
            sio.gpio_bank0,
            &mut chip.RESETS,
        );
        let pins = (pins.gpio0.into_function(), pins.gpio1.into_function());
        let config = UartConfig::new(BAUD.Hz(), DataBits::Eight, None, StopBits::One);
        let uart = UartPeripheral::new(chip.UART0, pins, &mut chip.RESETS);
        let Ok(uart) = uart.enable(config, clocks.peripheral_clock.freq()) else {
            panic!("the clock does not divide to the rate of the line")
        };
        let timer = Timer::new(chip.TIMER, &mut chip.RESETS, &clocks);
        Self { uart, timer }
    }

    pub(crate) fn receive(&mut self) -> Received {
        let mut byte = [0];
        match self.uart.read_raw(&mut byte) {
            Ok(0) => Received::Nothing,
            Ok(_) => Received::Byte(byte[0]),
            Err(nb::Error::WouldBlock) => Received::Nothing,
            Err(nb::Error::Other(error)) => match error.err_type {
                ReadErrorType::Overrun => Received::Overrun,
                // A damaged byte: the frame's checksum, or the reader, will see it.
                _ => Received::Byte(b'?'),
            },
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.uart.write_full_blocking(bytes);
    }

    pub(crate) fn now(&mut self) -> u32 {
        self.timer.get_counter_low()
    }
}

pub(crate) mod flash {
    //! This image does not write the chip's external flash; `boards.toml` says so, and the service refuses.

    pub(crate) fn erase(_: usize) {}

    pub(crate) fn write(_: usize, _: impl Iterator<Item = u32>) {}
}
