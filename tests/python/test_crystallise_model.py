# SPDX-License-Identifier: Apache-2.0
"""lior.train.crystallise: the automaton that a model tracks, and the model made exact."""

import signal
import time

import lior
import numpy as np
import pytest
from lior import train


class Raised(Exception):
    pass


def check_that_an_interrupted_call_changes_nothing(model):
    """At six moments of a call; one that a fast machine has ended by then has done all of its work."""

    def numbers():
        return {name: array.copy() for name, array in model.parameters.items()}

    def are(expected):
        return all(np.array_equal(array, expected[name]) for name, array in numbers().items())

    def raise_it(*_):
        raise Raised

    before = numbers()
    began = time.monotonic()
    train.crystallise(model)
    seconds, after = time.monotonic() - began, numbers()
    unchanged = 0
    handler = signal.signal(signal.SIGALRM, raise_it)
    for part in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
        for name, array in model.parameters.items():
            array[...] = before[name]
        with pytest.raises(Raised):
            signal.setitimer(signal.ITIMER_REAL, part * seconds)
            train.crystallise(model)
            signal.pause()
        unchanged += are(before)
        assert are(before) or are(after), part
    signal.signal(signal.SIGALRM, handler)
    assert unchanged > 0
    for name, array in model.parameters.items():
        array[...] = before[name]


def test_the_automaton_is_a_group_and_the_model_follows_it(program, tmp_path):
    run = tmp_path / "a5"
    program(
        *("train", "--data", "builtin:a5", "--out", run, "--steps", 500, "--crystallise", "off"),
        *("--threads", 1, "--progress", "none"),
    )
    loaded = lior.load(run)
    check_that_an_interrupted_call_changes_nothing(loaded.model)
    facts = train.crystallise(loaded.model)
    next_state = np.array(facts["next"]).reshape(facts["states"], facts["tokens"])
    assert next_state.shape == (60, 60) and facts["agreement"] > 0.8 and facts["margin"] > 0
    assert (np.sort(next_state, axis=0) == np.arange(60)[:, None]).all()  # tokens permute states
    assert sorted(facts["output"]) == list(range(60))
    used = [head for head in facts["heads"] if head[3]]
    assert used and all(exact < 1e-9 < 1e-3 < before for before, exact, _, _ in used)
    assert loaded.evaluate("builtin:a5", length=20000, count=2)["wrong"] == 0


def test_a_model_that_cannot_be_exact_learns_longer_words(program, tmp_path):
    run = tmp_path / "pairs"
    program(
        *("train", "--data", "builtin:even_pairs", "--out", run, "--steps", 200, "--length", 40),
        *("--crystallise", "off", "--threads", 1, "--progress", "none"),
    )
    loaded = lior.load(run)
    with pytest.raises(lior.Error, match="depend on earlier tokens"):
        train.crystallise(loaded.model)
    facts = train.learn_longer_words(loaded.model, "builtin:even_pairs", trained_length=40)
    assert facts["tokens"] == 2 and facts["length"] == 1024 and facts["asked"] >= 60_000
    assert facts["steps"] > 0 and 10 * facts["wrong_after"] < facts["wrong_before"], facts
    again = loaded.evaluate("builtin:even_pairs", length=1024, count=64)
    assert again["wrong"] < facts["wrong_before"] / 10
    with pytest.raises(lior.Error, match="'builtin:copy' is no finite machine"):
        train.learn_longer_words(loaded.model, "builtin:copy")
    with pytest.raises(lior.Error, match="expected the machine that it was trained on"):
        train.learn_longer_words(loaded.model, "builtin:a5")


def test_a_model_that_tracks_nothing_is_refused():
    config = train.Config({"data": "builtin:a5", "model.vocabulary": 60, "model.classes": 60})
    model = train.Model(config)
    model.initialize(0)
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(lior.RunError, match="all the same"):
        train.crystallise(model)
    assert all((array == before[name]).all() for name, array in model.parameters.items())
