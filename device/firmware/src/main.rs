//! The image for boards: start-up, serial line, clock and flash of each around `thimble-service`.
//!
//! Which board it is for is data: `device/boards/boards.toml`, of which the build script makes constants and a memory map.
#![no_std]
#![no_main]

mod board;
mod defects;
mod driver;
mod flash;
mod memory;

use cortex_m_rt::entry;

use board::{ARENA_BYTES, Board};
use flash::Flash;

#[entry]
fn main() -> ! {
    static mut ARENA: [u64; ARENA_BYTES / 8] = [0; ARENA_BYTES / 8];
    defects::begin();
    let mut board = Board::start();
    let mut flash = Flash::take();
    loop {
        // It ends when the line is closed, which the line of a chip never is.
        thimble_service::run(&mut board, &mut flash, ARENA);
    }
}
