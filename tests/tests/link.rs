//! The serial protocol against a board in this process: noise on the line, broken models, power that fails.

mod common;

use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Tiny, hostile};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thimble_host::target::{ClientError, Line, Target, replay};
use thimble_service::{FlashError, Found, Hardware, Identity, Partition, Received, find, run};
use thimble_shared::format::Model;
use thimble_shared::link::{
    Memory, NewModel, Problem, Refusal, Reply, Request, WriteMode, decode, encode,
};

const PAGE: usize = 256;
const ARENA: usize = 4096;

/// A board without a chip.
struct Board {
    input: Receiver<u8>,
    output: Sender<Vec<u8>>,
    start: Instant,
}

impl Hardware for Board {
    const TICKS_PER_SECOND: u32 = 1_000_000;

    fn identity(&self) -> Identity {
        Identity {
            board: "simulated",
            title: "a board without a chip",
            firmware: "0",
        }
    }

    fn receive(&mut self) -> Received {
        match self.input.try_recv() {
            Ok(byte) => Received::Byte(byte),
            Err(TryRecvError::Empty) => {
                thread::sleep(Duration::from_micros(20));
                Received::Nothing
            }
            Err(TryRecvError::Disconnected) => Received::Closed,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        // Whoever listened may be gone.
        let _ = self.output.send(bytes.to_vec());
    }

    fn now(&mut self) -> u32 {
        self.start.elapsed().as_micros() as u32
    }

    fn memory(&self) -> Memory {
        Memory {
            ram: 0,
            statics: 0,
            arena: 0,
            stack_peak: 0,
            defects: 0,
        }
    }
}

/// Flash that is erased by pages, in which ones become zeros only, and that loses power after so many words and pages.
#[derive(Clone)]
struct Flash {
    bytes: Vec<u8>,
    work_left: usize,
}

impl Flash {
    fn new(pages: usize) -> Self {
        Self {
            bytes: vec![0xff; pages * PAGE],
            work_left: usize::MAX,
        }
    }

    fn with(mut self, offset: usize, file: &[u8]) -> Self {
        self.bytes[offset..offset + file.len()].copy_from_slice(file);
        self
    }

    fn work(&mut self) -> bool {
        self.work_left = self.work_left.saturating_sub(1);
        self.work_left > 0
    }
}

impl Partition for Flash {
    const PAGE: usize = PAGE;
    const WRITABLE: bool = true;

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashError> {
        assert!(offset.is_multiple_of(PAGE));
        if !self.work() {
            return Err(FlashError);
        }
        self.bytes[offset..offset + PAGE].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        assert!(offset.is_multiple_of(4) && bytes.len().is_multiple_of(4));
        for (word, place) in bytes.chunks(4).zip((offset..).step_by(4)) {
            if !self.work() {
                return Err(FlashError);
            }
            for (to, from) in self.bytes[place..].iter_mut().zip(word) {
                assert_eq!(*to, 0xff, "written twice without an erase");
                *to &= from;
            }
        }
        Ok(())
    }
}

/// The way in of a running board, its way out, and its flash when it has ended.
struct Running {
    input: Sender<u8>,
    output: Receiver<Vec<u8>>,
    board: JoinHandle<Flash>,
}

fn power_on(mut flash: Flash) -> Running {
    let (input, board_input) = mpsc::channel();
    let (board_output, output) = mpsc::channel();
    let board = thread::spawn(move || {
        let mut board = Board {
            input: board_input,
            output: board_output,
            start: Instant::now(),
        };
        run(&mut board, &mut flash, &mut [0; ARENA / 8]);
        flash
    });
    Running {
        input,
        output,
        board,
    }
}

/// What happens to a byte on the line.
type Noise = Arc<Mutex<dyn FnMut(u8) -> Vec<u8> + Send>>;

fn quiet() -> Noise {
    Arc::new(Mutex::new(|byte| vec![byte]))
}

/// Loses, doubles and garbles one byte in `rate` each.
fn noise(seed: u64, rate: u32) -> Noise {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    Arc::new(Mutex::new(move |byte| {
        match chance.random_range(0..3 * rate) {
            0 => vec![],
            1 => vec![byte, byte],
            2 => vec![byte ^ (1 << chance.random_range(0..8))],
            _ => vec![byte],
        }
    }))
}

struct Out(Sender<u8>, Noise);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut noise = self.1.lock().unwrap();
        for byte in bytes.iter().flat_map(|&byte| noise(byte)) {
            self.0.send(byte).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct In(Receiver<Vec<u8>>, Noise);

impl Read for In {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Ok(bytes) = self.0.recv() else {
                return Ok(0);
            };
            let mut noise = self.1.lock().unwrap();
            let bytes: Vec<u8> = bytes.into_iter().flat_map(&mut *noise).collect();
            if !bytes.is_empty() {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                return Ok(bytes.len());
            }
        }
    }
}

fn line(running: Running, there: Noise, back: Noise) -> (Line, JoinHandle<Flash>) {
    let line = Line::new(In(running.output, back), Out(running.input, there));
    (line, running.board)
}

fn connect(flash: Flash, there: Noise, back: Noise) -> (Target, JoinHandle<Flash>) {
    let (line, board) = line(power_on(flash), there, back);
    let target = Target::greet_patiently(line, Duration::from_millis(300)).unwrap();
    (target, board)
}

#[test]
fn noise_changes_no_answer() {
    let file = Tiny::new(["no", "yes"]).bytes();
    let model = Model::parse(&file).unwrap();
    let texts: Vec<Vec<u8>> = hostile()
        .into_iter()
        .filter(|text| text.len() < 5000)
        .collect();
    for seed in 0..6 {
        let flash = Flash::new(64).with(0, &file);
        let (mut target, _) = connect(flash, noise(seed, 400), noise(seed + 100, 400));
        let done = replay(&mut target, &model, &texts, |_| {}).unwrap();
        assert_eq!(done.texts, texts.len());
    }
}

#[test]
fn a_model_is_written_through_noise() {
    let (first, second) = (
        Tiny::new(["no", "yes"]).bytes(),
        Tiny::new(["a", "b", "c"]).bytes(),
    );
    let (old, new) = (
        Model::parse(&first).unwrap(),
        Model::parse(&second).unwrap(),
    );
    for seed in 0..4 {
        let flash = Flash::new(64).with(0, &first);
        let (mut target, board) = connect(flash, noise(seed, 300), noise(seed + 100, 300));
        replay(&mut target, &old, &[], |_| {}).unwrap();
        target.write(&new, false, |_| {}).unwrap();
        replay(&mut target, &new, &[], |_| {}).unwrap();
        drop(target);
        let flash = board.join().unwrap();
        assert_eq!(model_in(&flash), Some(second.clone()));
    }
}

/// The file of the model that a board with this flash starts with.
fn model_in(flash: &Flash) -> Option<Vec<u8>> {
    let mut found = Found::default();
    find(flash, ARENA, &mut found);
    found.model.map(|model| model.bytes().to_vec())
}

#[test]
fn power_may_fail_at_any_moment_of_a_write() {
    let (first, second) = (
        Tiny::new(["no", "yes"]).bytes(),
        Tiny::new(["a", "b", "c"]).bytes(),
    );
    let new = Model::parse(&second).unwrap();
    let words = second.len() / 4 + 64;
    for work in (1..words).step_by(7).chain(words - 100..words) {
        // Old files lie behind the first one, as after many writes.
        let mut flash = Flash::new(64).with(0, &first).with(20 * PAGE, &first[4..]);
        flash.work_left = work;
        let (mut target, board) = connect(flash, quiet(), quiet());
        let written = target.write(&new, false, |_| {});
        drop(target);
        let mut flash = board.join().unwrap();
        flash.work_left = usize::MAX;
        let there = model_in(&flash);
        match written {
            Ok(()) => assert_eq!(there, Some(second.clone()), "after {work} steps"),
            // It starts with the old model or, complete, with the new one.
            Err(_) => assert!(
                there == Some(first.clone()) || there == Some(second.clone()),
                "after {work} steps"
            ),
        }
        // And it takes the new one when power is back.
        let (mut target, board) = connect(flash, quiet(), quiet());
        target.write(&new, false, |_| {}).unwrap();
        drop(target);
        assert_eq!(model_in(&board.join().unwrap()), Some(second.clone()));
    }
}

/// Sends requests as they are and gives the replies.
struct Raw {
    line: Line,
    sequence: u16,
}

impl Raw {
    fn ask<T>(&mut self, request: &Request<'_>, read: impl FnOnce(Reply<'_>) -> T) -> T {
        self.sequence += 1;
        let mut buffer = [0; 400];
        let frame = encode(self.sequence, request, &mut buffer)
            .unwrap()
            .to_vec();
        self.line.send(&frame).unwrap();
        let mut reply = self.frame();
        let (sequence, reply) = decode(&mut reply).unwrap();
        assert_eq!(sequence, self.sequence);
        read(reply)
    }

    /// The next bytes between two zeros that are a message.
    fn frame(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            bytes.extend(
                self.line
                    .receive(Duration::from_secs(2))
                    .unwrap()
                    .expect("a reply"),
            );
            for part in bytes.split(|&byte| byte == 0) {
                if decode::<Reply<'_>>(&mut part.to_vec()).is_ok() {
                    return part.to_vec();
                }
            }
        }
    }

    fn refusal(&mut self, request: &Request<'_>) -> Option<String> {
        self.ask(request, |reply| match reply {
            Reply::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        })
    }
}

fn raw(flash: Flash) -> (Raw, JoinHandle<Flash>) {
    let (line, board) = line(power_on(flash), quiet(), quiet());
    (Raw { line, sequence: 0 }, board)
}

#[test]
fn a_broken_model_is_refused_and_the_old_one_kept() {
    let first = Tiny::new(["no", "yes"]).bytes();
    let second = Tiny::new(["a", "b", "c"]).bytes();
    // Damaged on the way to the sender; sound by its checksum and unsound within; too much RAM; cut short; no model.
    let mut damaged = second.clone();
    damaged[200] ^= 1;
    let mut unsound = second.clone();
    let labels = second.windows(2).position(|bytes| bytes == [3, 1]).unwrap();
    unsound[labels] = 77;
    seal(&mut unsound);
    let wide = Tiny::new(["no", "yes"]).with_width(304).bytes();
    let cut = second[..second.len() - 8].to_vec();
    let mut other = second.clone();
    other[0] = b'X';
    for (file, told) in [
        (damaged, "checksum"),
        (unsound, "labels"),
        (wide, "RAM"),
        (cut, "header"),
        (other, "begin"),
    ] {
        for mode in [WriteMode::Beside, WriteMode::Replace] {
            let flash = Flash::new(4096).with(0, &first);
            let (mut raw, board) = raw(flash);
            let mut refusal = None;
            let new = NewModel {
                bytes: file.len() as u32,
                checksum: u32::from_le_bytes(file[12..16].try_into().unwrap()),
                mode,
            };
            refusal = refusal.or_else(|| raw.refusal(&Request::WriteBegin(new)));
            if mode == WriteMode::Replace {
                // Without a check first, nothing is replaced.
                assert!(refusal.unwrap().contains("checked"));
            } else {
                for (bytes, offset) in file.chunks(64).zip((0..).step_by(64)) {
                    refusal = refusal.or_else(|| raw.refusal(&Request::Write { offset, bytes }));
                }
                let refusal = refusal
                    .or_else(|| raw.refusal(&Request::WriteCommit))
                    .unwrap();
                assert!(refusal.contains(told), "{refusal}");
            }
            let labels = raw.ask(&Request::Label(1), |reply| {
                matches!(reply, Reply::Label("yes"))
            });
            assert!(labels, "the old model is gone");
            drop(raw);
            assert_eq!(model_in(&board.join().unwrap()), Some(first.clone()));
        }
    }
}

/// Makes the checksum of a file right.
fn seal(file: &mut [u8]) {
    let mut checksum = thimble_shared::format::FileChecksum::new();
    checksum.update(file);
    file[12..16].copy_from_slice(&checksum.finish().to_le_bytes());
}

#[test]
fn requests_out_of_order_do_no_harm() {
    let file = Tiny::new(["no", "yes"]).bytes();
    let (mut raw, _) = raw(Flash::new(64).with(0, &file));
    let done = |reply: Reply<'_>| matches!(reply, Reply::Done);
    assert!(raw.ask(&Request::Begin, done));
    assert!(raw.ask(
        &Request::Push {
            offset: 0,
            bytes: b"wa"
        },
        done
    ));
    // A byte that got lost between two programs.
    let refused = raw.ask(
        &Request::Push {
            offset: 3,
            bytes: b"m",
        },
        |reply| matches!(reply, Reply::Refused(Refusal::OutOfOrder { expected: 2 })),
    );
    assert!(refused);
    assert!(raw.refusal(&Request::Finish { bytes: 3 }).is_some());
    assert!(raw.ask(
        &Request::Push {
            offset: 2,
            bytes: b"rm"
        },
        done
    ));
    let scored = raw.ask(&Request::Finish { bytes: 4 }, |reply| match reply {
        Reply::Scored(scored) => scored.tokens,
        _ => 0,
    });
    assert_eq!(scored, 1);
    assert!(raw.refusal(&Request::Scores { first: 2 }).is_some());
    assert!(raw.refusal(&Request::Label(2)).is_some());
    assert!(raw.refusal(&Request::SelfTest(1)).is_some());
    assert!(raw.refusal(&Request::WriteCommit).is_some());
    // The same request again is answered again and not done again.
    let mut buffer = [0; 400];
    raw.ask(&Request::Begin, done);
    raw.ask(
        &Request::Push {
            offset: 0,
            bytes: b"b",
        },
        done,
    );
    let again = encode(
        raw.sequence,
        &Request::Push {
            offset: 0,
            bytes: b"b",
        },
        &mut buffer,
    )
    .unwrap();
    raw.line.send(again).unwrap();
    raw.line.receive(Duration::from_secs(1)).unwrap().unwrap();
    let tokens = raw.ask(&Request::Finish { bytes: 1 }, |reply| match reply {
        Reply::Scored(scored) => scored.tokens,
        other => panic!("{other:?}"),
    });
    assert_eq!(tokens, 1);
}

#[test]
fn a_typed_line_is_answered_in_words_and_a_lost_one_told() {
    let file = Tiny::new(["cold", "warm"]).bytes();
    let running = power_on(Flash::new(64).with(0, &file));
    for byte in b"warm dulx\x08l \xe5\xad\x97\r\r" {
        running.input.send(*byte).unwrap();
    }
    let mut heard = String::new();
    while let Ok(bytes) = running.output.recv_timeout(Duration::from_secs(1)) {
        heard += &String::from_utf8_lossy(&bytes);
    }
    assert!(
        heard.contains("a board without a chip: 2 labels, 9 pieces. Type a line.\r\n"),
        "{heard}"
    );
    assert!(heard.contains(" (3 tokens, 0 ms)\r\n"), "{heard}");
    // No model.
    let running = power_on(Flash::new(4));
    running.input.send(b'\n').unwrap();
    let mut heard = String::new();
    while let Ok(bytes) = running.output.recv_timeout(Duration::from_secs(1)) {
        heard += &String::from_utf8_lossy(&bytes);
    }
    assert_eq!(
        heard.matches("the model partition is empty").count(),
        2,
        "{heard}"
    );
}

#[test]
fn silence_is_told() {
    let (line, _board) = line(
        power_on(Flash::new(4)),
        Arc::new(Mutex::new(|_| vec![])),
        quiet(),
    );
    let error = Target::greet_patiently(line, Duration::from_millis(20))
        .err()
        .unwrap();
    assert!(matches!(error, ClientError::Silent), "{error}");
    assert_eq!(Problem::Empty.to_string(), "the model partition is empty");
}

#[test]
fn random_bytes_never_stop_a_board() {
    let file = Tiny::new(["no", "yes"]).bytes();
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    let running = power_on(Flash::new(64).with(0, &file));
    for _ in 0..400_000 {
        // Many zeros, so that there are many frames.
        let byte = if chance.random_range(0..40) == 0 {
            0
        } else {
            chance.random()
        };
        running.input.send(byte).unwrap();
    }
    running.input.send(0).unwrap();
    while running.output.recv_timeout(Duration::from_secs(1)).is_ok() {}
    let (line, board) = line(running, quiet(), quiet());
    let mut target = Target::greet_patiently(line, Duration::from_secs(10)).unwrap();
    let model = Model::parse(&file).unwrap();
    replay(&mut target, &model, &[], |_| {}).unwrap();
    drop(target);
    assert_eq!(model_in(&board.join().unwrap()), Some(file));
}
