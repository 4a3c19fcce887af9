# SPDX-License-Identifier: Apache-2.0
"""Ends of a run that come from outside: signals, a reader that goes away, closed standard streams."""

import os
import re
import signal
import subprocess
import time

import pytest
from program import PROGRAM
from training import tensors

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 138}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"the quick brown fox jumps over the lazy dog; " * 400)
    return path


def training(text, out, *flags):
    small = ["--batch", 2, "--length", 64, "--seed", 3, "--log-every", 1, "--eval-every", 10**6]
    return [PROGRAM, "train", "--data", text, "--out", out, *small, *flags]


def start(command, **streams):
    return subprocess.Popen([str(word) for word in command], **streams)


def steps_made(out):
    file = out / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def wait_for_steps(out, steps):
    until = time.monotonic() + 60
    while steps_made(out) < steps:
        assert time.monotonic() < until, "no step was made"
        time.sleep(0.01)


@pytest.mark.parametrize("sent", STATUS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_saves_says_so_and_ends_with_the_signals_status(text, tmp_path, sent, threads):
    out = tmp_path / "run"
    flags = ["--steps", 10**6, "--threads", threads, "--progress", "plain"]
    process = start(training(text, out, *flags), stderr=subprocess.PIPE, text=True)
    wait_for_steps(out, 3)
    process.send_signal(sent)
    said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == STATUS[sent], said
    assert said[-1].startswith("interrupted at step ")
    header = (out / "model.safetensors").read_bytes()[:1000].decode("utf-8", "replace")
    assert f'"step":"{steps_made(out)}"' in header


def test_an_evaluation_of_hours_says_what_it_takes_and_can_be_interrupted(tmp_path):
    long = tmp_path / "long.toml"
    long.write_text("batch = 4\nlength = 2048\neval_count = 1048576\neval_every = 1\n")
    flags = ["--config", long, "--progress", "plain", "--steps", 4, "--threads", 1]
    command = [PROGRAM, "train", "--data", "builtin:parity", "--out", tmp_path / "run", *flags]
    estimates = []
    with start(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if left := re.fullmatch(r"evaluating: 0% done, ([\d:]+) left\n", line):
                estimates.append(left[1])
                process.send_signal(signal.SIGINT)
    assert process.returncode == STATUS[signal.SIGINT]
    assert line.startswith("interrupted at step 1 ")
    # 2^31 tokens: a machine that reads 3 million of them a second takes ten minutes.
    assert all(len(estimate) >= len("10:00") for estimate in estimates) and estimates


def test_interrupted_thrice_and_resumed_a_training_has_the_bits_of_one_left_alone(text, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    flags = ["--steps", 60, "--threads", 1, "--progress", "none"]
    assert start(training(text, whole, *flags)).wait(120) == 0
    for part in range(3):
        process = start(training(text, cut, *flags, *(["--resume"] if part else [])))
        wait_for_steps(cut, 10 * (part + 1))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (130, 0)  # 0: it was faster than the signal
    assert start(training(text, cut, *flags, "--resume")).wait(120) == 0
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert tensors(whole / name) == tensors(cut / name), name


def test_a_second_signal_ends_at_once_but_not_as_the_same_press(text, tmp_path):
    out = tmp_path / "run"
    process = start(training(text, out, "--steps", 10**6, "--progress", "none"))
    wait_for_steps(out, 1)
    process.send_signal(signal.SIGTERM)  # as `timeout` does: the process, then its group
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    header = (out / "model.safetensors").read_bytes()[:1000].decode("utf-8", "replace")
    assert f'"step":"{steps_made(out)}"' in header


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_saves_nothing_ends_at_once(sent):
    process = start([PROGRAM, "bench"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    process.send_signal(sent)
    assert process.wait(5) == STATUS[sent]


def test_hangup_that_was_ignored_stays_ignored(text, tmp_path):
    out = tmp_path / "run"
    command = training(text, out, "--steps", 30, "--progress", "none")
    process = start(["nohup", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_steps(out, 1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0


def test_a_training_whose_progress_nobody_reads_saves_and_ends(text, tmp_path):
    out = tmp_path / "run"
    reader, writer = os.pipe()
    flags = ["--steps", 10**6, "--progress", "bar"]
    process = start(training(text, out, *flags), stderr=writer)
    os.close(writer)
    wait_for_steps(out, 1)
    os.close(reader)
    assert process.wait(60) == 128 + signal.SIGPIPE
    header = (out / "model.safetensors").read_bytes()[:1000].decode("utf-8", "replace")
    assert f'"step":"{steps_made(out)}"' in header


def test_generated_text_whose_reader_leaves_ends_without_a_word(text, tmp_path):
    out = tmp_path / "run"
    assert start(training(text, out, "--steps", 2, "--progress", "none")).wait(60) == 0
    command = [PROGRAM, "generate", "--model", out, "--prompt", "the", "--max-tokens", 10**6]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""


@pytest.mark.parametrize("closed", ["2>&-", "0<&-", ">&-", "0<&- >&- 2>&-"])
def test_closed_standard_streams_are_not_written_into_the_runs_files(text, tmp_path, closed):
    whole, out = tmp_path / "whole", tmp_path / "out"
    flags = ["--steps", 5, "--progress", "plain"]
    assert start(training(text, whole, *flags), stderr=subprocess.DEVNULL).wait(60) == 0
    words = " ".join(f"'{word}'" for word in training(text, out, *flags))
    assert subprocess.run(f"{words} {closed}", shell=True, timeout=60).returncode == 0
    for name in ("config.json", "model.safetensors", "optimizer.safetensors"):
        assert (out / name).stat().st_size == (whole / name).stat().st_size, name
    assert all(line.startswith("{") for line in (out / "metrics.jsonl").read_text().splitlines())
