#!/usr/bin/env python3
"""Cuts film reviews into sentences for the transfer set: films.py REVIEWS.tsv > films.txt

REVIEWS.tsv has the columns domain and text (others are ignored); rows of the domain `imdb` are used. Keeps sentences of
5 to 25 words, each once, and of these 400,000 chosen by a seeded shuffle: the first 70,000 are
`films.jsonl.zst`, the next 26,000 `films-2.jsonl.zst`, the others `films-3.jsonl.zst`.
"""
import csv
import random
import re
import sys

KEEP, SEED = 400_000, 1
MARKUP = re.compile(r"<[^>]*>")
END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z])")


def sentences(path):
    seen = set()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if not row["domain"].startswith("imdb"):
                continue
            text = " ".join(MARKUP.sub(" ", row["text"]).split())
            for sentence in END.split(text):
                words = sentence.lower().split()
                letters = sum(c.isalpha() or c == " " for c in sentence)
                key = " ".join(words)
                if 5 <= len(words) <= 25 and letters > 0.85 * len(sentence) and key not in seen:
                    seen.add(key)
                    yield sentence


if __name__ == "__main__":
    found = list(sentences(sys.argv[1]))
    random.Random(SEED).shuffle(found)
    sys.stdout.write("\n".join(found[:KEEP]) + "\n")
    print(f"{len(found)} sentences, {min(KEEP, len(found))} kept", file=sys.stderr)
