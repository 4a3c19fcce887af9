# SPDX-License-Identifier: Apache-2.0
"""field.xdmf, as XDMF says that it is read, and by VTK's reader where that is installed; films."""

import stat
import xml.etree.ElementTree as xml

import h5py
import numpy as np
import pytest

CONFIG = """
[grid]
nx = {nx}
ny = {ny}
D = 2
dx = 0.5
dy = 0.75
[integrator]
dt = 0.1
steps = 10
[output]
every = 4
frames = {frames}
"""


def evolve(lior, folder, nx=6, ny=5, frames="false", *arguments, **variables):
    file = folder / "config.toml"
    file.write_text(CONFIG.format(nx=nx, ny=ny, frames=frames))
    return lior("evolve", "--config", file, "--out", folder / "out", *arguments, **variables)


def numbers_of(item, folder):
    """A DataItem's array, read as the XDMF model and format say."""
    shape = tuple(int(extent) for extent in item.get("Dimensions").split())
    if item.get("ItemType") == "HyperSlab":
        window, source = item
        start, stride, count = numbers_of(window, folder)
        picks = [slice(a, a + s * n, s) for a, s, n in zip(start, stride, count)]
        return numbers_of(source, folder)[tuple(picks)].reshape(shape)
    if item.get("Format") == "XML":
        return np.array(item.text.split(), int).reshape(shape)
    assert item.get("Format") == "Binary" and item.get("Endian") == "Little"
    assert item.get("NumberType") == "Float" and item.get("Precision") == "8"
    count = int(np.prod(shape))
    offset = int(item.get("Seek"))
    return np.fromfile(folder / item.text, "<f8", count, offset=offset).reshape(shape)


def check_xdmf(folder, frames):
    """Every frame's entries and places are those of field.h5."""
    tree = xml.parse(folder / "field.xdmf").getroot()
    assert tree.tag == "Xdmf"
    series = tree.find("Domain/Grid")
    assert series.get("CollectionType") == "Temporal"
    with h5py.File(folder / "field.h5") as file:
        t, x, y, time = (file[name][...] for name in ("T", "x", "y", "time"))
    assert len(series) == len(t) == frames
    for frame, grid in enumerate(series):
        assert float(grid.find("Time").get("Value")) == time[frame]
        assert grid.find("Topology").get("Dimensions") == f"{len(x)} {len(y)}"
        points = numbers_of(grid.find("Geometry/DataItem"), folder)
        np.testing.assert_array_equal(points[..., 0], x[:, None] + 0 * y)
        np.testing.assert_array_equal(points[..., 1], y + 0 * x[:, None])
        assert not points[..., 2].any()
        parts = {
            a.get("Name"): numbers_of(a.find("DataItem"), folder) for a in grid.findall("Attribute")
        }
        assert len(parts) == 8
        for i in range(2):
            for j in range(2):
                numbers = parts[f"T_{i}{j} real"] + 1j * parts[f"T_{i}{j} imaginary"]
                np.testing.assert_array_equal(numbers, t[frame, :, :, i, j])


@pytest.mark.parametrize("nx, ny", [(6, 5), (7, 1), (1, 2), (1, 1)])
def test_frames_are_found_in_field_h5(lior, tmp_path, nx, ny):
    result = evolve(lior, tmp_path, nx, ny)
    assert result.returncode == 0, result.stderr
    check_xdmf(tmp_path / "out", 4)


def test_a_resumed_run_describes_all_of_its_frames(lior, tmp_path):
    assert evolve(lior, tmp_path, 6, 5, "false", "--steps", 6).returncode == 0
    check_xdmf(tmp_path / "out", 3)
    again = lior("evolve", "--out", tmp_path / "out", "--resume", "--steps", 10)
    assert again.returncode == 0, again.stderr
    check_xdmf(tmp_path / "out", 4)


def test_vtk_reads_what_field_h5_holds(lior, tmp_path):
    """VTK's own reader, which is ParaView's: pip install vtk."""
    xdmf = pytest.importorskip("vtkmodules.vtkIOXdmf2")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as pipeline

    assert evolve(lior, tmp_path).returncode == 0
    reader = xdmf.vtkXdmfReader()
    reader.SetFileName(str(tmp_path / "out/field.xdmf"))
    reader.UpdateInformation()
    times = reader.GetOutputInformation(0).Get(pipeline.TIME_STEPS())
    with h5py.File(tmp_path / "out/field.h5") as file:
        t, time = file["T"][...], file["time"][...]
    np.testing.assert_array_equal(times, time)
    for frame, moment in enumerate(times):
        reader.UpdateTimeStep(moment)
        grid = reader.GetOutputDataObject(0)
        for i in range(2):
            for j in range(2):
                parts = [
                    vtk_to_numpy(grid.GetPointData().GetArray(f"T_{i}{j} {part}")).reshape(6, 5)
                    for part in ("real", "imaginary")
                ]
                np.testing.assert_array_equal(parts[0] + 1j * parts[1], t[frame, :, :, i, j])


FFMPEG = """#!/bin/sh
for word; do last=$word; printf '%s\\n' "$word"; done > {log}
case $last in *.bad) echo first >&2; echo 'no such format' >&2; exit 3;; esac
echo film > "$last"
"""


@pytest.fixture
def ffmpeg(tmp_path):
    """A folder with a program ffmpeg that writes down its arguments, and where it does."""
    folder, log = tmp_path / "bin", tmp_path / "arguments"
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(FFMPEG.format(log=log))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin", log


def test_a_film_is_made_of_all_pictures(lior, tmp_path, ffmpeg):
    path, log = ffmpeg
    film = tmp_path / "film.mp4"
    result = evolve(lior, tmp_path, 6, 5, "true", "--movie", film, PATH=path)
    assert result.returncode == 0, result.stderr
    assert f"4 frames as a film: {film}" in result.stderr
    assert film.read_text() == "film\n"
    words = log.read_text().split("\n")
    assert words[words.index("-i") + 1] == f"{tmp_path}/out/frames/%06d.png"
    assert words[words.index("-frames:v") + 1] == "4"
    bad = tmp_path / "film.bad"
    again = lior("evolve", "--out", tmp_path / "out", "--resume", "--movie", bad, PATH=path)
    assert again.returncode == 1
    assert f"ffmpeg did not make {bad}: no such format" in again.stderr


@pytest.mark.parametrize(
    "film, frames, installed, words",
    [
        ("film.mp4", "true", False, "--movie needs the program ffmpeg, which is not on the PATH"),
        ("film.mp4", "false", True, "--movie is made of pictures, and output.frames is false"),
        ("film", "true", True, "expected a file whose ending says its format"),
        ("none/film.mp4", "true", True, "/none is missing"),
    ],
)
def test_a_film_that_cannot_be_is_refused_before_the_run(
    refused, tmp_path, ffmpeg, film, frames, installed, words
):
    path = ffmpeg[0] if installed else str(tmp_path)
    assert words in evolve(refused, tmp_path, 6, 5, frames, "--movie", tmp_path / film, PATH=path)
    assert not (tmp_path / "out").exists()
