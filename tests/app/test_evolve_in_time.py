# SPDX-License-Identifier: Apache-2.0
"""Runs whose potential or current follows the time, and fields by formulas of the tensor's entry."""

import cmath
import json
import math

import h5py
import numpy as np
import pytest

GRID = """
[grid]
nx = 12
ny = 10
D = 2
dx = 0.5
[output]
every = 10
frames = false
"""


def evolve(lior, folder, config, *arguments):
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(config)
    result = lior("evolve", "--config", file, "--out", folder / "out", *arguments)
    assert result.returncode == 0, result.stderr
    return h5py.File(folder / "out" / "field.h5")["T"][...], result


FLAT = '[initial]\nkind = "expression"\nexpression = "1 + i + 2*j"\nphase = "0.5*i"\n'


@pytest.mark.parametrize("scheme, within", [("yoshida4", 1e-7), ("rk4", 1e-6)])
def test_an_even_potential_turns_every_entry_by_its_integral(lior, tmp_path, scheme, within):
    t, result = evolve(
        lior,
        tmp_path,
        GRID + FLAT + f'[integrator]\nkind = "{scheme}"\ndt = 0.02\nsteps = 50\n'
        '[potential]\nkind = "constant"\nstrength = 0.02\nexpression = "0.1*cos(3*t)"\n',
        "--error-check",
    )
    assert "at order 4 in dt" in result.stdout
    start = np.array([[1, 3], [2 * cmath.exp(0.5j), 4 * cmath.exp(0.5j)]])
    np.testing.assert_allclose(t[0], np.broadcast_to(start, t[0].shape), atol=1e-15)
    turned = cmath.exp(-1j * (0.02 + 0.1 * math.sin(3) / 3) / 0.1)
    np.testing.assert_allclose(t[-1], turned * t[0], atol=within)


def test_a_current_that_follows_the_time_is_integrated(lior, tmp_path):
    """i hbar T' = J(t) of a field that H leaves alone."""
    t, _ = evolve(
        lior,
        tmp_path,
        GRID + '[initial]\nkind = "expression"\nexpression = "0*i"\n'
        '[integrator]\nkind = "rk4"\ndt = 0.02\nsteps = 50\n'
        '[source]\nexpression = "0.05*(1 + i)"\nphase = "2*t"\n',
    )
    integral = (cmath.exp(2j) - 1) / 2j
    want = -1j / 0.1 * 0.05 * integral * np.array([[1, 1], [2, 2]])
    np.testing.assert_allclose(t[-1], np.broadcast_to(want, t[-1].shape), atol=1e-8)


def test_a_driven_run_goes_on_bit_for_bit(lior, tmp_path):
    config = (
        GRID + FLAT + "[integrator]\ndt = 0.1\nsteps = 40\n"
        '[potential]\nexpression = "0.02*x*sin(t)"\n[source]\nexpression = "0.01*x*cos(t)"\n'
    )
    whole, _ = evolve(lior, tmp_path / "whole", config)
    evolve(lior, tmp_path / "parts", config, "--steps", 15)
    again = lior("evolve", "--out", tmp_path / "parts/out", "--resume", "--steps", 40)
    assert again.returncode == 0, again.stderr
    parts = h5py.File(tmp_path / "parts/out/field.h5")["T"][...]
    assert np.array_equal(whole, parts)
    lines = [(tmp_path / name / "out/diagnostics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]
    energies = [json.loads(line)["energy"] for line in lines[0].splitlines()]
    assert max(energies) - min(energies) > 1e-3  # it is driven


def test_evidence_and_metric_are_formulas_too(lior, tmp_path):
    """Evidence and an inverse metric by formulas are those of files with their values."""
    x = ((np.arange(12) - 6) * 0.5)[:, None, None, None]
    i = np.arange(2)[:, None]
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file["E"] = (x * (1 + i)) * np.exp(0.3j) * np.ones((12, 10, 2, 2))
        file["gxx"] = (1 + 0.1 * np.cos(x))[:, :, 0, 0] * np.ones((12, 10))
        file["gyy"] = np.full((12, 10), 2.0)
    rest = (
        GRID + FLAT + "[physics]\nlambda_qr = 0.02\n"
        '[integrator]\nkind = "crank_nicolson"\ndt = 0.1\nsteps = 10\n'
    )
    from_file, _ = evolve(
        lior,
        tmp_path / "file",
        rest + f'[bayes]\nevidence = "{tmp_path}/inputs.h5"\n'
        f'[metric]\nfile = "{tmp_path}/inputs.h5"\n',
    )
    formulas, _ = evolve(
        lior,
        tmp_path / "formulas",
        rest + '[bayes]\nexpression = "x*(1 + i)"\nphase = "0.3"\n'
        '[metric]\ngyy = 2\ngxx_expression = "1 + 0.1*cos(x)"\n',
    )
    np.testing.assert_allclose(formulas, from_file, atol=1e-13)


@pytest.mark.parametrize(
    "config, words",
    [
        ('[potential]\nabsorption = "t"\n', "potential.absorption: unknown name 't'"),
        ('[potential]\nexpression = "x*i*t"\n', "potential.expression: unknown name 'i'"),
        ('[potential]\nexpression = "1/t"\n', "is inf at x = -32, y = -32, t = 0"),
        ('[initial]\nkind = "expression"\nexpression = "t"\n', "initial.expression: unknown name"),
        (
            '[potential]\nexpression = "x*t"\n[integrator]\nkind = "chebyshev"\n',
            "chebyshev cannot run with a potential that follows the time; expected one of: strang, "
            "yoshida4, crank_nicolson, rk4",
        ),
        (
            '[potential]\nexpression = "x*t"\n[integrator]\ntime = "imaginary"\n',
            "imaginary time runs without a potential that follows the time",
        ),
        (
            '[source]\nexpression = "t"\n[integrator]\nkind = "yoshida4"\n',
            "yoshida4 cannot run with sources",
        ),
        ('[source]\nphase = "t"\n', "source.phase is there and source.expression"),
        (
            '[physics]\nlambda_qr = 1\n[bayes]\nexpression = "x"\nevidence = "builtin:spots"\n',
            "are both there; give one",
        ),
        (
            '[metric]\nexpression = "2"\ngxx_expression = "2"\n',
            "metric.gxx_expression with metric.gyy_expression and metric.gzz_expression each say how",
        ),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(refused, tmp_path, config, words):
    file = tmp_path / "config.toml"
    file.write_text(config)
    assert words in refused("evolve", "--config", file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_potential_that_becomes_infinite_ends_the_run(lior, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        GRID + '[integrator]\ndt = 0.25\nsteps = 40\n[potential]\nexpression = "1/(t - 4)"\n'
    )
    result = lior("evolve", "--config", file, "--out", tmp_path / "out")
    assert result.returncode == 1
    assert "potential.expression: is inf at x = -3, y = -2.5, t = 4" in result.stderr
