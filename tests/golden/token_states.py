#!/usr/bin/env python3
"""Makes tests/golden/tiny-bert/token-states.json: the last hidden states of tokens that are texts of their own.

    pip install numpy safetensors
    python3 tests/golden/token_states.py

A BERT in 64-bit floats after Devlin et al. 2019, which first has to give the logits that transformers gave.
"""
import json
import math
import pathlib

import numpy
import safetensors.numpy

FOLDER = pathlib.Path(__file__).parent / "tiny-bert"
CLS, SEP = 2, 3
TOKENS = [1, 5, 18, 60, 75, 104, 129]

config = json.loads((FOLDER / "config.json").read_text())
weights = {name: value.astype(numpy.float64) for name, value in safetensors.numpy.load_file(FOLDER / "model.safetensors").items()}
erf = numpy.vectorize(math.erf)


def linear(name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(name, x):
    x = x - x.mean(-1, keepdims=True)
    x = x / numpy.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"])
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def states(ids):
    """The last layer's `[time, hidden]`."""
    table = lambda name: weights[f"bert.embeddings.{name}_embeddings.weight"]
    x = norm("bert.embeddings.LayerNorm", table("word")[ids] + table("position")[: len(ids)] + table("token_type")[0])
    heads = config["num_attention_heads"]
    for index in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}"
        parts = (linear(f"{layer}.attention.self.{part}", x) for part in ("query", "key", "value"))
        query, key, value = (part.reshape(len(ids), heads, -1).transpose(1, 0, 2) for part in parts)
        scores = numpy.exp(query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]))
        context = (scores / scores.sum(-1, keepdims=True)) @ value
        attended = linear(f"{layer}.attention.output.dense", context.transpose(1, 0, 2).reshape(x.shape))
        x = norm(f"{layer}.attention.output.LayerNorm", x + attended)
        inner = linear(f"{layer}.intermediate.dense", x)
        inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
        x = norm(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", inner))
    return x


if __name__ == "__main__":
    golden = json.loads((FOLDER / "golden.json").read_text())
    for ids, logits in zip(golden["ids"], golden["logits"]):
        own = linear("classifier", numpy.tanh(linear("bert.pooler.dense", states(ids)[0])))
        assert numpy.abs(own - logits).max() < 1e-4, (own, logits)
    rows = [states([CLS, token, SEP])[1].round(6).tolist() for token in TOKENS]
    text = json.dumps({"made_by": "tests/golden/token_states.py", "tokens": TOKENS, "states": rows}, indent=1)
    (FOLDER / "token-states.json").write_text(text + "\n")
