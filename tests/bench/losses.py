#!/usr/bin/env python3
"""What a student is compared with its teacher by: losses.py THIMBLE FOLDER [ARGUMENT ...]

Students of 48 KiB of each loss and temperature, three seeds each, by `thimble distill` with the arguments, say
`--data models/data/sst2.train.jsonl.zst --dev models/data/sst2.dev.tsv --epochs 6`. The dev set chose the step of each training:
by accuracy alone where the loss is KL, by accuracy and squared error where it is the squared error of the logits.
A run that is killed goes on when called again.
"""
import json
import pathlib
import statistics
import subprocess
import sys

LOSSES = {
    "squared error of logits": ["--loss", "mse"],
    **{f"KL at temperature {t}": ["--loss", "kl", "--temperature", t] for t in (1, 2, 4, 8)},
    "labels alone": ["--labels-only"],
}
SEEDS = (1, 2, 3)

if __name__ == "__main__":
    thimble, folder, *arguments = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def run(name, *options):
        done = folder / f"{name}.json"
        if not done.exists():
            command = [thimble, "distill", *arguments, "--max-flash", "48K", *options, "--out", folder / name, "--json"]
            answer = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
            json.loads(answer)
            done.write_text(answer)
        return json.loads(done.read_text())

    print("| learnt by | dev, seeds 1, 2, 3 | mean | log loss | ECE |\n|---|---|---|---|---|", flush=True)
    for name, options in LOSSES.items():
        reports = [run(f"{name.replace(' ', '-')}-{seed}", *options, "--seed", seed)["int8"] for seed in SEEDS]
        values = [100 * report["accuracy"] for report in reports]
        mean = lambda key: statistics.mean(report[key] for report in reports)
        row = [name, ", ".join(f"{value:.1f}" for value in values), f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"]
        row += [f"{mean('log_loss'):.3f}", f"{100 * mean('ece'):.1f} %"]
        print(f"| {' | '.join(row)} |", flush=True)
