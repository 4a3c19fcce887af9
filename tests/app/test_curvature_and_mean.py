# SPDX-License-Identifier: Apache-2.0
"""`lior curvature`, `lior mean`, and starts of geodesics by constants and angles."""

import json
import math

import numpy
import pytest


def ran(lior, *arguments):
    result = lior(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_scalars_tensor_and_plane_of_a_sphere(lior):
    found = json.loads(
        ran(
            lior,
            *("curvature", "--metric", "sphere:n=3,r=2", "--at", "1,1.2,0"),
            *("--tensor", "einstein", "--plane", "1,0,0:0,1,0.5", "--json"),
        )
    )
    assert found["coordinates"] == ["theta0", "theta1", "phi"]
    point = found["points"][0]
    assert point["scalar"] == pytest.approx(6 / 4)
    assert point["kretschmann"] == pytest.approx(12 / 16)
    assert point["sectional"] == pytest.approx(1 / 4)
    g = numpy.diag([4, 4 * math.sin(1) ** 2, 4 * math.sin(1) ** 2 * math.sin(1.2) ** 2])
    numpy.testing.assert_allclose(point["einstein"], -g / 4, atol=1e-14)


def test_weyl_is_riemann_in_vacuum(lior):
    """Entries that are not 0, in names of coordinates: C_trtr = -2 M / r^3."""
    text = ran(
        lior, "curvature", "--metric", "schwarzschild", "--at", "0,6,1.5,0", "--tensor", "weyl"
    )
    entries = {}
    for line in text.splitlines():
        if line.startswith("  weyl"):
            words = line.split()
            entries[tuple(words[1:5])] = float(words[5])
    assert entries["t", "r", "t", "r"] == pytest.approx(-2 / 6**3)
    assert entries["r", "t", "t", "r"] == pytest.approx(2 / 6**3)
    assert "Kretschmann" in text


def entries_of(text, tensor):
    return [line.split()[1:] for line in text.splitlines() if line.startswith(f"  {tensor} ")]


def test_entries_that_are_rounding_are_counted_and_not_printed(lior):
    """Of vacuum, where Ricci is 0 in exact numbers, and cot(theta) on the equator."""
    arguments = ("curvature", "--metric", "kerr_schild", "--at", "0,1,1.5,0.3", "--tensor", "ricci")
    text = ran(lior, *arguments)
    assert entries_of(text, "ricci") == []
    assert "16 entries are 0" in text and "no more than rounding" in text
    found = json.loads(ran(lior, *arguments, "--json"))["points"][0]["ricci"]
    assert 0 < numpy.abs(found).max() < 1e-13  # all digits stay there
    hole = ("curvature", "--metric", "schwarzschild", "--tensor", "christoffel")
    shown = entries_of(ran(lior, *hole, "--at", "0,6,pi/2,0"), "christoffel")
    assert len(shown) == 10 and ["phi", "theta", "phi"] not in [entry[:3] for entry in shown]
    small = entries_of(ran(lior, *hole, "--at", "0,6,1.57079,0"), "christoffel")
    assert ["phi", "theta", "phi"] in [entry[:3] for entry in small]


def test_radius_of_a_horizon_is_named_and_points_have_all_digits(lior, refused):
    hole = ("curvature", "--metric", "kerr:spin=0.6", "--at")
    assert "inside the horizon, which ends at r = 1.8;" in refused(*hole, "0,1.2,1.5,0")
    assert "at t = 0, r = 1.800000000001, " in ran(lior, *hole, "0,1.800000000001,1.5,0")


def test_table_of_points(lior, tmp_path):
    table = tmp_path / "points.csv"
    table.write_text("phi,r\n0,1\n2,3\n")
    found = json.loads(
        ran(lior, "curvature", "--metric", "hyperboloid", "--points", table, "--json")
    )
    assert [point["x"] for point in found["points"]] == [[1, 0], [3, 2]]
    assert [point["scalar"] for point in found["points"]] == pytest.approx([-2, -2])


@pytest.mark.parametrize("command", [("curvature",), ("mean",), ("regression",)])
def test_tables_without_rows_are_refused(refused, tmp_path, command):
    table = tmp_path / "points.csv"
    table.write_text("theta,phi,t\n" if command == ("regression",) else "theta,phi\n")
    line = refused(*command, "--metric", "sphere", "--points", table)
    assert "names and no rows" in line


def test_mean_of_points_and_of_weighted_ones(lior, tmp_path):
    table = tmp_path / "points.csv"
    table.write_text("theta,phi\n1.5707963267948966,0\n1.5707963267948966,1\n")
    found = json.loads(ran(lior, "mean", "--metric", "sphere", "--points", table, "--json"))
    assert found["mean"] == pytest.approx([math.pi / 2, 0.5])
    assert found["variance"] == pytest.approx(0.25)
    assert found["converged"] is True
    table.write_text("theta,phi,weight\n1.5707963267948966,0,3\n1.5707963267948966,1,1\n")
    text = ran(lior, "mean", "--metric", "sphere", "--points", table)
    assert "phi = 0.25" in text
    assert "iterations" in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("curvature", "--metric", "sphere"), ("--at", "--points")),
        (("curvature", "--metric", "sphere", "--at", "1"), ("--at", "2 coordinates")),
        (
            ("curvature", "--metric", "sphere", "--at", "1,1", "--tensor", "riccy"),
            ("riccy", "einstein"),
        ),
        (("curvature", "--metric", "sphere", "--at", "1,1", "--plane", "1,0"), ("--plane", ":")),
        (("curvature", "--metric", "sphere", "--at", "1,1", "--tensor", "weyl"), ("three",)),
        (("mean", "--metric", "sphere", "--points", "no.csv"), ("no.csv",)),
    ],
)
def test_what_is_wrong_is_said(refused, arguments, words):
    line = refused(*arguments)
    assert all(word in line for word in words), line


def test_orbit_by_its_constants(lior):
    found = json.loads(
        ran(
            lior,
            *("geodesic", "--metric", "kerr:spin=0.9", "--from", "0,10,1.4,0"),
            *("--energy", 0.96, "--momentum", 3, "--carter", 2),
            *("--length", 100, "--samples", 3, "--json"),
        )
    )
    for row in found["rows"]:
        assert row["speed2"] == pytest.approx(-1, abs=1e-6)
        assert row["momenta"]["p0"] == pytest.approx(-0.96, rel=1e-6)
        assert row["momenta"]["p3"] == pytest.approx(3, rel=1e-6)
    assert found["rows"][0]["v"][1] < 0


def test_light_by_its_angles(lior):
    found = json.loads(
        ran(
            lior,
            *("geodesic", "--metric", "schwarzschild", "--from", "0,10,1.5707963267948966,0"),
            *("--angles", f"{math.pi},0", "--null", "--length", 1, "--samples", 2, "--json"),
        )
    )
    start = found["rows"][0]["v"]
    assert start == pytest.approx([0.8**-0.5, -(0.8**0.5), 0, 0], abs=1e-15)


def test_conjugate_point_of_the_sphere(lior):
    arguments = (
        *("geodesic", "--metric", "sphere:r=2", "--from", "1.5707963267948966,0"),
        *("--velocity", "0,1", "--length", 4, "--conjugate"),
    )
    found = json.loads(ran(lior, *arguments, "--json"))["conjugate_points"]
    assert [point["multiplicity"] for point in found] == [1]
    assert found[0]["t"] == pytest.approx(math.pi, abs=1e-6)
    assert "conjugate point at t = 3.1415" in ran(lior, *arguments)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--energy", 1), ("--energy", "--momentum")),
        (("--energy", 1, "--momentum", 3, "--to", "0,1,1,1"), ("one of",)),
        (("--energy", 0.9, "--momentum", 30), ("no geodesic", "comes to r = 10")),
        (("--angles", "0,0"), ("--speed",)),
        (("--velocity", "1,0,0,0", "--carter", 3), ("--carter",)),
    ],
)
def test_wrong_starts_are_refused(refused, arguments, words):
    line = refused("geodesic", "--metric", "schwarzschild", "--from", "0,10,1.5,0", *arguments)
    assert all(word in line for word in words), line


def test_camera_inside_the_horizon_hears_where_it_ends(refused, tmp_path):
    line = refused(
        *("image", "--metric", "kerr:spin=0.6", "--camera", "r=1.2", "--out", tmp_path / "a.png")
    )
    assert "r = 1.2" in line and "r = 1.8" in line
