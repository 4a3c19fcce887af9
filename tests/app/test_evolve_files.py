# SPDX-License-Identifier: Apache-2.0
"""Potentials from HDF5 files, and data sets by names of one's own."""

import math

import h5py
import numpy as np
import pytest

NX, NY = 8, 6
X = ((np.arange(NX) - NX / 2) * 0.5)[:, None] * np.ones((NX, NY))
Y = ((np.arange(NY) - NY / 2) * 0.5)[None, :] * np.ones((NX, NY))
CONFIG = f"""
[grid]
nx = {NX}
ny = {NY}
D = 1
dx = 0.5
[integrator]
dt = 0.1
steps = 10
[output]
every = 10
frames = false
"""


def evolve(run, folder, name, rest):
    """`run` lior evolve with a configuration more; {file} is inputs.h5."""
    file = folder / f"{name}.toml"
    file.write_text(CONFIG + rest.format(file=folder / "inputs.h5"))
    return run("evolve", "--config", file, "--out", folder / name)


def last_frame(folder, name):
    return h5py.File(folder / name / "field.h5")["T"][-1]


def pair(names, numbers):
    out = np.zeros(numbers.shape, [(names[0], "<f8"), (names[1], "<f8")])
    out[names[0]], out[names[1]] = numbers.real, numbers.imag
    return out


SPELLINGS = {
    "complex": lambda v: v,
    "single": lambda v: v.astype(np.complex64),
    "real_imag": lambda v: pair(("real", "imag"), v),
    "re_im": lambda v: pair(("re", "im"), v),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_potential_of_a_file_is_the_formula_of_its_values(lior, tmp_path, spelling):
    v = 0.125 * X**2 - 0.25j * (abs(Y) > 0.75)  # exact in single precision too
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file.create_dataset("mine", data=SPELLINGS[spelling](v), compression="gzip")
    formulas = (
        '[potential]\nkind = "harmonic"\nstrength = 0.01\nexpression = "0.125*x^2"\n'
        'absorption = "0.25*(abs(y) > 0.75)"\n'
    )
    of_file = '[potential]\nkind = "harmonic"\nstrength = 0.01\nfile = "{file}"\ndataset = "mine"\n'
    first, second = evolve(lior, tmp_path, "a", formulas), evolve(lior, tmp_path, "b", of_file)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "absorbed: " in second.stderr
    np.testing.assert_array_equal(last_frame(tmp_path, "a"), last_frame(tmp_path, "b"))


def test_real_and_whole_numbers_absorb_nothing_and_add_up(lior, tmp_path):
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file["V"] = np.full((NX, NY), 2, "<i2")
    rest = '[potential]\nfile = "{file}"\n[initial]\nkind = "expression"\nexpression = "1"\n'
    result = evolve(lior, tmp_path, "run", rest)
    assert result.returncode == 0 and "absorbed" not in result.stderr
    turned = np.exp(-2j * 1 / 0.1)
    np.testing.assert_allclose(last_frame(tmp_path, "run"), turned * np.ones((NX, NY, 1, 1)))


def test_a_formula_and_a_file_absorb_together(lior, tmp_path):
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file["V"] = np.full((NX, NY), -0.01j)
    result = evolve(lior, tmp_path, "run", '[potential]\nfile = "{file}"\nabsorption = "0.02"\n')
    left = math.exp(-2 * 0.03 / 0.1)
    assert f"absorbed: {left:.4g} of the norm at the start are left" in result.stderr


def test_start_evidence_and_current_have_names_of_ones_own(lior, tmp_path):
    random = np.random.default_rng(3)
    fields = [random.standard_normal((NX, NY, 1, 1)) * (1 + 0.5j) for _ in range(3)]
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        for name, other, numbers in zip("TEJ", ("start", "seen", "forcing"), fields):
            file[name] = file[other] = numbers
    rest = (
        '[physics]\nlambda_qr = 0.1\n[initial]\nkind = "file"\nfile = "{{file}}"\n{0}\n'
        '[bayes]\nevidence = "{{file}}"\n{1}\n[source]\nfile = "{{file}}"\n{2}\n'
    )
    names = [f'dataset = "{name}"' for name in ("start", "seen", "forcing")]
    for name, config in (("a", rest.format("", "", "")), ("b", rest.format(*names))):
        result = evolve(lior, tmp_path, name, config)
        assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(last_frame(tmp_path, "a"), last_frame(tmp_path, "b"))


@pytest.mark.parametrize(
    "value, dataset, words",
    [
        (np.zeros((NX, NY + 1)), "V", "V has shape [8, 7]; expected [8, 6]"),
        (np.zeros((NX, NY, 1, 1)), "V", "V has shape [8, 6, 1, 1]; expected [8, 6]"),
        (np.where(X == 1, np.nan, X), "V", "V has a number at cell (6, 0) that is not finite"),
        (X + 1j * (X == 1), "V", "imaginary part of V at cell (6, 0) is 1; expected <= 0"),
        (X, "W", "has no data set W"),
        (X, "/V", "potential.dataset is '/V'; expected the name of a data set at the root"),
        (X, "", "potential.dataset is ''; expected the name"),
        (X, "a\\nb", "potential.dataset is 'a\\x0ab'; expected the name"),
        (np.zeros((NX, NY), "S3"), "V", "V holds neither real nor complex numbers"),
        (pair(("a", "b"), X + 0j), "V", "V holds a compound (a, b)"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(refused, tmp_path, value, dataset, words):
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file["V"] = value
    rest = f'[potential]\nfile = "{{file}}"\ndataset = "{dataset}"\n'
    assert words in evolve(refused, tmp_path, "run", rest)


def test_a_complex_potential_needs_a_scheme_that_absorbs(refused, tmp_path):
    with h5py.File(tmp_path / "inputs.h5", "w") as file:
        file["V"] = np.full((NX, NY), -0.01j)
    config = tmp_path / "run.toml"
    text = CONFIG.replace("dt = 0.1", 'kind = "rk4"\ndt = 0.1')
    config.write_text(text + f'[potential]\nfile = "{tmp_path}/inputs.h5"\n')
    message = refused("evolve", "--config", config, "--out", tmp_path / "run")
    assert "rk4 cannot run with an absorbing potential; expected one of: strang" in message


def test_a_start_from_no_file_is_refused(refused, tmp_path):
    line = evolve(refused, tmp_path, "run", '[initial]\nkind = "file"\n')
    assert "initial.kind is file, and initial.file is empty" in line
