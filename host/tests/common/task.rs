//! A task that is learnt in seconds: words are good or bad.

use std::path::{Path, PathBuf};

/// The folder of a BERT of random weights and two classes.
pub(crate) fn tiny_bert() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny-bert")
}

const GOOD: [&str; 6] = ["good", "great", "lovely", "funny", "fresh", "bright"];
const BAD: [&str; 6] = ["bad", "terrible", "dull", "boring", "stale", "weak"];
const OTHER: [&str; 8] = [
    "film", "movie", "the", "a", "story", "plot", "acting", "music",
];

/// `count` sentences, positive and negative ones in turn, that depend on `seed` alone.
pub(crate) fn sentences(count: usize, seed: u64) -> Vec<(&'static str, String)> {
    let mut state = seed;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (0..count)
        .map(|i| {
            let (label, words) = if i % 2 == 0 {
                ("positive", GOOD)
            } else {
                ("negative", BAD)
            };
            let mut sentence: Vec<&str> = (0..3 + next(6)).map(|_| OTHER[next(8)]).collect();
            let place = next(sentence.len() + 1);
            sentence.insert(place, words[next(6)]);
            (label, sentence.join(" "))
        })
        .collect()
}

/// A sentence without its good or bad words.
pub(crate) fn without_judgement(sentence: &str) -> String {
    let words = sentence
        .split(' ')
        .filter(|word| !GOOD.contains(word) && !BAD.contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Writes sentences as TSV.
pub(crate) fn write(path: &Path, rows: &[(&str, String)]) {
    let lines: String = rows
        .iter()
        .map(|(label, text)| format!("{label}\t{text}\n"))
        .collect();
    std::fs::write(path, format!("label\ttext\n{lines}")).unwrap();
}

/// A folder with train.tsv, dev.tsv, more.txt and the sizes of small students, tiny.toml and, with an embedding of codes and a separable convolution, codes.toml.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    write(&path("train.tsv"), &sentences(400, 1));
    let mut dev = sentences(60, 2);
    dev.push(("positive", "great! naïve, «unseen» words 👍".into()));
    write(&path("dev.tsv"), &dev);
    let more: String = sentences(200, 3)
        .into_iter()
        .map(|(_, text)| format!("{text} again\n"))
        .collect();
    std::fs::write(path("more.txt"), more).unwrap();
    let sizes = "pieces = 120\nembedding = 8\nhidden = [6]\n[[convs]]\nchannels = 8\n[[convs]]\nchannels = 8\nkernel = 2\ndilation = 2\ngroups = 2\nresidual = true\n";
    std::fs::write(path("tiny.toml"), sizes).unwrap();
    let separable = "[[convs]]\nchannels = 8\nkernel = 2\nseparable = true\nresidual = true\n";
    let codes = format!("product = {{ codes = 2, centroids = 12 }}\n{sizes}{separable}");
    std::fs::write(path("codes.toml"), codes).unwrap();
    folder
}
