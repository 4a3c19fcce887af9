# SPDX-License-Identifier: Apache-2.0
"""lior evolve: what an HDF5 file that it reads may hold, and what not."""

import pathlib
import sys

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from evolve_kills import differences


def evolve_from(lior, tmp_path, fill, text="[source]\nfile = '{file}'\n", out="run"):
    """lior evolve with an HDF5 file that `fill` has filled."""
    path = tmp_path / "input.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    settings = "[grid]\nnx = 6\nny = 5\nD = 2\n[integrator]\nsteps = 4\n[output]\nevery = 4\nframes = false\n"
    toml = tmp_path / "input.toml"
    toml.write_text(settings + text.format(file=path))
    return lior("evolve", "--config", toml, "--out", tmp_path / out, "--progress", "none")


CURRENT = np.random.default_rng(3).normal(size=(6, 5, 2, 2)) + 1j * np.random.default_rng(4).normal(
    size=(6, 5, 2, 2)
)


def compound(names, types=("<f8", "<f8"), **more):
    numbers = np.zeros(CURRENT.shape, np.dtype({"names": names, "formats": types, **more}))
    for name, part in zip(names, (CURRENT.real, CURRENT.imag)):
        numbers[name] = part
    return numbers


@pytest.mark.parametrize("names", [("r", "i"), ("real", "imag"), ("re", "im")])
@pytest.mark.parametrize("types", [("<f8", "<f8"), (">f8", "<f8")])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}]
)
def test_complex_numbers_by_any_of_their_names(lior, tmp_path, names, types, options):
    def fill(name, file):
        file.create_dataset("J", data=name, **options)

    for out, data in (("ours", CURRENT), ("theirs", compound(names, types))):
        assert evolve_from(lior, tmp_path, lambda file: fill(data, file), out=out).returncode == 0
    assert differences(tmp_path / "ours", tmp_path / "theirs") == []


def external_storage(file):
    name = file.filename + ".raw"
    CURRENT.real.tofile(name)
    file.create_dataset("J", CURRENT.shape, "<f8", external=[(name, 0, CURRENT.real.nbytes)])


def virtual(file):
    layout = h5py.VirtualLayout(CURRENT.shape, "<f8")
    layout[...] = h5py.VirtualSource("other.h5", "J", CURRENT.shape)
    file.create_virtual_dataset("J", layout)


def put(value):
    def fill(file):
        file["J"] = value

    return fill


@pytest.mark.parametrize(
    "fill, expected",
    [
        (put(compound(("a", "b"))), "J holds a compound (a, b); expected real numbers, or complex"),
        (put(compound(("i", "r"))), "J holds a compound (i, r)"),
        (put(compound(("r", "i"), ("<f8", "<i8"))), "J holds a compound (r, i) of other types"),
        (put(np.zeros(CURRENT.shape, [("r", "<f8")])), "J holds a compound of 1 members"),
        (
            put(np.zeros(CURRENT.shape, [("r", "<f8"), ("i", "<f8"), ("k", "<f8")])),
            "a compound of 3 members",
        ),
        (put(np.zeros(CURRENT.shape, "S4")), "J holds neither real nor complex numbers"),
        (put(np.zeros(CURRENT.shape, bool)), "J holds neither real nor complex numbers"),
        (put(np.zeros((6, 5, 2))), "J has shape [6, 5, 2]; expected [6, 5, 2, 2]"),
        (put(3.0), "J is no array; expected shape [6, 5, 2, 2]"),
        (put(h5py.ExternalLink("other.h5", "J")), "J is a link to elsewhere"),
        (put(h5py.SoftLink("/J2")), "J is a link to elsewhere"),
        (lambda file: file.create_group("J"), "J is no data set"),
        (external_storage, "J is stored in another file"),
        (virtual, "J is a virtual data set"),
        (
            lambda file: file.create_dataset("J", data=CURRENT, compression="lzf"),
            "J passes through filter 32000",
        ),
        (
            put(np.where(np.arange(5)[:, None, None] == 3, np.nan, CURRENT)),
            "J has a number at cell (0, 3) that is",
        ),
    ],
)
def test_what_a_file_may_not_hold(refused, tmp_path, fill, expected):
    assert expected in evolve_from(refused, tmp_path, fill)


def test_a_complex_metric_is_refused(refused, tmp_path):
    def fill(file):
        file["gxx"] = np.ones((6, 5), complex)
        file["gyy"] = np.ones((6, 5))

    message = evolve_from(refused, tmp_path, fill, "[metric]\nfile = '{file}'\n")
    assert "gxx holds something else than real numbers" in message


@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0, -1.0])
def test_a_metric_that_is_none_is_refused_by_file_and_cell(refused, tmp_path, number):
    def fill(file):
        file["gxx"] = np.ones((6, 5))
        file["gyy"] = np.where(np.arange(30).reshape(6, 5) == 13, number, 1)

    message = evolve_from(refused, tmp_path, fill, "[metric]\nfile = '{file}'\n")
    assert f".h5: gyy is {number:g} at cell (2, 3); expected finite numbers > 0" in message


def test_an_input_that_another_program_writes(refused, tmp_path):
    path = tmp_path / "e.h5"
    toml = tmp_path / "run.toml"
    toml.write_text(f"[source]\nfile = '{path}'\n")
    with h5py.File(path, "w"):
        assert "is open in another program" in refused(
            "evolve", "--config", toml, "--out", tmp_path / "run"
        )
