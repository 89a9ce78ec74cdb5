//! How the RAM is used: variables from the bottom, the stack from the top.

use cortex_m_rt::STACK_PAINT_VALUE;

use crate::board::RAM_BYTES;

unsafe extern "C" {
    // Symbols of cortex-m-rt's linker script, of which only the addresses mean something.
    static _stack_start: u32;
    static _stack_end: u32;
}

fn top() -> usize {
    (&raw const _stack_start).addr()
}

fn bottom() -> usize {
    (&raw const _stack_end).addr()
}

/// Bytes of the variables.
pub(crate) fn statics() -> u32 {
    RAM_BYTES - (top() - bottom()) as u32
}

/// The most bytes that the stack has taken: start-up painted all of it, and what is painted still was never used.
pub(crate) fn stack_peak() -> u32 {
    let mut address = &raw const _stack_end;
    while address.addr() < top() {
        // SAFETY: between the two symbols lies the stack, aligned to words and painted at start-up; a volatile read of a
        // word of it that is in use as well gives some value, which is all that is asked.
        if unsafe { address.read_volatile() } != STACK_PAINT_VALUE {
            break;
        }
        address = address.wrapping_add(1);
    }
    (top() - address.addr()) as u32
}
