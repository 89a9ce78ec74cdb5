//! A board that is spoken to: one request at a time, sent again until it is answered.

use std::io;
use std::time::Duration;

use rand::random;
use thimble_shared::format::Model;
use thimble_shared::link::{
    CHUNK_BYTES, Deframer, FRAME_BYTES, Hello, Memory, ModelState, NewModel, Outcome, PROTOCOL,
    Problem, Refusal, Reply, Request, Scored, WriteMode, decode, encode,
};

use super::line::Line;

/// How long a reply may take: a chip at 16 MHz computes its digest in a second or two.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often a request is sent before the board counts as silent.
const TRIES: usize = 5;
/// How often a board may ask for the same again before the line counts as too noisy.
const REPEATS: usize = 64;

/// What went wrong with a board.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The line is gone.
    #[error("the line to the board is closed")]
    Closed(#[source] io::Error),
    /// No answer.
    #[error(
        "the board does not answer; is an image of Thimble on it, and nothing else at its port?"
    )]
    Silent,
    /// The line garbles nearly everything.
    #[error("the line to the board is too noisy")]
    Noise,
    /// The board refuses.
    #[error("the board refuses: {0}")]
    Refused(String),
    /// The board has no room beside the present model.
    #[error(
        "the board has room for {free} bytes beside its present model, and the new one has {bytes}; --replace writes it over the present one"
    )]
    NoRoom {
        /// Bytes that could be written.
        free: u32,
        /// Bytes of the model.
        bytes: usize,
    },
    /// The board answers something else than was asked.
    #[error("the board gives an answer that makes no sense: {0}")]
    Nonsense(String),
    /// The image speaks another version of the protocol.
    #[error(
        "the board speaks version {0} of the protocol and this program version {PROTOCOL}; put its image on anew"
    )]
    Protocol(u8),
    /// The board has no model.
    #[error("the board has no model: {0}")]
    NoModel(String),
    /// The board has another model.
    #[error("the board has another model than {name}; `thimble write` puts it there")]
    OtherModel {
        /// The model that was meant.
        name: String,
    },
}

/// What a board makes of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Class with the largest logit.
    pub label: usize,
    /// Number of tokens.
    pub tokens: u32,
    /// Checksum of their ids.
    pub ids_crc: u32,
    /// Logits, Q12.
    pub logits: Vec<i32>,
    /// Probabilities, Q15.
    pub probabilities: Vec<u16>,
    /// Ticks of the board's clock that tokenizer and engine took.
    pub ticks: u64,
}

/// What a board says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Version of its image.
    pub firmware: String,
    /// Its name.
    pub board: String,
    /// Bytes of its partition for models.
    pub partition_bytes: u32,
    /// Whether another model can be written over the line.
    pub writable: bool,
    /// Ticks a second of its clock.
    pub ticks_per_second: u32,
    /// Its model, or why there is none.
    pub model: Result<AboutModel, String>,
}

/// What a board says of its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutModel {
    /// Where it begins in the partition.
    pub offset: u32,
    /// Bytes of its file.
    pub bytes: u32,
    /// Checksum of its file.
    pub checksum: u32,
    /// Number of its classes.
    pub labels: u8,
    /// Number of its golden vectors.
    pub golden: u16,
}

/// A board at the other end of a line.
pub struct Target {
    line: Line,
    deframer: Deframer<FRAME_BYTES>,
    sequence: u16,
    patience: Duration,
    about: About,
}

impl Target {
    /// Greets the board.
    ///
    /// # Errors
    /// No answer, or one of another version.
    pub fn greet(line: Line) -> Result<Self, ClientError> {
        Self::greet_patiently(line, PATIENCE)
    }

    /// As [`greet`](Self::greet), with another time that a reply may take.
    ///
    /// # Errors
    /// Those of [`greet`](Self::greet).
    pub fn greet_patiently(line: Line, patience: Duration) -> Result<Self, ClientError> {
        let mut target = Self {
            line,
            deframer: Deframer::new(),
            sequence: random(),
            patience,
            about: About {
                firmware: String::new(),
                board: String::new(),
                partition_bytes: 0,
                writable: false,
                ticks_per_second: 1,
                model: Err(String::new()),
            },
        };
        target.hello()?;
        Ok(target)
    }

    /// What the board says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    fn hello(&mut self) -> Result<(), ClientError> {
        self.about = self.ask(&Request::Hello, |reply| match reply {
            Reply::Hello(Hello { protocol, .. }) if protocol != PROTOCOL => {
                Err(ClientError::Protocol(protocol))
            }
            Reply::Hello(hello) => Ok(About {
                firmware: hello.firmware.to_owned(),
                board: hello.board.to_owned(),
                partition_bytes: hello.partition_bytes,
                writable: hello.writable,
                ticks_per_second: hello.ticks_per_second.max(1),
                model: match hello.model {
                    ModelState::Ready {
                        offset,
                        bytes,
                        checksum,
                        labels,
                        golden,
                        session_bytes: _,
                    } => Ok(AboutModel {
                        offset,
                        bytes,
                        checksum,
                        labels,
                        golden,
                    }),
                    ModelState::None(problem) => Err(problem.to_string()),
                },
            }),
            other => Err(nonsense(&other)),
        })?;
        Ok(())
    }

    /// The board's model.
    ///
    /// # Errors
    /// There is none.
    pub fn model(&self) -> Result<&AboutModel, ClientError> {
        let model = self.about.model.as_ref();
        model.map_err(|why| ClientError::NoModel(why.clone()))
    }

    /// SHA-256 of the board's model file.
    ///
    /// # Errors
    /// No model, no answer.
    pub fn digest(&mut self) -> Result<[u8; 32], ClientError> {
        self.ask(&Request::Digest, |reply| match reply {
            Reply::Digest(digest) => Ok(digest),
            other => Err(nonsense(&other)),
        })
    }

    /// Names of the board's labels.
    ///
    /// # Errors
    /// No model, no answer.
    pub fn labels(&mut self) -> Result<Vec<String>, ClientError> {
        (0..self.model()?.labels)
            .map(|index| {
                self.ask(&Request::Label(index), |reply| match reply {
                    Reply::Label(name) => Ok(name.to_owned()),
                    other => Err(nonsense(&other)),
                })
            })
            .collect()
    }

    /// How the board's memory is used.
    ///
    /// # Errors
    /// No answer.
    pub fn memory(&mut self) -> Result<Memory, ClientError> {
        self.ask(&Request::Memory, |reply| match reply {
            Reply::Memory(memory) => Ok(memory),
            other => Err(nonsense(&other)),
        })
    }

    /// Has the board classify a text.
    ///
    /// # Errors
    /// No model, no answer.
    pub fn classify(&mut self, text: &[u8]) -> Result<Answer, ClientError> {
        let labels = usize::from(self.model()?.labels);
        self.done(&Request::Begin)?;
        let mut offset = 0;
        for bytes in text.chunks(CHUNK_BYTES) {
            self.done(&Request::Push { offset, bytes })?;
            offset += bytes.len() as u32;
        }
        let scored = self.ask(&Request::Finish { bytes: offset }, |reply| match reply {
            Reply::Scored(scored) => Ok(scored),
            other => Err(nonsense(&other)),
        })?;
        let mut scores = Vec::new();
        while scores.len() < labels {
            let first = scores.len() as u8;
            let more = self.ask(&Request::Scores { first }, |reply| match reply {
                Reply::Scores(more) if !more.is_empty() => Ok(more),
                other => Err(nonsense(&other)),
            })?;
            scores.extend(more);
        }
        let Scored {
            label,
            tokens,
            ids_crc,
            ticks,
        } = scored;
        let (logits, probabilities) = scores.into_iter().unzip();
        Ok(Answer {
            label: label.into(),
            tokens,
            ids_crc,
            logits,
            probabilities,
            ticks,
        })
    }

    /// Has the board replay a golden vector of its model by itself.
    ///
    /// # Errors
    /// No such vector, no answer.
    pub fn self_test(&mut self, index: u16) -> Result<Outcome, ClientError> {
        self.ask(&Request::SelfTest(index), |reply| match reply {
            Reply::SelfTest(outcome) => Ok(outcome),
            other => Err(nonsense(&other)),
        })
    }

    /// Writes a model into the board's flash: beside the present one, which stays until the new one is complete and sound, or
    /// with `replace` over it if there is no other room. `progress` is told the bytes written so far.
    ///
    /// # Errors
    /// A board that cannot be written, a model that it has no room for, no answer.
    pub fn write(
        &mut self,
        model: &Model<'_>,
        replace: bool,
        mut progress: impl FnMut(usize),
    ) -> Result<(), ClientError> {
        let bytes = model.bytes();
        let result = match self.transfer(model, WriteMode::Beside, &mut progress) {
            Err(ClientError::NoRoom { free, .. }) if replace && (free as usize) < bytes.len() => {
                self.transfer(model, WriteMode::Check, &mut |_| {})?;
                self.transfer(model, WriteMode::Replace, &mut progress)
            }
            other => other,
        };
        result?;
        self.hello()
    }

    fn transfer(
        &mut self,
        model: &Model<'_>,
        mode: WriteMode,
        progress: &mut impl FnMut(usize),
    ) -> Result<(), ClientError> {
        let new = NewModel {
            bytes: model.bytes().len() as u32,
            checksum: model.checksum(),
            mode,
        };
        self.done(&Request::WriteBegin(new))?;
        let mut offset = 0;
        for bytes in model.bytes().chunks(CHUNK_BYTES) {
            self.done(&Request::Write { offset, bytes })?;
            offset += bytes.len() as u32;
            progress(offset as usize);
        }
        self.done(&Request::WriteCommit)
    }

    /// A request that is answered by [`Reply::Done`].
    fn done(&mut self, request: &Request<'_>) -> Result<(), ClientError> {
        self.ask(request, |reply| match reply {
            Reply::Done => Ok(()),
            other => Err(nonsense(&other)),
        })
    }

    /// Sends a request until it is answered, and has `read` make something of the answer.
    fn ask<T>(
        &mut self,
        request: &Request<'_>,
        read: impl FnOnce(Reply<'_>) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut buffer = [0; FRAME_BYTES];
        let frame = encode(self.sequence, request, &mut buffer)
            .map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let (mut tries, mut repeats) = (0, 0);
        loop {
            self.line.send(frame).map_err(ClientError::Closed)?;
            match self.reply()? {
                Waited::Answer(mut bytes) => {
                    let reply = decode(&mut bytes);
                    return match reply {
                        Ok((_, Reply::Refused(refusal))) => Err(refused(&refusal, request)),
                        Ok((_, reply)) => read(reply),
                        Err(error) => Err(ClientError::Nonsense(error.to_string())),
                    };
                }
                Waited::Again => repeats += 1,
                Waited::Nothing => tries += 1,
            }
            if tries == TRIES {
                return Err(ClientError::Silent);
            }
            if repeats == REPEATS {
                return Err(ClientError::Noise);
            }
        }
    }

    /// Waits for the reply to the request sent last.
    fn reply(&mut self) -> Result<Waited, ClientError> {
        while let Some(bytes) = self
            .line
            .receive(self.patience)
            .map_err(ClientError::Closed)?
        {
            let mut waited = None;
            for byte in bytes {
                if !self.deframer.push(byte) {
                    continue;
                }
                // What is no frame is typed text for people, or damaged; the request is sent again if need be.
                let Ok(frame) = self.deframer.frame() else {
                    continue;
                };
                let whole = frame.to_vec();
                match decode::<Reply<'_>>(frame) {
                    Ok((_, Reply::Again)) => waited = waited.or(Some(Waited::Again)),
                    Ok((sequence, _)) if sequence == self.sequence => {
                        waited = Some(Waited::Answer(whole));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
            if let Some(waited) = waited {
                return Ok(waited);
            }
        }
        Ok(Waited::Nothing)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Whoever types next is understood at once; without it, after two seconds.
        let mut buffer = [0; FRAME_BYTES];
        let sequence = self.sequence.wrapping_add(1);
        if let Ok(frame) = encode(sequence, &Request::Bye, &mut buffer) {
            let _ = self.line.send(frame);
        }
    }
}

/// What came back.
enum Waited {
    /// The reply's bytes between its zeros.
    Answer(Vec<u8>),
    /// The board wants the same again.
    Again,
    /// Nothing in time.
    Nothing,
}

fn nonsense(reply: &Reply<'_>) -> ClientError {
    ClientError::Nonsense(format!("{reply:?}"))
}

fn refused(refusal: &Refusal<'_>, request: &Request<'_>) -> ClientError {
    match (refusal, request) {
        (Refusal::NoRoom { free }, Request::WriteBegin(new)) => ClientError::NoRoom {
            free: *free,
            bytes: new.bytes as usize,
        },
        (Refusal::Model(problem @ Problem::Unsound(_)), _) => {
            ClientError::Refused(problem.to_string())
        }
        _ => ClientError::Refused(refusal.to_string()),
    }
}
