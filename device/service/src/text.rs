//! A text on its way through the engine, with its time and the checksum of its ids.

use thimble_device::{ArenaTooSmall, Scores, Session};
use thimble_shared::format::{IdsChecksum, Model};
use thimble_shared::link::Scored;

use crate::hardware::Hardware;

/// A session that counts bytes and ticks.
pub(crate) struct Text<'m, 'a> {
    session: Session<'m, 'a>,
    ids: IdsChecksum,
    bytes: u32,
    ticks: u64,
    /// Of the text that ended last.
    scores: Option<Scores>,
}

impl<'m, 'a> Text<'m, 'a> {
    pub(crate) fn new(model: &'m Model<'m>, arena: &'a mut [u64]) -> Result<Self, ArenaTooSmall> {
        Ok(Self {
            session: Session::new(model, arena)?,
            ids: IdsChecksum::new(),
            bytes: 0,
            ticks: 0,
            scores: None,
        })
    }

    /// Forgets the text so far.
    pub(crate) fn begin(&mut self) {
        self.session.reset();
        (self.ids, self.bytes, self.ticks) = (IdsChecksum::new(), 0, 0);
        self.scores = None;
    }

    /// Scores of the text that ended last.
    pub(crate) fn scores(&self) -> Option<&Scores> {
        self.scores.as_ref()
    }

    /// Bytes of the text so far.
    pub(crate) fn bytes(&self) -> u32 {
        self.bytes
    }

    pub(crate) fn push(&mut self, hardware: &mut impl Hardware, bytes: &[u8]) {
        let ids = &mut self.ids;
        let start = hardware.now();
        self.session.push_bytes_seen(bytes, &mut |id| ids.push(id));
        self.ticks += u64::from(hardware.now().wrapping_sub(start));
        self.bytes = self.bytes.wrapping_add(bytes.len() as u32);
    }

    /// Ends the text and keeps its scores; the next is about to begin.
    pub(crate) fn finish(&mut self, hardware: &mut impl Hardware) -> Scored {
        let ids = &mut self.ids;
        let start = hardware.now();
        let scores = self
            .scores
            .insert(self.session.finish_seen(&mut |id| ids.push(id)));
        let ticks = self.ticks + u64::from(hardware.now().wrapping_sub(start));
        let scored = Scored {
            label: scores.label() as u8,
            tokens: scores.tokens(),
            ids_crc: core::mem::take(&mut self.ids).finish(),
            ticks,
        };
        (self.bytes, self.ticks) = (0, 0);
        scored
    }
}
