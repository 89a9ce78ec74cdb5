#!/usr/bin/env python3
"""Makes new phrases out of SST-2's for the transfer set: augment.py TRAIN.tsv FILMS.txt TEACHER > augmented.txt

    pip install numpy safetensors

Words are exchanged for neighbours among the teacher's word embeddings, constituents (phrases that TRAIN.tsv has too) for
others that begin with the same word, words are dropped, phrases are cut and joined; after Tang et al. 2019
(https://arxiv.org/abs/1903.12136) and Jiao et al. 2020 (https://arxiv.org/abs/1909.10351). What comes out needs no sense: the
teacher says what it feels like.
"""
import collections
import pathlib
import random
import re
import sys

import numpy
import safetensors.numpy

KEEP, SEED = 100_000, 3
# Film sentences whose words are counted.
FILMS = 70_000
KNOWN, NEIGHBOURS, LEAST_COSINE = 16_000, 12, 0.35
# Words that carry the grammar, or turn a sentence round, stay.
KEPT = set("the a an of to and in is it that this as for on with was be are by at or its his her he she they you i we but not n't no never".split())
JOINTS = [[","], ["but"], ["and"], [",", "but"]]


def neighbours(teacher, texts):
    """The nearest words of each frequent whole word."""
    pieces = {piece: i for i, piece in enumerate((teacher / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    counts = collections.Counter(word for text in texts for word in re.findall(r"[a-z']+", text.lower()))
    words = [w for w, n in counts.most_common(KNOWN) if w in pieces and w.isalpha() and len(w) > 1 and n >= 8]
    weights = safetensors.numpy.load_file(teacher / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    rows = weights[name].astype(numpy.float32)
    if f"{name}.scale" in weights:
        rows *= weights[f"{name}.scale"][:, None]
    rows = rows[[pieces[word] for word in words]]
    rows -= rows.mean(0)
    rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    near = {}
    for start in range(0, len(words), 1000):
        cosines = rows[start : start + 1000] @ rows.T
        for word, of_word in zip(words[start:], cosines):
            best = numpy.argsort(-of_word, kind="stable")[: NEIGHBOURS + 1]
            near[word] = [words[i] for i in best if words[i] != word and of_word[i] > LEAST_COSINE]
    return near


class Phrases:
    def __init__(self, phrases, near):
        self.chance, self.near = random.Random(SEED), near
        self.long = [words for words in phrases if 6 <= len(words) <= 40]
        self.longest = [words for words in self.long if len(words) >= 12]
        self.short = {tuple(words) for words in phrases if 2 <= len(words) <= 8}
        self.by_first = collections.defaultdict(list)
        for words in sorted(self.short):
            self.by_first[words[0]].append(list(words))

    def exchanged(self, words, share):
        def one(word):
            others = None if word in KEPT else self.near.get(word)
            return self.chance.choice(others) if others and self.chance.random() < share else word

        return [one(word) for word in words]

    def spliced(self, words):
        spans = [(a, b) for a in range(len(words)) for b in range(a + 2, min(a + 9, len(words) + 1)) if tuple(words[a:b]) in self.short]
        if not spans:
            return words
        a, b = self.chance.choice(spans)
        return words[:a] + self.chance.choice(self.by_first[words[a]]) + words[b:]

    def new(self):
        chance = self.chance
        words = chance.choice(self.longest if chance.random() < 0.6 else self.long)
        kind = chance.random()
        if kind < 0.35:
            return self.exchanged(words, 0.35)
        if kind < 0.60:
            return self.exchanged(self.spliced(words), 0.2)
        if kind < 0.75:
            return self.spliced(self.spliced(words))
        if kind < 0.85:
            length = chance.randint(4, len(words) - 2)
            start = chance.randint(0, len(words) - length)
            return self.exchanged(words[start : start + length], 0.2)
        if kind < 0.95:
            return self.exchanged([word for word in words if chance.random() > 0.1], 0.25)
        return words[:18] + chance.choice(JOINTS) + chance.choice(self.long)[:15]


if __name__ == "__main__":
    lines = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()[1:]
    phrases = [line.split("\t")[1].split() for line in lines]
    films = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()[:FILMS]
    made = Phrases(phrases, neighbours(pathlib.Path(sys.argv[3]), [" ".join(p) for p in phrases] + films))
    seen = {" ".join(words) for words in phrases}
    for _ in range(KEEP):
        text = ""
        while not text or text in seen:
            text = " ".join(made.new())
        seen.add(text)
        print(text)
