//! Sentences a second of the shipped student on one core: `cargo bench -p thimble-device --features std`.

use divan::Bencher;
use divan::counter::ItemsCount;
use thimble_device::Session;
use thimble_shared::format::Model;

fn main() {
    divan::main();
}

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/../models/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// SST-2 dev: 872 sentences of 25 tokens in the mean.
#[divan::bench]
fn sentences(bencher: Bencher<'_, '_>) {
    let file = read("sentiment-en/224k.thimble");
    let model = Model::parse(&file).expect("the shipped student is a model");
    let dev = String::from_utf8(read("data/sst2.dev.tsv")).expect("text");
    let texts: Vec<&str> = dev
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    let mut arena = vec![0; model.arena_bytes() / 8];
    let mut session = Session::new(&model, &mut arena).expect("enough memory");
    bencher
        .counter(ItemsCount::new(texts.len()))
        .bench_local(|| {
            texts
                .iter()
                .map(|text| {
                    session.push_str(text);
                    session.finish().label()
                })
                .sum::<usize>()
        });
}
