//! Arm's MPS2 and MPS3 boards: the UART and the timer of the Cortex-M System Design Kit. What stands for flash is memory.

use core::ptr;

use thimble_service::Received;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};

use crate::board::{BAUD, CLOCK_HZ, SERIAL_BASE, TIMER_BASE};

const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 2;
const RECEIVE_OVERRUN: u32 = 8;

/// CMSDK UART (Arm DDI 0479D, 4.3).
#[repr(C)]
struct Uart {
    data: ReadWrite<u32>,
    state: ReadWrite<u32>,
    control: ReadWrite<u32>,
    interrupts: ReadWrite<u32>,
    divider: ReadWrite<u32>,
}

/// CMSDK timer (Arm DDI 0479D, 4.1), which counts down; on MPS3 the SSE-300's system counter stands at its place, which
/// counts up and shows its lower half first.
#[repr(C)]
struct Timer {
    first: ReadWrite<u32>,
    value: ReadOnly<u32>,
    reload: ReadWrite<u32>,
}

/// Serial line and clock.
pub(crate) struct Driver {
    uart: &'static Uart,
    timer: &'static Timer,
}

impl Driver {
    pub(crate) fn start() -> Self {
        // SAFETY: boards.toml gives the addresses of these devices, whose registers are as declared, and nothing else in
        // the image uses them.
        let (uart, timer) = unsafe {
            (
                &*ptr::with_exposed_provenance::<Uart>(SERIAL_BASE),
                &*ptr::with_exposed_provenance::<Timer>(TIMER_BASE),
            )
        };
        uart.divider.set(CLOCK_HZ / BAUD);
        uart.control.set(0b11);
        start_clock(timer);
        Self { uart, timer }
    }

    pub(crate) fn receive(&mut self) -> Received {
        let state = self.uart.state.get();
        if state & RECEIVE_OVERRUN != 0 {
            self.uart.state.set(RECEIVE_OVERRUN);
            return Received::Overrun;
        }
        if state & RECEIVE_FULL == 0 {
            return Received::Nothing;
        }
        Received::Byte(self.uart.data.get() as u8)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while self.uart.state.get() & TRANSMIT_FULL != 0 {}
            self.uart.data.set(byte.into());
        }
    }

    pub(crate) fn now(&mut self) -> u32 {
        #[cfg(feature = "mps2")]
        return !self.timer.value.get();
        #[cfg(feature = "mps3")]
        return self.timer.first.get();
    }
}

#[cfg(feature = "mps2")]
fn start_clock(timer: &Timer) {
    timer.reload.set(u32::MAX);
    timer.first.set(1);
}

/// Enables the system counter of the SSE-300, whose control frame has its register CNTCR at the front (Arm DDI 0487, I5.7).
#[cfg(feature = "mps3")]
fn start_clock(_: &Timer) {
    const COUNTER_CONTROL: usize = 0x5810_0000;
    // SAFETY: the address is that of the SSE-300's counter control frame (Arm 101773), which nothing else uses.
    let control = unsafe { &*ptr::with_exposed_provenance::<ReadWrite<u32>>(COUNTER_CONTROL) };
    control.set(1);
}

pub(crate) mod flash {
    //! Memory in place of flash.

    use core::ptr;

    use crate::board::MODEL_PAGE;

    pub(crate) fn erase(address: usize) {
        write(address, core::iter::repeat_n(u32::MAX, MODEL_PAGE / 4));
    }

    pub(crate) fn write(address: usize, words: impl Iterator<Item = u32>) {
        let mut place = ptr::with_exposed_provenance_mut::<u32>(address);
        for word in words {
            // SAFETY: the caller's addresses are words of the model partition, which is writable memory on these boards and
            // which no slice looks at now.
            unsafe { place.write_volatile(word) };
            place = place.wrapping_add(1);
        }
    }
}
