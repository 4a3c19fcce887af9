# SPDX-License-Identifier: Apache-2.0
"""copy and pickle of objects of the extension."""

import copy
import pickle

import lior
import numpy as np
import pytest

WAYS = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
pytestmark = pytest.mark.parametrize("copied", WAYS, ids=["copy", "deepcopy", "pickle"])


@pytest.mark.parametrize("text", ["half_plane:n=2", "kerr:mass=1,spin=0.9"])
def test_metrics(copied, text):
    metric = lior.geometry.Metric(text)
    twin = copied(metric)
    assert twin.text == metric.text and repr(twin) == repr(metric)
    x = np.array([[0.0], [5.0], [1.0], [2.0]])[-metric.dimension :]
    assert (lior.geometry.metric_values(twin, x) == lior.geometry.metric_values(metric, x)).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"data": "builtin:a5"},
        {"data": "t.txt", "minutes": 3.5, "memory_budget": "300M", "model.mixers": "attention"},
        {"data": "t.txt", "preset": "small", "steps": 7, "optimizer": "lior", "lior.kappa": 0.5},
    ],
)
def test_configurations(copied, settings):
    config = lior.train.Config(settings)
    assert copied(config).json == config.json


@pytest.mark.parametrize("kind", lior.nn.layer_kinds())
def test_layers(copied, kind):
    layer = lior.nn.Layer(kind, 16, layers=3)
    twin = copied(layer)
    assert (twin.kind, twin.d_model, twin.layers) == (kind, 16, 3)
    assert twin.options == layer.options and twin.shapes == layer.shapes
    for name, value in layer.start(7).items():
        assert (twin.start(7)[name] == value).all()


@pytest.mark.parametrize("counts", ["", "count_orders = 3\n"], ids=["", "counts"])
def test_trained_models(copied, program, tmp_path, counts):
    (tmp_path / "t.txt").write_text("In the beginning was the word. " * 60)
    (tmp_path / "c.toml").write_text("[model]\nd_model = 16\nheads = 2\nlayers = 1\n" + counts)
    program(
        "train",
        *("--data", tmp_path / "t.txt", "--out", tmp_path / "run", "--config", tmp_path / "c.toml"),
        *("--steps", 3, "--batch", 2, "--length", 16, "--threads", 1, "--progress", "none"),
    )
    model = lior.load(tmp_path / "run")
    twin = copied(model)
    tokens = np.arange(20).reshape(2, 10)
    assert (twin.logits(tokens) == model.logits(tokens)).all()
    next(iter(twin.model.parameters.values()))[...] += 1  # numbers of its own
    assert (twin.logits(tokens) != model.logits(tokens)).any()
    assert twin.settings == model.settings
