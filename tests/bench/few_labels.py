#!/usr/bin/env python3
"""Students of few labels, with and without distillation: few_labels.py THIMBLE BASE TRAIN.tsv DEV.tsv UNLABELED FOLDER

For 100, 300, 1,000 and 10,000 rows of TRAIN, of each class its share, drawn by a seed: a student that learns from these labels
alone, and one that learns from a teacher, BASE (a folder of Hugging Face) fine-tuned on the same labels, which labels UNLABELED too.
All are judged on DEV, which also chose the step of each training. A run that is killed goes on when called again.
"""
import collections
import json
import pathlib
import random
import statistics
import subprocess
import sys

# Labels, passes of the teacher over them.
SETS = {100: 20, 300: 12, 1_000: 6, 10_000: 2}
SEEDS = (1, 2, 3)
# Passes of the distilled students.
PASSES = 16
STUDENT = ["--max-flash", "48K"]


def subset(rows, size):
    """Rows of each class, in their shares."""
    classes = collections.defaultdict(list)
    for row in rows:
        classes[row.split("\t")[0]].append(row)
    drawn = []
    for name in sorted(classes):
        random.Random(1).shuffle(classes[name])
        drawn += classes[name][: round(size * len(classes[name]) / len(rows))]
    return drawn


if __name__ == "__main__":
    thimble, base, train, dev, unlabeled, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def run(name, *arguments):
        done = folder / f"{name}.json"
        if not done.exists():
            command = [thimble, *map(str, arguments), "--json"]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            json.loads(answer)
            done.write_text(answer)
        return json.loads(done.read_text())

    def students(name, *arguments):
        return [run(f"{name}-{seed}", "distill", *arguments, *STUDENT, "--seed", seed, "--out", folder / f"{name}-{seed}") for seed in SEEDS]

    def accuracy(reports):
        values = [100 * report["int8"]["accuracy"] for report in reports]
        return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"

    head, *rows = pathlib.Path(train).read_text(encoding="utf-8").splitlines()
    print("| labels | teacher | student, labels alone | student, distilled |\n|---|---|---|---|", flush=True)
    for size, passes in SETS.items():
        data = folder / f"{size}.tsv"
        data.write_text("\n".join([head, *subset(rows, size)]) + "\n", encoding="utf-8")
        alone = students(f"alone-{size}", "--data", data, "--dev", dev, "--labels-only")
        teacher = folder / f"teacher-{size}"
        of = ["--base", base, "--data", data, "--dev", dev, "--epochs", passes, "--out", teacher]
        run(f"teacher-{size}", "teacher", "train", *of)
        sources = ["--data", data, "--dev", dev, "--unlabeled", unlabeled, "--teacher", teacher]
        distilled = students(f"distilled-{size}", *sources, "--epochs", PASSES)
        judged = 100 * distilled[0]["teacher"]["teacher_accuracy"]
        print(f"| {size:,} | {judged:.1f} | {accuracy(alone)} | {accuracy(distilled)} |", flush=True)
