#!/usr/bin/env python3
"""Makes tests/golden/tiny-bert: a BERT of random weights, and what transformers and ONNX Runtime answer with it.

    pip install torch transformers onnx onnxruntime
    python3 tests/golden/tiny_bert.py

golden.json names the versions of both.
"""
import json
import pathlib

import numpy
import onnxruntime
import tokenizers
import torch
import transformers

FOLDER = pathlib.Path(__file__).parent / "tiny-bert"
WORDS = """a an the this that is was and but not very too so film movie story plot acting music ending cast scene good bad
great terrible dull lovely funny boring fresh stale warm cold bright weak strong best worst love hate enjoy avoid with without of in
it i you we they one two from to all no never always un ##s ##ed ##ing ##ly ##er ##est ##ful ##ness . , ! ? ' - é"""
TEXTS = [
    "a good film",
    "The WORST movie, with boring acting!",
    "this is not very funny.",
    "unknown-words everywhere",
    "",
    "lovely music and a bright cast but the story is too cold, the plot too weak, the ending never warm",
]

torch.manual_seed(7)
pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS.split()
pieces += [chr(c) for c in range(ord("a"), ord("z") + 1)] + ["##" + chr(c) for c in range(ord("a"), ord("z") + 1)]
pieces = list(dict.fromkeys(pieces))
vocabulary = {piece: i for i, piece in enumerate(pieces)}
FOLDER.mkdir(exist_ok=True)

tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
tokenizer.save(str(FOLDER / "tokenizer.json"))

config = transformers.BertConfig(
    vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=64, initializer_range=0.3,
    id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1},
)
model = transformers.BertForSequenceClassification(config).eval()
# Random biases and normalisation too, so that a reader that mixes them up is found out.
with torch.no_grad():
    for name, value in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            value.add_(0.1 * torch.randn_like(value))
model.save_pretrained(FOLDER)

encoded = [tokenizer.encode(text) for text in TEXTS]
ids = [e.ids for e in encoded]
with torch.no_grad():
    logits = [model(input_ids=torch.tensor([row])).logits[0].tolist() for row in ids]


class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits


row = torch.tensor([ids[1]])
names = ["input_ids", "attention_mask", "token_type_ids"]
torch.onnx.export(
    Plain(), (row, torch.ones_like(row), torch.zeros_like(row)), str(FOLDER / "model.onnx"), input_names=names, output_names=["logits"],
    dynamic_axes={name: {0: "batch", 1: "time"} for name in names} | {"logits": {0: "batch"}}, opset_version=14, dynamo=False,
)
session = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"))
onnx_logits = []
for row in ids:
    row = numpy.array([row], dtype=numpy.int64)
    feed = {"input_ids": row, "attention_mask": numpy.ones_like(row), "token_type_ids": numpy.zeros_like(row)}
    onnx_logits.append(session.run(None, feed)[0][0].tolist())

golden = {
    "made_by": "tests/golden/tiny_bert.py",
    "versions": {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, onnxruntime)},
    "texts": TEXTS, "ids": ids, "logits": logits, "onnx_logits": onnx_logits,
}
(FOLDER / "golden.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
