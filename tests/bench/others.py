#!/usr/bin/env python3
"""Sentences a second of the shipped student beside others: whole sentences of SST-2 dev one by one, tokenizer included, one core.

    pip install fasttext-wheel numpy onnx onnxruntime tokenizers tract zstandard
    python3 tests/bench/others.py

The same student in floats, which tests/golden/student.py reads from its file, runs in ONNX Runtime, there quantized too, and in tract,
behind the tokenizer of Hugging Face. fastText learns SST-2's training set and is made as small as the student's file. Time is that
of the processor; engines take turns, and the best of the rounds counts.
"""
import io
import json
import logging
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import fasttext
import numpy
import onnx
import onnxruntime
import tract
import zstandard
from onnx import TensorProto, helper
from onnxruntime import quantization

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/golden"))
import student  # noqa: E402

MODEL = ROOT / "models/sentiment-en/224k.thimble"
ROUNDS = 5
LABELS, TEXTS = student.dev()
CLASSES = ["negative", "positive"]


class Graph:
    """The student in floats: integers by their factors, without rounding and without the ends of int8."""

    def __init__(self, layers):
        self.nodes, self.constants = [], []
        # Of each layer before the pooling: its output `[1, width, time]`, and what 1 stands for in it.
        self.outputs = []
        last = "ids"
        for index, (name, layer) in enumerate(layers):
            last = getattr(self, name)(index, layer, last, layers[index + 1 :])
        self.nodes[-1].output[0] = "logits"

    def constant(self, value, kind=numpy.float32):
        name = f"constant{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(numpy.asarray(value, kind), name))
        return name

    def node(self, kind, *inputs, **attributes):
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def relu_of(self, layer, value):
        return self.node("Relu", value) if layer["relu"] else value

    def embedding(self, _index, layer, ids, _later):
        rows = self.node("Gather", self.constant(layer["table"]), ids, axis=0)
        self.outputs.append((self.node("Transpose", rows, perm=[0, 2, 1]), 1.0))
        return rows

    def conv(self, index, layer, _last, later):
        source, scale = self.outputs[-1]
        own = 1.0
        if later[0][0] == "add":
            # In the scale that makes the sum one without factors.
            add = later[0][1]
            own = factor(add["own"]) * self.outputs[add["source"]][1] / factor(add["other"])
        factors = numpy.array([factor(f) for f in layer["factors"]]) * own
        weights = layer["weights"].transpose(0, 2, 1) * (factors / scale)[:, None, None]
        past = (weights.shape[2] - 1) * layer["dilation"]
        biases = self.constant(layer["biases"] * factors)
        attributes = dict(dilations=[layer["dilation"]], group=layer["groups"], pads=[past, 0])
        value = self.node("Conv", source, self.constant(weights), biases, **attributes)
        self.outputs.append((self.relu_of(layer, value), own))

    def add(self, _index, layer, _last, _later):
        (own, _), (other, scale) = self.outputs[-1], self.outputs[layer["source"]]
        value = self.relu_of(layer, self.node("Add", own, other))
        self.outputs.append((value, scale / factor(layer["other"])))

    def relu(self, _index, _layer, _last, _later):
        value, scale = self.outputs[-1]
        self.outputs.append((self.node("Relu", value), scale))

    def pool(self, _index, layer, _last, _later):
        value, scale = self.outputs[-1]
        kinds = [kind for kind in ("max", "mean") if layer[kind]]
        pooled = [self.node(f"Reduce{kind.title()}", value, axes=[2], keepdims=0) for kind in kinds]
        self.feature = 256 / scale
        return self.node("Concat", *pooled, axis=1)

    def dense(self, _index, layer, features, later):
        factors = numpy.array([factor(f) for f in layer["factors"]]) / (1 if later else 4096)
        weights = layer["weights"].T * factors * self.feature
        self.feature = 1.0
        value = self.node("Gemm", features, self.constant(weights), self.constant(layer["biases"] * factors))
        return self.relu_of(layer, value)

    def model(self):
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "time"])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(CLASSES)])
        graph = helper.make_graph(self.nodes, "student", [ids], [logits], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def factor(multiplier):
    mantissa, shift = multiplier
    return mantissa / 2**shift


def thimble():
    """The engine's example, in a process of its own."""
    example = ["--release", "--quiet", "-p", "thimble-device", "--features", "std", "--example", "classify"]
    subprocess.run(["cargo", "build", *example], cwd=ROOT, check=True)
    program = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/examples/classify"
    times = 20
    lines = ("\n".join(TEXTS) + "\n").encode() * times

    def run():
        def spent():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime

        start = spent()
        said = subprocess.run([program, MODEL], input=lines, stdout=subprocess.PIPE, check=True).stdout
        seconds = spent() - start
        return seconds / times, [line.split()[0] for line in said.decode().splitlines()[: len(TEXTS)]]

    return run


def here(label):
    """Runs `label` on each text in this process."""

    def run():
        start = time.process_time()
        labels = [label(text) for text in TEXTS]
        return time.process_time() - start, labels

    return run


def training():
    """Rows of SST-2's training set."""
    with (ROOT / "models/data/sst2.train.jsonl.zst").open("rb") as packed:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8")
        return [json.loads(line) for line in lines]


def quantized(source, path, encode, rows):
    """8 bits: inputs of convolutions without sign, calibrated on some texts, and weights, a scale for each output."""

    class Reader(quantization.CalibrationDataReader):
        texts = iter([row["text"] for row in rows[:200]])

        def get_next(self):
            text = next(self.texts, None)
            return text and {"ids": numpy.array([encode(text).ids], numpy.int64)}

    quantization.quantize_static(
        source,
        path,
        Reader(),
        quant_format=quantization.QuantFormat.QOperator,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def onnx_runtime(path, encode):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def label(text):
        ids = numpy.array([encode(text).ids], numpy.int64)
        return CLASSES[session.run(None, {"ids": ids})[0][0].argmax()]

    return here(label)


def in_tract(path, encode):
    model = tract.onnx().load(path).into_model().into_runnable()

    def label(text):
        ids = numpy.array([encode(text).ids], numpy.int64)
        return CLASSES[model.run([ids])[0].to_numpy()[0].argmax()]

    return here(label)


def fast_text(folder, rows):
    path = f"{folder}/train"
    pathlib.Path(path).write_text("".join(f"__label__{row['label']} {row['text']}\n" for row in rows), encoding="utf-8")
    model = fasttext.train_supervised(path, dim=16, epoch=5, lr=0.5, wordNgrams=2, bucket=100_000, thread=1, verbose=0)
    model.quantize(path, qnorm=True, retrain=True, cutoff=9_500, epoch=3, lr=0.3, thread=1, verbose=0)
    model.save_model(f"{folder}/model.ftz")
    size = pathlib.Path(f"{folder}/model.ftz").stat().st_size
    # Beneath the Python that numpy 2 refuses.
    predict = model.f.predict
    return here(lambda text: predict(text + "\n", 1, 0.0, "strict")[0][1].removeprefix("__label__")), size


def main():
    # Advice of the quantization.
    logging.disable()
    encode = student.tokenizer().encode
    with tempfile.TemporaryDirectory() as folder:
        floats, ints = f"{folder}/float.onnx", f"{folder}/int8.onnx"
        onnx.save(Graph(student.network()).model(), floats)
        rows = training()
        quantized(floats, ints, encode, rows)
        fast, bytes_of_fast = fast_text(folder, rows)
        engines = {
            "thimble": (thimble(), MODEL.stat().st_size),
            f"onnxruntime {onnxruntime.__version__}, float": (onnx_runtime(floats, encode), os.path.getsize(floats)),
            f"onnxruntime {onnxruntime.__version__}, int8": (onnx_runtime(ints, encode), os.path.getsize(ints)),
            f"tract {tract.version()}, float": (in_tract(floats, encode), os.path.getsize(floats)),
            "tokenizers alone": (here(lambda text: encode(text).ids), None),
            "fasttext, quantized": (fast, bytes_of_fast),
        }
    best, said = {}, {}
    for _ in range(ROUNDS):
        for name, (run, _) in engines.items():
            seconds, said[name] = run()
            best[name] = min(seconds, best.get(name, seconds))
    print(f"{'':32} {'bytes':>9} {'accuracy':>9} {'as thimble':>10} {'sentences/s':>12} {'time':>7}")
    for name, (_, size) in engines.items():
        row = f"{name:32} {size or '':>9} "
        if size:
            right, same = (
                numpy.mean([a == b for a, b in zip(said[name], others)]) for others in (LABELS, said["thimble"])
            )
            row += f"{right:9.2%} {same:10.2%}"
        else:
            row += " " * 20
        print(f"{row} {len(TEXTS) / best[name]:12,.0f} {best[name] / best['thimble']:6.1f}×")


if __name__ == "__main__":
    main()
