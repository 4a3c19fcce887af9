# SPDX-License-Identifier: Apache-2.0
"""lior train --data: files that move, change or shrink, pipes, and what is no text."""

import json
import os
import re
import signal
import subprocess
import time

from program import PROGRAM, environment
from training import QUIET, TEXT, arguments, assert_same_numbers, contents, metrics


def test_a_text_may_move_but_not_change(lior, refused, inputs, tmp_path):
    out, moved, other = tmp_path / "run", tmp_path / "moved.txt", tmp_path / "other.txt"
    assert lior(*arguments(inputs, out, "--steps", 3)).returncode == 0
    config = json.loads((out / "config.json").read_text())
    assert config["data"] == str(inputs / "text.txt")
    moved.write_text(TEXT)
    other.write_text(TEXT.replace("399", "398"))
    resume = ("train", "--out", out, "--resume", *QUIET, "--steps", 5)
    before = contents(out)
    assert "is not the text" in refused(*resume, "--data", other)
    assert "builtin:a5" in refused(*resume, "--data", "builtin:a5")
    assert contents(out) == before
    assert lior(*resume, "--data", moved).returncode == 0
    assert metrics(out)[-1]["step"] == 5
    relative = f"{inputs}/../{inputs.name}/text.txt"
    assert lior(*resume[:-1], 6, "--data", relative).returncode == 0


def test_a_text_that_shrinks_ends_the_run_saved(lior, inputs, tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text(TEXT)
    command = [
        PROGRAM,
        *map(str, arguments(inputs, out, "--steps", 10**7, "--log-every", 1, data=text)),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        time.sleep(0.05)
    os.truncate(text, 100)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said.count("\n") == 1 and "text.txt: had " in said and "is saved in" in said
    step = int(re.search(r"at step (\d+)", said)[1])
    header = (out / "model.safetensors").read_bytes()[:1000].decode("utf-8", "replace")
    assert f'"step":"{step}"' in header
    text.write_text(TEXT)
    assert lior("train", "--out", out, "--resume", "--steps", step + 1, *QUIET).returncode == 0


def test_a_pipe_is_data_and_is_kept(inputs, trained, lior, tmp_path):
    out = tmp_path / "run"
    command = [
        PROGRAM,
        *map(str, arguments(inputs, out, "--steps", 60, "--save-every", 20, data="-")),
    ]
    subprocess.run(command, input=TEXT.encode(), check=True, timeout=120)
    assert (out / "data").read_text() == TEXT
    assert_same_numbers(out, trained)
    assert lior("train", "--out", out, "--resume", "--steps", 61, *QUIET).returncode == 0
    evaluate = [PROGRAM, "eval", "--model", out, "--data", "-"]
    report = subprocess.run(evaluate, input=TEXT.encode(), capture_output=True, check=True).stdout
    assert json.loads(report)["loss"] > 0


def test_a_fifo_is_data_and_waiting_for_it_ends_with_ctrl_c(inputs, trained, tmp_path):
    fifo, out = tmp_path / "fifo", tmp_path / "run"
    os.mkfifo(fifo)
    command = [
        PROGRAM,
        *map(str, arguments(inputs, out, "--steps", 60, "--save-every", 20, data=fifo)),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 143 and not out.exists(), said
    assert f"reading {fifo}\n" not in said  # --progress none
    process = subprocess.Popen(command)
    fifo.write_text(TEXT)
    assert process.wait(60) == 0
    assert_same_numbers(out, trained)


def test_data_that_are_long_in_coming_are_said_to_be_read(inputs, tmp_path):
    command = [
        PROGRAM,
        *map(
            str, arguments(inputs, tmp_path / "run", "--steps", 1, "--progress", "plain", data="-")
        ),
    ]
    command.remove("none"), command.remove("--progress")
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stderr.readline() == "reading the standard input to its end\n"
    process.communicate(TEXT, timeout=60)
    assert process.returncode == 0


def test_data_that_cannot_be(refused, inputs, tmp_path):
    out = tmp_path / "run"
    empty, short = tmp_path / "empty.txt", tmp_path / "short.txt"
    empty.touch()
    short.write_text("too short")
    assert "missing.txt" in refused(*arguments(inputs, out, data=tmp_path / "missing.txt"))
    assert "empty.txt" in refused(*arguments(inputs, out, data=empty))
    assert "at least 17" in refused(*arguments(inputs, out, data=short))
    assert "a5, s5" in refused(*arguments(inputs, out, data="builtin:a6"))
    assert "--data" in refused("train", "--out", out)
    assert not out.exists()
