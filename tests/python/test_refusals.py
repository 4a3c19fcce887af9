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


POINT, VELOCITY = np.array([[1.0], [0.5]]), np.array([[0.1], [0.2]])
RULE = lior.memory.PowerLawRule(1e-3, 10)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: lior.geometry.conjugate_points("sphere", POINT, VELOCITY, 3.0, samples=2**62),
            "4 samples or more, at most 1000000",
        ),
        (
            lambda: lior.geometry.second_bianchi_residual("sphere", POINT, 0.0),
            "step of differences is 0",
        ),
        (
            lambda: lior.geometry.christoffel_differences("sphere", POINT, np.inf),
            "step of differences is inf",
        ),
        (lambda: lior.memory.CausalConvolution(2**62, RULE), "expected 1 to 65536"),
    ],
)
def test_numbers_of_no_use_are_refused(call, words):
    with pytest.raises(lior.Error, match=words):
        call()


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["the field at the start", "the evidence", "the current"])
def test_an_array_that_is_not_finite_is_named_with_its_cell(place, number):
    arrays = {"start": np.ones((3, 4, 1, 1), complex)}
    arrays["evidence"], arrays["current"] = arrays["start"].copy(), arrays["start"].copy()
    arrays[place.split()[-1]][1, 2] = number
    with pytest.raises(lior.Error, match=rf"{place} is not finite at cell \(1, 2\)"):
        lior.field.evolve(**arrays, steps=1, lambda_qr=0.1, progress=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lambda_f": 0.1, "alpha": np.nan}, "alpha is nan; expected \\(0, 1\\)"),
        ({"lambda_f": np.nan}, "lambda_f = nan; expected finite"),
        ({"dt": np.nan}, "time step is nan"),
        ({"lambda_qr": 0.1, "tau": np.nan}, "tau is nan"),
    ],
)
def test_settings_of_an_evolution_are_named_as_they_were_given(settings, words):
    with pytest.raises(lior.Error, match=words):
        lior.field.evolve(np.ones((3, 4, 1, 1), complex), steps=1, progress=False, **settings)


def test_an_order_of_entropy_that_is_no_number_is_not_forgotten():
    nu = np.ones((2, 2))
    nu[0, 0] = np.nan
    assert np.isnan(lior.field.variable_order_entropy(np.ones((2, 2, 1, 1), complex), nu))
