#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far a tracker's states stray from those of its finite machine, by length, before and after it is made exact.

    lior train --data builtin:a5 --out a5 --crystallise off
    docs/deviation.py a5 docs/gallery/a5-deviation.png

The state of a head that is made exact is compared with the mean of those that the same model has for the same state of
the machine after short words, as unit vectors, up to the sign, which no read-out sees. Prints a table of the largest
deviation of eight words, and draws it. Needs the package lior, and matplotlib.
"""

import sys

import lior
import numpy as np

WORDS, LONGEST = 8, 1 << 20
SHORT = 16  # tokens of the words whose states are averaged


def unit(states):
    return states / np.linalg.norm(states, axis=-1, keepdims=True)


def up_to_sign(states, others):
    return states * np.where((states * others).sum(-1, keepdims=True) < 0, -1, 1)


class Tracker:
    """One head of a trained model, and the automaton that crystallise() reads off the model."""

    def __init__(self, model, heads, head, automaton):
        self.model, self.heads, self.head = model, heads, head
        self.next = np.reshape(automaton["next"], (automaton["states"], automaton["tokens"]))
        self.start = automaton["start"]
        self.places = self.own_places()

    def states(self, state):
        return unit(state.reshape(len(state), -1, self.heads)[:, :, self.head])

    def own_places(self):
        """The head's mean state for each state of the machine: states, 8."""
        rng = np.random.default_rng(1)
        tokens = rng.integers(0, self.next.shape[1], (8192, SHORT), dtype=np.int32)
        state = self.model.initial_state(len(tokens))
        self.model.logits(tokens, state)
        at, h = self.walk(tokens), self.states(state)
        firsts = np.stack([h[np.argmax(at == place)] for place in range(len(self.next))])
        h = up_to_sign(h, firsts[at])
        return unit(np.stack([h[at == place].mean(0) for place in range(len(self.next))]))

    def walk(self, tokens, at=None):
        at = np.full(len(tokens), self.start) if at is None else at
        for column in tokens.T:
            at = self.next[at, column]
        return at

    def deviations(self, lengths):
        """The largest of all words, after so many tokens each."""
        rng = np.random.default_rng(2)
        state, at, read = self.model.initial_state(WORDS), None, 0
        for length in lengths:
            while read < length:  # in pieces: memory does not grow with the length
                piece = min(length - read, 4096)
                tokens = rng.integers(0, self.next.shape[1], (WORDS, piece), dtype=np.int32)
                self.model.logits(tokens, state)
                at, read = self.walk(tokens, at), read + piece
            h, places = self.states(state), self.places[at]
            yield np.linalg.norm(up_to_sign(h, places) - places, axis=-1).max()

    def half_way(self):
        """Half the least distance of two places: a state farther off may be taken for another."""
        cosines = np.abs(self.places @ self.places.T)
        np.fill_diagonal(cosines, 0)
        return np.sqrt(2 - 2 * cosines.max()) / 2


def main(run, picture):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    before, after = lior.load(run), lior.load(run)
    facts = lior.train.crystallise(after.model)
    head = next(i for i, (*_, used) in enumerate(facts["heads"]) if used)
    lengths = [1 << i for i in range(4, LONGEST.bit_length())]
    heads = len(facts["heads"])
    trackers = [Tracker(trained.model, heads, head, facts) for trained in (before, after)]
    rows = [list(tracker.deviations(lengths)) for tracker in trackers]
    print("| tokens | before | after |\n|---:|---:|---:|")
    for length, *values in zip(lengths, *rows, strict=True):
        print(f"| {length:,} | {values[0]:.2g} | {values[1]:.2g} |")

    half_way = trackers[1].half_way()
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="tight")
    for label, values in zip(("trained", "made exact"), rows, strict=True):
        axes.loglog(lengths, values, "o-", markersize=3, label=label)
    axes.axhline(half_way, color="grey", linestyle="--")
    axes.text(lengths[0], half_way * 1.2, "half way to another state", color="grey")
    axes.set_xlabel("tokens")
    axes.set_ylabel("largest deviation of a state")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left")
    figure.savefig(picture, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
