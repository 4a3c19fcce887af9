# SPDX-License-Identifier: Apache-2.0
"""Runs on grids of one dimension, of cells that are not square, and with walls."""

import json

import h5py
import numpy as np
import pytest

LINE = """
[grid]
nx = {nx}
ny = {ny}
D = 1
dx = 0.25
{more}
[physics]
hbar = 1
[potential]
kind = "harmonic"
strength = 1
[integrator]
kind = "yoshida4"
symbol = "continuous"
dt = 0.05
steps = 20
[initial]
kind = "expression"
expression = "exp(-({x} - 1)^2/2)"
[output]
every = 10
"""


def png_size(path):
    head = path.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


@pytest.mark.parametrize("nx, ny, x", [(64, 1, "x"), (1, 64, "y")])
def test_a_coherent_state_swings_in_one_dimension(lior, tmp_path, nx, ny, x):
    config = tmp_path / "line.toml"
    config.write_text(LINE.format(nx=nx, ny=ny, x=x, more=""))
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    file = h5py.File(tmp_path / "out/field.h5")
    t = file["T"][...].reshape(3, 64)
    place = (np.arange(64) - 32) * 0.25
    np.testing.assert_allclose(file[x][...], place)
    assert file["y" if x == "x" else "x"][...] == [0]
    q, p = np.cos(1.0), -np.sin(1.0)
    want = np.exp(-((place - q) ** 2) / 2 + 1j * (p * (place - q) + q * p / 2 - 0.5))
    np.testing.assert_allclose(t[-1], want, atol=1e-5)  # dt^4 of Yoshida
    last = json.loads((tmp_path / "out/diagnostics.jsonl").read_text().splitlines()[-1])
    # dx sum |T|^2 is sqrt(pi), and the energy of one quantum 1/2 + 1/2.
    assert last["energy"] == pytest.approx(np.sqrt(np.pi), rel=1e-5)
    assert last[x] == pytest.approx(q, abs=1e-5) and last["width_" + x] == pytest.approx(0.5**0.5)
    width, height = png_size(tmp_path / "out/frames/000002.png")
    assert width > 512 and height > 256


def test_cells_that_are_not_square_keep_their_shape(lior, tmp_path):
    config = tmp_path / "plane.toml"
    config.write_text(LINE.format(nx=32, ny=12, x="x", more="dy = 0.75"))
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(
        h5py.File(tmp_path / "out/field.h5")["y"][...], (np.arange(12) - 6) * 0.75
    )
    width, height = png_size(tmp_path / "out/frames/000000.png")
    # 8 by 9 units of length: 15 x 43 pixels a cell, and axes and a legend beside them.
    assert 32 * 15 < width < 32 * 15 + 250 and 12 * 43 < height < 12 * 43 + 80
    again = lior("evolve", "--out", tmp_path / "out", "--resume", "--steps", 25)
    assert again.returncode == 0 and "dy = 0.75" in (tmp_path / "out/config.toml").read_text()


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "'x'"])
def test_wrong_spacings_are_refused(refused, tmp_path, value):
    config = tmp_path / "line.toml"
    config.write_text(f"[grid]\ndy = {value}\n")
    message = refused("evolve", "--config", config, "--out", tmp_path / "out")
    assert "grid.dy is" in message and "a number above 0" in message


def test_a_particle_in_a_box_swings_for_ever(lior, tmp_path):
    """The preset box: two states between walls, whose superposition beats exactly at any step."""
    result = lior("evolve", "--preset", "box", "--out", tmp_path / "out", "--steps", 220)
    assert result.returncode == 0, result.stderr
    file = h5py.File(tmp_path / "out/field.h5")
    x, length = (np.arange(128) - 63.5) * 0.125, 16
    np.testing.assert_allclose(file["x"][...], x)
    rows = [
        json.loads(row)
        for row in (tmp_path / "out/diagnostics.jsonl").read_text().split("\n")
        if row
    ]
    first, second = ((np.pi * n / length) ** 2 / 2 for n in (1, 2))
    for t, row in zip(file["T"][..., 0, 0, 0], rows):
        time = row["time"]
        want = np.cos(np.pi * x / length) * np.exp(-1j * first * time)
        want = want + np.sin(2 * np.pi * x / length) * np.exp(-1j * second * time)
        np.testing.assert_allclose(t, want / length**0.5, atol=1e-12)
        assert row["energy"] == pytest.approx((first + second) / 2, rel=1e-12)


@pytest.mark.parametrize("scheme", ["crank_nicolson", "rk4", "chebyshev"])
def test_walls_hold_for_every_scheme(lior, tmp_path, scheme):
    """A state of the differences between walls only turns, and its line says no more than that."""
    config = tmp_path / "walls.toml"
    config.write_text(
        "[grid]\nnx = 10\nny = 8\nD = 1\ndx = 0.5\nboundary_x = 'dirichlet'\nboundary_y = 'neumann'\n"
        f"[physics]\nhbar = 1\n[integrator]\nkind = '{scheme}'\ndt = 0.01\nsteps = 20\n"
        "[initial]\nkind = 'expression'\nexpression = 'cos(pi*x/Lx)*sin(pi*y/Ly)'\n"
        "[output]\nevery = 20\nframes = false\n"
    )
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    t = h5py.File(tmp_path / "out/field.h5")["T"][..., 0, 0]
    energy = sum(2 * (np.sin(np.pi * 0.5 / (2 * side)) / 0.5) ** 2 for side in (5, 4))
    np.testing.assert_allclose(t[1], np.exp(-0.2j * energy) * t[0], atol=1e-5)


def test_a_boundary_that_is_none_is_refused(refused, tmp_path):
    config = tmp_path / "line.toml"
    config.write_text("[grid]\nboundary_y = 'open'\n")
    message = refused("evolve", "--config", config, "--out", tmp_path / "out")
    assert 'boundary_y is the string "open"; it must be one of "periodic", "dirichlet"' in message
