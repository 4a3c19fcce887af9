# SPDX-License-Identifier: Apache-2.0
"""Velocities of particles and light, and many paths at once."""

import csv
import io
import json
import math
import os
import pty
import subprocess

import h5py
import numpy
import pytest
from program import PROGRAM


def one(lior, *arguments):
    result = lior("geodesic", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("flag, square", [("--timelike", -1), ("--null", 0)])
@pytest.mark.parametrize(
    "metric, start, velocity",
    [
        ("schwarzschild", "0,8,1.5,0", "0,-0.1,0.01,0.03"),
        ("kerr:spin=0.9", "0,1.6,1.5,0", "0,0,0,1.5"),  # inside the ergosphere
        ("eddington_finkelstein", "0,1.5,1.5,0", "0,-1,0,0"),  # inside the horizon
    ],
)
def test_velocity_is_that_of_a_particle_or_of_light(lior, flag, square, metric, start, velocity):
    path = one(
        lior,
        "--metric",
        metric,
        "--from",
        start,
        "--velocity",
        velocity,
        flag,
        "--length",
        0.5,
        "--samples",
        3,
    )
    assert path["rows"][0]["v"][0] >= 0  # 0: light along the ingoing coordinate itself
    for row in path["rows"]:
        assert row["speed2"] == pytest.approx(square, abs=1e-7)


@pytest.mark.parametrize("flag, first", [("--null", 0.5), ("--timelike", math.sqrt(1.25))])
def test_paths_lead_to_the_past_where_that_is_asked(lior, tmp_path, flag, first):
    """In flat space: the same line in space, and t that falls; a table of starts does the same."""
    start = ("--from", "0,1,2,3", "--velocity", "0,0.3,0.4,0", flag)
    rest = ("--length", 2, "--samples", 2)
    for past, sign in (((), 1), (("--past",), -1)):
        end = one(lior, "--metric", "minkowski", *start, *past, *rest)["rows"][-1]
        assert end["x"] == pytest.approx([2 * sign * first, 1.6, 2.8, 3], abs=1e-12)
    starts = tmp_path / "starts.csv"
    starts.write_text("t,x,y,z,dx,dy,dz\n0,1,2,3,0.3,0.4,0\n")
    result = lior("geodesic", "--metric", "minkowski", "--starts", starts, flag, "--past", *rest)
    assert result.returncode == 0, result.stderr
    last = result.stdout.splitlines()[-1].split(",")
    assert float(last[2]) == pytest.approx(-2 * first, abs=1e-12)


def test_light_that_an_observer_sees_is_followed_backwards(lior):
    """Kerr: --angles --past is the geodesic of the opposite velocity from the opposite direction."""
    metric = ("--metric", "kerr", "--from", "0,12,1.1,0", "--null", "--length", 5, "--samples", 2)
    seen = one(lior, *metric, "--angles", "0.7,0.3", "--past")["rows"]
    sent = one(lior, *metric, "--angles", f"{math.pi - 0.7},{0.3 + math.pi}")["rows"]
    assert seen[0]["v"] == pytest.approx([-v for v in sent[0]["v"]], abs=1e-12)
    assert seen[1]["x"][0] < 0 < sent[1]["x"][0]


def test_table_of_starts_gives_the_paths_that_one_by_one_have(lior, tmp_path):
    starts, out = tmp_path / "starts.csv", tmp_path / "paths.csv"
    rows = [(8, 1.5, 0.03), (12, 1.2, 0.02), (6, 1.5, 0)]
    starts.write_text(
        "# orbits\nt,r,theta,phi,dr,dtheta,dphi\n"
        + "".join(f"0,{r},{theta},0,0,0,{spin}\n" for r, theta, spin in rows)
    )
    result = lior(
        "geodesic",
        "--metric",
        "schwarzschild",
        "--starts",
        starts,
        "--out",
        out,
        "--timelike",
        "--length",
        40,
        "--samples",
        5,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == "3 paths: 1 ok, 2 horizon\n" and result.stdout == ""
    table = list(csv.DictReader(io.StringIO(out.read_text())))
    assert list(table[0]) == ("path,parameter,t,r,theta,phi,dt,dr,dtheta,dphi,status".split(","))
    for n, (r, theta, spin) in enumerate(rows):
        alone = one(
            lior,
            "--metric",
            "schwarzschild",
            "--from",
            f"0,{r},{theta},0",
            "--velocity",
            f"0,0,0,{spin}",
            "--timelike",
            "--length",
            40,
            "--samples",
            5,
        )
        ours = [row for row in table if row["path"] == str(n)]
        assert len(ours) == len(alone["rows"]) and ours[0]["status"] == alone["status"]
        for row, want in zip(ours, alone["rows"]):
            assert float(row["parameter"]) == want["t"]
            assert [float(row[x]) for x in ("t", "r", "theta", "phi")] == want["x"]
            assert [float(row[x]) for x in ("dt", "dr", "dtheta", "dphi")] == want["v"]
    assert math.isclose(
        float(table[0]["dt"]) ** 2 * (1 - 2 / 8), 1 + (8 * math.sin(1.5) * 0.03) ** 2
    )


ORBITS = "t,r,theta,phi,dt,dr,dtheta,dphi\n0,8,pi/2,0,0,0,0,0.03\n0,6,80deg,-pi/4,0,-1/10,0,0\n"


def followed(lior, starts, *arguments):
    result = lior(
        *("geodesic", "--metric", "schwarzschild", "--starts", starts, "--timelike"),
        *("--length", 20, "--samples", 4, *arguments),
    )
    assert result.returncode == 0, result.stderr
    return result


def test_cells_may_be_formulas_of_numbers_and_angles(lior, tmp_path):
    file, plain = tmp_path / "starts.csv", tmp_path / "plain.csv"
    file.write_text(ORBITS)
    row = f"0,6,{80 * (math.pi / 180)},{-math.pi / 4},0,-0.1,0,0\n"
    plain.write_text(ORBITS.splitlines()[0] + f"\n0,8,{math.pi / 2},0,0,0,0,0.03\n" + row)
    assert followed(lior, file).stdout == followed(lior, plain).stdout
    one_path = ("--metric", "sphere", "--velocity", "0,1", "--samples", 2)
    assert one(lior, *one_path, "--from", "pi/2,90deg")["rows"][0]["x"] == [math.pi / 2] * 2


def test_tables_of_hdf5_are_those_of_csv(lior, tmp_path):
    text, tables = tmp_path / "starts.csv", tmp_path / "starts.h5"
    text.write_text(ORBITS)
    columns = {"t": [0, 0], "r": [8, 6], "theta": [math.pi / 2, 80 * (math.pi / 180)]}
    columns |= {"phi": [0, -math.pi / 4], "dr": [0, -0.1], "dtheta": [0, 0], "dphi": [0.03, 0]}
    with h5py.File(tables, "w") as file:
        for name, numbers in columns.items():
            file[name] = numbers  # integers and doubles; dt is computed
    want = list(csv.DictReader(io.StringIO(followed(lior, text).stdout)))
    out = tmp_path / "paths.h5"
    result = followed(lior, tables, "--out", out)
    assert result.stderr == "2 paths: 1 ok, 1 horizon\n" and result.stdout == ""
    with h5py.File(out) as file:
        assert set(file) == set(want[0])
        words = {place: word for word, place in h5py.check_enum_dtype(file["status"].dtype).items()}
        assert [words[place] for place in file["status"]] == [row["status"] for row in want]
        for name in set(want[0]) - {"status"}:
            assert list(file[name]) == [float(row[name]) for row in want], name
    again = tmp_path / "again.h5"
    followed(lior, tables, "--out", again)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    "columns, words",
    [
        ({}, "has no data sets"),
        ({"theta": [1.0], "phi": [1.0, 2.0]}, "theta has 1 rows; expected 2, as phi has"),
        ({"theta": [[1.0]]}, "theta has shape [1, 1]; expected [N]"),
        ({"theta": 1.0}, "theta is no array"),
        ({"theta": [1.0, math.nan]}, "theta is nan in row 1"),
        ({"theta": [1.0 + 1j]}, "something else than real numbers"),
        ({"theta": [1.0]}, "lacks column 'phi'"),
        ({"theta": [1.0], "mass": [1.0]}, "column 'mass' is none of those"),
    ],
)
def test_wrong_tables_of_hdf5_are_refused(refused, tmp_path, columns, words):
    path = tmp_path / "starts.h5"
    with h5py.File(path, "w") as file:
        for name, numbers in columns.items():
            file[name] = numpy.array(numbers)
    assert words in refused("geodesic", "--metric", "sphere", "--starts", path)


def test_progress_of_many_paths_is_a_bar_on_a_terminal(tmp_path):
    file = tmp_path / "starts.csv"
    file.write_text(ORBITS)
    master, slave = pty.openpty()
    command = [PROGRAM, "geodesic", "--metric", "schwarzschild", "--starts", file, "--timelike"]
    subprocess.run(command, stderr=slave, stdout=subprocess.DEVNULL, check=True, timeout=120)
    os.close(slave)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "100%  path 2/2  0:00 left" in shown
    assert shown.replace("\r", "").endswith("\n2 paths: 2 ok\n")


@pytest.mark.parametrize(
    "text, words",
    [
        ("r,theta\n1,2\n", "lacks column 't'; expected t, r, theta, phi, dt, dr, dtheta, dphi"),
        ("t,r,q\n1,2,3\n", "column 'q' is none of those that are read; expected t, r, theta"),
        ("t,r,theta,phi,dt,dr,dtheta,dphi\n0,8,1,0,1,x,0,0\n", "starts.csv:2: 'dr' is 'x'"),
        ("t,r,theta,phi,dt,dr,dtheta,dphi\n0,1,1,0,1,0,0,0\n", "on or inside the horizon"),
    ],
)
def test_wrong_tables_are_refused(refused, tmp_path, text, words):
    file = tmp_path / "starts.csv"
    file.write_text(text)
    assert words in refused("geodesic", "--metric", "schwarzschild", "--starts", file)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--metric", "sphere", "--from", "1,0", "--velocity", "0,1", "--null"), "Riemannian"),
        (
            ("--metric", "schwarzschild", "--from", "0,8,1,0", "--to", "9,8,1,1", "--null"),
            "of a --velocity",
        ),
        (("--metric", "sphere", "--velocity", "0,1"), "--from"),
        (
            ("--metric", "minkowski", "--from", "0,1,1,1", "--velocity", "1,0,0,0", "--past"),
            "--past is of --timelike, --null and --angles",
        ),
        (
            (
                "--metric",
                "kerr",
                "--from",
                "0,9,1,1",
                "--energy",
                1,
                "--momentum",
                3,
                "--null",
                "--past",
            ),
            "the opposites lead to the past",
        ),
        (
            ("--metric", "kerr", "--from", "0,1.6,1.5,0", "--velocity", "0,0,0,0", "--timelike"),
            "no first component",
        ),
    ],
)
def test_wrong_velocities_are_refused(refused, arguments, words):
    assert words in refused("geodesic", *arguments)


def test_events_of_one_path_and_of_many(lior, tmp_path):
    """A great circle crosses the equator every half turn."""
    path = one(
        lior,
        "--metric",
        "sphere",
        "--from",
        f"{math.pi / 2 - 0.4},0.3",
        "--velocity",
        f"0,{1 / math.cos(0.4)}",
        "--length",
        10,
        "--event",
        "theta - pi/2",
        "--method",
        "dop853",
    )
    found = [(event["t"], event["x"][1], event["rising"]) for event in path["events"]]
    start = ("--from", "pi/2-0.4,0.3", "--velocity", "0,1/cos(0.4)", "--length", 10)
    equation = ("--event", "theta = pi/2", "--method", "dop853")
    assert one(lior, "--metric", "sphere:r=2/2", *start, *equation)["events"] == path["events"]
    want = [math.pi * (k + 0.5) for k in range(3)]
    assert [t for t, _, _ in found] == pytest.approx(want, abs=1e-6)
    assert [rising for _, _, rising in found] == [True, False, True]
    starts = tmp_path / "starts.csv"
    starts.write_text("theta,phi,dtheta,dphi\n1.2,0,0,1\n0.4,1,0,2\n")
    result = lior(
        "geodesic", "--metric", "sphere", "--starts", starts, "--length", 6, "--event", "dtheta"
    )
    table = list(csv.DictReader(io.StringIO(result.stdout)))
    # Half a turn on, at pi / (sin(theta) dphi).
    assert [row["path"] for row in table] == ["0", "1"]
    assert float(table[0]["parameter"]) == pytest.approx(math.pi / math.sin(1.2), abs=1e-6)
    assert float(table[1]["parameter"]) == pytest.approx(math.pi / (2 * math.sin(0.4)), abs=1e-6)
    assert all(abs(float(row["dtheta"])) < 1e-7 for row in table)
    text = lior(
        "geodesic",
        "--metric",
        "sphere",
        "--from",
        "1,0",
        "--velocity",
        "0.3,1",
        "--event",
        "phi - .5",
    ).stdout
    assert "event, rising:" in text and "dphi" in text


def test_wrong_events_are_refused(refused):
    line = refused(
        "geodesic", "--metric", "sphere", "--from", "1,0", "--velocity", "0,1", "--event", "r - 6"
    )
    assert "event: unknown name 'r'; expected one of theta, phi, dtheta, dphi" in line
