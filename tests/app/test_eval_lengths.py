# SPDX-License-Identifier: Apache-2.0
"""lior eval over several lengths: a line each, and the accuracy by position."""

import csv
import json
import subprocess

import pytest
from program import PROGRAM


@pytest.fixture(scope="module")
def parity_run(tmp_path_factory):
    """The folder of a run of two steps on parity."""
    out = tmp_path_factory.mktemp("runs") / "parity"
    small = ("--batch", "4", "--length", "8", "--threads", "1", "--progress", "none")
    command = [
        PROGRAM,
        "train",
        "--data",
        "builtin:parity",
        "--out",
        str(out),
        "--steps",
        "2",
        *small,
    ]
    subprocess.run(command, check=True, timeout=60)
    return out


def evaluate(lior, run, *more):
    result = lior("eval", "--model", run, "--data", "builtin:parity", "--count", 6, *more)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_length_has_a_line_as_on_its_own(lior, parity_run):
    lines = evaluate(lior, parity_run, "--lengths", "3,1,40")
    assert [line["length"] for line in lines] == [3, 1, 40]
    for line in lines:
        (alone,) = evaluate(lior, parity_run, "--length", line["length"])
        del alone["seconds"], line["seconds"]
        assert line == alone
        assert line["tokens"] == 6 * line["length"] and line["sequences"] == 6
        assert line["wrong"] == round((1 - line["accuracy"]) * line["tokens"])
        assert 0 <= line["accuracy_low"] <= line["accuracy"] <= line["accuracy_high"] <= 1


def test_the_table_of_positions_sums_to_the_line(lior, parity_run, tmp_path):
    table = tmp_path / "positions.csv"
    lines = evaluate(lior, parity_run, "--lengths", "5,3000", "--by-position", table)
    rows = list(csv.DictReader(table.open()))
    for line in lines:
        of_length = [row for row in rows if int(row["length"]) == line["length"]]
        assert len(of_length) == {5: 5, 3000: 1000}[line["length"]]
        assert sum(int(row["targets"]) for row in of_length) == line["tokens"]
        assert sum(int(row["correct"]) for row in of_length) == line["tokens"] - line["wrong"]
        first = of_length[0]
        assert float(first["accuracy"]) == pytest.approx(
            int(first["correct"]) / int(first["targets"])
        )


@pytest.mark.parametrize("lengths", ["", "3,", ",3", "3,,4", "0", "3,-1", "3;4", "1e3", "3 4"])
def test_what_is_no_list_of_lengths(refused, parity_run, lengths):
    message = refused(
        *("eval", "--model", parity_run, "--data", "builtin:parity", "--lengths", lengths)
    )
    assert "is no list of lengths" in message or "--lengths" in message


def test_length_and_lengths_exclude_each_other(refused, parity_run):
    evaluate = ("eval", "--model", parity_run, "--data", "builtin:parity")
    assert "both given" in refused(*evaluate, "--length", 3, "--lengths", "3")
    assert "/nowhere/at/all.csv" in refused(*evaluate, "--by-position", "/nowhere/at/all.csv")
