#!/usr/bin/env python3
"""Makes tests/golden/tiny-mpnet: an MPNet of random weights, and what transformers answers with it.

    pip install torch transformers
    python3 tests/golden/tiny_mpnet.py

golden.json names the versions of both.
"""
import json
import pathlib

import tokenizers
import torch
import transformers

FOLDER = pathlib.Path(__file__).parent / "tiny-mpnet"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "[UNK]"]
WORDS = "a the film movie plot is was not very good bad great dull funny and but with of it . , ! ##s ##ed ##ing ##ly un".split()
# One is long enough for every bucket of distances.
TEXTS = ["a good film", "The movie was not very funny!", "", "unplotted", "the plot is dull , but it is " * 15 + "great ."]

torch.manual_seed(11)
pieces = SPECIAL + WORDS
vocabulary = {piece: i for i, piece in enumerate(pieces)}
FOLDER.mkdir(exist_ok=True)

tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
tokenizer.add_special_tokens(SPECIAL)
tokenizer.save(str(FOLDER / "tokenizer.json"))

config = transformers.MPNetConfig(
    vocab_size=len(pieces), hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=140, initializer_range=0.3, relative_attention_num_buckets=32,
    id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1},
)
model = transformers.MPNetForSequenceClassification(config).eval()
# Random biases and normalisation too, so that a reader that mixes them up is found out.
with torch.no_grad():
    for name, value in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            value.add_(0.1 * torch.randn_like(value))
model.save_pretrained(FOLDER)

ids = [tokenizer.encode(text).ids for text in TEXTS]
assert 110 < max(map(len, ids)) <= 128
with torch.no_grad():
    logits = [model(input_ids=torch.tensor([row])).logits[0].tolist() for row in ids]

golden = {
    "made_by": "tests/golden/tiny_mpnet.py",
    "versions": {m.__name__: m.__version__ for m in (torch, transformers, tokenizers)},
    "texts": TEXTS, "ids": ids, "logits": logits,
}
(FOLDER / "golden.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
