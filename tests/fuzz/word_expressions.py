# SPDX-License-Identifier: Apache-2.0
"""Random expressions of words (include/lior/train/words.h), beside the `tokenizers` package:

    PYTHONPATH=build/release/python python tests/fuzz/word_expressions.py --seed 2 --count 2000

Each cuts 60 random texts. Their tokens are pairs of bytes, so that a word that ends elsewhere has other tokens. Prints
what differs, and how many expressions were equal, different, refused by us, and refused or given up by the package."""

import argparse
import collections
import random
import tempfile
from pathlib import Path

import tokenizers
from lior import Error
from lior.train import Tokenizer
from tokenizers import pre_tokenizers

LETTERS = [*"abBsS \n\r\t1'!_$\0", *"٣ßſKΣςσİı你あ½🙂ﬆﬀǄǅ", "e\u0301"]
LETTERS += ["\u2003", "\x85", "\u180e", "\u200b", "\x0b", "\x1c"]
ATOMS = ["a", "b", "s", "ß", " ", "1", "'", "!", "你", "k", "K", "S", "ſ"]
CLASSES = [r"\s", r"\S", r"\d", r"\D", r"\p{L}", r"\p{Lu}", r"\p{N}", r"\p{P}", r"\P{L}", r"\p{^N}"]
CLASSES += [r"\p{M}", r"\p{Han}", r"\p{Latin}", r"\p{Hiragana}", r"\n", r"\r", r"\t", "."]
CLASSES += [r"\u00df", r"\x{1f642}", r"\!", r"\_"]
ITEMS = [
    "a",
    "b",
    "s",
    "S",
    "K",
    "a-z",
    "A-Z",
    "0-9",
    r"\s",
    r"\S",
    r"\d",
    r"\D",
    r"\p{L}",
    r"\p{N}",
]
ITEMS += [
    r"\P{L}",
    r"\p{Lu}",
    r"\r",
    r"\n",
    "'",
    r"\-",
    r"\]",
    "你-龥",
    "ß",
    "!-/",
    ".",
    "$",
    "*",
    "(",
]
QUANTIFIERS = [
    "",
    "",
    "",
    "+",
    "*",
    "?",
    "{2}",
    "{1,3}",
    "{2,}",
    "+?",
    "*?",
    "??",
    "++",
    "*+",
    "?+",
]
CASELESS = ["a", "b", "s", "S", "'", "1", "k", "t", "i", "l", "[sdmt]"]


class Expressions:
    def __init__(self, draw):
        self.draw = draw

    def some(self, make, most=3):
        return [make() for _ in range(self.draw.randint(1, most))]

    def of(self, depth):
        sequence = lambda: "".join(self.some(lambda: self.term(depth)))
        return "|".join(self.some(sequence))

    def term(self, depth):
        if depth > 0 and self.draw.random() < 0.12:
            return self.draw.choice(["(?=", "(?!"]) + self.of(depth - 1) + ")"
        return self.atom(depth) + self.draw.choice(QUANTIFIERS)

    def atom(self, depth):
        kind = self.draw.random()
        if kind < 0.25:
            return self.draw.choice(ATOMS)
        if kind < 0.5:
            return self.draw.choice(CLASSES)
        if kind < 0.75:
            start = self.draw.choice(["[", "[", "[^"])
            return start + "".join(self.some(lambda: self.draw.choice(ITEMS), 4)) + "]"
        if depth == 0:
            return "a"
        if self.draw.random() < 0.25:
            text = lambda: "".join(self.some(lambda: self.draw.choice(CASELESS)))
            return "(?i:" + "|".join(self.some(text)) + ")"
        return self.draw.choice(["(?:", "(", "(?>"]) + self.of(depth - 1) + ")"


def pairs_of_bytes():
    """A tokenizer of bytes, and of all pairs of those that LETTERS have, in a random order."""
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    used = sorted({c for letter in LETTERS for c in cut.pre_tokenize_str(letter)[0][0]})
    vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [(a, b) for a in used for b in used]
    random.Random(1).shuffle(merges)
    for a, b in merges:
        vocabulary.setdefault(a + b, len(vocabulary))
    return tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))


def compare(theirs, expression, texts, path):
    """The word for what came of an expression."""
    try:
        cut = pre_tokenizers.Split(tokenizers.Regex(expression), "isolated")
        tail = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        theirs.pre_tokenizer = pre_tokenizers.Sequence([cut, tail])
    except Exception:
        return "refused there"
    theirs.save(str(path))
    try:
        ours = Tokenizer.read(path)
    except Error:
        return "refused"
    for text in texts:
        try:
            wanted = theirs.encode(text, add_special_tokens=False).ids
        except BaseException:  # its engine gives up: a panic, which is no Exception
            return "given up there"
        try:
            tokens = ours.encode(text)
        except Error as error:
            print(f"{expression!r} {text!r}: {error}")
            return "given up"
        if tokens != wanted:
            print(f"{expression!r} {text!r}: {tokens}, there {wanted}")
            return "different"
    return "equal"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="expressions")
    arguments = parser.parse_args()
    draw, theirs, counts = random.Random(arguments.seed), pairs_of_bytes(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.count):
            expression = Expressions(draw).of(2)
            texts = ["".join(draw.choices(LETTERS, k=draw.randint(1, 14))) for _ in range(60)]
            counts[compare(theirs, expression, texts, Path(folder) / "words.json")] += 1
    print(dict(counts))


if __name__ == "__main__":
    main()
