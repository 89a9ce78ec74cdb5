//! Reading data files: the formats, what is refused and how, reports, splits, overlaps.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;
use thimble_host::data::{
    DataErrorKind, Dataset, Example, Format, ReadOptions, SoftTargetMeta, columns, meta_path,
    overlap, read,
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file with the default options.
    fn read(&self, name: &str, bytes: impl AsRef<[u8]>) -> Dataset {
        read(&self.file(name, bytes), &ReadOptions::default()).unwrap()
    }

    /// The message for a file that is refused, without the folder.
    fn refuse(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        self.refuse_with(name, bytes, &ReadOptions::default())
    }

    fn refuse_with(&self, name: &str, bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
        let error = read(&self.file(name, bytes), options).unwrap_err();
        let folder = format!("{}/", self.0.path().display());
        error.to_string().replace(&folder, "")
    }
}

fn example(text: &str, label: Option<usize>) -> Example {
    Example {
        text: text.to_owned(),
        label,
        logits: None,
    }
}

fn reviews() -> Dataset {
    Dataset {
        labels: vec!["negative".into(), "positive".into()],
        examples: vec![
            example("a \"fine\" film", Some(1)),
            example("dull, and long", Some(0)),
        ],
    }
}

#[test]
fn the_formats_hold_the_same_data() {
    let folder = Folder::new();
    let tsv = "label\ttext\npositive\ta \"fine\" film\nnegative\tdull, and long\n";
    let csv = "sentence,id,sentiment\n\"a \"\"fine\"\" film\",1,positive\n\"dull, and long\",2,negative\n";
    let json = "{\"text\":\"a \\\"fine\\\" film\",\"label\":\"positive\"}\n\n{\"label\":\"negative\",\"text\":\"dull, and long\"}\n";
    for (name, text) in [("a.tsv", tsv), ("a.csv", csv), ("a.jsonl", json)] {
        assert_eq!(folder.read(name, text), reviews(), "{name}");
        assert_eq!(
            folder.read(name, text.trim_end()),
            reviews(),
            "{name} without a final line feed"
        );
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(
            folder.read(name, &windows),
            reviews(),
            "{name} with mark and CRLF"
        );
        assert_eq!(
            folder.read("no-extension", text),
            reviews(),
            "{name} by content"
        );
        let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
        assert_eq!(
            folder.read(&format!("{name}.zst"), &packed),
            reviews(),
            "{name}.zst"
        );
        assert_eq!(
            folder.read(name, &packed),
            reviews(),
            "{name} packed without saying so"
        );
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let packed = gzip.finish().unwrap();
        assert_eq!(
            folder.read(&format!("{name}.gz"), &packed),
            reviews(),
            "{name}.gz"
        );
    }
    let semicolons = "text;label\na \"\"fine;positive\nb, c;negative\n";
    assert_eq!(
        folder.read("s.csv", semicolons).texts(),
        ["a \"\"fine", "b, c"]
    );
    let tabs = "text\tlabel\n\"two\nlines\"\tpositive\nb\tnegative\n";
    let options = ReadOptions {
        format: Some(Format::Csv),
        ..ReadOptions::default()
    };
    assert_eq!(
        read(&folder.file("t.tsv", tabs), &options).unwrap().texts(),
        ["two\nlines", "b"]
    );
}

#[test]
fn plain_text_is_one_unlabelled_text_a_line() {
    let data = Folder::new().read("a.txt", "text\tlabel\r\n\r\n  \nsecond, \"line\"\nlast");
    assert_eq!(data.texts(), ["text\tlabel", "second, \"line\"", "last"]);
    assert_eq!((data.labelled(), data.labels.len()), (0, 0));
}

#[test]
fn quotes_are_text_in_tsv() {
    let data = Folder::new().read("a.tsv", "label\ttext\na\t\"open\nb\t\"\"\"\n");
    assert_eq!(data.texts(), ["\"open", "\"\"\""]);
}

#[test]
fn every_usual_column_name_is_found() {
    let folder = Folder::new();
    for text in columns::TEXT {
        for label in columns::LABEL {
            let csv = format!("{},{}\nt1,a\nt2,b\n", text.to_uppercase(), label);
            let data = folder.read("a.csv", csv);
            assert_eq!(
                (data.texts(), data.labelled()),
                (vec!["t1", "t2"], 2),
                "{text} {label}"
            );
        }
    }
}

#[test]
fn named_columns_come_first() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "text,label,Body,kind\nno,x,yes,p\nno,y,yes 2,q\n");
    let options = ReadOptions {
        text_column: Some("body".into()),
        label_column: Some("kind".into()),
        ..ReadOptions::default()
    };
    let data = read(&path, &options).unwrap();
    assert_eq!(
        (data.texts(), &data.labels[..]),
        (vec!["yes", "yes 2"], &["p".to_owned(), "q".into()][..])
    );
    let json = folder.file("a.jsonl", "{\"body\":\"yes\",\"kind\":3,\"text\":\"no\"}\n{\"body\":\"b\",\"kind\":20,\"text\":\"\"}\n");
    assert_eq!(read(&json, &options).unwrap().labels, ["3", "20"]);
}

#[test]
fn labels_have_one_order() {
    let folder = Folder::new();
    let labels = |bytes: &str| folder.read("a.csv", bytes).labels;
    assert_eq!(labels("text,label\na,b\nb,a\nc,c\n"), ["a", "b", "c"]);
    assert_eq!(labels("text,label\na,10\nb,9\nc,-1\n"), ["-1", "9", "10"]);
    assert_eq!(labels("text,label\na,10\nb,9\nc,x\n"), ["10", "9", "x"]);
    let json = "{\"text\":\"a\",\"label\":true}\n{\"text\":\"b\",\"label\":false}\n{\"text\":\"c\",\"label\":null}\n{\"text\":\"d\"}\n";
    let data = folder.read("a.jsonl", json);
    assert_eq!(
        (data.labels.clone(), data.labelled()),
        (vec!["false".to_owned(), "true".to_owned()], 2)
    );
    let json = "{\"text\":\"a\",\"label\":1.0}\n{\"text\":\"b\",\"label\":0}\n";
    assert_eq!(folder.read("a.jsonl", json).labels, ["0", "1"]);

    let path = folder.file("a.csv", "text,label\na,1\nb,0\n");
    let given = ReadOptions {
        rename_labels: vec![
            ("0".into(), "negative".into()),
            ("1".into(), "positive".into()),
        ],
        ..ReadOptions::with_labels(["positive", "negative", "neutral"])
    };
    let data = read(&path, &given).unwrap();
    assert_eq!(
        data.examples,
        [example("a", Some(0)), example("b", Some(1))]
    );
    assert_eq!(data.labels, ["positive", "negative", "neutral"]);
}

#[test]
fn faults_name_file_line_and_remedy() {
    let folder = Folder::new();
    let cases: &[(&str, &[u8], &[&str])] = &[
        (
            "a.tsv",
            b"label\tbody_text\nx\ty\n",
            &[
                "a.tsv:1: ",
                "\"label\", \"body_text\"",
                "sentence",
                "--text-column",
            ],
        ),
        (
            "a.tsv",
            b"label\ttext\nx\ta\ny\tb\tc\n",
            &[
                "a.tsv:3: ",
                "3 fields",
                "has 2",
                "\"label\", \"text\"",
                "tab",
            ],
        ),
        ("a.tsv", b"label\ttext\n\nx\n", &["a.tsv:3: ", "1 fields"]),
        (
            "a.tsv",
            b"text\tlabel\ttext\na\tb\tc\n",
            &["a.tsv:1: ", "\"text\" more than once"],
        ),
        (
            "a.tsv",
            b"label\ttext\nx\tcaf\xe9\n",
            &["a.tsv:2: ", "UTF-8", "byte 6"],
        ),
        ("a.tsv", b"label\ttext\n", &["a.tsv: ", "no rows"]),
        ("a.tsv", b"", &["a.tsv: ", "no rows", "header"]),
        ("a.tsv", b"\xff\xfet\0e\0", &["a.tsv: ", "UTF-16", "iconv"]),
        (
            "a.csv",
            b"text,label\n\"a\nb\",x\nhello, world,y\n",
            &["a.csv:4: ", "3 fields", "quote"],
        ),
        (
            "a.csv",
            b"text,label\na,x\n\nb,y\n\"c,x\nd,y\n",
            &["a.csv:5: ", "fields"],
        ),
        (
            "a.csv",
            b"text,label\na,x\nb,\"y\n",
            &["a.csv:3: ", "never closed"],
        ),
        ("a.csv", b"text,label\nx,\xff\n", &["a.csv:2: ", "UTF-8"]),
        ("a.csv", b"", &["a.csv: ", "no rows"]),
        (
            "a.csv",
            b"text,label\na,x\nb,x\n",
            &["a.csv: ", "1 class (\"x\")", "\"label\""],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\"}\n{\"text\":\"b\"\n",
            &["a.jsonl:2: ", "no JSON"],
        ),
        (
            "a.jsonl",
            b"[{\"text\":\"a\"}]",
            &["a.jsonl:1: ", "a list", "jq"],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\"}\n{\"sentence\":\"b\"}\n",
            &["a.jsonl:2: ", "\"text\"", "\"sentence\""],
        ),
        (
            "a.jsonl",
            b"{\"txt\":\"a\"}\n",
            &["a.jsonl:1: ", "\"txt\"", "--text-column"],
        ),
        (
            "a.jsonl",
            b"{\"text\":5}\n",
            &["a.jsonl:1: ", "a number", "a string"],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\",\"label\":[1]}\n",
            &["a.jsonl:1: ", "a list", "one label"],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\",\"logits\":[1,\"x\"]}\n",
            &["a.jsonl:1: ", "\"logits\"", "numbers"],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\",\"logits\":[1,1e300]}\n",
            &["a.jsonl:1: ", "too large"],
        ),
        (
            "a.jsonl",
            b"{\"text\":\"a\",\"logits\":[1,2]}\n{\"text\":\"b\",\"logits\":[1]}\n",
            &["a.jsonl:2: ", "1 logits", "expected 2"],
        ),
        ("a.jsonl", b"\n\n", &["a.jsonl: ", "no rows"]),
        ("a.txt", b" \n", &["a.txt: ", "no rows"]),
        (
            "a.bin",
            b"\x00\x01",
            &["a.bin: ", ".tsv, .csv, .jsonl or .txt"],
        ),
        (
            "a.tsv.zst",
            b"label\ttext\nx\ty\n",
            &["a.tsv.zst: ", "zstd", "damaged"],
        ),
        ("a.tsv.zst", b"", &["a.tsv.zst: ", "zstd", "cut short"]),
        ("a.tsv.gz", b"label\ttext\nx\ty\n", &["a.tsv.gz: ", "gzip"]),
    ];
    for (name, bytes, expected) in cases {
        let message = folder.refuse(name, bytes);
        for part in *expected {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}

#[test]
fn missing_files_and_folders_are_refused() {
    let folder = Folder::new();
    let missing = read(&folder.0.path().join("none.tsv"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(missing.kind, DataErrorKind::Io(_)));
    assert!(
        missing
            .to_string()
            .contains("none.tsv: cannot be read: No such file")
    );
    let error = read(folder.0.path(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind, DataErrorKind::Directory));
}

#[test]
fn a_packed_file_cut_anywhere_is_refused() {
    let folder = Folder::new();
    let text = "label\ttext\n".to_owned() + &"x\tsome words\ny\tother words\n".repeat(50);
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    for end in 1..packed.len() {
        let message = folder.refuse("a.tsv.zst", &packed[..end]);
        assert!(message.contains("cut short or damaged"), "{end}: {message}");
    }
}

#[test]
fn columns_and_labels_that_were_asked_for_must_exist() {
    let folder = Folder::new();
    let text = ReadOptions {
        text_column: Some("body".into()),
        ..ReadOptions::default()
    };
    let label = ReadOptions {
        label_column: Some("kind".into()),
        ..ReadOptions::default()
    };
    let message = folder.refuse_with("a.csv", "text,label\na,b\n", &text);
    assert_eq!(
        message,
        "a.csv:1: has no column \"body\"; its columns are \"text\", \"label\""
    );
    assert!(
        folder
            .refuse_with("a.csv", "text,label\na,b\n", &label)
            .contains("\"kind\"")
    );
    assert!(
        folder
            .refuse_with("a.jsonl", "{\"text\":\"a\"}", &label)
            .contains("\"kind\"")
    );
    let known = ReadOptions::with_labels(["negative", "positive"]);
    let message = folder.refuse_with("a.csv", "text,label\na,positive\nb,1\n", &known);
    assert!(
        message.starts_with("a.csv:3: unknown label \"1\"; expected \"negative\", \"positive\""),
        "{message}"
    );
    for list in [vec!["a"], vec!["a", "a"], vec!["a", ""]] {
        let message = folder.refuse_with(
            "a.csv",
            "text,label\na,b\n",
            &ReadOptions::with_labels(list),
        );
        assert!(message.contains("different names"), "{message}");
    }
}

#[test]
fn the_number_of_classes_is_bounded() {
    let folder = Folder::new();
    let rows = |n: usize| {
        "text,label\n".to_owned() + &(0..n).map(|i| format!("t{i},c{i}\n")).collect::<String>()
    };
    assert_eq!(folder.read("a.csv", rows(64)).labels.len(), 64);
    let message = folder.refuse("a.csv", rows(65));
    assert!(
        message.contains("65 classes")
            && message.contains("at most 64")
            && message.contains("--label-column")
    );
}

#[test]
fn texts_alone_need_no_proper_labels() {
    let folder = Folder::new();
    let path = folder.file(
        "a.jsonl",
        "{\"text\":\"a\",\"label\":\"x\",\"logits\":[1]}\n{\"text\":\"b\",\"label\":\"x\"}\n",
    );
    let options = ReadOptions {
        texts_only: true,
        ..ReadOptions::default()
    };
    let data = read(&path, &options).unwrap();
    assert_eq!(data.examples, [example("a", None), example("b", None)]);
    assert!(data.labels.is_empty());
}

#[test]
fn soft_targets_follow_the_labels() {
    let folder = Folder::new();
    let lines = "{\"text\":\"a\",\"label\":\"pos\",\"logits\":[1.5,-2]}\n{\"text\":\"b\",\"label\":null,\"logits\":[0,0.25]}\n{\"text\":\"c\",\"label\":\"neg\"}\n";
    let path = folder.file("soft.jsonl", lines);
    let data = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(data.labels, ["neg", "pos"]);
    assert_eq!(data.examples[0].logits, Some(vec![1.5, -2.0]));
    assert_eq!(data.examples[2].logits, None);
    let meta = SoftTargetMeta {
        teacher_digest: "t".into(),
        with: vec![],
        labels: vec!["pos".into(), "neg".into()],
        data_digest: "d".into(),
        n: 3,
        decimals: None,
        tool_version: "0".into(),
    };
    fs::write(meta_path(&path), serde_json::to_string(&meta).unwrap()).unwrap();
    let described = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(described.labels, ["pos", "neg"]);
    assert_eq!(described.examples[0].label, Some(0));
    assert_eq!(described.examples[0].logits, Some(vec![1.5, -2.0]));
    let turned = read(&path, &ReadOptions::with_labels(["neg", "pos"])).unwrap();
    assert_eq!(
        turned.examples[0],
        Example {
            text: "a".into(),
            label: Some(1),
            logits: Some(vec![-2.0, 1.5])
        }
    );
    assert!(read(&path, &ReadOptions::with_labels(["neg", "pos", "other"])).is_err());
    fs::write(meta_path(&path), "{").unwrap();
    assert!(
        read(&path, &ReadOptions::default())
            .unwrap_err()
            .to_string()
            .contains("soft.jsonl.meta.json")
    );
}

#[test]
fn the_report_counts_what_is_remarkable() {
    let text = "label\ttext\npos\tA  fine film\nneg\ta fine film\npos\ta fine film\npos\t \n\tno label\nneg\tdull\n";
    let data = Folder::new().read("a.tsv", text);
    let report = data.report();
    assert_eq!((report.rows, report.labelled, report.unlabelled), (6, 5, 1));
    assert_eq!(
        (report.empty_texts, report.duplicates, report.conflicts),
        (1, 2, 1)
    );
    assert_eq!(report.conflict_examples[0].labels, ["neg", "pos"]);
    assert_eq!(
        report.per_class,
        [("neg".to_owned(), 2), ("pos".to_owned(), 3)]
    );
    assert_eq!(report.warnings().len(), 4);
    assert_eq!(report.to_string(), "6 rows, 5 labelled (neg 2, pos 3)");
    assert!(reviews().report().warnings().is_empty());
}

#[test]
fn a_split_is_stratified_seeded_and_keeps_copies_together() {
    let mut data = Dataset {
        labels: vec!["a".into(), "b".into(), "rare".into()],
        examples: Vec::new(),
    };
    for i in 0..1000 {
        data.examples.push(example(
            &format!("text {}", i / 2),
            Some(usize::from((i / 2) % 5 == 0)),
        ));
    }
    data.examples.push(example("rare 1", Some(2)));
    data.examples.push(example("rare 2", Some(2)));
    data.examples.push(example("free", None));
    let (train, dev) = data.clone().split(0.1, 7);
    assert_eq!(train.len() + dev.len(), data.len());
    assert_eq!(overlap::between(&train, &dev).eval_rows, 0);
    let counts: Vec<usize> = dev
        .report()
        .per_class
        .into_iter()
        .map(|(_, count)| count)
        .collect();
    assert_eq!(counts, [80, 20, 1]);
    assert!(train.examples.iter().any(|row| row.text == "free"));
    assert_eq!(data.clone().split(0.1, 7), (train.clone(), dev));
    assert_ne!(data.clone().split(0.1, 8).0, train);
    assert_eq!(data.clone().split(0.0, 7).1.len(), 0);
    assert_eq!(data.split(f64::NAN, 7).1.len(), 0);
}

#[test]
fn overlap_is_found_and_removed() {
    let mut train = reviews();
    train.examples.push(example("DULL,  and long ", None));
    train.examples.push(example("", None));
    let mut eval = reviews();
    eval.examples.remove(0);
    eval.examples.push(example(" ", None));
    let found = overlap::between(&train, &eval);
    assert_eq!(
        (found.train_rows, found.eval_rows, &found.examples[..]),
        (2, 1, &["dull, and long".to_owned()][..])
    );
    assert_eq!(overlap::remove(&mut train, &eval), 2);
    assert_eq!(train.len(), 2);
    assert_eq!(train.remove_empty(), 1);
}

#[test]
fn the_digest_is_of_the_content() {
    let folder = Folder::new();
    let tsv = folder.read("a.tsv", "label\ttext\nx\ta\ny\tb\n");
    let csv = folder.read("a.csv", "text,label\na,x\nb,y\n");
    assert_eq!(tsv.digest(), csv.digest());
    assert_eq!(tsv.digest().len(), 64);
    for change in [
        |data: &mut Dataset| data.examples[0].text.push('.'),
        |data: &mut Dataset| data.examples[0].label = None,
        |data: &mut Dataset| data.examples[0].logits = Some(vec![0.0, 1.0]),
        |data: &mut Dataset| data.labels[0].push('.'),
        |data: &mut Dataset| data.examples.swap(0, 1),
    ] {
        let mut other = csv.clone();
        change(&mut other);
        assert_ne!(other.digest(), csv.digest());
    }
}
