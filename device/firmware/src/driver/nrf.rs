//! Nordic's nRF51 and nRF52: their UART, their timer, their non-volatile memory controller.

use nrf_pac::timer::vals::Bitmode;
use nrf_pac::uart::vals::{Baudrate, Enable};
use nrf_pac::{TIMER0, UART0};
use thimble_service::Received;

use crate::board::{BAUD, SERIAL_RX, SERIAL_TX};

/// Serial line and clock.
pub(crate) struct Driver(());

impl Driver {
    pub(crate) fn start() -> Self {
        const { assert!(BAUD == 115_200, "the driver knows this rate alone") };
        pins();
        UART0
            .baudrate()
            .write(|w| w.set_baudrate(Baudrate::Baud115200));
        UART0.enable().write(|w| w.set_enable(Enable::Enabled));
        UART0.tasks_starttx().write_value(1);
        UART0.tasks_startrx().write_value(1);
        TIMER0.bitmode().write(|w| w.set_bitmode(Bitmode::_32bit));
        // 16 MHz, undivided.
        TIMER0.prescaler().write(|w| w.set_prescaler(0));
        TIMER0.tasks_start().write_value(1);
        Self(())
    }

    pub(crate) fn receive(&mut self) -> Received {
        let errors = UART0.errorsrc().read();
        if errors.overrun() {
            // Ones clear what they stand for.
            UART0.errorsrc().write_value(errors);
            return Received::Overrun;
        }
        if UART0.events_rxdrdy().read() == 0 {
            return Received::Nothing;
        }
        UART0.events_rxdrdy().write_value(0);
        Received::Byte(UART0.rxd().read().rxd())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            UART0.events_txdrdy().write_value(0);
            UART0.txd().write(|w| w.set_txd(byte));
            while UART0.events_txdrdy().read() == 0 {}
        }
    }

    pub(crate) fn now(&mut self) -> u32 {
        TIMER0.tasks_capture(0).write_value(1);
        TIMER0.cc(0).read()
    }
}

/// Gives the UART its pins. The one that sends idles high before the UART has it.
#[cfg(feature = "nrf51")]
fn pins() {
    nrf_pac::GPIO.outset().write(|w| w.0 = 1 << SERIAL_TX);
    nrf_pac::GPIO.dirset().write(|w| w.0 = 1 << SERIAL_TX);
    UART0.pseltxd().write_value(SERIAL_TX.into());
    UART0.pselrxd().write_value(SERIAL_RX.into());
}

/// Gives the UART its pins. The one that sends idles high before the UART has it.
#[cfg(not(feature = "nrf51"))]
fn pins() {
    use nrf_pac::shared::{regs::Psel, vals::Connect};
    let port = if SERIAL_TX < 32 {
        nrf_pac::P0
    } else {
        nrf_pac::P1
    };
    port.outset().write(|w| w.0 = 1 << (SERIAL_TX % 32));
    port.dirset().write(|w| w.0 = 1 << (SERIAL_TX % 32));
    let select = |pin: u8| {
        let mut select = Psel::default();
        select.set_port(pin >= 32);
        select.set_pin(pin % 32);
        select.set_connect(Connect::Connected);
        select
    };
    UART0.psel().txd().write_value(select(SERIAL_TX));
    UART0.psel().rxd().write_value(select(SERIAL_RX));
}

pub(crate) mod flash {
    //! Pages and words through the controller.

    use core::ptr;

    use nrf_pac::NVMC;
    use nrf_pac::nvmc::vals::Wen;

    fn wait() {
        while !NVMC.ready().read().ready() {}
    }

    fn allow(mode: Wen) {
        NVMC.config().write(|w| w.set_wen(mode));
        wait();
    }

    pub(crate) fn erase(address: usize) {
        allow(Wen::Een);
        NVMC.erasepage().write_value(address as u32);
        wait();
        allow(Wen::Ren);
    }

    pub(crate) fn write(address: usize, words: impl Iterator<Item = u32>) {
        allow(Wen::Wen);
        let mut place = ptr::with_exposed_provenance_mut::<u32>(address);
        for word in words {
            // SAFETY: the caller's addresses are words of the model partition, the controller takes writes to flash now, and
            // no slice looks at the partition.
            unsafe { place.write_volatile(word) };
            wait();
            place = place.wrapping_add(1);
        }
        allow(Wen::Ren);
    }
}
