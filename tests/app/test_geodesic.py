import json
import math

import pytest


def rows(lior, *arguments):
    result = lior("geodesic", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_circular_orbit_keeps_radius_energy_and_momentum(lior):
    r = 8.0
    t_dot = 1 / math.sqrt(1 - 3 / r)
    velocity = f"{t_dot},0,0,{t_dot * r**-1.5}"
    path = rows(lior, "--metric", "schwarzschild", "--from", f"0,{r},{math.pi / 2},0",
                "--velocity", velocity, "--length", 100, "--samples", 5)
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
    path = rows(lior, "--metric", "schwarzschild", "--from", "0,6,1.5,0",
                "--velocity", "1.5,-0.5,0,0", "--length", 100)
    assert path["status"] == "horizon" and path["reached"] < 100
    assert all(math.isfinite(x) for row in path["rows"] for x in row["x"])


def test_table_shows_invariants(lior):
    text = lior("geodesic", "--metric", "torus", "--from", "0.3,0", "--velocity", "0.8,0.5").stdout
    assert "g(v,v)" in text and "p1" in text and "ok at t = 1" in text


def test_plot_is_a_png(lior, tmp_path):
    picture = tmp_path / "path.png"
    result = lior("geodesic", "--metric", "half_plane", "--from", "0,1", "--velocity", "1,0",
                  "--length", 3, "--samples", 50, "--plot", picture)
    assert result.returncode == 0, result.stderr
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", ["path.jpg", "path", "nowhere/path.png"])
def test_a_plot_that_cannot_be_costs_no_path(refused, tmp_path, name):
    # On stdout, which `refused` finds empty, the table would be.
    message = refused("geodesic", "--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--plot",
                      tmp_path / name)
    assert f"--plot {tmp_path / name}: " in message and list(tmp_path.iterdir()) == []


def test_help_names_metrics_with_keys_and_coordinates(lior):
    text = lior("geodesic", "--help").stdout
    for metric in ("euclidean:n=2", "sphere:n=2,r=1", "half_plane:n=2", "ball:n=2",
                   "torus:minor=1,major=2", "schwarzschild:mass=1", "conformal:n=2,a=0.05",
                   "paraboloid:a=0.5"):
        assert f"  {metric} " in text
        # The defaults are those of the program.
        point = "0,3,1.5,0" if metric.startswith("schw") else "0.3,0.4"
        v = "0,0.1,0.1,0.2" if metric.startswith("schw") else "0.1,0.2"
        whole, short = (lior("geodesic", "--metric", name, "--from", point, "--velocity", v).stdout
                        for name in (metric, metric.split(":")[0]))
        assert whole == short and "ok at t = 1" in whole


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--metric", "globe", "--from", "1,1", "--velocity", "1,0"), "metric 'globe' is unknown"),
        (("--metric", "sphere:k=2", "--from", "1,1", "--velocity", "1,0"), "no key 'k'"),
        (("--metric", "sphere", "--from", "1,x", "--velocity", "1,0"), "--from '1,x'"),
        (("--metric", "sphere", "--from", "1,1,1", "--velocity", "1,0"), "has 3 numbers"),
        (("--metric", "sphere", "--from", "1,nan", "--velocity", "1,0"), "--from '1,nan'"),
        (("--metric", "sphere", "--from", "0,1", "--velocity", "1,0"), "outside the metric's domain"),
        (("--metric", "ball", "--from", "0.6,0.8", "--velocity", "1,0"), "outside the metric's domain"),
        (("--metric", "schwarzschild", "--from", "0,2,1,0", "--velocity", "1,0,0,0"), "horizon"),
        (("--metric", "sphere", "--from", "1,1"), "either --velocity"),
        (("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--to", "1,2"), "either --velocity"),
        (("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--method", "euler"), "--method euler"),
        (("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--samples", "1"), "--samples 1"),
        (("--metric", "sphere", "--from", "1,1", "--velocity", "1,0", "--length", "-1"), "--length -1"),
        (("--metric", "missing.safetensors", "--from", "1,1", "--velocity", "1,0"), "missing.safetensors"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("geodesic", *arguments)
