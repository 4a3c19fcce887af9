# SPDX-License-Identifier: Apache-2.0
"""lior train --resume: a run that ended, was interrupted or was killed goes on as one that was not."""

import json
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from program import PROGRAM
from training import QUIET, arguments, assert_same_run, contents, metrics


def test_a_run_says_where_it_is_saved_and_how_to_go_on(lior, inputs, tmp_path):
    out = tmp_path / "run"
    command = ("train", "--config", inputs / "small.toml", "--out", out, "--threads", 1)
    lines = lior(*command, "--data", inputs / "text.txt", "--steps", 5).stderr.splitlines()
    assert lines[-3].startswith("finished at step 5 of 5, ") and lines[-3].endswith(f"in {out}")
    assert lines[-2] == f"to use it: lior generate --model {out} --prompt TEXT"
    assert lines[-1] == f"to go further: lior train --out {out} --resume --steps 10"

    over = lior("train", "--out", out, "--resume", "--threads", 1)
    assert over.returncode == 0
    assert over.stderr.startswith(f"the run in {out} was over, at step 5 of 5, ")
    over = lior("train", "--out", out, "--resume", "--minutes", 0.00001)
    assert "was over, at step 5, " in over.stderr
    done = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["seconds"] / 60
    assert (
        float(over.stderr.split("--minutes ")[1]) > 1.5 * done
    )  # more than was done, not than was asked
    over = lior("train", "--out", out, "--resume", "--steps", 2, "--threads", 1)
    assert over.stderr.rstrip().endswith("--steps 10")

    task = tmp_path / "task"
    lines = lior(*command[:-4], "--out", task, "--data", "builtin:a5", "--steps", 2).stderr
    assert f"to use it: lior eval --model {task} --data builtin:a5" in lines


def test_a_resumed_run_is_the_uninterrupted_one(lior, inputs, trained, tmp_path):
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 60, "--save-every", 7)).returncode == 0
    assert_same_run(out, trained)


@pytest.mark.parametrize("seed", range(3))
def test_killed_hard_and_resumed_it_is_the_uninterrupted_run(inputs, timed_run, tmp_path, seed):
    trained, seconds = timed_run
    out = tmp_path / "run"
    delays = random.Random(seed)
    command = [PROGRAM, *map(str, arguments(inputs, out, "--steps", 60, "--save-every", 3))]
    kills = 0
    while True:
        resume = ["--resume"] if (out / "config.json").exists() else []
        process = subprocess.Popen([*command, *resume], stderr=subprocess.PIPE)
        try:
            process.wait(delays.uniform(0.1, 0.6) * seconds if kills < 8 else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0, process.stderr.read()
        break
    assert kills > 0
    assert_same_run(out, trained)


def test_a_kill_while_the_settings_are_written_leaves_the_folder_usable(lior, inputs, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.json.partial").write_text('{"pre')
    assert lior(*arguments(inputs, out, "--steps", 1)).returncode == 0
    assert "config.json.partial" not in contents(out)


def test_a_kill_between_the_two_files_loses_nothing(lior, inputs, trained, run_copy, tmp_path):
    # The model of step 60 is in place, its optimiser's file not yet: the older one is.
    older = tmp_path / "older"
    assert lior(*arguments(inputs, older, "--steps", 20)).returncode == 0
    (run_copy / "optimizer.safetensors").rename(run_copy / "optimizer.safetensors.next")
    shutil.copy(older / "optimizer.safetensors", run_copy / "optimizer.safetensors")
    assert lior(*arguments(inputs, run_copy, "--steps", 60, "--resume")).returncode == 0
    assert_same_run(run_copy, trained)
    # The other way round: a file written ahead of a model that never came.
    shutil.copy(older / "optimizer.safetensors", run_copy / "optimizer.safetensors.next")
    assert lior(*arguments(inputs, run_copy, "--steps", 60, "--resume")).returncode == 0
    assert_same_run(run_copy, trained)


def test_ctrl_c_saves_and_exits_130(inputs, tmp_path):
    out = tmp_path / "run"
    command = [PROGRAM, *map(str, arguments(inputs, out, "--steps", 10**6, "--log-every", 1))]
    process = subprocess.Popen(command)
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    last = metrics(out)[-1]["step"]
    header = (out / "model.safetensors").read_bytes()[:1000].decode("utf-8", "replace")
    assert f'"step":"{last}"' in header


def test_a_longer_run_says_how_its_rate_moves(lior, inputs, run_copy):
    longer = lior("train", "--out", run_copy, "--resume", "--steps", 120, "--threads", 1)
    assert longer.returncode == 0
    before, after = re.search(
        r"goes on at (\S+), from (\S+): its schedule", longer.stderr
    ).groups()[::-1]
    assert float(after) > 2 * float(before) and "may rise" in longer.stderr


def test_fewer_steps_than_are_done_change_nothing(lior, run_copy):
    before = contents(run_copy)
    over = lior("train", "--out", run_copy, "--resume", "--steps", 20, "--threads", 1)
    assert over.returncode == 0 and "was over" in over.stderr
    assert contents(run_copy) == before


def test_steps_and_minutes_share_the_schedule(lior, inputs, tmp_path):
    # Minutes are far nearer their end than steps: the rate falls with them.
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 10**7, "--minutes", 0.03)).returncode == 0
    assert metrics(out)[-1]["lr"] < 0.2 * max(line["lr"] for line in metrics(out))


def test_a_resumed_run_says_that_the_text_is_sampled(lior, inputs, tmp_path):
    text, out = tmp_path / "long.txt", tmp_path / "run"
    text.write_bytes(bytes(range(256)) * 20_000)  # 5.1 MB
    config = tmp_path / "no_val.toml"
    config.write_text(
        (inputs / "small.toml").read_text().replace("batch = 4", "batch = 4\nval_fraction = 0")
    )
    train = ("train", "--data", text, "--config", config, "--out", out, "--threads", 1)
    assert lior(*train, "--steps", 2).returncode == 0
    assert (
        "samples of it that were compared, 4 MB of 5.12 MB"
        in lior(*train, "--steps", 3, "--resume").stderr
    )


def follow_up(stderr, opening):
    """The command after `opening` in what a run said, as a shell takes it."""
    return next(line.split(opening)[1] for line in stderr.splitlines() if opening in line)


def test_commands_to_go_on_can_be_pasted(lior, inputs, tmp_path):
    out = tmp_path / "r" / "ö ut 1's $(x)"
    said = lior(
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--out",
        out,
        "--threads",
        1,
        "--steps",
        2,
    ).stderr
    for opening in ("to use it: ", "to go further: "):
        command = follow_up(said, opening).replace("TEXT", "line")
        run = ["bash", "-c", command.replace("lior ", f"{PROGRAM} ", 1)]
        result = subprocess.run(run, capture_output=True, timeout=60)
        assert result.returncode == 0, result.stderr


def test_one_run_at_a_time_writes_into_a_folder(lior, refused, inputs, tmp_path):
    out = tmp_path / "run"
    command = [PROGRAM, *map(str, arguments(inputs, out, "--steps", 10**7, "--log-every", 1))]
    process = subprocess.Popen(command)
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        time.sleep(0.05)
    message = refused("train", "--out", out, "--resume", *QUIET)
    assert f"is in use by process {process.pid}" in message
    process.kill()
    process.wait()
    assert lior("train", "--out", out, "--resume", "--steps", 1, *QUIET).returncode == 0


def test_an_output_folder_with_a_run_in_it_is_left_alone(refused, inputs, run_copy):
    before = contents(run_copy)
    assert "--resume" in refused(*arguments(inputs, run_copy, "--steps", 5))
    assert contents(run_copy) == before


def test_a_resumed_run_keeps_its_settings(refused, inputs, run_copy):
    before = contents(run_copy)
    message = refused(*arguments(inputs, run_copy, "--resume", "--lr", "0.5"))
    assert "--lr" in message and "0.003" in message
    assert contents(run_copy) == before


def test_a_checkpoint_that_cannot_be(refused, inputs, run_copy):
    optimizer = run_copy / "optimizer.safetensors"
    good = optimizer.read_bytes()
    resume = arguments(inputs, run_copy, "--resume", "--steps", 70)
    optimizer.write_bytes(good[:-5])
    assert "optimizer.safetensors" in refused(*resume)
    optimizer.write_bytes(good.replace(b'"step":"60"', b'"step":"40"'))
    assert "step 40" in refused(*resume)
    optimizer.unlink()
    assert "optimizer.safetensors" in refused(*resume)
