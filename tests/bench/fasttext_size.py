#!/usr/bin/env python3
"""fastText at the size of a student: fasttext_size.py TRAIN.tsv DEV.tsv BYTES

    pip install fasttext-wheel numpy

Words in lower case, punctuation and Chinese characters by themselves. The settings of GRID are tried with nine tenths of TRAIN
(a seeded shuffle), each quantized to the most features that a file of BYTES holds; those that are best on the other tenth learn
from all of TRAIN. DEV judges. (fastText's own search under a size, -autotune-modelsize, had not ended on finance3 after 25 minutes,
and its file for questions was 122,883 bytes where 98,285 were asked for.)
"""
import itertools
import json
import pathlib
import random
import re
import sys
import tempfile

import fasttext

TOKEN = re.compile(r"[\u4e00-\u9fff]|[^\W_]+|\S")
GRID = [dict(dim=d, wordNgrams=n, epoch=e) for d, n, e in itertools.product((16, 32), (1, 2), (5, 25))]


def lines(path):
    rows = [line.split("\t") for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()[1:]]
    return [f"__label__{label} {' '.join(TOKEN.findall(text.lower()))}" for label, text in rows]


def trained(rows, size, settings, folder):
    """A model of at most `size` bytes, and its bytes."""
    text, whole, small = (f"{folder}/{name}" for name in ("rows.txt", "whole.bin", "small.ftz"))
    pathlib.Path(text).write_text("\n".join(rows) + "\n", encoding="utf-8")
    fasttext.train_supervised(text, lr=0.5, bucket=200_000, thread=1, seed=1, verbose=0, **settings).save_model(whole)
    # A feature takes a byte for two values, one for its norm, and itself.
    features = size // (settings["dim"] // 2 + 4)
    while True:
        model = fasttext.load_model(whole)
        features = min(features, len(model.words) + (200_000 if settings["wordNgrams"] > 1 else 0))
        model.quantize(text, cutoff=features, qnorm=True, retrain=True, epoch=settings["epoch"], lr=0.5, thread=1, verbose=0)
        model.save_model(small)
        found = pathlib.Path(small).stat().st_size
        if found <= size:
            return fasttext.load_model(small), found
        features = int(features * min(0.98, size / found))


def accuracy(model, rows):
    truth, texts = zip(*(line.split(" ", 1) if " " in line else (line, "") for line in rows))
    found = (model.f.predict(text + "\n", 1, 0.0, "strict") for text in texts)
    return sum(answer[0][1] == label for answer, label in zip(found, truth)) / len(rows)


if __name__ == "__main__":
    train, dev, size = lines(sys.argv[1]), lines(sys.argv[2]), int(sys.argv[3])
    random.Random(1).shuffle(train)
    most, tenth = train[len(train) // 10 :], train[: len(train) // 10]
    with tempfile.TemporaryDirectory() as folder:
        best = max(GRID, key=lambda settings: accuracy(trained(most, size, settings, folder)[0], tenth))
        model, bytes_on_disk = trained(train, size, best, folder)
    print(json.dumps({"accuracy": accuracy(model, dev), "rows": len(dev), "bytes": bytes_on_disk, **best}))
