//! Panics and faults are defects: each is counted in memory that a reset leaves alone, and the image starts anew.

use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

/// What stands before the count if it is one.
const MARK: u32 = 0x7461_6c6c;

/// Mark and count.
#[unsafe(link_section = ".uninit.defects")]
static mut DEFECTS: MaybeUninit<[u32; 2]> = MaybeUninit::uninit();

fn read() -> [u32; 2] {
    // SAFETY: the memory is there at any time, one core runs, and no interrupt is enabled; any bits are a pair of u32.
    unsafe { (&raw const DEFECTS).cast::<[u32; 2]>().read_volatile() }
}

fn write(count: u32) {
    // SAFETY: as in `read`.
    unsafe {
        (&raw mut DEFECTS)
            .cast::<[u32; 2]>()
            .write_volatile([MARK, count])
    }
}

/// Sets the count to zero when power has come on.
pub(crate) fn begin() {
    if read()[0] != MARK {
        write(0);
    }
}

/// Defects since power came on.
pub(crate) fn count() -> u32 {
    read()[1]
}

fn count_and_restart() -> ! {
    write(count().wrapping_add(1));
    SCB::sys_reset()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    count_and_restart()
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    count_and_restart()
}
