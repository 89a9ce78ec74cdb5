//! Ctrl-C: long work stops at its next checkpoint.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C (and SIGTERM) only asks to stop; a second one stops at once, with exit code 130.
pub(super) fn listen() {
    // A second handler is refused, and then the first is there.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        let _ = writeln!(
            std::io::stderr(),
            "stopping behind a checkpoint; Ctrl-C once more stops at once"
        );
    });
}

/// Whether work is to go on.
pub(super) fn go_on() -> ControlFlow<()> {
    match was_asked() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Whether the program was asked to stop.
pub(super) fn was_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
