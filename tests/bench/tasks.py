#!/usr/bin/env python3
"""Teacher, student and fastText on other tasks: tasks.py THIMBLE BASE DATA FOLDER [TASK ...]

    pip install fasttext-wheel numpy

DATA has TASK.train.tsv and TASK.dev.tsv of each task, label and text. BASE (a folder of Hugging Face, all-MiniLM-L6-v2 say) is fine-tuned on the train set; the student,
at most 96 KiB, learns from its logits and from the labels of the same texts, that of another script from the labels alone; fastText
has as many bytes as the student. DEV chose the step of teacher and student. A run that is killed goes on when called again.
"""
import json
import pathlib
import statistics
import subprocess
import sys

# Passes of the teacher, if there is one, and of the student.
TASKS = {
    "questions": (4, 60),
    "finance3": (4, 60),
    "hate": (2, 40),
    "emotion": (2, 30),
    "chinese_reviews": (None, 8),
    "tweets3": (1, 12),
}
SEEDS = (1, 2, 3)

if __name__ == "__main__":
    thimble, base, data, folder, *names = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def run(name, *command):
        done = folder / f"{name}.json"
        if not done.exists():
            answer = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
            json.loads(answer)
            done.write_text(answer)
        return json.loads(done.read_text())

    print("| task | classes | teacher | student | bytes | fastText | bytes |\n|---|---|---|---|---|---|---|", flush=True)
    for task in names or TASKS:
        sets = [f"{data}/{task}.{part}.tsv" for part in ("train", "dev")]
        of = ["--data", sets[0], "--dev", sets[1]]
        teacher_passes, passes = TASKS[task]
        if teacher_passes is None:
            sources = [*of, "--labels-only"]
        else:
            teacher = folder / f"{task}-teacher"
            how = ["--epochs", teacher_passes, "--evaluate-every", 250, "--out", teacher, "--json"]
            run(f"{task}-teacher", thimble, "teacher", "train", "--base", base, *of, *how)
            sources = [*of, "--teacher", teacher]
        students = []
        for seed in SEEDS:
            name = f"{task}-{seed}"
            own = ["--max-flash", "96K", "--epochs", passes, "--seed", seed, "--out", folder / name, "--json"]
            students.append(run(name, thimble, "distill", *sources, *own))
        size = max(report["file_bytes"] for report in students)
        other = run(f"{task}-fasttext", sys.executable, pathlib.Path(__file__).with_name("fasttext_size.py"), *sets, size)
        values = [100 * report["int8"]["accuracy"] for report in students]
        judged = f"{100 * students[0]['teacher']['teacher_accuracy']:.1f}" if students[0]["teacher"] else "-"
        classes = len(students[0]["int8"]["labels"])
        student = f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
        print(f"| {task} | {classes} | {judged} | {student} | {size:,} | {100 * other['accuracy']:.1f} | {other['bytes']:,} |", flush=True)
