# SPDX-License-Identifier: Apache-2.0
"""lior.train.crystallise: the automaton that a model tracks, and the model made exact."""

import lior
import numpy as np
import pytest
from lior import train


def test_the_automaton_is_a_group_and_the_model_follows_it(program, tmp_path):
    run = tmp_path / "a5"
    program(
        *("train", "--data", "builtin:a5", "--out", run, "--steps", 500, "--crystallise", "off"),
        *("--threads", 1, "--progress", "none"),
    )
    loaded = lior.load(run)
    facts = train.crystallise(loaded.model)
    next_state = np.array(facts["next"]).reshape(facts["states"], facts["tokens"])
    assert next_state.shape == (60, 60) and facts["agreement"] > 0.8 and facts["margin"] > 0
    assert (np.sort(next_state, axis=0) == np.arange(60)[:, None]).all()  # tokens permute states
    assert sorted(facts["output"]) == list(range(60))
    used = [head for head in facts["heads"] if head[3]]
    assert used and all(exact < 1e-9 < 1e-3 < before for before, exact, _, _ in used)
    assert loaded.evaluate("builtin:a5", length=20000, count=2)["wrong"] == 0


def test_a_model_that_tracks_nothing_is_refused():
    config = train.Config({"data": "builtin:a5", "model.vocabulary": 60, "model.classes": 60})
    model = train.Model(config)
    model.initialize(0)
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(lior.RunError, match="all the same"):
        train.crystallise(model)
    assert all((array == before[name]).all() for name, array in model.parameters.items())
