//! The images of boards in their emulators: every logit is that of the engine here.
//!
//! `cargo xtask firmware` builds the images; `cargo xtask ci` does so before it runs these tests.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::{Tiny, board, file, hostile, image, root};
use thimble_boards::{Board, FileKind};
use thimble_host::data;
use thimble_host::target::{ClientError, ImageError, Line, ReplayError, Target, merge, replay};
use thimble_shared::format::Model;

/// Cores of three kinds, for what is too much for all.
const CORES: [&str; 3] = ["microbit", "mps2-an386", "mps2-an505"];

fn emulated() -> Vec<Board> {
    let boards: Vec<Board> = thimble_boards::all()
        .unwrap()
        .into_iter()
        .filter(|board| board.qemu.is_some())
        .collect();
    assert!(boards.len() >= 6);
    boards
}

fn start(board: &Board, model: &Model<'_>) -> Target {
    let merged = merge(board, &image(board), model).unwrap();
    Target::greet(Line::emulate(board, &merged, &[]).unwrap()).unwrap()
}

/// Sentences of SST-2 dev, spread over all of it.
fn sentences(count: usize) -> Vec<Vec<u8>> {
    let path = root("models/data/sst2.dev.tsv");
    let dev = data::read(&path, &data::ReadOptions::default()).unwrap();
    let step = dev.examples.len() / count;
    dev.examples
        .iter()
        .step_by(step)
        .take(count)
        .map(|example| example.text.clone().into_bytes())
        .collect()
}

#[test]
fn three_cores_say_of_many_texts_what_the_host_says() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    let hostile = hostile();
    let mut texts = sentences(200);
    texts.extend(hostile);
    std::thread::scope(|scope| {
        for name in CORES {
            let (texts, model) = (&texts, &model);
            scope.spawn(move || {
                let mut target = start(&board(name), model);
                let done = replay(&mut target, model, texts, |_| {}).unwrap();
                assert_eq!(done.texts, texts.len());
                assert_eq!(done.self_tests, model.golden().count());
                let memory = target.memory().unwrap();
                assert_eq!(memory.defects, 0, "{name}");
                // 12 KiB of stack and variables, the session among them, at any length of a text.
                if name == "microbit" {
                    assert!(
                        memory.statics + memory.stack_peak <= 12 * 1024,
                        "{memory:?}"
                    );
                }
            });
        }
    });
}

#[test]
fn every_emulated_board_replays_the_golden_vectors() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    for board in emulated() {
        let mut target = start(&board, &model);
        assert_eq!(target.about().board, board.name);
        let done = replay(&mut target, &model, &[], |_| {}).unwrap();
        assert!(done.vectors > 0, "{}", board.name);
        assert_eq!(target.memory().unwrap().defects, 0, "{}", board.name);
    }
}

#[test]
fn another_model_runs_on_the_same_image() {
    let other = Tiny::new(["joy", "anger", "no feeling at all"]).bytes();
    let model = Model::parse(&other).unwrap();
    let mut target = start(&board("microbit"), &model);
    assert_eq!(
        target.labels().unwrap(),
        ["joy", "anger", "no feeling at all"]
    );
    let done = replay(&mut target, &model, &hostile()[..8], |_| {}).unwrap();
    assert_eq!((done.vectors, done.texts), (1, 8));
}

#[test]
fn a_model_is_written_over_the_line_and_a_broken_one_refused() {
    let (first, second) = (Tiny::new(["no", "yes"]), Tiny::new(["cold", "warm", "hot"]));
    let (first, second) = (first.bytes(), second.bytes());
    let (old, new) = (
        Model::parse(&first).unwrap(),
        Model::parse(&second).unwrap(),
    );
    for name in ["microbit", "mps2-an386"] {
        let mut target = start(&board(name), &old);
        target.write(&new, false, |_| {}).unwrap();
        assert_eq!(target.labels().unwrap(), ["cold", "warm", "hot"], "{name}");
        assert!(target.model().unwrap().offset > 0, "{name}");
        replay(&mut target, &new, &[b"warm".to_vec()], |_| {}).unwrap();
        // And back, to where the first one was.
        target.write(&old, false, |_| {}).unwrap();
        assert_eq!(target.model().unwrap().offset, 0, "{name}");
        replay(&mut target, &old, &[], |_| {}).unwrap();
    }
}

#[test]
fn a_model_without_room_beside_the_present_one_wants_a_word() {
    let file = file();
    let other = Tiny::new(["no", "yes"]).with_provenance(30_000).bytes();
    let (large, new) = (Model::parse(&file).unwrap(), Model::parse(&other).unwrap());
    let mut target = start(&board("microbit"), &large);
    let refused = target.write(&new, false, |_| {}).unwrap_err();
    assert!(matches!(refused, ClientError::NoRoom { .. }), "{refused}");
    replay(&mut target, &large, &sentences(2), |_| {}).unwrap();
    target.write(&new, true, |_| {}).unwrap();
    assert_eq!(target.labels().unwrap(), ["no", "yes"]);
    replay(&mut target, &new, &[], |_| {}).unwrap();
    let memory = target.memory().unwrap();
    assert_eq!(memory.defects, 0);
    assert!(
        memory.statics + memory.stack_peak <= 12 * 1024,
        "{memory:?}"
    );
}

#[test]
fn a_board_without_a_sound_model_says_why() {
    let file = Tiny::new(["no", "yes"]).bytes();
    let model = Model::parse(&file).unwrap();
    let board = board("mps2-an385");
    let merged = merge(&board, &image(&board), &model).unwrap();
    for (at, told) in [(0, "empty"), (4, "version"), (300, "checksum")] {
        let mut broken = merged.clone();
        broken.flip(board.model.start + at);
        let mut target = Target::greet(Line::emulate(&board, &broken, &[]).unwrap()).unwrap();
        let why = target.about().model.clone().unwrap_err();
        assert!(why.contains(told), "{why}");
        assert!(matches!(
            target.classify(b"a"),
            Err(ClientError::NoModel(_))
        ));
        // It takes a sound one.
        target.write(&model, false, |_| {}).unwrap();
        replay(&mut target, &model, &[], |_| {}).unwrap();
    }
}

#[test]
fn a_person_types_a_line() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    let board = board("microbit");
    let merged = merge(&board, &image(&board), &model).unwrap();
    let mut line = Line::emulate(&board, &merged, &[]).unwrap();
    let typed = common::typed(&mut line, "the plot is dulll\x7f beyond words\r");
    assert!(typed.contains("Thimble"), "{typed}");
    assert!(typed.contains("\r\nnegative 0.98 (6 tokens, "), "{typed}");
    // A program may come to the same line.
    let mut target = Target::greet(line).unwrap();
    replay(&mut target, &model, &[], |_| {}).unwrap();
}

/// A process that ends with the test.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_board_at_a_serial_port_answers_and_another_model_is_noticed() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    let board = board("microbit");
    let merged = merge(&board, &image(&board), &model).unwrap();
    let elf = std::env::temp_dir().join(format!("thimble-{}.elf", std::process::id()));
    std::fs::write(&elf, merged.file(FileKind::Elf).unwrap()).unwrap();
    // A pseudo-terminal is a serial port as good as any.
    let mut emulator = Command::new("qemu-system-arm")
        .args([
            "-machine", "microbit", "-display", "none", "-monitor", "none",
        ])
        .args(["-serial", "pty", "-kernel"])
        .arg(&elf)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(emulator.stdout.take().unwrap())
        .read_line(&mut told)
        .unwrap();
    let _emulator = Emulator(emulator);
    let port = told
        .split_whitespace()
        .find(|word| word.starts_with("/dev/"))
        .unwrap();
    let mut target = Target::greet(Line::serial(port, 115_200).unwrap()).unwrap();
    std::fs::remove_file(&elf).unwrap();
    replay(&mut target, &model, &hostile()[..6], |_| {}).unwrap();
    // The other model's golden vector has the same labels and other answers.
    let other = Tiny::new(["negative", "positive"]).bytes();
    let other = Model::parse(&other).unwrap();
    let error = replay(&mut target, &other, &[], |_| {}).unwrap_err();
    let ReplayError::Different { board, host, .. } = &error else {
        panic!("{error}");
    };
    assert_ne!(board, host);
    assert!(error.to_string().contains(board) && error.to_string().contains(host));
}

#[test]
fn what_does_not_fit_is_refused_with_the_bytes_that_are_missing() {
    let microbit = board("microbit");
    let large = Tiny::new(["no", "yes"]).with_provenance(300_000).bytes();
    let model = Model::parse(&large).unwrap();
    let error = merge(&microbit, &image(&microbit), &model).unwrap_err();
    let over = large.len() - microbit.model.bytes as usize;
    assert!(error.to_string().contains(&over.to_string()), "{error}");
    let wide = Tiny::new(["no", "yes"]).with_width(376).bytes();
    let model = Model::parse(&wide).unwrap();
    let error = merge(&microbit, &image(&microbit), &model).unwrap_err();
    let over = model.arena_bytes() - microbit.arena as usize;
    assert!(error.to_string().contains(&over.to_string()), "{error}");
    // The image of another board.
    let tiny = Tiny::new(["no", "yes"]).bytes();
    let model = Model::parse(&tiny).unwrap();
    let error = merge(&microbit, &image(&board("mps2-an505")), &model).unwrap_err();
    assert!(matches!(error, ImageError::OtherBoard { .. }), "{error}");
}

#[test]
fn files_for_drives_hold_image_and_model() {
    let file = file();
    let model = Model::parse(&file).unwrap();
    for board in thimble_boards::all().unwrap() {
        let merged = merge(&board, &image(&board), &model).unwrap();
        let bin = merged.file(FileKind::Bin).unwrap();
        let start = (board.model.start - board.flash.start) as usize;
        assert_eq!(&bin[start..], file);
        assert!(bin.len() <= board.flash.bytes as usize);
        let hex = String::from_utf8(merged.file(FileKind::Hex).unwrap()).unwrap();
        let mut flash = vec![0xff; bin.len()];
        let mut upper = 0;
        for record in ihex::Reader::new(&hex) {
            match record.unwrap() {
                ihex::Record::ExtendedLinearAddress(high) => upper = u32::from(high) << 16,
                ihex::Record::Data { offset, value } => {
                    let at = (upper + u32::from(offset) - board.flash.start) as usize;
                    flash[at..at + value.len()].copy_from_slice(&value);
                }
                _ => {}
            }
        }
        assert!(flash == bin, "{}: hex and bin differ", board.name);
        let uf2 = merged.file(FileKind::Uf2);
        assert_eq!(uf2.is_some(), board.uf2_family.is_some());
        for (number, block) in uf2.iter().flat_map(|uf2| uf2.chunks(512)).enumerate() {
            let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
            // The layout of a block is that of Microsoft's UF2 specification.
            assert_eq!(
                (word(0), word(4), word(508)),
                (0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30)
            );
            assert_eq!((word(8), word(28)), (0x2000, board.uf2_family.unwrap()));
            assert_eq!(
                (word(12), word(16)),
                (board.flash.start + number as u32 * 256, 256)
            );
            let there = &bin[number * 256..bin.len().min(number * 256 + 256)];
            assert_eq!(&block[32..32 + there.len()], there);
        }
    }
}
