#!/usr/bin/env python3
"""Sentences a second of PyTorch, for the shapes of `thimble bench train`.

    python3 tests/bench/pytorch.py --device cuda --math bf16 --batch-size 256 --tokens 32

Wants torch and transformers. Fine-tuning: a BERT classifier of MiniLM's sizes with AdamW, clipping and dropout. Labelling: the same
without gradients. Student: embedding, three causal convolutions, pooling, AdamW, with rounding by the straight-through estimator.
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForSequenceClassification

WARM_UP = 20


def rate(step, count, steps, sync):
    """Sentences a second of `step`, which computes `count` of them."""
    for _ in range(WARM_UP):
        step()
    sync()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    sync()
    return count * steps / (time.perf_counter() - start)


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(_, x, scale):
        return torch.clamp(torch.floor(x / scale + 0.5), -128, 127) * scale

    @staticmethod
    def backward(_, gradient):
        return gradient, None


class Student(torch.nn.Module):
    """The default student: 6,000 pieces of 48 values, 64 channels, the last two convolutions with a residual."""

    def __init__(self, pieces=6000, width=48, channels=64, classes=2):
        super().__init__()
        self.embedding = torch.nn.Embedding(pieces, width)
        self.convs = torch.nn.ModuleList(
            torch.nn.Linear(3 * inputs, channels) for inputs in (width, channels, channels)
        )
        self.dense = torch.nn.Linear(2 * channels, classes)

    def forward(self, ids):
        x = F.dropout(Rounded.apply(self.embedding(ids), 0.01), 0.2)
        for index, conv in enumerate(self.convs):
            padded = F.pad(x, (0, 0, 2, 0))
            taps = torch.cat([padded[:, tap : tap + x.shape[1]] for tap in range(3)], 2)
            scale = conv.weight.detach().abs().amax(1, keepdim=True) / 127
            y = F.relu(F.linear(taps, Rounded.apply(conv.weight, scale), conv.bias))
            y = Rounded.apply(y, 0.02)
            x = y if index == 0 else Rounded.apply(x + y, 0.02)
        return self.dense(F.dropout(torch.cat([x.amax(1), x.mean(1)], 1), 0.1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--math", default="f32", choices=["f32", "tf32", "f16", "bf16"])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    device = torch.device(args.device)
    sync = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    if args.math == "tf32":
        torch.set_float32_matmul_precision("high")
    half = {"f16": torch.float16, "bf16": torch.bfloat16}.get(args.math)

    def mixed():
        return torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None)

    torch.manual_seed(1)
    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=2
    )
    bert = BertForSequenceClassification(config).to(device)
    optimizer = torch.optim.AdamW(bert.parameters(), 4e-5)
    scaler = torch.amp.GradScaler(device.type, enabled=args.math == "f16")
    ids = torch.randint(0, 30000, (args.batch_size, args.tokens), device=device)
    labels = torch.arange(args.batch_size, device=device) % 2

    def fine_tuning():
        with mixed():
            loss = bert(ids, labels=labels).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(bert.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    @torch.no_grad()
    def labelling():
        with mixed():
            bert(ids)

    student = Student().to(device)
    student_optimizer = torch.optim.AdamW(student.parameters(), 2e-3)
    many = torch.randint(0, 6000, (args.batch_size * 4, args.tokens), device=device)
    targets = torch.randn(args.batch_size * 4, 2, device=device)

    def training():
        loss = F.mse_loss(student(many), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        student_optimizer.step()
        student_optimizer.zero_grad()

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    result = {"torch": torch.__version__, "device": name, "math": args.math}
    bert.train()
    result["fine_tuning"] = rate(fine_tuning, args.batch_size, args.steps, sync)
    bert.eval()
    result["labelling"] = rate(labelling, args.batch_size, args.steps, sync)
    result["student"] = rate(training, args.batch_size * 4, args.steps, sync)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
