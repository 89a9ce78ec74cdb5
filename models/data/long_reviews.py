#!/usr/bin/env python3
"""Takes a dev split of whole film reviews: long_reviews.py REVIEWS.tsv > long.tsv

REVIEWS.tsv has the columns domain, label and text. Of the rows of domain `imdb`, 1,000 of each label by a seeded shuffle. No student
learns from them. The shipped teacher has learnt from their last sentences (`reviews.py`), so its figure here is not clean.
"""
import random
import sys

A_LABEL, SEED = 1_000, 5

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
        rows = [line.split("\t") for line in file.read().split("\n")[1:]]
    rows = [row[1:] for row in rows if len(row) == 3 and row[0] == "imdb"]
    random.Random(SEED).shuffle(rows)
    print("label\ttext")
    for label in ("negative", "positive"):
        for row in [row for row in rows if row[0] == label][:A_LABEL]:
            print("\t".join(row))
