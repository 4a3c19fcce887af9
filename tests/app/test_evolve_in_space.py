# SPDX-License-Identifier: Apache-2.0
"""lior evolve in three dimensions: files, resume, what is refused; and VTK's reader where that is installed."""

import json
import subprocess

import h5py
import numpy as np
import pytest
from evolve_runs import frames
from mpi import mpi_command, needs_mpi
from test_evolve_xdmf import numbers_of

BOX = """
[grid]
nx = {nx}
ny = {ny}
nz = {nz}
D = 2
dx = 0.5
dy = 0.6
dz = 0.4
[integrator]
dt = {dt}
steps = {steps}
{integrator}
[output]
every = 4
frames = {frames}
"""


@pytest.fixture
def evolve(lior, tmp_path):
    """evolve("out", more, steps=..., frames=...) -> the folder of a run of BOX that ended well."""

    def run(name, more="", *arguments, **changes):
        words = dict(nx=6, ny=5, nz=4, dt=0.05, steps=10, frames="false", integrator="")
        config = tmp_path / f"{name}.toml"
        config.write_text(BOX.format(**{**words, **changes}) + more)
        out = tmp_path / name
        result = lior("evolve", "--config", config, "--out", out, *arguments)
        assert result.returncode == 0, result.stderr
        return out

    return run


def lines(folder):
    return [json.loads(line) for line in (folder / "diagnostics.jsonl").read_text().splitlines()]


PACKET = "[initial]\nwidth = 0.6\nx = 0.3\ny = -0.2\nz = 0.1\nkx = 0.5\nky = 0.2\nkz = -0.4\n"


def test_files_have_an_axis_z(evolve):
    out = evolve("out", PACKET)
    with h5py.File(out / "field.h5") as file:
        assert file["T"].shape == (4, 6, 5, 4, 2, 2)
        assert [axis.label for axis in file["T"].dims] == ["frame", "x", "y", "z", "i", "j"]
        x, y, z = (file[name][...] for name in "xyz")
        assert file["T"].dims[3][0] == file["z"]
        start = file["T"][0, ..., 0, 0]
    np.testing.assert_allclose(z, (np.arange(4) - 2) * 0.4)
    x, y = x[:, None, None], y[:, None]
    bell = np.exp(-((x - 0.3) ** 2 + (y + 0.2) ** 2 + (z - 0.1) ** 2) / 1.44)
    np.testing.assert_allclose(start, bell * np.exp(1j * (0.5 * x + 0.2 * y - 0.4 * z)), atol=1e-15)
    assert list(lines(out)[0])[-6:] == ["l_z", "z", "width_z", "p_z", "l_x", "l_y"]
    density = abs(start) ** 2
    assert lines(out)[0]["z"] == pytest.approx((density * z).sum() / density.sum(), rel=1e-12)


def test_a_run_that_is_resumed_has_the_same_bits(lior, evolve):
    more = PACKET.replace("[initial]", "[physics]\nnonlinearity = 0.3\n[initial]")
    whole = evolve("whole", more, integrator='kind = "yoshida4"')
    part = evolve("part", more, "--steps", 8, integrator='kind = "yoshida4"')
    again = lior("evolve", "--out", part, "--resume", "--steps", 10)
    assert again.returncode == 0, again.stderr
    np.testing.assert_array_equal(frames(part), frames(whole))
    assert lines(part) == lines(whole)


@pytest.mark.parametrize("nx, ny, nz", [(6, 5, 4), (1, 2, 3)])
def test_field_xdmf_finds_points_and_frames(evolve, nx, ny, nz):
    import xml.etree.ElementTree as xml

    out = evolve("out", nx=nx, ny=ny, nz=nz)
    series = xml.parse(out / "field.xdmf").getroot().find("Domain/Grid")
    t = frames(out)
    with h5py.File(out / "field.h5") as file:
        places = np.meshgrid(*(file[name][...] for name in "xyz"), indexing="ij")
    assert len(series) == len(t)
    for frame, grid in enumerate(series):
        assert grid.find("Topology").attrib == {
            "TopologyType": "3DSMesh",
            "Dimensions": f"{nx} {ny} {nz}",
        }
        points = numbers_of(grid.find("Geometry/DataItem"), out)
        np.testing.assert_array_equal(points, np.stack(places, axis=-1))
        for attribute in grid.findall("Attribute"):
            name, part = attribute.get("Name").split()
            want = t[frame, ..., int(name[2]), int(name[3])]
            numbers = numbers_of(attribute.find("DataItem"), out)
            np.testing.assert_array_equal(numbers, want.real if part == "real" else want.imag)


def test_vtk_reads_three_dimensions(evolve):
    """VTK's own reader, which is ParaView's: pip install vtk."""
    xdmf = pytest.importorskip("vtkmodules.vtkIOXdmf2")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as pipeline

    out = evolve("out", PACKET)
    reader = xdmf.vtkXdmfReader()
    reader.SetFileName(str(out / "field.xdmf"))
    reader.UpdateInformation()
    moments = reader.GetOutputInformation(0).Get(pipeline.TIME_STEPS())
    t = frames(out)
    assert len(moments) == len(t)
    for frame, moment in enumerate(moments):
        reader.UpdateTimeStep(moment)
        grid = reader.GetOutputDataObject(0)
        real = vtk_to_numpy(grid.GetPointData().GetArray("T_01 real")).reshape(6, 5, 4)
        np.testing.assert_array_equal(real, t[frame, ..., 0, 1].real)
        assert grid.GetBounds() == pytest.approx((-1.5, 1, -1.5, 0.9, -0.8, 0.4))


def test_pictures_show_one_plane(evolve, lior, tmp_path):
    out = evolve("out", PACKET, steps=4, frames="true")
    middle = (out / "frames/000001.png").read_bytes()
    chosen = evolve(
        "two", PACKET.replace("[initial]", "plane = 2\n[initial]"), steps=4, frames="true"
    )
    other = evolve(
        "zero", PACKET.replace("[initial]", "plane = 0\n[initial]"), steps=4, frames="true"
    )
    assert (chosen / "frames/000001.png").read_bytes() == middle
    assert (other / "frames/000001.png").read_bytes() != middle
    np.testing.assert_array_equal(frames(other), frames(out))


def test_inputs_from_files_have_an_axis_z(evolve, tmp_path):
    shape = (6, 5, 4)
    rng = np.random.default_rng(1)
    t = rng.standard_normal((*shape, 2, 2)) + 1j * rng.standard_normal((*shape, 2, 2))
    v, g = rng.random(shape), 1 + rng.random((3, *shape))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["T"], file["V"] = t, v
        file["gxx"], file["gyy"], file["gzz"] = g
    out = evolve(
        "out",
        f"[initial]\nkind = 'file'\nfile = '{tmp_path}/in.h5'\n[potential]\nfile = '{tmp_path}/in.h5'\n"
        f"[metric]\nfile = '{tmp_path}/in.h5'\n",
        integrator="kind = 'chebyshev'",
    )
    np.testing.assert_array_equal(frames(out)[0], t)
    # Energy of the start: sum sqrt(g) conj(T) H T of a varying metric, by its fluxes.
    root = 1 / np.sqrt(g.prod(0))
    image = v[..., None, None] * t
    for axis, (part, step) in enumerate(zip(g, (0.5, 0.6, 0.4))):
        for way in (1, -1):
            face = (
                (root * part + np.roll(root * part, -way, axis)) / 2 / root * 0.01 / (2 * step**2)
            )
            image = image - face[..., None, None] * (np.roll(t, -way, axis) - t)
    energy = 0.12 * (root[..., None, None] * (t.conj() * image)).sum().real
    assert lines(out)[0]["energy"] == pytest.approx(energy, rel=1e-12)
    assert lines(out)[-1]["energy"] == pytest.approx(energy, rel=1e-10)


@pytest.mark.parametrize("scheme", ["strang", "crank_nicolson", "rk4", "chebyshev"])
def test_a_packet_is_the_product_of_three_lines(evolve, lior, tmp_path, scheme):
    """H of a box is a sum over its axes, so that what starts as a product stays one."""
    integrator = f"kind = '{scheme}'"
    box = evolve(
        "box",
        "[initial]\nkind = 'expression'\nexpression = '(1 + x)*(2 - y)*(z + 0.5)'\n"
        "[potential]\nexpression = 'x^2 + y + z^3'\n[physics]\nhbar = 1\n",
        dt=0.005,
        integrator=integrator,
    )
    parts = []
    for axis, (size, step, start, v) in enumerate(
        [(6, 0.5, "1 + x", "x^2"), (5, 0.6, "2 - x", "x"), (4, 0.4, "x + 0.5", "x^3")]
    ):
        config = tmp_path / f"line{axis}.toml"
        config.write_text(
            f"[grid]\nnx = {size}\nny = 1\nD = 1\ndx = {step}\n[integrator]\ndt = 0.005\nsteps = 10\n"
            f"{integrator}\n[physics]\nhbar = 1\n[initial]\nkind = 'expression'\nexpression = '{start}'\n"
            f"[potential]\nexpression = '{v}'\n[output]\nevery = 10\nframes = false\n"
        )
        result = lior("evolve", "--config", config, "--out", tmp_path / f"line{axis}")
        assert result.returncode == 0, result.stderr
        parts.append(frames(tmp_path / f"line{axis}")[-1].ravel())
    product = np.einsum("i,j,k->ijk", *parts)
    # Strang's steps are products themselves; the others agree to their errors of dt.
    bound = {"strang": 1e-12, "crank_nicolson": 1e-3, "rk4": 1e-5, "chebyshev": 1e-12}[scheme]
    np.testing.assert_allclose(frames(box)[-1, ..., 0, 0], product, rtol=0, atol=bound)


@pytest.mark.parametrize(
    "line, words",
    [
        (
            "[grid]\ndz = 0.5",
            "grid.dz is there, and the grid has no axis z; expected grid.nz above 1",
        ),
        ("[grid]\nboundary_z = 'neumann'", "grid.boundary_z is there, and the grid has no axis z"),
        ("[initial]\nkz = 1", "initial.kz is there, and the grid has no axis z"),
        ("[metric]\ngzz_expression = '1'", "metric.gzz_expression is there, and the grid has no"),
        ("[output]\nplane = 0", "output.plane is there, and the grid has no axis z"),
        (
            "[grid]\nnz = 4\n[output]\nplane = 4",
            "output.plane is 4, and grid.nz 4; expected an index",
        ),
        (
            "[grid]\nny = 3\nnz = 4\n[output]\naxis = 'y'\nplane = 3",
            "output.plane is 3, and grid.ny 3; expected an index",
        ),
        (
            "[grid]\nnz = 4\n[output]\nview = 'column'\nplane = 1",
            "output.plane is of a slice, and output.view is column",
        ),
        ("[output]\nview = 'column'", "output.view is there, and the grid has no axis z"),
        ("[output]\naxis = 'x'", "output.axis is there, and the grid has no axis z"),
        ("[output]\naxis = 'w'", 'output.axis is the string "w"; it must be one of "x", "y", "z"'),
        ("[grid]\nnz = 0", "grid.nz is 0; it must be"),
        (
            "[grid]\nnx = 65536\nny = 65536\nnz = 65536",
            "larger than 2^40 numbers; choose a smaller",
        ),
        (
            "[grid]\nnx = 4096\nny = 4096\nnz = 4096\nD = 1",
            "a field of 4096 x 4096 x 4096 cells, D = 1",
        ),
        ("[grid]\nnz = 4\n[potential]\nexpression = '1/z'", "is inf at x = -32, y = -32, z = 0;"),
    ],
)
def test_what_cannot_be_is_refused_before_the_run(refused, tmp_path, line, words):
    config = tmp_path / "box.toml"
    config.write_text(line + "\n")
    assert words in refused("evolve", "--config", config, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_shape_is_refused(refused, tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["V"] = np.zeros((8, 8))
    config = tmp_path / "box.toml"
    config.write_text(f"[grid]\nnx = 8\nny = 8\nnz = 2\n[potential]\nfile = '{tmp_path}/in.h5'\n")
    message = refused("evolve", "--config", config, "--out", tmp_path / "out")
    assert "V has shape [8, 8]; expected [8, 8, 2]" in message


def test_a_field_that_breaks_names_its_cell(lior, tmp_path):
    config = tmp_path / "box.toml"
    config.write_text(
        "[grid]\nnx = 4\nny = 3\nnz = 2\nD = 1\n[physics]\nnonlinearity = 1e300\n"
        "[initial]\nkind = 'expression'\nexpression = 'where(x == 0 and z == 0 and y == -1.5, 1e200, 0)'\n"
        "[output]\nframes = false\n"
    )
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 1
    assert "no longer finite at step 1, cell (0, 0, 0)" in result.stderr


@needs_mpi
@pytest.mark.parametrize("count", [2, 3])
def test_ranks_have_the_bits_of_one_process(evolve, tmp_path, count):
    more = PACKET.replace("[initial]", "[potential]\nexpression = 'x*z + y'\n[initial]")
    one = evolve("one", more)
    line, variables = mpi_command(
        count, "evolve", "--config", tmp_path / "one.toml", "--out", tmp_path / "many"
    )
    result = subprocess.run(line, capture_output=True, text=True, timeout=120, env=variables)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(frames(tmp_path / "many"), frames(one))
    assert lines(tmp_path / "many") == lines(one)
