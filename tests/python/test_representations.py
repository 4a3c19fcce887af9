# SPDX-License-Identifier: Apache-2.0
"""What Python shows of objects: their attributes, and no address."""

import lior
import numpy as np
import pytest
from lior import field, geometry, memory, nn, train

RULE = memory.PowerLawRule(1e-4, 64)
SETTINGS = {"data": "builtin:parity", "model.d_model": 16, "model.heads": 2}


def tensors(folder):
    lior.io.write_safetensors(folder / "t.safetensors", {"a": np.ones(2), "b": np.ones(3)})
    return lior.io.SafeTensors(folder / "t.safetensors")


def model():
    config = train.Config(SETTINGS)
    config.fit(train.Data("builtin:parity"))
    return train.Model(config)


def hamiltonian(*shape):
    return field.Hamiltonian(np.zeros(shape), d=2, dtype="complex64")


def evolution():
    evolution = field.Evolution(hamiltonian(4, 3), np.ones((4, 3, 2, 2), np.complex64), dt=0.5)
    evolution.run(3)
    return evolution


SHOWN = {
    "rule": (lambda _: RULE, f"PowerLawRule(tolerance=0.0001, horizon=64.0, poles={RULE.poles}, "),
    "convolution": (lambda _: memory.CausalConvolution(2, RULE), "CausalConvolution(heads=2, "),
    "integral": (
        lambda _: memory.FractionalIntegral(0.5, 0.1, RULE, 3),
        "FractionalIntegral(step=0, weight=",
    ),
    "bilinears": (
        lambda _: lior.algebra.Bilinears(lior.algebra.dirac_generators()),
        "Bilinears(dimension=4, spinor_size=4)",
    ),
    "plane": (
        lambda _: hamiltonian(4, 3),
        "Hamiltonian(shape=(4, 3, 2, 2), dtype='complex64')",
    ),
    "space": (
        lambda _: hamiltonian(4, 3, 2),
        "Hamiltonian(shape=(4, 3, 2, 2, 2), dtype='complex64')",
    ),
    "evolution": (lambda _: evolution(), "Evolution(step=3, time=1.5)"),
    "options": (
        lambda _: geometry.GeodesicOptions(method="dop853", rtol=1e-12),
        "GeodesicOptions(method='dop853', rtol=1e-12, atol=1e-10, step=0.1, most_steps=100000)",
    ),
    "layer": (
        lambda _: nn.Layer("attention", 16, layers=3),
        "Layer(kind='attention', d_model=16, layers=3, options={",
    ),
    "mixer": (
        lambda _: nn.MixerConfig(heads=4, transition="left"),
        "MixerConfig(heads=4, factors=1, transition='left', complex_state=False, gates=True, "
        "phase=False, rotation=False, readout='linear_quadratic')",
    ),
    "tensors": (tensors, "names=['a', 'b'])"),
    "tokenizer": (lambda _: train.Tokenizer("byte"), "Tokenizer(vocabulary=256)"),
    "data": (
        lambda _: train.Data("builtin:parity"),
        "Data(tokenizer=None, vocabulary=2, classes=2)",
    ),
    "model": (lambda _: model(), "Model(vocabulary=2, classes=2, state_size="),
    "optimizer": (lambda _: train.Optimizer(train.Config(SETTINGS), model()), "Optimizer(steps=0)"),
    "curriculum": (
        lambda _: train.Curriculum(train.Config(SETTINGS), train.Data("builtin:parity")),
        "Curriculum(length=2, finished=False, over_generators=",
    ),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_an_object_is_shown_by_its_attributes(kind, tmp_path):
    make, words = SHOWN[kind]
    shown = repr(make(tmp_path))
    assert words in shown and " at 0x" not in shown and shown.endswith(")")
