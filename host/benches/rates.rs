//! Sentences a second of training a student and of labelling by the shipped teacher: `cargo bench -p thimble-host`.

use std::ops::ControlFlow;
use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use thimble_host::student::train::{Lessons, Start, TrainConfig, train};
use thimble_host::student::{Row, StudentConfig};
use thimble_host::{data, device, teacher};

fn main() {
    divan::main();
}

/// 40 steps of the default student on texts of 24 tokens, its checkpoint included.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn training(bencher: Bencher<'_, '_>) {
    let sizes = StudentConfig::default();
    let config = TrainConfig {
        epochs: 1.0,
        evaluations: 1,
        ..TrainConfig::default()
    };
    let row = |i: usize| Row {
        ids: (0..24)
            .map(|t| ((i * 31 + t * 7919) % sizes.pieces) as u32)
            .collect(),
        label: Some(i % 2),
        logits: Some(vec![0.5, -0.5]),
    };
    let rows: Vec<Row> = (0..40 * config.batch_size).map(row).collect();
    let device = device::open("cpu").expect("the processor");
    bencher
        .counter(ItemsCount::new(rows.len()))
        .bench_local(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let value = |i: usize| (i * 7919 % 1000) as f32 / 5_000.0 - 0.1;
            let rows_of_pieces = (0..sizes.pieces * sizes.embedding).map(value).collect();
            let start = Start {
                config: &sizes,
                rows: rows_of_pieces,
                classes: 2,
            };
            let lessons = Lessons {
                train: &rows,
                dev: &rows[..128],
            };
            train(start, &config, lessons, folder.path(), &device, &mut |_| {
                ControlFlow::Continue(())
            })
            .expect("a student")
        });
}

/// SST-2 dev, labelled by the shipped teacher.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn labelling(bencher: Bencher<'_, '_>) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let device = device::open("cpu").expect("the processor");
    let mut teacher = teacher::open(
        &models.join("teacher-sst2-minilm"),
        &device,
        teacher::Math::F32,
    )
    .expect("the shipped teacher");
    let dev = data::read(
        &models.join("data/sst2.dev.tsv"),
        &data::ReadOptions::default(),
    )
    .expect("the shipped data");
    let texts = dev.texts();
    bencher
        .counter(ItemsCount::new(texts.len()))
        .bench_local(|| teacher.logits(&texts).expect("logits"));
}
