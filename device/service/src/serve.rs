//! Typed lines and requests, answered with the model at hand.

use sha2::{Digest, Sha256};
use thimble_device::Scores;
use thimble_shared::format::Model;
use thimble_shared::link::{
    Hello, ModelState, NewModel, Outcome, PROTOCOL, Problem, Refusal, Reply, Request,
    SCORES_AT_ONCE,
};

use crate::hardware::{Hardware, Partition};
use crate::partition::Found;
use crate::receiver::{Event, Line, Receiver};
use crate::sender::{Key, Sender};
use crate::text::Text;

/// What comes after serving.
pub(crate) enum Next {
    /// The line is closed.
    Closed,
    /// A model file is about to be written.
    Write(Key, NewModel),
}

/// Says on the line who the board is.
pub(crate) fn greet(hardware: &mut impl Hardware, found: &Found<'_>) {
    let identity = hardware.identity();
    let mut out = Out(hardware);
    out.texts(&[
        "\r\nThimble ",
        identity.firmware,
        " on ",
        identity.title,
        ": ",
    ]);
    match &found.model {
        Some(model) => {
            out.number(model.labels().len() as u32);
            out.texts(&[" labels, "]);
            out.number(model.vocab().len());
            out.texts(&[" pieces. Type a line.\r\n"]);
        }
        None => {
            match found.problem {
                Problem::Empty => out.texts(&["the model partition is empty"]),
                Problem::Unsound(why) => out.texts(&["the model cannot be used: ", why]),
                Problem::Arena { needed, has } => {
                    out.texts(&["the model needs an arena of "]);
                    out.number(needed);
                    out.texts(&[" bytes of RAM, here are "]);
                    out.number(has);
                }
            }
            out.texts(&[". Write a model with `thimble write` or `thimble firmware`.\r\n"]);
        }
    }
}

/// Answers until the line is closed or another model comes.
#[inline(never)]
pub(crate) fn serve<H: Hardware, P: Partition>(
    hardware: &mut H,
    receiver: &mut Receiver,
    sender: &mut Sender,
    partition: &P,
    found: &Found<'_>,
    arena: &mut [u64],
) -> Next {
    let mut server = Server {
        found,
        present: found
            .model
            .as_ref()
            .and_then(|model| Some((model, Text::new(model, arena).ok()?))),
        partition_bytes: partition.bytes().len() as u32,
        writable: P::WRITABLE,
    };
    loop {
        match receiver.next(hardware) {
            Event::Closed => return Next::Closed,
            Event::Typed => server.typed(hardware, receiver.line()),
            Event::Frame => {
                let Some((key, request)) = receiver.request(hardware, sender) else {
                    continue;
                };
                if let Request::WriteBegin(file) = request {
                    return Next::Write(key, file);
                }
                let bye = request == Request::Bye;
                let reply = server.answer(hardware, &request);
                sender.reply(hardware, key, &reply);
                if bye {
                    receiver.leave_frames();
                }
            }
        }
    }
}

/// What is served, and the state of the text in work.
struct Server<'f, 'a> {
    found: &'f Found<'f>,
    present: Option<(&'f Model<'f>, Text<'f, 'a>)>,
    partition_bytes: u32,
    writable: bool,
}

impl<'f> Server<'f, '_> {
    #[inline(never)]
    fn typed(&mut self, hardware: &mut impl Hardware, line: &mut Line) {
        let Some((model, text)) = &mut self.present else {
            if line.ended {
                greet(hardware, self.found);
            }
            line.clear();
            return;
        };
        text.push(hardware, &line.bytes);
        if line.ended {
            if line.lost {
                text.begin();
                hardware.send(b"some characters were lost on the line: paste them more slowly\r\n");
            } else if text.bytes() == 0 {
                greet(hardware, self.found);
            } else {
                let scored = text.finish(hardware);
                if let Some(scores) = text.scores() {
                    print(hardware, model, scored.tokens, scored.ticks, scores);
                }
            }
        }
        line.clear();
    }

    #[inline(never)]
    fn answer<H: Hardware>(&mut self, hardware: &mut H, request: &Request<'_>) -> Reply<'f> {
        match request {
            Request::Hello => return Reply::Hello(self.hello(hardware)),
            Request::Memory => return Reply::Memory(hardware.memory()),
            Request::Bye => return Reply::Done,
            Request::Write { .. } | Request::WriteCommit | Request::WriteBegin(_) => {
                return Reply::Refused(Refusal::Unknown);
            }
            _ => {}
        }
        let Some((model, text)) = &mut self.present else {
            return Reply::Refused(Refusal::NoModel);
        };
        match *request {
            Request::Digest => Reply::Digest(Sha256::digest(model.bytes()).into()),
            Request::Label(index) => {
                if usize::from(index) < model.labels().len() {
                    Reply::Label(model.labels().name(index.into()))
                } else {
                    Reply::Refused(Refusal::OutOfRange)
                }
            }
            Request::Begin => {
                text.begin();
                Reply::Done
            }
            Request::Push { offset, bytes } => {
                let expected = text.bytes();
                if offset != expected {
                    return Reply::Refused(Refusal::OutOfOrder { expected });
                }
                text.push(hardware, bytes);
                Reply::Done
            }
            Request::Finish { bytes } => {
                let expected = text.bytes();
                if bytes != expected {
                    return Reply::Refused(Refusal::OutOfOrder { expected });
                }
                Reply::Scored(text.finish(hardware))
            }
            Request::Scores { first } => match text.scores() {
                Some(scores) if usize::from(first) < scores.logits().len() => {
                    let all = scores.logits().iter().copied();
                    let pairs = all.zip(scores.probabilities().iter().copied());
                    Reply::Scores(pairs.skip(first.into()).take(SCORES_AT_ONCE).collect())
                }
                _ => Reply::Refused(Refusal::OutOfRange),
            },
            Request::SelfTest(index) => {
                let Some(vector) = model.golden().nth(index.into()) else {
                    return Reply::Refused(Refusal::OutOfRange);
                };
                text.begin();
                text.push(hardware, vector.text);
                let got = text.finish(hardware);
                let logits = text.scores().map_or(&[][..], Scores::logits);
                Reply::SelfTest(Outcome {
                    ids: (got.tokens, got.ids_crc) == (vector.tokens, vector.ids_crc),
                    logits: vector.logits().eq(logits.iter().copied()),
                    got,
                })
            }
            _ => Reply::Refused(Refusal::Unknown),
        }
    }

    fn hello<H: Hardware>(&self, hardware: &H) -> Hello<'f> {
        let identity = hardware.identity();
        Hello {
            protocol: PROTOCOL,
            firmware: identity.firmware,
            board: identity.board,
            partition_bytes: self.partition_bytes,
            writable: self.writable,
            ticks_per_second: H::TICKS_PER_SECOND,
            model: match &self.found.model {
                Some(model) => ModelState::Ready {
                    offset: self.found.range.start as u32,
                    bytes: self.found.range.len() as u32,
                    checksum: model.checksum(),
                    labels: model.labels().len() as u8,
                    golden: model.golden().count() as u16,
                    session_bytes: model.ram_bytes() as u32,
                },
                None => ModelState::None(self.found.problem),
            },
        }
    }
}

/// Prints label, probability and time of a typed line.
fn print<H: Hardware>(
    hardware: &mut H,
    model: &Model<'_>,
    tokens: u32,
    ticks: u64,
    scores: &Scores,
) {
    let label = scores.label();
    let probability = scores.probabilities().get(label).copied().unwrap_or(0);
    let hundredths = (u32::from(probability) * 100 + (1 << 14)) >> 15;
    let milliseconds = u32::try_from(ticks).unwrap_or(u32::MAX) / (H::TICKS_PER_SECOND / 1000);
    let mut out = Out(hardware);
    out.texts(&[model.labels().name(label), " "]);
    out.number(hundredths / 100);
    out.texts(&[if hundredths % 100 < 10 { ".0" } else { "." }]);
    out.number(hundredths % 100);
    out.texts(&[" ("]);
    out.number(tokens);
    out.texts(&[" tokens, "]);
    out.number(milliseconds);
    out.texts(&[" ms)\r\n"]);
}

/// The line as a place to write text to. `core::fmt` would take kilobytes of flash.
struct Out<'h, H>(&'h mut H);

impl<H: Hardware> Out<'_, H> {
    fn texts(&mut self, texts: &[&str]) {
        for text in texts {
            self.0.send(text.as_bytes());
        }
    }

    fn number(&mut self, number: u32) {
        self.0.send(itoa::Buffer::new().format(number).as_bytes());
    }
}
