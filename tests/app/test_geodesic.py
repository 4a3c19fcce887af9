# SPDX-License-Identifier: Apache-2.0
import json
import math
import re
from xml.etree import ElementTree

import pytest


def rows(lior, *arguments):
    result = lior("geodesic", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_circular_orbit_keeps_radius_energy_and_momentum(lior):
    r = 8.0
    t_dot = 1 / math.sqrt(1 - 3 / r)
    velocity = f"{t_dot},0,0,{t_dot * r**-1.5}"
    path = rows(
        lior,
        "--metric",
        "schwarzschild",
        "--from",
        f"0,{r},{math.pi / 2},0",
        "--velocity",
        velocity,
        "--length",
        100,
        "--samples",
        5,
    )
    assert path["status"] == "ok" and len(path["rows"]) == 5
    for row in path["rows"]:
        assert abs(row["x"][1] - r) < 1e-6
        assert abs(row["speed2"] + 1) < 1e-8
        assert abs(row["momenta"]["p0"] + (1 - 2 / r) * t_dot) < 1e-8
        assert abs(row["momenta"]["p3"] - math.sqrt(r) * t_dot) < 1e-7


def test_path_to_a_point_ends_there(lior):
    path = rows(lior, "--metric", "ball", "--from", "0,0", "--to", "0.3,0.4", "--samples", 3)
    assert all(abs(a - b) < 1e-6 for a, b in zip(path["rows"][-1]["x"], (0.3, 0.4)))
    assert abs(math.sqrt(path["rows"][0]["speed2"]) - 1.0986122887) < 1e-6
    assert path["velocity_error"] < 1e-6


def test_fall_through_the_horizon_stops_with_its_status(lior):
    path = rows(
        lior,
        "--metric",
        "schwarzschild",
        "--from",
        "0,6,1.5,0",
        "--velocity",
        "1.5,-0.5,0,0",
        "--length",
        100,
    )
    assert path["status"] == "horizon" and path["reached"] < 100
    assert all(math.isfinite(x) for row in path["rows"] for x in row["x"])


def test_table_shows_invariants(lior):
    text = lior("geodesic", "--metric", "torus", "--from", "0.3,0", "--velocity", "0.8,0.5").stdout
    assert "g(v,v)" in text and "p_phi" in text and "ok at t = 1" in text


@pytest.mark.parametrize("name", ["path.png", "path.svg"])
def test_plot_is_a_picture_of_its_ending(lior, tmp_path, name):
    picture = tmp_path / name
    result = lior(
        "geodesic",
        "--metric",
        "half_plane",
        "--from",
        "0,1",
        "--velocity",
        "1,0",
        "--length",
        3,
        "--samples",
        50,
        "--plot",
        picture,
    )
    assert result.returncode == 0, result.stderr
    if name.endswith(".png"):
        assert picture.read_bytes().startswith(b"\x89PNG\r\n")
        return
    root = ElementTree.parse(picture).getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert root.tag == svg + "svg" and "half_plane" in [t.text for t in root.iter(svg + "text")]
    longest = max(len(line.get("points").split()) for line in root.iter(svg + "polyline"))
    assert longest >= 50


@pytest.mark.parametrize("name", ["path.jpg", "path", "nowhere/path.png"])
def test_a_plot_that_cannot_be_costs_no_path(refused, tmp_path, name):
    # On stdout, which `refused` finds empty, the table would be.
    message = refused(
        "geodesic",
        "--metric",
        "sphere",
        "--from",
        "1,1",
        "--velocity",
        "1,0",
        "--plot",
        tmp_path / name,
    )
    assert f"--plot {tmp_path / name}: " in message and list(tmp_path.iterdir()) == []


def test_help_names_metrics_with_keys_and_coordinates(lior):
    text = lior("geodesic", "--help").stdout.replace("\n" + 28 * " ", " ")  # descriptions go on
    listed = re.findall(r"^  ([a-z_]+:\S+=\S+) +\S", text, re.M)
    assert {"euclidean", "sphere", "half_plane", "ball", "torus", "schwarzschild"} <= {
        m.split(":")[0] for m in listed
    }
    assert "sphere:n=2,r=1" in listed and "theta in (0, pi), phi of period 2 pi" in text
    points = {
        2: ("0.3,0.4", "0.1,0.2"),
        3: ("0.5,0.1,0.3", "0.1,0.2,0.1"),
        4: ("0.5,3,1.5,0.4", "0,0.1,0.1,0.2"),
    }
    for metric in listed:
        # The defaults are those of the program.
        coordinates = text.split(metric)[1].split("\n")[0].split("; ")[-1]
        names = re.findall(r"(?:^|, )[a-z]\w*(?= |,|$)", coordinates)
        point, v = points[len(names)]
        whole, short = (
            lior("geodesic", "--metric", name, "--from", point, "--velocity", v).stdout
            for name in (metric, metric.split(":")[0])
        )
        assert whole == short and "ok at t = 1" in whole


def test_the_way_to_a_point_says_how_far_and_how_sure(lior):
    far = rows(lior, "--metric", "ball", "--from", "0,0", "--to", "0.99999999,0", "--samples", 2)
    assert abs(far["distance"] - math.log((2 - 1e-8) / 1e-8)) < 1e-7  # 19.11
    assert far["distance_error"] < 1e-10 and far["shortest"] is True
    assert far["coordinates"] == ["x0", "x1"]
    around = rows(lior, "--metric", "torus", "--from", "0,0", "--to", "0,6.5", "--samples", 2)
    assert abs(around["distance"] - 0.650444) < 1e-6 and around["shortest"] is False
    text = lior("geodesic", "--metric", "torus", "--from", "0,0", "--to", "0,6.5").stdout
    assert "distance 0.65044407" in text and "a shorter way is not excluded" in text
    text = lior("geodesic", "--metric", "sphere", "--from", "1,0", "--to", "1,6").stdout
    assert "distance 0.23" in text and "not excluded" not in text


@pytest.mark.parametrize(
    "metric, start", [("ball", "0.5,0"), ("conformal", "0.5,0"), ("paraboloid", "0.5,0")]
)
def test_a_path_along_an_axis_conserves_nothing_by_that(lior, metric, start):
    path = rows(lior, "--metric", metric, "--from", start, "--velocity", "0.1,0")
    assert all(row["momenta"] == {} for row in path["rows"])


def test_what_cannot_be_reached_is_given_up(lior):
    result = lior("geodesic", "--metric", "conformal", "--from", "1,0", "--to", "80,0")
    assert result.returncode == 1 and "no geodesic from 1,0 to 80,0 was found" in result.stderr


def test_no_geodesic_for_want_of_digits_is_said_so(lior):
    result = lior(
        "geodesic",
        "--metric",
        "expr:x, y; 4*(dx^2 + dy^2)/(1 - x^2 - y^2)^2",
        "--from",
        "0,0",
        "--to",
        "0,0.999999999999",
    )
    assert result.returncode == 1
    assert (
        "no geodesic from 0,0 to 0,0.999999999999 was found; one rounding of the coordinates of "
        "--to changes the metric by 0.0004 of itself, which leaves too few digits" in result.stderr
    )


def test_a_path_that_saturates_at_the_rim_says_so(lior):
    assert (
        rows(lior, "--metric", "ball", "--from", "0,0", "--velocity", "30,0")["status"]
        == "saturated"
    )


def test_tight_tolerance_does_not_hide_the_horizon(lior):
    for rtol in ("1e-12", "1e-13", "1e-14"):
        path = rows(
            lior,
            "--metric",
            "schwarzschild",
            "--from",
            "0,6,1.5,0",
            "--velocity",
            "1.5,-0.5,0,0",
            "--length",
            100,
            "--rtol",
            rtol,
        )
        assert path["status"] == "horizon"


def test_the_way_to_an_event_has_an_interval_in_place_of_a_distance(lior):
    arguments = ("--metric", "schwarzschild", "--from", "0,10,1.5,0", "--samples", 2)
    for to, kind, sign in (
        ("30,10,1.5,0.1", "timelike, proper time ", -1),
        ("0,12,1.5,0", "spacelike, proper length ", 1),
    ):
        path = rows(lior, *arguments, "--to", to)
        assert path["distance"] is None
        assert path["interval"] * sign > 0 and path["interval_error"] < 1e-5
        assert path["interval"] == pytest.approx(path["rows"][-1]["speed2"], rel=1e-6)
        text = lior("geodesic", *arguments, "--to", to).stdout
        assert "nan" not in text and kind in text


def test_a_path_that_stalls_is_a_failure(lior):
    result = lior("geodesic", "--metric", "torus", "--from", "1,1", "--velocity", "1e9,1e9")
    assert result.returncode == 1
    assert "ends at t = " in result.stderr and "(stalled)" in result.stderr


def test_a_path_that_misses_its_target_is_a_failure(lior):
    arguments = (
        "--metric",
        "torus",
        "--from",
        "0,0",
        "--to",
        "2,2",
        "--method",
        "rk4",
        "--samples",
        2,
    )
    result = lior("geodesic", *arguments, "--step", 1)
    assert result.returncode == 1 and "away from --to; a smaller --step" in result.stderr
    assert lior("geodesic", *arguments, "--step", 0.01).returncode == 0


def test_a_path_that_runs_off_leaves_the_distance_right(lior):
    """Differences at its start grow by e^27, and no step is small enough."""
    far = ("--from", "0.9,0.73", "--to", "0.69,1e-12")
    result = lior("geodesic", "--metric", "expr:x, y; (dx^2 + dy^2)/y^2", *far)
    assert result.returncode == 1
    assert "grows along it" in result.stderr and "are of the way itself" in result.stderr
    exact = 2 * math.asinh(math.hypot(0.21, 0.73 - 1e-12) / (2 * math.sqrt(0.73e-12)))
    assert float(result.stdout.split("distance ")[1].split(",")[0]) == pytest.approx(
        exact, rel=1e-9
    )


def test_a_way_over_the_pole_says_that_the_coordinates_end_there(lior):
    result = lior("geodesic", "--metric", "sphere", "--from", "1,0", "--to", f"1,{math.pi}")
    assert result.returncode == 0 and "distance 2," in result.stdout
    assert "leaves the coordinates at t = 0." in result.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--metric", "torus", "--from", "1,1", "--to", "1,1e18"), "phi is 1e+18, where numbers"),
        (
            ("--metric", "sphere:r=1e300", "--from", "1,1", "--velocity", "1,0"),
            "--from: the metric at point 0 = (1, 1) exceeds",
        ),
        (("--metric", "globe", "--from", "1,1", "--velocity", "1,0"), "metric 'globe' is unknown"),
        (("--metric", "sphere:k=2", "--from", "1,1", "--velocity", "1,0"), "no key 'k'"),
        (("--metric", "sphere", "--from", "1,x", "--velocity", "1,0"), "--from '1,x'"),
        (("--metric", "sphere", "--from", "1,1,1", "--velocity", "1,0"), "has 3 numbers"),
        (("--metric", "sphere", "--from", "1,nan", "--velocity", "1,0"), "--from '1,nan'"),
        (
            ("--metric", "sphere", "--from", "0,1", "--velocity", "1,0"),
            "outside the metric's domain",
        ),
        (
            ("--metric", "ball", "--from", "0.6,0.8", "--velocity", "1,0"),
            "outside the metric's domain",
        ),
        (("--metric", "schwarzschild", "--from", "0,2,1,0", "--velocity", "1,0,0,0"), "horizon"),
        (("--metric", "sphere", "--from", "1,1"), "one of --velocity"),
        (
            ("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--to", "1,2"),
            "one of --velocity",
        ),
        (
            ("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--method", "euler"),
            "--method 'euler' is unknown; expected one of: dopri5, dop853, rk4, midpoint",
        ),
        (
            ("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--samples", "1"),
            "--samples 1",
        ),
        (
            ("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--length", "-1"),
            "--length -1",
        ),
        (
            ("--metric", "missing.safetensors", "--from", "1,1", "--velocity", "1,0"),
            "missing.safetensors",
        ),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("geodesic", *arguments)
