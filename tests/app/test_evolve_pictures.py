# SPDX-License-Identifier: Apache-2.0
"""What the pictures of three dimensions show, cell by cell: matplotlib has both colour maps, NumPy the sums."""

import subprocess

import matplotlib
import numpy as np
import pytest
from evolve_runs import frames
from matplotlib.colors import hsv_to_rgb
from matplotlib.image import imread
from mpi import mpi_command, needs_mpi

SPACING = (0.5, 0.6, 0.4)
BOX = """
[grid]
nx = {nx}
ny = {ny}
nz = {nz}
D = {D}
dx = 0.5
dy = 0.6
dz = 0.4
[physics]
hbar = 1
[initial]
kind = 'expression'
expression = '{start}'
phase = 'x + 2*y - z + i - 2*j'
[integrator]
dt = 0.1
steps = 2
[output]
every = 2
{output}
"""
INK = np.array([225, 225, 225])
LEVELS = 1 << 14  # of a colour map: far more than its 256 colours, so that it is off by one at most


@pytest.fixture
def run(lior, tmp_path):
    """run("out", "view = 'column'", D=1) -> the folder of a run of BOX that ended well."""

    def evolve(name, output="", **changes):
        words = dict(nx=6, ny=5, nz=4, D=2, start="exp(-x^2 - y^2/2 - z)*(1 + 2*i + j)")
        (tmp_path / f"{name}.toml").write_text(BOX.format(output=output, **{**words, **changes}))
        out = tmp_path / name
        result = lior("evolve", "--config", tmp_path / f"{name}.toml", "--out", out)
        assert result.returncode == 0, result.stderr
        return out

    return evolve


def picture(folder, frame):
    return np.rint(255 * imread(folder / f"frames/{frame:06}.png")[..., :3]).astype(int)


def frame_of_axes(pixels):
    """Left, right, top and bottom of what the axes frame: the panel in the lower left corner."""
    ink = (pixels == INK).all(-1)
    columns, rows = np.flatnonzero(ink.sum(0) > 100), np.flatnonzero(ink.sum(1) > 100)
    return columns[0], columns[-1], rows[0], rows[-1]


def cells(pixels, across, up, d):
    """The colours in the middles of the cells, [across, up, D, D, 3]."""
    left, right, top, bottom = frame_of_axes(pixels)
    wide, high = right - left, bottom - top
    assert wide % across == 0 and high % up == 0 and max(wide, high) >= 512 // d
    a, b, i, j = np.ix_(*map(np.arange, (across, up, d, d)))
    x = left + (2 * a + 1) * (wide // across) // 2 + j * (wide + 4)
    y = top + (2 * (up - 1 - b) + 1) * (high // up) // 2 + (i - (d - 1)) * (high + 4)
    return pixels[y, x]


def density_colours(levels):
    return 255 * matplotlib.colormaps["cubehelix"].resampled(LEVELS)(levels)[..., :3]


def phase_colours(t, scale):
    brightness = np.minimum(abs(t) / scale, 1)
    return 255 * hsv_to_rgb(
        np.stack([np.angle(t) / (2 * np.pi) % 1, np.ones(t.shape), brightness], -1)
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_column_densities_are_sums_along_the_axis(run, axis):
    out = run("out", f"view = 'column'\naxis = '{'xyz'[axis]}'")
    columns = (abs(frames(out)) ** 2).sum(1 + axis) * SPACING[axis]
    for frame, density in enumerate(columns):
        got = cells(picture(out, frame), *density.shape[:2], 2)
        want = density_colours(np.minimum(density / columns[0].max(), 1))
        np.testing.assert_allclose(got, want, atol=1.5)
    assert np.ptp(columns[1] / columns[0].max()) > 0.5  # it has both dark and light cells


@pytest.mark.parametrize("axis, plane", [(0, 5), (1, 0), (2, 3), (0, None), (1, None)])
def test_a_slice_is_the_plane_across_the_axis(run, axis, plane):
    chosen = "" if plane is None else f"plane = {plane}"
    out = run("out", f"axis = '{'xyz'[axis]}'\n{chosen}")
    t = frames(out)
    index = (6, 5, 4)[axis] // 2 if plane is None else plane
    for frame, section in enumerate(t.take(index, 1 + axis)):
        got = cells(picture(out, frame), *section.shape[:2], 2)
        np.testing.assert_allclose(got, phase_colours(section, abs(t[0]).max()), atol=1)


def test_columns_of_a_plane_are_a_line(run):
    """Of a grid without y, columns along z stand over x: as far up as their density, to 1.25 of the largest."""
    out = run("out", "view = 'column'", ny=1, D=1)
    density = (abs(frames(out)[0, :, 0, :, 0, 0]) ** 2).sum(1) * 0.4
    pixels = picture(out, 0)
    left, right, top, bottom = frame_of_axes(pixels)
    for cell, value in enumerate(density / density.max()):
        x = round(left + (cell + 0.5) / 6 * (right - left))
        light = pixels[top + 1 : bottom, x].sum(1)
        height = (bottom - top - 1 - (light * np.arange(len(light))).sum() / light.sum()) / (
            bottom - top
        )
        assert height == pytest.approx(value / 1.25, abs=0.01)


@pytest.mark.parametrize("start", ["0", "1e-170", "1e-160", "1e200"])
def test_a_field_whose_squares_are_no_numbers_is_drawn_all_the_same(run, start):
    out = run("out", "view = 'column'", start=start)
    got = cells(picture(out, 0), 6, 5, 2)
    assert (got == (255 if float(start) > 1 else got[0, 0, 0, 0])).all()


@needs_mpi
def test_ranks_draw_the_pictures_of_one_process(run, tmp_path):
    one = run("one", "view = 'column'\naxis = 'x'")
    line, variables = mpi_command(
        2, "evolve", "--config", tmp_path / "one.toml", "--out", tmp_path / "two"
    )
    result = subprocess.run(line, capture_output=True, text=True, timeout=120, env=variables)
    assert result.returncode == 0, result.stderr
    for frame in ("000000.png", "000001.png"):
        assert (tmp_path / "two/frames" / frame).read_bytes() == (
            one / "frames" / frame
        ).read_bytes()
