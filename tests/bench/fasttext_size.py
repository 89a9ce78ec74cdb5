#!/usr/bin/env python3
"""fastText at the size of a student: fasttext_size.py TRAIN.tsv DEV.tsv BYTES [SECONDS]

    pip install fasttext-wheel numpy

Words in lower case, punctuation and Chinese characters by themselves. fastText's own search (autotune, SECONDS long, by default 120)
takes the settings that are best on a tenth of TRAIN, chosen by a seeded shuffle, for a file of at most BYTES; DEV judges.
"""
import json
import pathlib
import random
import re
import sys
import tempfile

import fasttext

TOKEN = re.compile(r"[\u4e00-\u9fff]|[^\W_]+|\S")


def lines(path):
    rows = [line.split("\t") for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()[1:]]
    return [f"__label__{label} {' '.join(TOKEN.findall(text.lower()))}" for label, text in rows]


if __name__ == "__main__":
    train, dev, size = lines(sys.argv[1]), lines(sys.argv[2]), int(sys.argv[3])
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 120
    random.Random(1).shuffle(train)
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for name, rows in {"train": train[len(train) // 10 :], "valid": train[: len(train) // 10]}.items():
            names[name] = f"{folder}/{name}"
            pathlib.Path(names[name]).write_text("\n".join(rows) + "\n", encoding="utf-8")
        model = fasttext.train_supervised(
            names["train"],
            autotuneValidationFile=names["valid"],
            autotuneDuration=seconds,
            autotuneModelSize=str(size),
            verbose=0,
        )
        model.save_model(f"{folder}/model.ftz")
        bytes_on_disk = pathlib.Path(f"{folder}/model.ftz").stat().st_size
    truth, texts = zip(*(line.split(" ", 1) if " " in line else (line, "") for line in dev))
    right = sum(model.f.predict(text + "\n", 1, 0.0, "strict")[0][1] == label for text, label in zip(texts, truth))
    print(json.dumps({"accuracy": right / len(dev), "rows": len(dev), "bytes": bytes_on_disk}))
