#!/usr/bin/env python3
"""Makes tests/golden/student.json: the ids and logits of the shipped student by a reader of its own.

    pip install numpy tokenizers
    python3 tests/golden/student.py

Written after docs/model-format.md, docs/tokenizer.md and docs/numerics.md alone: whole texts instead of streams, 64-bit
integers, and the tokenizer of Hugging Face over the pieces that it reads from the file.
"""
import json
import pathlib
import struct
import zlib

import numpy
import tokenizers

ROOT = pathlib.Path(__file__).parents[2]
FILE = (ROOT / "models/sentiment-en/224k.thimble").read_bytes()


def sections():
    magic, version, count, length, crc = struct.unpack_from("<4sHHII", FILE)
    assert (magic, version, count, length) == (b"THMB", 1, 11, len(FILE))
    assert crc == zlib.crc32(FILE[:12] + FILE[16:])
    entries = [struct.unpack_from("<III", FILE, 16 + 12 * i) for i in range(count)]
    return {kind: FILE[start : start + size] for kind, start, size in entries}


S = sections()
LABELS, CHARMAP, VOCAB, LAYERS, EMBEDDINGS, WEIGHTS, BIASES, MULTIPLIERS = (S[i] for i in range(1, 9))


def pieces():
    """The pieces in the order of their ids, from the two tries."""
    count = struct.unpack_from("<H", CHARMAP)[0]
    characters = [chr(c) for c in struct.unpack_from(f"<{count}I", CHARMAP, 20)]
    nodes, total, width, roots = struct.unpack_from("<IIBB", VOCAB)
    at = 12
    words = -(-nodes // 32)

    def bits(count, at):
        raw = numpy.frombuffer(VOCAB, "<u1", count, at)
        return numpy.unpackbits(raw, bitorder="little")

    vectors = []
    for _ in range(3):
        vectors.append(bits(words * 4, at)[:nodes])
        at += 4 * words + 4 * (-(-words // 8) + 1)
    last, inner, terminal = vectors
    packed = bits(len(VOCAB) - at, at)
    labels = [int(sum(int(packed[i * width + b]) << b for b in range(width))) for i in range(nodes)]
    groups, start = [], 0
    for node in range(nodes):
        if last[node]:
            groups.append(range(start, node + 1))
            start = node + 1
    root_names = [name for bit, name in ((1, ""), (2, "##")) if roots & bit]
    text = {}
    parents = list(root_names) + [int(n) for n in numpy.flatnonzero(inner)]
    for parent, group in zip(parents, groups, strict=True):
        for node in group:
            text[node] = (parent if isinstance(parent, str) else text[parent]) + characters[labels[node]]
    found = ["[UNK]"] + [text[int(node)] for node in numpy.flatnonzero(terminal)]
    assert len(found) == total
    return found


def tokenizer():
    vocabulary = {piece: i for i, piece in enumerate(pieces())}
    flags = struct.unpack_from("<H", CHARMAP, 16)[0]
    clean, chinese, strip, lower = (bool(flags >> i & 1) for i in range(4))
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = tokenizers.normalizers.BertNormalizer(clean, chinese, strip, lower)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return made


class Postcard:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def multiplier(self):
        zigzag = self.varint()
        return (zigzag >> 1) ^ -(zigzag & 1), self.byte()


def requantize(value, multiplier):
    mantissa, shift = multiplier
    return max(-(2**31), min(2**31 - 1, (value * mantissa + (1 << shift - 1)) >> shift))


def requantize_all(sums, factors):
    """[..., outputs] by each output's own multiplier, in Python's integers of any size."""
    flat = sums.reshape(-1, sums.shape[-1]).tolist()
    rows = [[requantize(v, m) for v, m in zip(row, factors)] for row in flat]
    return numpy.array(rows, dtype=numpy.int64).reshape(sums.shape)


def embedding(reader, kind):
    """[rows, dim]"""
    rows, dim = reader.varint(), reader.varint()
    if kind == 0:
        table = numpy.frombuffer(EMBEDDINGS, numpy.int8).reshape(rows, dim)
    elif kind == 7:
        parts, centroids, books = reader.varint(), reader.varint(), reader.varint()
        raw, size = numpy.frombuffer(EMBEDDINGS, numpy.int8), books * centroids * (dim // parts)
        values = raw[:size].reshape(books, centroids, dim // parts)
        codes = raw[size:].view(numpy.uint8).reshape(rows, parts)
        table = numpy.concatenate([values[part * books // parts][codes[:, part]] for part in range(parts)], axis=1)
    else:
        lut = numpy.array([reader.byte() for _ in range(16)], dtype=numpy.uint8).view(numpy.int8)
        raw = numpy.frombuffer(EMBEDDINGS, numpy.uint8).reshape(rows, -1)
        table = lut[numpy.stack([raw & 15, raw >> 4], axis=-1).reshape(rows, -1)[:, :dim]]
    return table.astype(numpy.int64)


def network():
    """The layers, each its name and what it has: weights [outputs, kernel, inputs of a group] or [outputs, inputs], biases, a
    mantissa and a shift for each output."""
    reader, weight, output = Postcard(LAYERS), 0, 0

    def weighted(name, shape, bits, **fields):
        nonlocal weight, output
        size = int(numpy.prod(shape)) * bits // 8
        raw = numpy.frombuffer(WEIGHTS, numpy.uint8, size, weight)
        if bits == 4:
            raw = raw.reshape(*shape[:-1], -1, 4)
            raw = numpy.concatenate([raw << 4, raw & 0xF0], axis=-1).view(numpy.int8) >> 4
        weights = raw.view(numpy.int8).reshape(shape).astype(numpy.int64)
        biases = numpy.frombuffer(BIASES, "<i4", shape[0], 4 * output).astype(numpy.int64)
        factors = [struct.unpack_from("<iB", MULTIPLIERS, 5 * (output + o)) for o in range(shape[0])]
        weight, output = weight + size, output + shape[0]
        return name, dict(weights=weights, biases=biases, factors=factors, **fields)

    layers = []
    for _ in range(reader.byte()):
        kind = reader.varint()
        if kind in (0, 1, 7):
            layers.append(("embedding", dict(table=embedding(reader, kind))))
        elif kind in (2, 8):
            ins, outs, kernel, dilation, groups = (reader.varint() for _ in range(5))
            fields = dict(dilation=dilation, groups=groups, relu=reader.byte())
            layers.append(weighted("conv", (outs, kernel, ins // groups), 8 if kind == 2 else 4, **fields))
        elif kind == 3:
            source, own, other, relu = reader.byte(), reader.multiplier(), reader.multiplier(), reader.byte()
            layers.append(("add", dict(source=source, own=own, other=other, relu=relu)))
        elif kind == 4:
            layers.append(("relu", {}))
        elif kind == 5:
            layers.append(("pool", dict(max=reader.byte(), mean=reader.byte())))
        else:
            ins, outs, relu = reader.varint(), reader.varint(), reader.byte()
            layers.append(weighted("dense", (outs, ins), 8, relu=relu))
    assert reader.at == len(LAYERS) and weight == len(WEIGHTS) and 4 * output == len(BIASES)
    return layers


def convolved(x, conv):
    w, past = conv["weights"], (conv["weights"].shape[1] - 1) * conv["dilation"]
    padded = numpy.concatenate([numpy.zeros((past, x.shape[1]), numpy.int64), x])
    y = numpy.tile(conv["biases"], (len(x), 1))
    outs, kernel, n = w.shape
    for k in range(kernel):
        seen = padded[k * conv["dilation"] :][: len(x)]
        for g in range(conv["groups"]):
            o = slice(g * outs // conv["groups"], (g + 1) * outs // conv["groups"])
            y[:, o] += seen[:, g * n : (g + 1) * n] @ w[o, k].T
    return requantize_all(y, conv["factors"]).clip(0 if conv["relu"] else -128, 127)


def logits(layers, ids):
    outputs, features = [], None
    for index, (name, layer) in enumerate(layers):
        if name == "embedding":
            outputs.append(layer["table"][ids].reshape(len(ids), layer["table"].shape[1]))
        elif name == "conv":
            outputs.append(convolved(outputs[-1], layer))
        elif name == "add":
            def scaled(x, m):
                return numpy.array([requantize(v, m) for v in x.ravel().tolist()], dtype=numpy.int64).reshape(x.shape)
            total = scaled(outputs[-1], layer["own"]) + scaled(outputs[layer["source"]], layer["other"])
            outputs.append(total.clip(0 if layer["relu"] else -128, 127))
        elif name == "relu":
            outputs.append(outputs[-1].clip(0))
        elif name == "pool":
            x, n, parts = outputs[-1], len(ids), []
            if layer["max"]:
                parts.append(256 * x.max(axis=0) if n else numpy.zeros(x.shape[1], numpy.int64))
            if layer["mean"]:
                parts.append((512 * x.sum(axis=0) + n) // (2 * n) if n else numpy.zeros(x.shape[1], numpy.int64))
            features = numpy.concatenate(parts)
        else:
            features = requantize_all(layer["weights"] @ features + layer["biases"], layer["factors"])
            if layer["relu"]:
                features = features.clip(0)
            if index + 1 < len(layers):
                features = features.clip(-32768, 32767)
    return features.tolist()


def dev():
    """The labels and texts of SST-2 dev."""
    lines = (ROOT / "models/data/sst2.dev.tsv").read_text().splitlines()[1:]
    return zip(*(line.split("\t") for line in lines))


def main():
    made, layers, rows = tokenizer(), network(), []
    _, texts = dev()
    more = ["", "A", "unbelievably GOOD!!!", "naïve Café 日本語 👍", "not bad , not good " * 60, "\u0000\ufffd", "x" * 101]
    for text in [*texts, *more]:
        ids = made.encode(text).ids
        rows.append({"text": text, "ids": ids, "logits": logits(layers, ids)})
    versions = {m.__name__: m.__version__ for m in (numpy, tokenizers)}
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    head = json.dumps({"made_by": "tests/golden/student.py", "versions": versions})[:-1]
    (pathlib.Path(__file__).parent / "student.json").write_text(f'{head}, "rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
