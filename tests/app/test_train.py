# SPDX-License-Identifier: Apache-2.0
"""lior train: what a run writes, says and needs."""

import json
import re
import subprocess
import sys

import pytest
from program import PROGRAM, environment, small_settings
from training import QUIET, arguments, contents, metrics, tensors


def test_a_run_learns_and_writes_its_folder(trained):
    weights = {"best.safetensors", "model.safetensors", "optimizer.safetensors"}
    assert set(contents(trained)) == {"config.json", "metrics.jsonl", *weights}
    lines = metrics(trained)
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert "val_loss" in lines[-1]
    config = json.loads((trained / "config.json").read_text())
    assert config["steps"] == 60 and config["model"]["heads"] == 2 and config["preset"] == "tiny"


def test_progress_is_plain_lines_where_there_is_no_terminal(lior, inputs, tmp_path):
    result = lior(
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--out",
        tmp_path / "run",
        "--steps",
        5,
        "--threads",
        1,
    )
    assert result.returncode == 0 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[-5].startswith("step 5/5  0:00 left  loss ")
    assert lines[-4].startswith("val was best at step 5: ")
    assert "\r" not in result.stderr


def test_a_profile_names_the_ops_beside_their_limits(lior, inputs, tmp_path):
    out = tmp_path / "run"
    result = lior(
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--out",
        out,
        "--steps",
        5,
        "--threads",
        1,
        "--profile",
    )
    assert result.returncode == 0
    assert "4 steps of " in result.stderr and "cross entropy" in result.stderr
    profile = json.loads((out / "profile.json").read_text())
    seconds = {op["op"]: op["seconds"] for op in profile["ops"]}
    assert set(seconds) == {
        "embedding",
        "convolution",
        "norm",
        "product",
        "scan",
        "gate",
        "cross entropy",
        "optimizer",
        "other",
    }
    assert sum(seconds.values()) == pytest.approx(profile["step_seconds"])
    assert profile["limits"]["fma_f32"] > 1e9


def test_every_task_trains_and_is_evaluated(lior, inputs, tmp_path):
    text = " ".join(lior("train", "--help").stdout.split())
    named = re.search(r"or a task: (.*?) --", text)[1].split(", ")
    tasks = [name for name in named if ":" not in name]  # those without a machine of one's own
    assert {"a5", "s5", "copy", "induction", "repl"} <= set(tasks)
    labels = {"copy": 150, "induction": 1, "modular_arithmetic": 150}  # of 300 tokens; else of all
    for task in tasks:
        out = tmp_path / task
        short = ("--steps", 3, "--length", 32)
        assert lior(*arguments(inputs, out, *short, data=f"builtin:{task}")).returncode == 0
        data = ("--data", f"builtin:{task}", "--count", 5, "--length", 300)
        report = json.loads(lior("eval", "--model", out, *data).stdout)
        assert report["bits_per_byte"] is None
        assert 0 <= report["accuracy"] <= 1
        if task == "repl":  # as many labels as its programs print
            assert 0 < report["tokens"] < 5 * 300
        else:
            assert report["tokens"] == 5 * labels.get(task, 300), task


@pytest.mark.parametrize(
    "preset", ["tiny-field", "tiny-geometric-attention", "tiny-attention", "tiny-hybrid"]
)
def test_every_mixer_trains_and_generates_past_its_window(lior, inputs, tmp_path, preset):
    config, out = tmp_path / "window.toml", tmp_path / "run"
    config.write_text("[model]\nattention_window = 12\n")
    assert (
        lior(
            "train",
            "--data",
            inputs / "text.txt",
            "--preset",
            preset,
            "--config",
            config,
            "--out",
            out,
            "--steps",
            40,
            "--batch",
            4,
            "--length",
            32,
            "--log-every",
            1,
            *QUIET,
        ).returncode
        == 0
    )
    losses = [line["loss"] for line in metrics(out) if "loss" in line]
    assert losses[-1] < losses[0] - 1
    generated = [
        lior("generate", "--model", out, "--prompt", "line 1", "--max-tokens", 40, "--seed", 2)
        for _ in range(2)
    ]
    assert generated[0].returncode == 0 and generated[0].stdout
    assert generated[0].stdout == generated[1].stdout
    scores = lior("eval", "--model", out, "--data", inputs / "text.txt", "--count", 4)
    assert json.loads(scores.stdout)["loss"] < losses[0]


def test_text_presets_take_small_batches(lior, inputs, tmp_path):
    help_text = lior("train", "--help").stdout
    assert "presets of texts: 1 or 4" in help_text and "every minute" in help_text
    for preset, batch in (("auto", 1), ("tiny", 4)):
        out = tmp_path / preset
        said = lior(
            *("train", "--data", inputs / "text.txt", "--out", out, "--preset", preset),
            *("--steps", 1, *QUIET, "--length", 16),
        )
        assert said.returncode == 0
        assert json.loads((out / "config.json").read_text())["batch"] == batch


def test_a_moment_is_a_run_too(lior, inputs, tmp_path):
    out = tmp_path / "run"
    said = lior(
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--threads",
        1,
        "--out",
        out,
        "--minutes",
        "1e-12",
    ).stderr
    assert "finished at step 1, " in said and metrics(out)[-1]["step"] == 1


def test_a_budget_bounds_the_memory_of_the_process(inputs, tmp_path):
    words = arguments(inputs, tmp_path / "run", "--steps", 3, "--memory-budget", "120M")
    # From a small process: a child's largest size begins with that of the one that forked it.
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    command = [sys.executable, "-c", code, PROGRAM, *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    assert 10e6 < int(result.stdout.split()[-1]) <= 120e6


def test_a_memory_budget_changes_nothing_but_memory(lior, refused, inputs, tmp_path):
    deep = tmp_path / "deep.toml"
    deep.write_text(
        small_settings()
        .replace("layers = 1", "layers = 8")
        .replace("mlp_hidden = 0", "mlp_hidden = 24")
    )

    def train(out, *more):
        return (
            "train",
            "--data",
            inputs / "text.txt",
            "--config",
            deep,
            "--out",
            tmp_path / out,
            "--steps",
            5,
            "--log-every",
            1,
            "--threads",
            1,
            *more,
        )

    assert lior(*train("whole")).returncode == 0
    planned = metrics(tmp_path / "whole")[0]["planned_bytes"]
    result = lior(*train("less", "--memory-budget", planned - 400_000))
    assert result.returncode == 0
    assert "memory: " in result.stderr and "of 8 blocks" in result.stderr
    less = metrics(tmp_path / "less")[0]["planned_bytes"]
    assert less <= planned - 400_000
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert tensors(tmp_path / "whole" / name) == tensors(tmp_path / "less" / name)

    message = refused(*train("none", "--memory-budget", "100K"))
    assert "memory_budget is 100 KB" in message and "at least" in message
    assert not (tmp_path / "none").exists()
    assert "1.5G" in refused(*train("none", "--memory-budget", "lots"))


def test_an_evaluation_that_takes_most_of_the_time_is_said_before(lior, inputs, tmp_path):
    train = (
        "train",
        "--data",
        "builtin:parity",
        "--config",
        inputs / "small.toml",
        "--threads",
        1,
        "--steps",
        2,
        "--out",
    )
    slow = tmp_path / "slow.toml"
    slow.write_text(small_settings().replace("eval_count = 8", "eval_count = 64\neval_every = 2"))
    assert "an evaluation" not in lior(*train, tmp_path / "a").stderr
    said = lior(
        "train",
        "--data",
        "builtin:parity",
        "--preset",
        "tiny",
        "--config",
        slow,
        "--threads",
        1,
        "--steps",
        2,
        "--out",
        tmp_path / "b",
    ).stderr
    assert "each evaluation reads 8 times the tokens" in said


def test_bfloat16_is_used_or_said_not_to_be(lior, inputs, tmp_path):
    native = "not native" not in lior("info").stdout
    common = (
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--steps",
        3,
        "--threads",
        1,
    )
    rounded = lior(*common, "--out", tmp_path / "rounded", "--dtype", "bfloat16")
    assert rounded.returncode == 0
    assert ("goes on in float32" in rounded.stderr) != native
    assert lior(*common, "--out", tmp_path / "whole").returncode == 0
    same = tensors(tmp_path / "whole/model.safetensors") == tensors(
        tmp_path / "rounded/model.safetensors"
    )
    assert same != native


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(lior, inputs, tmp_path):
    out = tmp_path / "run"
    result = lior(*arguments(inputs, out, "--steps", 50, "--lr", "1e30"))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "step " in result.stderr and "not finite" in result.stderr
    # The checkpoint of the start is whole: nothing that is not finite went over it.
    evaluated = lior("eval", "--model", out, "--data", inputs / "text.txt", "--count", 1)
    assert evaluated.returncode == 0 and json.loads(evaluated.stdout)["loss"] > 0
