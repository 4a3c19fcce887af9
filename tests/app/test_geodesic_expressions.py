# SPDX-License-Identifier: Apache-2.0
"""Metrics by formulas on the command line."""

import json
import math

import pytest

SURFACE = """
summary = "a surface of revolution"
coordinates = "r, phi"
line_element = "d(r*cos(phi))^2 + d(r*sin(phi))^2 + d(height)^2"
[parameters]
slope = 1
[definitions]
height = "slope*r"
[periods]
phi = "2*pi"
[domain]
edge = "r > 0"
[plane]
x = "r*cos(phi)"
y = "r*sin(phi)"
equal_scales = true
"""


def path_of(lior, *arguments):
    result = lior("geodesic", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_formulas_on_the_line_are_the_shipped_metric(lior):
    start = ("--from", "0,8,1.5,0", "--velocity", "1.2,0,0.01,0.03", "--length", 20, "--samples", 3)
    formulas = (
        "expr:t, r, theta, phi; signature = - + + +; f = 1 - 2/r; "
        "-f*dt^2 + dr^2/f + r^2*(dtheta^2 + sin(theta)^2*dphi^2)"
    )
    ours = path_of(lior, "--metric", formulas, *start)
    shipped = path_of(lior, "--metric", "schwarzschild", *start)
    assert ours["coordinates"] == ["t", "r", "theta", "phi"]
    for a, b in zip(ours["rows"], shipped["rows"]):
        assert a["x"] == pytest.approx(b["x"], rel=1e-9, abs=1e-9)
        assert a["momenta"] == pytest.approx(b["momenta"], rel=1e-9)


def test_file_with_a_parameter_its_distances_and_picture(lior, tmp_path):
    """A cone unrolls into a flat sector: angles shrink by 1/sqrt(1 + slope^2)."""
    file = tmp_path / "cone.toml"
    file.write_text(SURFACE)
    picture = tmp_path / "cone.png"
    slope = 0.75
    path = path_of(
        lior,
        "--metric",
        f"{file}:slope={slope}",
        "--from",
        "2,0",
        "--to",
        "3,1.2",
        "--plot",
        picture,
    )
    scale = math.hypot(1, slope)
    angle = 1.2 / scale
    want = scale * math.sqrt(2**2 + 3**2 - 2 * 2 * 3 * math.cos(angle))
    assert path["distance"] == pytest.approx(want, rel=1e-7)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_sphere_as_a_surface_is_the_sphere(lior):
    angle, turn = 0.4, 1.1
    surfaces = {
        "revolution:z=sqrt(4 - r^2)": (2 * math.sin(angle), 0, 2 * math.sin(angle), turn),
        "graph:z=sqrt(4-x^2-y^2)": (
            2 * math.sin(angle),
            0,
            2 * math.sin(angle) * math.cos(turn),
            2 * math.sin(angle) * math.sin(turn),
        ),
        "embedding:(a,b)->(r*sin(a)*cos(b),r*sin(a)*sin(b),r*cos(a)); r = 2": (
            angle,
            0,
            angle,
            turn,
        ),
    }
    chord = math.sin(angle) * math.sin(turn / 2)
    for metric, ends in surfaces.items():
        path = path_of(
            lior,
            "--metric",
            metric,
            "--from",
            f"{ends[0]},{ends[1]}",
            "--to",
            f"{ends[2]},{ends[3]}",
        )
        assert path["metric"] == metric
        assert path["distance"] == pytest.approx(4 * math.asin(chord), rel=1e-7), metric


def test_every_metric_that_ships_as_a_file_is_in_the_help(lior):
    text = lior("geodesic", "--help").stdout
    for name in (
        "kerr_newman:charge=0.3,mass=1,spin=0.8",
        "goedel:a=1",
        "alcubierre",
        "spd",
        "graph:z=x^2-y^2",
    ):
        assert name in text, name


@pytest.mark.parametrize(
    "metric, words",
    [
        ("expr:r, phi; dr^2 + r^2*dphi", ("line_element", "not quadratic")),
        ("expr:r, phi; dr^2 + snh(r)^2*dphi^2", ("unknown function 'snh'", "sinh", "column 8")),
        ("expr:r; dr^2*(1 + ", ("line_element", "column 10", "▶")),
        ("expr:r; " + "(" * 10_000 + "dr^2", ("nested deeper than 200",)),
        ("no_such_file.toml", ("no_such_file.toml", "no such file; expected a metric's")),
        ("sphere:r=1/0", ("'1/0' is not a finite number",)),
        ("kerr_newman:spin=2", ("expected", "spin^2", "spin=2")),
        ("expr:x; a = b; b = a; dx^2", ("refers to itself", "a -> b -> a")),
        ("revolution:r^2", ("revolution", "r^2", "z=FORMULA", "revolution:z=r^2/2")),
        ("graph:z=x^2 +", ("graph: definitions.z", "column")),
        ("graph:z=x*w", ("graph: definitions.z", "w")),
        ("embedding:(u,v)", ("embedding", "lacks '->'", "embedding:(u,v)->")),
        ("embedding:(u,v)->u", ("embedding", "'u'", "brackets")),
        ("embedding:(u,v)->(u,v,)", ("embedding: line_element", "▶")),
    ],
)
def test_wrong_formulas_are_refused_in_one_line(refused, metric, words):
    line = refused("geodesic", "--metric", metric, "--from", "1,1", "--velocity", "1,1")
    assert all(word in line for word in words), line


def test_file_of_a_megabyte_is_refused(refused, tmp_path):
    file = tmp_path / "long.toml"
    file.write_text(f'coordinates = "x"\nmetric.x.x = "{"x+" * 400_000}1"\n')
    line = refused("geodesic", "--metric", file, "--from", "1", "--velocity", "1")
    assert "long.toml:2: metric.x.x: a formula of 800001 characters" in line


def test_start_outside_the_domain_is_refused(refused):
    line = refused(
        "geodesic", "--metric", "kerr_newman", "--from", "0,1,1,0", "--velocity", "1,0,0,0"
    )
    assert "on or inside the horizon" in line


@pytest.mark.parametrize("where", [("--to", "2,1"), ("--velocity", "1,0")])
def test_a_minus_sign_that_nobody_promised_is_named(refused, where):
    line = refused("geodesic", "--metric", "expr:x, y; dx^2 - dy^2", "--from", "1,0", *where)
    assert "not positive definite at point 0 = (1, 0)" in line and "signature" in line


SINGULAR = (
    "the metric is singular at point 0 = (0, 1): metric.x.x is inf, by 1/0 in expr: "
    "definitions.f = 1/x"
)


@pytest.mark.parametrize(
    "where, command",
    [
        ("--at", ("curvature", "--at", "0,1")),
        ("--at", ("curvature", "--at", "0,1", "--tensor", "metric", "--json")),
        ("--from", ("geodesic", "--from", "0,1", "--velocity", "1,1")),
        ("--from", ("geodesic", "--from", "0,1", "--to", "1,1")),
        ("--to", ("geodesic", "--from", "1,1", "--to", "0,1")),
    ],
)
def test_a_place_where_the_metric_is_singular_is_named(refused, where, command):
    line = refused(command[0], "--metric", "expr:x, y; f = 1/x; f*dx^2 + dy^2", *command[1:])
    assert f"{where}: {SINGULAR}" in line


@pytest.mark.parametrize(
    "command, row",
    [
        (("curvature", "--points"), "x,y\n1,1\n2,1\n0,1\n"),
        (("mean", "--points"), "x,y\n1,1\n2,1\n0,1\n"),
        (("regression", "--points"), "x,y,t\n1,1,0\n2,1,1\n0,1,2\n"),
        (("geodesic", "--starts"), "x,y,dx,dy\n1,1,1,0\n2,1,1,0\n0,1,1,0\n"),
    ],
)
def test_a_row_where_the_metric_is_singular_is_named(refused, tmp_path, command, row):
    table = tmp_path / "points.csv"
    table.write_text(row)
    line = refused(command[0], "--metric", "expr:x, y; f = 1/x; f*dx^2 + dy^2", command[1], table)
    assert f"{table}: {SINGULAR.replace('point 0', 'point 2')}" in line


def test_a_path_may_come_to_a_singular_place(lior):
    """That is a result, not a wrong argument."""
    path = path_of(
        lior, "--metric", "expr:x, y; dx^2 + dy^2/x", "--from", "1,1", "--velocity", "-2,0"
    )
    assert path["status"] == "singular" and path["reached"] == pytest.approx(0.5)


def test_an_observer_at_a_singular_place_is_named(refused):
    formulas = (
        "expr:t, r, theta, phi; signature = - + + +; f = 1 - 2/r; "
        "-f*dt^2 + dr^2/f + r^2*(dtheta^2 + sin(theta)^2*dphi^2)"
    )
    start = ("--from", "0,2,1.5,0", "--angles", "0,0", "--null")
    line = refused("geodesic", "--metric", formulas, *start)
    assert "metric.r.r is inf, by 1/0 in expr: line_element = -f*dt^2" in line
    start = ("--camera", "r=2", "--out", "x.png")
    line = refused("image", "--metric", formulas, *start)
    assert "metric.r.r is inf, by 1/0 in expr: line_element = -f*dt^2" in line
