#!/usr/bin/env python3
"""Makes tests/golden/teacher.json: what transformers answers with the weights of the shipped teacher.

    pip install torch transformers safetensors
    python3 tests/golden/teacher.py

The 8-bit weights are read as `q · scale` here, apart from Thimble's own reader.
"""
import json
import pathlib

import safetensors.torch
import tokenizers
import torch
import transformers

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "models/teacher-sst2-minilm"

lines = (ROOT / "models/data/sst2.dev.tsv").read_text().splitlines()[1:]
texts = [line.split("\t")[1] for line in lines[::29]]
texts += ["", "A", "gorgeous, witty, seductive!", "naïve Café 日本語 👍", "dull " * 100]

stored = safetensors.torch.load_file(FOLDER / "model.safetensors")
weights = {
    name: value.float() * stored[f"{name}.scale"][:, None] if value.dtype == torch.int8 else value
    for name, value in stored.items()
    if not name.endswith(".scale")
}
config = transformers.BertConfig.from_pretrained(FOLDER)
model = transformers.BertForSequenceClassification(config).eval()
missing, unexpected = model.load_state_dict(weights, strict=False)
assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
tokenizer = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(128)
rows = []
with torch.no_grad():
    for text in texts:
        ids = tokenizer.encode(text).ids
        rows.append({"text": text, "logits": model(input_ids=torch.tensor([ids])).logits[0].tolist()})
golden = {
    "made_by": "tests/golden/teacher.py",
    "versions": {m.__name__: m.__version__ for m in (torch, transformers, tokenizers)},
    "rows": rows,
}
(pathlib.Path(__file__).parent / "teacher.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
