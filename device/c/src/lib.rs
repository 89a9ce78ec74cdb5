//! The engine for C: parse, ask for the size of a session, begin, push bytes, finish.
//!
//! The caller owns all memory. Nothing here allocates, blocks or keeps what it is given beyond what each function says.
#![no_std]

use core::ffi::c_char;
use core::mem::{align_of, size_of};
use core::{ptr, slice};

use thimble_shared::format::{FormatError, Model};

/// The most classes of a model.
pub const THIMBLE_MAX_LABELS: usize = 64;

const _: () = assert!(THIMBLE_MAX_LABELS == thimble_shared::labels::MAX_LABELS);

/// How a call went.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It did what it is for.
    Ok = 0,
    /// A pointer is null.
    Null = 1,
    /// The bytes do not begin as a model file does.
    NoModel = 2,
    /// The model file is of another format version.
    Version = 3,
    /// The model file is cut short, too long or damaged.
    Damaged = 4,
    /// The model file is whole and still unsound.
    Unsound = 5,
    /// The memory is smaller than thimble_session_bytes says, or not aligned to 8 bytes.
    Memory = 6,
}

/// The answer to a text.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Scores {
    /// Class with the largest logit.
    pub label: u32,
    /// Number of classes.
    pub labels: u32,
    /// Number of tokens that the text had.
    pub tokens: u32,
    /// A logit a class, 4096 is 1.
    pub logits: [i32; THIMBLE_MAX_LABELS],
    /// A calibrated probability a class, 32768 is 1.
    pub probabilities: [u16; THIMBLE_MAX_LABELS],
}

/// A model and a text on its way through it, in memory of the caller's.
pub struct Session {
    /// The session borrows the model beside it, so that neither may move.
    model: Model<'static>,
    session: Option<thimble_device::Session<'static, 'static>>,
}

const ALIGNMENT: usize = 8;
/// Bytes of a [`Session`], rounded up so that the arena behind it is aligned.
const HEAD: usize = size_of::<Session>().next_multiple_of(ALIGNMENT);

const _: () = assert!(align_of::<Session>() <= ALIGNMENT);

fn status(error: FormatError) -> Status {
    match error {
        FormatError::Magic => Status::NoModel,
        FormatError::Version(_) => Status::Version,
        FormatError::Length { .. } | FormatError::Checksum { .. } => Status::Damaged,
        _ => Status::Unsound,
    }
}

/// Bytes of memory that thimble_begin wants for this model file, whatever the length of a text. Writes 0 where it fails.
///
/// # Safety
/// `file` points to `file_bytes` readable bytes, `session_bytes` to a size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thimble_session_bytes(
    file: *const u8,
    file_bytes: usize,
    session_bytes: *mut usize,
) -> Status {
    if file.is_null() || session_bytes.is_null() {
        return Status::Null;
    }
    // SAFETY: the caller promises so many readable bytes and a place for the size.
    let (file, session_bytes) =
        unsafe { (slice::from_raw_parts(file, file_bytes), &mut *session_bytes) };
    *session_bytes = 0;
    match Model::parse(file) {
        Ok(model) => {
            *session_bytes = HEAD + model.arena_bytes();
            Status::Ok
        }
        Err(error) => status(error),
    }
}

/// Checks a model file and makes a session for it in the caller's memory, before the first byte of a text.
///
/// # Safety
/// `file` points to `file_bytes` bytes that stay as they are as long as the session is used, `memory` to `memory_bytes` that
/// nothing else uses meanwhile, `session` to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thimble_begin(
    file: *const u8,
    file_bytes: usize,
    memory: *mut u8,
    memory_bytes: usize,
    session: *mut *mut Session,
) -> Status {
    if file.is_null() || memory.is_null() || session.is_null() {
        return Status::Null;
    }
    // SAFETY: the caller promises so many bytes that stay as they are, and a place for the pointer.
    let (file, session) = unsafe { (slice::from_raw_parts(file, file_bytes), &mut *session) };
    *session = ptr::null_mut();
    let model = match Model::parse(file) {
        Ok(model) => model,
        Err(error) => return status(error),
    };
    let arena_bytes = model.arena_bytes();
    if memory_bytes < HEAD + arena_bytes || !memory.addr().is_multiple_of(ALIGNMENT) {
        return Status::Memory;
    }
    let head = memory.cast::<Session>();
    // SAFETY: the memory is the caller's alone, aligned, and long enough for the head and the arena behind it, which do not
    // overlap. The model is written before it is borrowed, and it stays there as long as the session does.
    let (head, arena) = unsafe {
        head.write(Session {
            model,
            session: None,
        });
        memory.add(HEAD).write_bytes(0, arena_bytes);
        let arena = slice::from_raw_parts_mut(memory.add(HEAD).cast::<u64>(), arena_bytes / 8);
        (head, arena)
    };
    // SAFETY: just written, and only ever borrowed shared from here on.
    let model = unsafe { &*ptr::addr_of!((*head).model) };
    let Ok(begun) = thimble_device::Session::new(model, arena) else {
        return Status::Memory;
    };
    // SAFETY: the place is the head's own and holds `None`.
    unsafe { ptr::addr_of_mut!((*head).session).write(Some(begun)) };
    *session = head;
    Status::Ok
}

/// Takes the next bytes of the text, which may be cut anywhere, also in the middle of a character.
///
/// # Safety
/// `session` comes from thimble_begin, `bytes` points to `count` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thimble_push(
    session: *mut Session,
    bytes: *const u8,
    count: usize,
) -> Status {
    if session.is_null() || bytes.is_null() && count > 0 {
        return Status::Null;
    }
    if count == 0 {
        return Status::Ok;
    }
    // SAFETY: the caller promises a session of thimble_begin that nothing else uses now, and so many readable bytes.
    let (state, bytes) = unsafe {
        (
            &mut *ptr::addr_of_mut!((*session).session),
            slice::from_raw_parts(bytes, count),
        )
    };
    match state {
        Some(state) => {
            state.push_bytes(bytes);
            Status::Ok
        }
        None => Status::Memory,
    }
}

/// Ends the text and scores it; the next byte is the first of another text.
///
/// # Safety
/// `session` comes from thimble_begin, `scores` points to a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thimble_finish(session: *mut Session, scores: *mut Scores) -> Status {
    if session.is_null() || scores.is_null() {
        return Status::Null;
    }
    // SAFETY: the caller promises a session of thimble_begin that nothing else uses now.
    let state = unsafe { &mut *ptr::addr_of_mut!((*session).session) };
    let Some(state) = state else {
        return Status::Memory;
    };
    let found = state.finish();
    let mut answer = Scores {
        label: found.label() as u32,
        labels: found.logits().len() as u32,
        tokens: found.tokens(),
        logits: [0; THIMBLE_MAX_LABELS],
        probabilities: [0; THIMBLE_MAX_LABELS],
    };
    for (to, from) in answer.logits.iter_mut().zip(found.logits()) {
        *to = *from;
    }
    for (to, from) in answer.probabilities.iter_mut().zip(found.probabilities()) {
        *to = *from;
    }
    // SAFETY: the caller promises the place.
    unsafe { scores.write(answer) };
    Status::Ok
}

/// Name of a class: `length` bytes of UTF-8 in the model file, without a zero at their end. Null if there is no such class.
///
/// # Safety
/// `session` comes from thimble_begin, `length` points to a size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thimble_label(
    session: *const Session,
    index: u32,
    length: *mut usize,
) -> *const c_char {
    if session.is_null() || length.is_null() {
        return ptr::null();
    }
    // SAFETY: the caller promises a session of thimble_begin and a place for the length.
    let (model, length) = unsafe { (&*ptr::addr_of!((*session).model), &mut *length) };
    let labels = model.labels();
    *length = 0;
    if index as usize >= labels.len() {
        return ptr::null();
    }
    let name = labels.name(index as usize);
    *length = name.len();
    name.as_ptr().cast()
}

/// The library never panics; if it does all the same, that is a defect, and the program stops here.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
