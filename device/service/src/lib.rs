//! What a board does with the engine: it finds the model in its partition, answers lines that a person types and requests
//! that a program sends ([`thimble_shared::link`]), and takes another model over the same line.
//!
//! A board brings its [`Hardware`] and its [`Partition`]; [`run`] does the rest, and never ends on a chip.
//!
//! ```text
//! serial line ─► Receiver ─► typed lines ──────► Text ─► Session ─► "positive 0.97"
//!                        └─► framed requests ─┬► Text ─► Session ─► replies ─► Sender ─► serial line
//!                                             └► Writer ─► Partition
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod hardware;
mod partition;
mod receiver;
mod sender;
mod serve;
mod text;
mod writer;

pub use hardware::{FlashError, Hardware, Identity, Partition, Received};
pub use partition::{Found, find};

use receiver::Receiver;
use sender::Sender;
use serve::Next;
use writer::Writer;

// The larger functions of this crate are never inlined: the stack that each takes is given back when it returns.

/// Serves the line until [`Received::Closed`]. The session's memory is `arena`; a model that needs more is not run.
pub fn run(hardware: &mut impl Hardware, partition: &mut impl Partition, arena: &mut [u64]) {
    let mut receiver = Receiver::new();
    let mut sender = Sender::new();
    let mut greet = true;
    loop {
        let (next, active) = {
            let mut found = Found::default();
            find(partition, size_of_val(arena), &mut found);
            if core::mem::take(&mut greet) {
                serve::greet(hardware, &found);
            }
            let next = serve::serve(
                hardware,
                &mut receiver,
                &mut sender,
                partition,
                &found,
                arena,
            );
            (next, found.active())
        };
        match next {
            Next::Closed => return,
            Next::Write(key, file) => {
                let writer = Writer::new(partition, active, size_of_val(arena));
                writer.run(hardware, &mut receiver, &mut sender, key, file);
            }
        }
    }
}
