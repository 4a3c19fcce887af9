# SPDX-License-Identifier: Apache-2.0
"""Paths that the system refuses, whatever they name: bad input, in one line, with the path and the reason."""

import pytest

START = ("--from", "1,0", "--velocity", "0,1")

#: Of each command, arguments whose {} is such a path.
COMMANDS = {
    "train --out": ("train", "--data", "builtin:parity", "--out", "{}"),
    "train --data": ("train", "--data", "{}", "--out", "run"),
    "train --resume": ("train", "--resume", "--out", "{}"),
    "train automaton": ("train", "--data", "builtin:automaton:{}", "--out", "run"),
    "eval": ("eval", "--data", "builtin:parity", "--model", "{}"),
    "generate": ("generate", "--prompt", "a", "--model", "{}"),
    "report": ("report", "{}"),
    "serve": ("serve", "--model", "{}"),
    "evolve --out": ("evolve", "--preset", "free", "--out", "{}"),
    "evolve --out, a folder in it": ("evolve", "--preset", "free", "--out", "{}/run"),
    "evolve --resume": ("evolve", "--resume", "--out", "{}"),
    "evolve --config": ("evolve", "--config", "{}", "--out", "run"),
    "geodesic --starts": ("geodesic", "--metric", "sphere", "--starts", "{}.csv"),
    "geodesic --metric": ("geodesic", "--metric", "{}.toml", *START),
    "geodesic --plot": ("geodesic", "--metric", "sphere", *START, "--plot", "{}.png"),
    "mean": ("mean", "--metric", "sphere", "--points", "{}"),
    "man": ("man", "--out", "{}"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_is_too_long_is_bad_input(refused, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name = "n" * 300
    line = refused(*(argument.format(name) for argument in COMMANDS[command]))
    assert "n" * 20 in line and "filesystem" not in line and "std::" not in line


RUNS = ("train --resume", "eval", "generate", "report", "serve", "evolve --out", "evolve --resume")


@pytest.mark.parametrize("command", RUNS)
def test_an_empty_name_is_not_the_folder_one_is_in(refused, tmp_path, monkeypatch, command):
    """Of a variable that is not set: --model "$run"."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert '""' in refused(*(argument.format("") for argument in COMMANDS[command]))


@pytest.mark.parametrize("command", ["train --out", "evolve --out", "evolve --resume", "report"])
def test_a_link_to_itself_is_bad_input(refused, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    line = refused(*(argument.format("loop") for argument in COMMANDS[command]))
    assert "loop" in line and "filesystem" not in line
