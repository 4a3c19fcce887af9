# SPDX-License-Identifier: Apache-2.0
"""What a run on a text keeps: the weights of its best val, and what it says of its text."""

import json
import pathlib
import random
import shutil
import subprocess
import zlib

import pytest
from program import PROGRAM, small_settings
from training import QUIET

SETTINGS = small_settings(top="eval_every = 10")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """small.toml, and a text whose held-out tail is other than the rest: val rises soon."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "small.toml").write_text(SETTINGS)
    letters = random.Random(1)
    tail = "".join(letters.choice("abcdefgh") for _ in range(400))
    (folder / "text.txt").write_text("abcdefgh" * 450 + tail)
    return folder


def train(inputs, out, *more):
    data = ("--data", inputs / "text.txt", "--config", inputs / "small.toml")
    return ("train", *data, "--out", out, "--lr", 0.02, *more)


def held_out_loss(lior, out, inputs, *more):
    report = lior("eval", "--model", out, "--data", inputs / "text.txt", *more)
    assert report.returncode == 0, report.stderr
    return json.loads(report.stdout)["loss"]


@pytest.fixture(scope="module")
def risen(inputs, tmp_path_factory):
    """The folder of a run whose val has risen, and what the run said."""
    out = tmp_path_factory.mktemp("runs") / "risen"
    command = [PROGRAM, *map(str, train(inputs, out, "--steps", 100, "--threads", 1))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return out, ended.stderr


def vals(out):
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["val_loss"] for line in lines if "val_loss" in line}


def step_of(path):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return int(header["__metadata__"]["step"])


def test_the_best_weights_are_what_is_used(lior, inputs, risen):
    out, _ = risen
    of_step = vals(out)
    best = min(of_step, key=of_step.get)
    assert best < 100 and step_of(out / "best.safetensors") == best
    first, last = (
        held_out_loss(lior, out, inputs),
        held_out_loss(lior, out, inputs, "--weights", "last"),
    )
    assert first < last
    assert first == held_out_loss(lior, out, inputs, "--weights", "best")

    def written(*more):
        return lior("generate", "--model", out, "--prompt", "abc", "--seed", 1, *more).stdout

    assert written() == written("--weights", "best") != written("--weights", "last")


def test_the_last_lines_say_where_val_was_best(risen):
    out, said = risen
    of_step = vals(out)
    best = min(of_step, key=of_step.get)
    opening = f"val was best at step {best}: {of_step[best]:.3f} nats; "
    line = next(line for line in said.splitlines() if line.startswith(opening))
    assert f"risen since, to {of_step[100]:.3f}" in line and "--weights last" in line
    assert said.count("learns its text by heart") == 1


def test_a_resumed_run_has_the_best_of_both_parts(lior, inputs, risen, tmp_path):
    whole, _ = risen
    out = tmp_path / "run"
    assert lior(*train(inputs, out, "--steps", 100, *QUIET), LIOR_SAVE_EVERY="7").returncode == 0
    assert (out / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()
    longer = lior("train", "--out", out, "--resume", "--steps", 120, *QUIET)
    assert longer.returncode == 0, longer.stderr
    assert (out / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


def test_a_kill_while_the_best_is_written_loses_nothing(lior, inputs, risen, tmp_path):
    whole, _ = risen
    out = pathlib.Path(shutil.copytree(whole, tmp_path / "run"))
    best, following = out / "best.safetensors", out / "best.safetensors.next"
    good = best.read_bytes()
    resume = ("train", "--out", out, "--resume", *QUIET, "--steps")
    # The model is in place, the best weights not yet: those of an earlier best are.
    best.rename(following)
    shutil.copy(out / "model.safetensors", best)
    assert lior(*resume, 101).returncode == 0
    assert best.read_bytes() == good and not following.exists()
    # Written ahead of a model that never came.
    shutil.copy(out / "model.safetensors", following)
    assert lior(*resume, 102).returncode == 0
    assert best.read_bytes() == good and not following.exists()
    best.unlink()
    refused = lior(*resume, 103)
    assert refused.returncode == 2 and "best.safetensors" in refused.stderr


def test_patience_ends_a_run_and_may_be_taken_back(lior, inputs, risen, tmp_path):
    of_step = vals(risen[0])
    best, out = min(of_step, key=of_step.get), tmp_path / "run"
    said = lior(*train(inputs, out, "--steps", 100, "--patience", 2, "--threads", 1)).stderr
    assert step_of(out / "model.safetensors") == best + 20
    assert f"finished at step {best + 20} of 100" in said and "out of patience" in said
    assert said.rstrip().endswith(f"to go further: lior train --out {out} --resume --patience 0")
    over = lior("train", "--out", out, "--resume", *QUIET)
    assert over.returncode == 0 and step_of(out / "model.safetensors") == best + 20
    assert lior("train", "--out", out, "--resume", "--patience", 0, *QUIET).returncode == 0
    for name in ("best.safetensors", "model.safetensors"):
        assert step_of(out / name) == step_of(risen[0] / name)


def test_patience_needs_a_text_to_evaluate_on(refused, inputs, tmp_path):
    task = ("train", "--data", "builtin:parity", "--out", tmp_path / "run", "--patience", 3)
    assert "patience = 3" in refused(*task, *QUIET)
    message = refused(
        *train(inputs, tmp_path / "run", "--patience", 3, "--val-fraction", 0, *QUIET)
    )
    assert "val_fraction = 0" in message


def test_runs_without_val_have_their_last_weights(lior, inputs, tmp_path):
    out = tmp_path / "run"
    assert lior(*train(inputs, out, "--steps", 5, "--val-fraction", 0, *QUIET)).returncode == 0
    assert not (out / "best.safetensors").exists()
    assert held_out_loss(lior, out, inputs, "--split", "all") > 0


def test_weights_are_best_or_last(refused, inputs, risen):
    message = refused(
        "eval", "--model", risen[0], "--data", inputs / "text.txt", "--weights", "first"
    )
    assert "--weights: 'first'" in message and "best, last" in message


def test_a_text_that_is_compressed_or_small_is_said_to_be(lior, inputs, tmp_path):
    packed = tmp_path / "packed"
    numbers = random.Random(2)
    packed.write_bytes(zlib.compress(bytes(numbers.choices(b"etaoinshrdlu ", k=60_000))))
    settings = ("--config", inputs / "small.toml", "--threads", 1, "--steps", 1)
    said = lior("train", "--data", packed, "--out", tmp_path / "a", *settings).stderr
    assert "of entropy of 8: it looks compressed" in said and "small for" not in said
    said = lior(*train(inputs, tmp_path / "b", "--steps", 1, "--threads", 1)).stderr
    assert "entropy" not in said and "small for" not in said
    said = lior(
        "train",
        "--data",
        inputs / "text.txt",
        "--out",
        tmp_path / "c",
        "--steps",
        1,
        "--preset",
        "tiny",
        "--threads",
        1,
    ).stderr
    assert "the text is small for tiny: " in said
