//! Taking another model over the line.
//!
//! The four bytes that make a file a model, its magic number, are written last. So a file that is not complete is never
//! found, and power may fail at any moment: what was there before is still there, unless it was to be replaced.

use core::ops::Range;

use thimble_shared::format::{Announced, FileChecksum, FormatError, MAGIC};
use thimble_shared::link::{CHUNK_BYTES, NewModel, Problem, Refusal, Reply, Request, WriteMode};

use crate::hardware::{FlashError, Hardware, Partition};
use crate::partition::sound;
use crate::receiver::{Event, Receiver};
use crate::sender::{Key, Sender};

/// Bytes that flash takes together.
const WORD: usize = 4;

impl From<FlashError> for Refusal<'_> {
    fn from(_: FlashError) -> Self {
        Self::Flash
    }
}

/// Writes model files into a partition.
pub(crate) struct Writer<'p, P> {
    partition: &'p mut P,
    /// Where the present model lies.
    active: Option<Range<usize>>,
    arena_bytes: usize,
    /// The file that was found sound without being written.
    checked: Option<NewModel>,
}

impl<'p, P: Partition> Writer<'p, P> {
    pub(crate) fn new(
        partition: &'p mut P,
        active: Option<Range<usize>>,
        arena_bytes: usize,
    ) -> Self {
        Self {
            partition,
            active,
            arena_bytes,
            checked: None,
        }
    }

    /// Answers the request `key`, which announced `file`, and those after it, until a file is written or refused, or
    /// something else than a part of a file comes.
    #[inline(never)]
    pub(crate) fn run(
        mut self,
        hardware: &mut impl Hardware,
        receiver: &mut Receiver,
        sender: &mut Sender,
        mut key: Key,
        file: NewModel,
    ) {
        let mut file = match self.begin(file) {
            Ok(file) => file,
            Err(refusal) => return sender.reply(hardware, key, &Reply::Refused(refusal)),
        };
        sender.reply(hardware, key, &Reply::Done);
        // A closed line and typed text come again to whoever serves next.
        while receiver.next(hardware) == Event::Frame {
            let Some((next, request)) = receiver.request(hardware, sender) else {
                continue;
            };
            key = next;
            let (result, over) = match request {
                Request::Write { offset, bytes } => {
                    let result = self.take(&mut file, offset as usize, bytes);
                    // Bytes that are not the next ones have done no harm.
                    let over = !matches!(result, Ok(()) | Err(Refusal::OutOfOrder { .. }));
                    (result, over)
                }
                Request::WriteCommit => {
                    let result = self.commit(&file);
                    let over = result.is_err() || file.new.mode != WriteMode::Check;
                    (result, over)
                }
                Request::WriteBegin(new) => {
                    let result = self.begin(new).map(|begun| file = begun);
                    let over = result.is_err();
                    (result, over)
                }
                _ => return sender.again(hardware),
            };
            let reply = result.map_or_else(Reply::Refused, |()| Reply::Done);
            sender.reply(hardware, key, &reply);
            if over {
                return;
            }
        }
    }

    /// Finds a place for a file.
    fn begin(&self, new: NewModel) -> Result<File, Refusal<'static>> {
        let bytes = new.bytes as usize;
        let whole = 0..self.partition.bytes().len();
        let place = match (new.mode, &self.active) {
            (WriteMode::Check, _) => whole,
            _ if !P::WRITABLE => return Err(Refusal::NotWritable),
            (WriteMode::Replace, _) => {
                let check = NewModel {
                    mode: WriteMode::Check,
                    ..new
                };
                if self.checked != Some(check) {
                    return Err(Refusal::Unchecked);
                }
                whole
            }
            (WriteMode::Beside, None) => whole,
            (WriteMode::Beside, Some(active)) => {
                let before = 0..active.start;
                let behind = active.end.next_multiple_of(P::PAGE)..whole.end;
                if before.len() >= bytes || before.len() >= behind.len() {
                    before
                } else {
                    behind
                }
            }
        };
        if place.len() < bytes {
            return Err(Refusal::NoRoom {
                free: place.len() as u32,
            });
        }
        Ok(File {
            new,
            place: place.start,
            done: 0,
            sum: FileChecksum::new(),
        })
    }

    /// Takes the next bytes of a file.
    fn take(
        &mut self,
        file: &mut File,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Refusal<'static>> {
        let end = offset.saturating_add(bytes.len());
        let whole = end == file.new.bytes as usize;
        let in_words = whole || bytes.len().is_multiple_of(WORD);
        if offset != file.done || !in_words || bytes.len() > CHUNK_BYTES {
            return Err(Refusal::OutOfOrder {
                expected: file.done as u32,
            });
        }
        if end > file.new.bytes as usize {
            let error = FormatError::Length {
                expected: file.new.bytes,
                got: end as u32,
            };
            return Err(unsound(error));
        }
        if offset == 0 {
            let announced = Announced::read(bytes).map_err(unsound)?;
            if (announced.bytes, announced.checksum) != (file.new.bytes, file.new.checksum) {
                return Err(Refusal::Model(Problem::Unsound(
                    "its header is not the one announced",
                )));
            }
        }
        file.sum.update(bytes);
        file.done = end;
        if file.new.mode == WriteMode::Check {
            return Ok(());
        }
        let mut padded = [0xff; CHUNK_BYTES];
        let words = bytes.len().next_multiple_of(WORD);
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        let skip = if offset == 0 { MAGIC.len() } else { 0 };
        let (start, end) = (file.place + offset, file.place + offset + words);
        for page in (start.next_multiple_of(P::PAGE)..end).step_by(P::PAGE) {
            self.partition.erase(page)?;
        }
        let bytes = padded.get(skip..words).unwrap_or_default();
        Ok(self.partition.write(start + skip, bytes)?)
    }

    /// Makes a complete file the model, if it is sound.
    #[inline(never)]
    fn commit(&mut self, file: &File) -> Result<(), Refusal<'static>> {
        if file.done != file.new.bytes as usize {
            return Err(Refusal::OutOfOrder {
                expected: file.done as u32,
            });
        }
        let (expected, got) = (file.new.checksum, file.sum.clone().finish());
        if expected != got {
            return Err(unsound(FormatError::Checksum { expected, got }));
        }
        if file.new.mode == WriteMode::Check {
            self.checked = Some(file.new);
            return Ok(());
        }
        self.partition.write(file.place, &MAGIC)?;
        let written = self.partition.bytes().get(file.place..).unwrap_or_default();
        if let Err(why) = sound(written, self.arena_bytes, &mut None) {
            self.partition.erase(file.place)?;
            return Err(Refusal::Model(why));
        }
        // The first sound file counts. If power fails before the old one is gone, either is a sound model.
        if let (WriteMode::Beside, Some(active)) = (file.new.mode, &self.active) {
            self.partition.erase(active.start)?;
        }
        Ok(())
    }
}

fn unsound(error: FormatError) -> Refusal<'static> {
    Refusal::Model(Problem::Unsound(error.brief()))
}

/// A model file in work.
struct File {
    new: NewModel,
    /// Where it begins in the partition.
    place: usize,
    /// Bytes that came.
    done: usize,
    sum: FileChecksum,
}
