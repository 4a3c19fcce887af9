# SPDX-License-Identifier: Apache-2.0
"""lior crystallise, and runs that end exact: A5 from its first seconds of training."""

import json
import shutil
import subprocess

import pytest
from program import PROGRAM
from training import QUIET


def train(out, *more):
    data = () if "--data" in more else ("--data", "builtin:a5")
    command = (PROGRAM, "train", *data, "--out", out, *QUIET, *more)
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A5 after 500 steps, which it tracks over some hundred tokens."""
    out = tmp_path_factory.mktemp("runs") / "a5"
    return train(out, "--steps", 500, "--crystallise", "off")


def wrong(lior, run, length):
    result = lior(
        *("eval", "--model", run, "--data", "builtin:a5"),
        *("--count", 4, "--length", length, "--threads", 1),
    )
    return json.loads(result.stdout)["wrong"]


def test_a_model_that_loses_track_never_does_again(lior, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    assert wrong(lior, run, 20000) > 10000
    result = lior("crystallise", "--model", run, "--threads", 1)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["states"] == report["tokens"] == 60
    assert report["agreement"] > 0.8
    assert report["deviation_before"] > 1e-2
    assert report["deviation_exact"] < 1e-13 and report["deviation_float32"] < 1e-6
    assert report["margin"] > 0
    assert wrong(lior, run, 20000) == 0
    # It stays as it is the second time, and the folder is a run's still, which can be resumed.
    weights = (run / "model.safetensors").read_bytes()
    again = lior("crystallise", "--model", run)
    assert again.returncode == 0 and "is exact already" in again.stderr
    assert json.loads(again.stdout)["deviation_before"] < 1e-5
    assert (run / "model.safetensors").read_bytes() == weights
    more = ("train", "--out", run, "--resume", "--steps", 501, *QUIET)
    assert lior(*more).returncode == 0


@pytest.mark.parametrize("group", ["Z12", "Z20"])
def test_what_reads_the_states_is_taught_where_it_has_not_learnt_them(lior, tmp_path, group):
    """Cyclic groups are tracked long before what reads them tells all exact states apart."""
    data = f"builtin:group:{group}"
    run = train(tmp_path / "run", "--data", data, "--steps", 300, "--crystallise", "off")
    result = lior("crystallise", "--model", run, "--threads", 1)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["states"] == int(group[1:]) and report["margin"] > 0.5
    line = lior("eval", "--model", run, "--data", data, "--length", 20000, "--count", 4).stdout
    assert json.loads(line)["wrong"] == 0


def test_a_run_ends_where_it_is_exact(lior, trained, tmp_path):
    out = train(tmp_path / "run", "--steps", 2000)
    steps = [json.loads(line)["step"] for line in (out / "metrics.jsonl").open()]
    assert steps[-1] in (100, 200, 400, 800, 1600)
    assert wrong(lior, out, 20000) == 0
    settings = json.loads((out / "config.json").read_text())
    assert settings["crystallise"] == "auto" and settings["steps"] == 2000


# Two bits: f flips the first, s sets the second, c clears it and comes after r alone, and r reads both.
BITS = """state output f s c r
start - f1 s0 - r0
f0 - f1 s0 - r0
f1 - f0 s1 - r1
s0 - s1 s0 - r2
s1 - s0 s1 - r3
r0 0 f1 s0 f0 r0
r1 1 f0 s1 f1 r1
r2 2 s1 s0 f0 r2
r3 3 s0 s1 f1 r3
"""


def test_a_model_that_cannot_be_exact_learns_longer_words(lior, tmp_path):
    """Of its own automaton, after words of 8 tokens."""
    table = tmp_path / "bits.txt"
    table.write_text(BITS)
    data = f"builtin:automaton:{table}"
    short = ("--data", data, "--length", 8, "--batch", 128, "--steps", 200)
    run = train(tmp_path / "off", *short, "--crystallise", "off")
    at_length = ("--data", data, "--length", 1024, "--count", 16, "--threads", 1)
    before = json.loads(lior("eval", "--model", run, *at_length).stdout)["wrong"]
    result = lior("crystallise", "--model", run, "--threads", 1)
    assert result.returncode == 0, result.stderr
    assert "it has 2 layers, not one" in result.stderr
    report = json.loads(result.stdout)
    assert report["states"] == 8 and report["tokens"] == 4 and report["agreement"] >= 0.998
    assert report["steps"] > 0 and report["wrong_after"] < report["wrong_before"] / 10
    after = json.loads(lior("eval", "--model", run, *at_length).stdout)["wrong"]
    assert before > 100 and after < before / 10


def test_a_run_at_its_end_learns_longer_words(lior, tmp_path):
    data = ("--data", "builtin:even_pairs")
    short = ("--length", 40, "--steps", 200, "--threads", 1, "--progress", "plain")
    wrong = {}
    for mode in ("auto", "off"):
        run = tmp_path / mode
        result = lior("train", *data, "--out", run, *short, "--crystallise", mode)
        assert result.returncode == 0, result.stderr
        assert ("cannot be made exact: its turns depend" in result.stderr) == (mode == "auto")
        assert ("its automaton has 5 states; along words" in result.stderr) == (mode == "auto")
        at_length = ("--length", 1024, "--count", 16, "--threads", 1)
        wrong[mode] = json.loads(lior("eval", "--model", run, *data, *at_length).stdout)["wrong"]
    assert wrong["off"] > 100 and wrong["auto"] < wrong["off"] / 10


def test_a_run_learns_longer_words_within_its_memory_budget(lior, tmp_path):
    run = ("--data", "builtin:even_pairs", "--length", 40, "--steps", 200, "--threads", 1)
    for budget, fits in (("45M", False), ("76M", True)):
        result = lior("train", *run, "--out", tmp_path / budget, "--memory-budget", budget)
        assert result.returncode == 0, result.stderr
        assert ("it was not: longer words take" in result.stderr) == (not fits)
        assert ("its automaton has 5 states; along words" in result.stderr) == fits


def test_what_cannot_be_exact_is_said(lior, refused, trained, tmp_path):
    untrained = train(tmp_path / "untrained", "--steps", 1)
    result = lior("crystallise", "--model", untrained)
    assert result.returncode == 1 and result.stdout == ""
    assert "its outputs are all the same" in result.stderr
    gates = train(tmp_path / "gates", "--preset", "tiny", "--length", 8, "--steps", 1)
    result = lior("crystallise", "--model", gates)
    assert result.returncode == 1 and result.stdout == ""
    assert "2 layers" in result.stderr and "it is no automaton yet" in result.stderr
    copies = train(tmp_path / "copies", "--data", "builtin:copy", "--length", 8, "--steps", 1)
    assert "3 layers" in refused("crystallise", "--model", copies)
    (tmp_path / "text.txt").write_text("a text " * 100)
    small = ("--data", tmp_path / "text.txt", "--length", 8, "--steps", 1)
    text = train(tmp_path / "text", *small)
    assert "was trained on a text" in refused("crystallise", "--model", text)
