#!/usr/bin/env python3
"""Chooses short reviews for the first fine-tuning of the teacher: reviews.py REVIEWS.tsv > reviews.tsv

REVIEWS.tsv has the columns domain, label (negative, positive) and text. Keeps texts of at most 45 words, and of longer film reviews
(domains with `imdb`) the last sentence, in which most of them judge; at most 26,000 a domain, each text once, by a seeded shuffle.
"""
import random
import re
import sys

WORDS, A_DOMAIN, SEED = 45, 26_000, 1
MARKUP = re.compile(r"<br\s*/?>")
END = re.compile(r"(?<=[.!?])\s+")


def ending(text):
    """The last sentence, with the one before it if it is short."""
    sentences = END.split(MARKUP.sub(" ", text).strip())
    last = sentences[-1]
    if len(last.split()) < 8 and len(sentences) > 1:
        last = sentences[-2] + " " + last
    return last


def domains(path):
    found = {}
    with open(path, encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")[1:]
    for line in lines:
        fields = line.split("\t")
        if len(fields) != 3:
            continue
        domain, label, text = fields
        if len(text.split()) <= WORDS:
            found.setdefault(domain, []).append((label, text))
        elif "imdb" in domain and 5 <= len(ending(text).split()) <= WORDS:
            found.setdefault("imdb_end", []).append((label, ending(text)))
    return found


if __name__ == "__main__":
    rng, rows, seen = random.Random(SEED), [], set()
    for texts in domains(sys.argv[1]).values():
        rng.shuffle(texts)
        rows += texts[:A_DOMAIN]
    rng.shuffle(rows)
    print("label\ttext")
    for label, text in rows:
        text = " ".join(text.replace('"', " ").split()).lower()
        if label in ("positive", "negative") and text and text not in seen:
            seen.add(text)
            print(f"{label}\t{text}")
