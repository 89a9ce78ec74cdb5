//! The messages.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// The most classes of which one reply carries logit and probability.
pub const SCORES_AT_ONCE: usize = 16;

/// What a program asks of a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Who are you? Answered by [`Reply::Hello`].
    Hello,
    /// Which model file have you? Answered by [`Reply::Digest`]; takes the board about a second.
    Digest,
    /// How is the label of this number called? Answered by [`Reply::Label`].
    Label(u8),
    /// How is your memory? Answered by [`Reply::Memory`].
    Memory,
    /// A new text begins. Answered by [`Reply::Done`].
    Begin,
    /// The next bytes of the text. Answered by [`Reply::Done`].
    Push {
        /// Bytes of the text before these.
        offset: u32,
        /// The bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// The text ends. Answered by [`Reply::Scored`].
    Finish {
        /// Bytes of the whole text.
        bytes: u32,
    },
    /// Logits and probabilities of the text that ended last. Answered by [`Reply::Scores`].
    Scores {
        /// First class to tell of.
        first: u8,
    },
    /// Replay the model's golden vector of this number. Answered by [`Reply::SelfTest`].
    SelfTest(u16),
    /// A model file begins. Answered by [`Reply::Done`].
    WriteBegin(NewModel),
    /// The next bytes of the model file. Answered by [`Reply::Done`].
    Write {
        /// Bytes of the file before these.
        offset: u32,
        /// The bytes: a multiple of 4 except at the end of the file, and at its beginning the whole header.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// The model file ends: it is sound, and unless it was only to be checked, use it from now on. Answered by
    /// [`Reply::Done`].
    WriteCommit,
    /// Take what comes next for typed text. Answered by [`Reply::Done`].
    Bye,
}

/// A model file that comes over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewModel {
    /// Bytes of the file.
    pub bytes: u32,
    /// Checksum that its header states.
    pub checksum: u32,
    /// What is to be done with it.
    pub mode: WriteMode,
}

/// What a board does with a model file that comes over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteMode {
    /// Checks it and writes nothing.
    Check,
    /// Writes it beside the present model, which stays until the new one is complete and sound.
    Beside,
    /// Writes it over the present model, after a [`Check`](Self::Check) of the same file.
    Replace,
}

/// What a board answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Who the board is.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// SHA-256 of the model file.
    Digest([u8; 32]),
    /// Name of a label.
    Label(&'a str),
    /// How the memory is used.
    Memory(Memory),
    /// What was asked for is done.
    Done,
    /// A text is classified.
    Scored(Scored),
    /// Some logits, Q12, and probabilities, Q15.
    Scores(Vec<(i32, u16), SCORES_AT_ONCE>),
    /// How the golden vector came out.
    SelfTest(Outcome),
    /// What was asked for is not done.
    Refused(Refusal<'a>),
    /// Send that again: it arrived damaged, or the board was at something else and is ready now. If it was damaged its
    /// sequence number is not known, so that of this reply means nothing.
    Again,
}

/// Who a board is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// [`PROTOCOL`](super::PROTOCOL) of the image.
    pub protocol: u8,
    /// Version of the image.
    pub firmware: &'a str,
    /// Name of the board, as in `boards.toml`.
    pub board: &'a str,
    /// Bytes of the partition for models.
    pub partition_bytes: u32,
    /// Whether the image can write there.
    pub writable: bool,
    /// Ticks a second of the clock that texts are timed with.
    pub ticks_per_second: u32,
    /// The model, or why there is none.
    pub model: ModelState<'a>,
}

/// What stands in the partition for models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelState<'a> {
    /// A sound model.
    Ready {
        /// Where it begins in the partition.
        offset: u32,
        /// Bytes of its file.
        bytes: u32,
        /// Checksum in its header.
        checksum: u32,
        /// Number of its classes.
        labels: u8,
        /// Number of its golden vectors.
        golden: u16,
        /// Bytes of RAM that a session takes.
        session_bytes: u32,
    },
    /// None that can be used, and why.
    #[serde(borrow)]
    None(Problem<'a>),
}

/// Why there is no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem<'a> {
    /// Nothing in the partition begins as a model does.
    Empty,
    /// What stands there is not sound, for this reason.
    Unsound(&'a str),
    /// The model needs more RAM than the board has.
    Arena {
        /// Bytes that a session's arena needs.
        needed: u32,
        /// Bytes that there are for it.
        has: u32,
    },
}

impl core::fmt::Display for Problem<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => f.write_str("the model partition is empty"),
            Self::Unsound(why) => write!(f, "the model cannot be used: {why}"),
            Self::Arena { needed, has } => write!(
                f,
                "the model needs an arena of {needed} bytes of RAM and the board has {has}"
            ),
        }
    }
}

/// How the memory of a board is used, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of its RAM.
    pub ram: u32,
    /// Variables that are always there, the arena of the session among them.
    pub statics: u32,
    /// The part of the statics that a session's arena may take.
    pub arena: u32,
    /// The most that the stack has taken since the start.
    pub stack_peak: u32,
    /// How often the image met a defect of its own and started anew, since power came on.
    pub defects: u32,
}

/// The answer to a text; the scores themselves are asked for by [`Request::Scores`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    /// Class with the largest logit.
    pub label: u8,
    /// Number of tokens.
    pub tokens: u32,
    /// [`ids_checksum`](crate::format::ids_checksum) of their ids.
    pub ids_crc: u32,
    /// Ticks that tokenizer and engine took.
    pub ticks: u64,
}

/// How a golden vector came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether number and checksum of the ids are those of the vector.
    pub ids: bool,
    /// Whether every logit is that of the vector.
    pub logits: bool,
    /// What came out.
    pub got: Scored,
}

/// Why a board does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal<'a> {
    /// It is a message of another version of the protocol, or one that makes no sense here.
    Unknown,
    /// There is no model; [`Hello::model`] tells why.
    NoModel,
    /// There is no class, golden vector or text of that number, or no text has ended.
    OutOfRange,
    /// These are not the next bytes.
    OutOfOrder {
        /// The offset that comes next.
        expected: u32,
    },
    /// The image cannot write this board's flash.
    NotWritable,
    /// The model does not fit into the partition, or not beside the present one.
    NoRoom {
        /// Bytes that could be written at most.
        free: u32,
    },
    /// The bytes are no sound model that this board can run, and why.
    #[serde(borrow)]
    Model(Problem<'a>),
    /// Replacing wants a check of the same file first.
    Unchecked,
    /// The flash did not take the bytes.
    Flash,
}

impl core::fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown => f.write_str("the board does not understand the request here"),
            Self::NoModel => f.write_str("there is no usable model on the board"),
            Self::OutOfRange => {
                f.write_str("the board has no class, vector or text of that number")
            }
            Self::OutOfOrder { expected } => {
                write!(f, "the board expects the bytes from {expected} on")
            }
            Self::NotWritable => f.write_str("the image cannot write this board's flash"),
            Self::NoRoom { free } => write!(f, "the board has room for {free} bytes only"),
            Self::Model(problem) => problem.fmt(f),
            Self::Unchecked => f.write_str("the file has to be checked before it replaces another"),
            Self::Flash => f.write_str("the flash did not take the bytes"),
        }
    }
}

impl core::error::Error for Refusal<'_> {}
