# SPDX-License-Identifier: Apache-2.0
"""lior train and eval on groups by expressions, machines by tables, and the pictures of eval."""

import json

import pytest

TRAIN = ("train", "--threads", 1)
TURNSTILE = """# a turnstile
state    output  coin      push
locked   closed  unlocked  locked
unlocked open    unlocked  locked
"""
# Letters a and b move on a cycle of three, back and forth; c never comes at the first place.
CYCLE = """state output a b c
one first two three -
two second three one two
three third one two three
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cycle.txt"
    path.write_text(CYCLE)
    return path


def evaluated(lior, run, data, *more):
    result = lior("eval", "--model", run, "--data", data, "--count", 8, *more, "--threads", 1)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_machine_by_its_table_is_learnt_to_the_end(lior, tmp_path, table):
    table.write_text(CYCLE.replace("two three -", "two three one"))  # every letter leads on
    run, data = tmp_path / "run", f"builtin:automaton:{table}"
    trained = lior(*TRAIN, "--data", data, "--out", run, "--length", 32, "--steps", 400)
    assert "3 states and 3 tokens, which permute the states: a group of 3" in trained.stderr
    assert "exact at" in trained.stderr
    assert [line["wrong"] for line in evaluated(lior, run, data, "--lengths", "32,2000")] == [0, 0]


def test_a_run_goes_on_with_its_own_machine_alone(lior, refused, tmp_path, table):
    run = tmp_path / "run"
    train = (*TRAIN, "--out", run, "--length", 8, "--crystallise", "off")
    assert lior(*train, "--data", f"builtin:automaton:{table}", "--steps", 2).returncode == 0
    assert json.loads((run / "config.json").read_text())["data"] == f"builtin:automaton:{table}"
    resume = (*TRAIN, "--out", run, "--resume")
    assert lior(*resume, "--steps", 3).returncode == 0
    table.write_text(CYCLE.replace("two second three one", "two second one three"))
    assert "the table is not the one that the run was trained on" in refused(*resume, "--steps", 4)


def test_a_bad_table_is_said_with_line_and_cell(refused, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(TURNSTILE.replace("unlocked  locked\nunlocked", "unlocked  shut\nunlocked"))
    said = refused("train", "--data", f"builtin:automaton:{path}", "--out", tmp_path / "run")
    assert f'{path}, line 3, cell 4 ("shut"): there is no state of this name' in said
    assert not (tmp_path / "run").exists()
    missing = ("train", "--data", "builtin:automaton:none.txt", "--out", tmp_path / "run")
    assert "none.txt" in refused(*missing)


def test_a_bad_group_is_said_with_its_place(refused, tmp_path):
    said = refused("train", "--data", "builtin:group:S3 y S3", "--out", tmp_path / "run")
    assert 'group "S3 y S3", character 4: expected x, : or wr, or its end' in said
    said = refused("train", "--data", "builtin:group:A8", "--out", tmp_path / "run")
    assert "a group of 20160 elements over 20160 letters" in said and "generators:EXPR" in said


@pytest.mark.parametrize(
    "data, flags, words",
    [
        ("group:S6", ("--preset", "tracking"), "two_sided with model.factors = 6 does"),
        ("even_pairs", ("--preset", "tracking"), "model.convolution = 2 (preset tracking-pairs)"),
        ("modular_arithmetic", ("--preset", "tracking"), "states with model.gates can"),
        ("a5", (), "a group of 60 elements, which is not solvable"),
    ],
)
def test_what_a_model_cannot_hold_is_said_before_it_trains(lior, tmp_path, data, flags, words):
    run = (*TRAIN, "--data", f"builtin:{data}", "--out", tmp_path / "run", "--length", 2, *flags)
    result = lior(*run, "--batch", 1, "--eval-every", 2, "--steps", 1)
    assert result.returncode == 0 and words in result.stderr


def test_pairs_that_were_never_trained_on_are_right(lior, tmp_path):
    """S3 x S3 at length 8, by 2606.07254's split, then words of the other half of the pairs."""
    run, data = tmp_path / "run", "builtin:pairs:S3xS3"
    train = (*TRAIN, "--data", data, "--out", run, "--length", 8, "--steps", 6400)
    assert "exact at" in lior(*train).stderr
    assert evaluated(lior, run, data, "--length", 20000)[0]["wrong"] == 0


def test_accuracy_by_position_is_drawn(lior, refused, tmp_path, table):
    run, data = tmp_path / "run", f"builtin:automaton:{table}"
    assert lior(*TRAIN, "--data", data, "--out", run, "--steps", 1).returncode == 0
    for name, start in (("a.svg", b"<svg"), ("a.png", b"\x89PNG")):
        picture = tmp_path / name
        assert len(evaluated(lior, run, data, "--lengths", "16,300", "--plot", picture)) == 2
        assert picture.read_bytes().startswith(start)
    assert b"length 16" in (tmp_path / "a.svg").read_bytes()
    model = ("eval", "--model", run, "--data", data)
    assert "ends in .png or .svg" in refused(*model, "--plot", tmp_path / "a.pdf")
    assert "cannot write there" in refused(*model, "--plot", tmp_path / "no" / "a.png")
