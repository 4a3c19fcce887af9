# SPDX-License-Identifier: Apache-2.0
"""`lior regression`: geodesics through points with times, from a table."""

import csv
import json
import math

import pytest

# The equator of the sphere at one radian a unit of t, with points beside it.
TABLE = "t,phi,theta\n1,1,1.5707963267948966\n2,2.1,1.6\n3,2.9,1.5415926535897931\n4,4,1.5707963267948966\n"


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text(TABLE)
    return file


def test_fit_of_a_table_in_words_and_as_json(lior, table, tmp_path):
    arguments = ("regression", "--metric", "sphere", "--points", table)
    result = lior(*arguments, "--out", tmp_path / "fit.csv")
    assert result.returncode == 0, result.stderr
    assert "at t = 0" in result.stdout and "dphi/dt = " in result.stdout and "R^2" in result.stdout
    found = json.loads(lior(*arguments, "--json").stdout)
    assert found["variables"] == ["t"] and found["converged"] is True
    assert found["v"][0][1] == pytest.approx(1, abs=0.05)
    assert found["x"] == pytest.approx([math.pi / 2, 0], abs=0.1)
    assert 0.98 < found["r_squared"] < 1
    with open(tmp_path / "fit.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["t"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["residual"]) for row in rows] == pytest.approx(found["residuals"])
    assert float(rows[3]["phi"]) == pytest.approx(4, abs=0.1)


def test_origin_weights_and_variables(lior, tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("x0,dose,age,weight\n1,0,0,1\n3,1,0,2\n0,0,1,1\n2,1,1,1\n")
    found = json.loads(
        lior(
            *("regression", "--metric", "euclidean:n=1", "--points", file),
            *("--variables", "dose,age", "--at", "1,1", "--json"),
        ).stdout
    )
    assert found["x"] == pytest.approx([2]) and found["v"] == [
        [pytest.approx(2)],
        [pytest.approx(-1)],
    ]
    assert found["variance"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--metric", "minkowski"), ("t", "coordinate", "--variables")),
        (("--metric", "sphere", "--variables", "age"), ("column 't'",)),
        (("--metric", "sphere", "--variables", "t,t"), ("twice",)),
        (("--metric", "sphere", "--variables", "t,"), ("empty",)),
        (("--metric", "sphere", "--at", "1,2"), ("--at", "2 numbers", "expected 1")),
        (("--metric", "sphere", "--out", "no/folder/fit.csv"), ("no/folder",)),
    ],
)
def test_what_is_wrong_is_said(refused, table, arguments, words):
    line = refused("regression", "--points", table, *arguments)
    assert all(word in line for word in words), line


def test_one_time_is_refused(refused, tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("t,theta,phi\n2,1,1\n2,1,2\n")
    line = refused("regression", "--metric", "sphere", "--points", file)
    assert "variable 0 is 2 at all points" in line


def test_a_fit_that_is_not_reached_ends_with_status_1(lior, tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("t,theta,phi\n-1,0.3,0\n1,0.3,3.141592653589793\n")  # its middle is the pole
    result = lior("regression", "--metric", "sphere", "--points", file)
    assert result.returncode == 1, result.stderr
    assert "was not reached" in result.stderr
