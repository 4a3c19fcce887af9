# SPDX-License-Identifier: Apache-2.0
"""What a caller gets wrong first, and the words that say what would be right."""

import lior
import numpy as np
import pytest


def test_an_evolution_that_no_memory_holds_is_refused_before_it_is_begun():
    h = lior.field.Hamiltonian(np.zeros((64, 64)), d=1024)
    start = np.broadcast_to(np.complex128(0), (64, 64, 1024, 1024))
    with pytest.raises(lior.Error, match="D = 1024, takes .* are available"):
        lior.field.Evolution(h, start)


def test_a_step_that_leaves_no_phase_is_refused():
    start = np.ones((4, 4, 1, 1), complex)
    with pytest.raises(lior.Error, match="a step of dt = 1e\\+300 turns the phase"):
        lior.field.evolve(start, steps=1, dt=1e300)


def test_files_are_named_by_strings_and_paths(tmp_path):
    path = tmp_path / "a.safetensors"
    lior.io.write_safetensors(path, {"a": np.ones(2)})
    assert lior.io.SafeTensors(path).names == lior.io.SafeTensors(str(path)).names == ["a"]
    with pytest.raises(TypeError):
        lior.io.write_safetensors(3, {"a": np.ones(2)})


def test_an_option_that_a_kind_of_layer_lacks():
    with pytest.raises(lior.Error, match="layers of kind attention have no option 'gates'"):
        lior.nn.Layer("attention", 8, gates=True)


@pytest.mark.parametrize("kind", ["swiglu_mlp", "geometric_mamba", "attention"])
@pytest.mark.parametrize("width", [2**33, 2**62])
def test_a_layer_whose_sizes_overflow(kind, width):
    with pytest.raises(
        lior.Error, match=f"d_model = {width}, layers = 1; they must be at most 65536"
    ):
        lior.nn.Layer(kind, width)
    with pytest.raises(lior.Error, match=f"layers = {width}; they must be at most 65536 and 1024"):
        lior.nn.Layer(kind, 16, layers=width)
