//! An embedding of codes, from training to the weights that are kept.

use std::ops::ControlFlow;

use burn::tensor::Device;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use thimble_host::student::answers::{logits, share_right};
use thimble_host::student::train::{Lessons, Start, TrainConfig, train};
use thimble_host::student::{ConvConfig, LossConfig, ProductConfig, Row, StudentConfig};

const PIECES: u32 = 60;

/// Rows whose class is that of most of their pieces, with mistakes.
fn rows(count: usize, rng: &mut ChaCha8Rng) -> Vec<Row> {
    let mut row = || {
        let ids: Vec<u32> = (0..rng.random_range(1..9))
            .map(|_| rng.random_range(1..PIECES))
            .collect();
        let odd = ids.iter().filter(|&&id| id % 2 == 1).count();
        let is_odd = (2 * odd > ids.len()) ^ rng.random_bool(0.2);
        Row {
            ids,
            label: Some(usize::from(is_odd)),
            logits: None,
        }
    };
    (0..count).map(|_| row()).collect()
}

#[test]
fn kept_weights_go_with_their_codes() {
    let student = StudentConfig {
        pieces: PIECES as usize,
        embedding: 8,
        product: Some(ProductConfig {
            codes: 4,
            centroids: 5,
            codebooks: 1,
        }),
        convs: vec![ConvConfig {
            channels: 8,
            kernel: 3,
            dilation: 1,
            groups: 1,
            separable: false,
            residual: false,
            bits: 4,
        }],
        ..StudentConfig::default()
    };
    // Few steps are too early for codes to stay, the last ones of many are not.
    for (seed, epochs) in [(1, 2.0), (2, 6.0), (3, 12.0), (4, 12.0)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (learnt, dev) = (rows(400, &mut rng), rows(200, &mut rng));
        let start = Start {
            config: &student,
            rows: (0..PIECES * 8)
                .map(|_| rng.random_range(-1.0..1.0))
                .collect(),
            classes: 2,
        };
        let how = TrainConfig {
            epochs,
            batch_size: 16,
            learning_rate: 0.02,
            seed,
            loss: LossConfig::default(),
            ..TrainConfig::default()
        };
        let lessons = Lessons {
            train: &learnt,
            dev: &dev,
        };
        let folder = tempfile::tempdir().unwrap();
        let go_on = &mut |_: &_| ControlFlow::Continue(());
        let device = Device::flex();
        let trained = train(start, &how, lessons, folder.path(), &device, go_on).unwrap();
        let answers = logits(&trained.student, Some(&trained.quantization), &dev).unwrap();
        let best = trained.progress.best.unwrap();
        assert_eq!(
            share_right(&dev, &answers),
            best.accuracy,
            "seed {seed}, best step {}",
            best.step
        );
    }
}
