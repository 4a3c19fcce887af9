# SPDX-License-Identifier: Apache-2.0
"""Potentials and initial fields by formulas, nonlinear fields, imaginary time."""

import json
import math

import h5py
import numpy
import pytest


def evolve(lior, folder, config, *arguments):
    file = folder / "config.toml"
    file.write_text(config)
    result = lior("evolve", "--config", file, "--out", folder / "out", *arguments)
    assert result.returncode == 0, result.stderr
    frames = h5py.File(folder / "out" / "field.h5")["T"][...]
    rows = [
        json.loads(row)
        for row in (folder / "out" / "diagnostics.jsonl").read_text().split("\n")
        if row
    ]
    return frames, rows


GRID = """
[grid]
nx = 32
ny = 24
D = 1
dx = 0.5
[output]
every = 10
frames = false
"""


def test_formulas_are_the_kinds_that_they_write_out(lior, tmp_path):
    """The harmonic potential and a packet, by name and by formula."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rest = "[integrator]\ndt = 0.1\nsteps = 20\n"
    named, _ = evolve(
        lior,
        tmp_path / "a",
        GRID
        + rest
        + '[potential]\nkind = "harmonic"\nstrength = 0.04\n[initial]\nwidth = 1.5\nx = 1\nkx = 0.7\n',
    )
    formulas, _ = evolve(
        lior,
        tmp_path / "b",
        GRID
        + rest
        + '[potential]\nexpression = "0.02*(x^2 + y^2)"\n[initial]\nkind = "expression"\n'
        'expression = "exp(-((x - 1)^2 + y^2)/(4*1.5^2))"\nphase = "0.7*x"\n',
    )
    assert named.shape == formulas.shape == (3, 32, 24, 1, 1)
    numpy.testing.assert_allclose(formulas, named, atol=1e-13)


NAMES = """
[parameters]
height = 0.3
width = 1.5
[definitions]
bell = "exp(-r^2/(4*width^2))"
r = "sqrt(x^2 + y^2)"
ramp = "min(t, one)"
one = 1
[potential]
expression = "height*ramp*where(r < 2, 1, 0)"
[metric]
gxx_expression = "1 + height*bell"
[initial]
kind = "expression"
expression = "bell"
phase = "height*x"
[source]
expression = "0.01*bell*ramp"
[integrator]
kind = "rk4"
dt = 0.02
steps = 20
"""


def written_out(height, width):
    bell = f"exp(-sqrt(x^2 + y^2)^2/(4*{width}^2))"
    text = NAMES[NAMES.index("[potential]") :]
    for name, value in (("bell", bell), ("ramp", "min(t, 1)"), ("height", str(height))):
        text = text.replace(name, value)
    return text.replace("(r ", "(sqrt(x^2 + y^2) ")


def test_formulas_share_parameters_and_definitions(lior, tmp_path):
    """The bits of the same formulas with the numbers written out; flags and variables hold."""
    for name in "abcd":
        (tmp_path / name).mkdir()
    for name, arguments, values in (
        ("a", [], (0.3, 1.5)),
        ("c", ["--parameters", "height=0.2"], (0.2, 1.5)),
    ):
        named, _ = evolve(lior, tmp_path / name, GRID + NAMES, *arguments)
        plain, _ = evolve(lior, tmp_path / chr(ord(name) + 1), GRID + written_out(*values))
        assert (named == plain).all()
    saved = (tmp_path / "c" / "out" / "config.toml").read_text()
    assert "[parameters]\nheight = 0.2\nwidth = 1.5\n" in saved
    assert '[definitions]\nbell = "exp(-r^2/(4*width^2))"\n' in saved
    # The saved settings make the run again, and what was saved goes on with what it began with.
    again = lior("evolve", "--config", tmp_path / "c/out/config.toml", "--out", tmp_path / "e")
    assert again.returncode == 0, again.stderr
    with (
        h5py.File(tmp_path / "e/field.h5") as repeated,
        h5py.File(tmp_path / "c/out/field.h5") as first,
    ):
        assert (repeated["T"][...] == first["T"][...]).all()
    resume = ["evolve", "--out", tmp_path / "e", "--resume", "--steps", 30]
    assert lior(*resume).returncode == 0
    changed = lior(*resume, "--parameters", "height=0.3")
    assert changed.returncode == 2
    assert (
        "--parameters is height=0.3, width=1.5, but the run to resume has height=0.2"
        in changed.stderr
    )


def test_parameters_come_from_the_environment_before_flags(lior, tmp_path):
    result = lior(
        "evolve",
        *("--preset", "driven", "--steps", 2, "--out", tmp_path / "out"),
        *("--parameters", "force=sqrt(3)/2"),
        LIOR_EVOLVE_PARAMETERS="force=1,frequency=0.5",
    )
    assert result.returncode == 0, result.stderr
    saved = (tmp_path / "out" / "config.toml").read_text()
    assert saved.startswith("[parameters]\nforce = 0.8660254037844386\nfrequency = 0.5\n")


@pytest.mark.parametrize("flag, name", [("--preset", "driven"), ("--config", "mine.toml")])
def test_parameters_behind_a_colon_are_shown_their_place(refused, tmp_path, flag, name):
    message = refused("evolve", flag, f"{name}:force=2,b=1", "--out", tmp_path / "out")
    assert f"parameters stand apart: {flag} {name} --parameters force=2,b=1" in message


def test_solitons_keep_their_shape_and_energy(lior, tmp_path):
    result = lior(
        "evolve", "--preset", "soliton", "--out", tmp_path / "out", "--steps", 400, "--error-check"
    )
    assert result.returncode == 0, result.stderr
    rows = [
        json.loads(row) for row in (tmp_path / "out" / "diagnostics.jsonl").read_text().splitlines()
    ]
    assert rows[-1]["norm"] == pytest.approx(rows[0]["norm"], rel=1e-12)
    assert rows[-1]["energy"] == pytest.approx(rows[0]["energy"], rel=1e-4)
    t = h5py.File(tmp_path / "out" / "field.h5")["T"][...][:, :, 0, 0, 0]
    # At time 8 they have come 6 nearer, from 12 to 6, and are as high as they were.
    x = (numpy.arange(192) - 96) * 0.25
    left = x < 0
    place = (abs(t[-1][left]) ** 2 * x[left]).sum() / (abs(t[-1][left]) ** 2).sum()
    assert place == pytest.approx(-6, abs=0.05)
    assert abs(t[-1]).max() == pytest.approx(1, abs=0.02)


def test_imaginary_time_lowers_the_energy_to_a_condensate(lior, tmp_path):
    result = lior("evolve", "--preset", "condensate", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    rows = [
        json.loads(row) for row in (tmp_path / "out" / "diagnostics.jsonl").read_text().splitlines()
    ]
    energies = [row["energy"] for row in rows]
    assert all(b <= a + 1e-9 for a, b in zip(energies, energies[1:]))
    # Thomas and Fermi: E = 2 mu / 3, mu = sqrt(g omega_x omega_y / pi), plus what is kinetic.
    limit = 2 / 3 * math.sqrt(200 * math.sqrt(1.5) / math.pi)
    assert limit < energies[-1] < 1.05 * limit


def test_metric_and_source_are_formulas_too(lior, tmp_path):
    """The bump of a metric written out; and T = 1 - i J t / hbar of a J that is one everywhere."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    rest = '[integrator]\nkind = "chebyshev"\ndt = 0.2\nsteps = 10\n[initial]\nwidth = 1.5\n'
    bump, _ = evolve(lior, tmp_path / "a", GRID + rest + "[metric]\nbump = 2\n")
    formula, _ = evolve(
        lior,
        tmp_path / "b",
        GRID + rest + '[metric]\nexpression = "1 + 2*exp(-(x^2 + y^2)/(2*2^2))"\n',
    )
    numpy.testing.assert_allclose(formula, bump, atol=1e-13)
    driven, _ = evolve(
        lior,
        tmp_path / "c",
        GRID
        + "[integrator]\ndt = 0.1\nsteps = 10\n[initial]\n"
        + 'kind = "expression"\nexpression = "1"\n[source]\nexpression = "0.05"\n',
    )
    numpy.testing.assert_allclose(driven[-1], 1 - 1j * 0.05 * 1.0 / 0.1, atol=1e-12)


def test_what_absorbs_lowers_the_norm_and_says_so(lior, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        GRID + "[physics]\nhbar = 1\n[integrator]\ndt = 0.1\nsteps = 20\n"
        '[potential]\nabsorption = "0.25"\n[initial]\nwidth = 1.5\n'
    )
    result = lior("evolve", "--config", file, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    left = math.exp(-2 * 0.25 * 2)
    assert f"absorbed: {left:.4g} of the norm at the start are left" in result.stderr


@pytest.mark.parametrize(
    "config, words",
    [
        ('[potential]\nexpression = "x +* y"\n', "potential.expression: expected a number"),
        ('[potential]\nexpression = "1/(x - 1)"\n', "is inf at x = 1"),
        (
            '[initial]\nkind = "expression"\nexpression = "sin(x"\n',
            "initial.expression: expected ')'",
        ),
        ('[initial]\nkind = "expression"\n', "initial.expression"),
        (
            '[potential]\nexpression = "depth*x"\n',
            "unknown name 'depth'; expected one of x, y, z, t",
        ),
        ("[parameters]\nheigth = '1/2'\n", "parameters.heigth: no formula reads it"),
        ("[parameters]\nt = 1\n[potential]\nexpression = 't'\n", "'t' is there already"),
        ("[parameters]\na = 'x'\n", 'parameters.a is the string "x"; it must be finite numbers'),
        (
            "[definitions]\nr = 'x*s'\ns = 'r'\n[potential]\nexpression = 's'\n",
            "refers to itself: s -> r -> s",
        ),
        (
            "[definitions]\nr = 'x*t'\n[metric]\nexpression = '1 + r^2'\n",
            "metric.expression: definitions.r: unknown name 't'; expected one of x, y, z, Lx, Ly, Lz, r at column 3: x*▶t",
        ),
        ('[metric]\nexpression = "x"\n', "the inverse metric at cell"),
        ('[metric]\nexpression = "2"\nbump = 1\n', "give one of them"),
        (
            '[physics]\nnonlinearity = 1\n[integrator]\nkind = "chebyshev"\n',
            "cannot run with a nonlinearity; expected one of: strang, yoshida4",
        ),
    ],
)
def test_wrong_formulas_are_refused(refused, tmp_path, config, words):
    file = tmp_path / "config.toml"
    file.write_text(config)
    assert words in refused("evolve", "--config", file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
