# SPDX-License-Identifier: Apache-2.0
"""lior train, eval and generate: what they write, what they refuse, and what a kill leaves."""

import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest
from program import PROGRAM, environment

# A model so small that a step takes about a millisecond.
SMALL = """
batch = 4
length = 16
eval_count = 4
[model]
d_model = 16
layers = 1
mlp_hidden = 0
heads = 2
"""
QUIET = ("--progress", "none", "--threads", "1")
TEXT = "".join(f"line {i} of a text that repeats itself, a little\n" for i in range(400))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with text.txt and small.toml."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "text.txt").write_text(TEXT)
    (folder / "small.toml").write_text(SMALL)
    return folder


def arguments(inputs, out, *more, data=None):
    return (
        "train",
        "--data",
        data or inputs / "text.txt",
        "--config",
        inputs / "small.toml",
        "--out",
        out,
        *QUIET,
        *more,
    )


@pytest.fixture(scope="module")
def timed_run(inputs, tmp_path_factory):
    """The folder of a run of 60 steps on text.txt, and the seconds that the run took."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    command = [PROGRAM, *map(str, arguments(inputs, out, "--steps", 60, "--save-every", 20))]
    start = time.monotonic()
    subprocess.run(command, check=True, timeout=120)
    return out, time.monotonic() - start


@pytest.fixture
def trained(timed_run):
    """The folder of a run of 60 steps on text.txt. Copy it before changing it."""
    return timed_run[0]


@pytest.fixture
def run_copy(trained, tmp_path):
    return pathlib.Path(shutil.copytree(trained, tmp_path / "run"))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def metrics(folder):
    """Its lines without what a clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def tensors(path):
    """The bytes of a safetensors file after its header, which holds the run's seconds."""
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def assert_same_numbers(left, right):
    for name in ("best.safetensors", "model.safetensors", "optimizer.safetensors"):
        assert tensors(left / name) == tensors(right / name), name


def assert_same_run(left, right):
    assert_same_numbers(left, right)
    assert metrics(left) == metrics(right)


# Files that a run writes


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


def test_the_environment_stands_between_file_and_flag(lior, inputs, tmp_path):
    lior(*arguments(inputs, tmp_path / "run", "--steps", 1), LIOR_BATCH="3", LIOR_STEPS="9")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["batch"] == 3 and config["steps"] == 1


def test_a_run_s_config_json_is_a_configuration(lior, inputs, trained, tmp_path):
    out = tmp_path / "run"
    assert (
        lior(
            "train",
            "--config",
            trained / "config.json",
            "--out",
            out,
            "--seed",
            3,
            "--steps",
            2,
            *QUIET,
        ).returncode
        == 0
    )
    before, after = (json.loads((run / "config.json").read_text()) for run in (trained, out))
    assert {key for key in after if after[key] != before[key]} == {"seed", "steps"}


def test_a_variable_that_is_no_setting_is_named(lior, inputs, tmp_path):
    train = (
        "train",
        "--config",
        inputs / "small.toml",
        "--data",
        inputs / "text.txt",
        "--threads",
        1,
        "--steps",
        1,
        "--out",
    )
    said = lior(*train, tmp_path / "run", LIOR_BACTH="3", LIOR_BATCH="3", LIOR_SIMD="scalar").stderr
    assert [line for line in said.splitlines() if line.startswith("warning: ")] == [
        "warning: LIOR_BACTH is in the environment and is no setting; nothing reads it"
    ]


@pytest.mark.parametrize(
    "task",
    ["a5", "s5", "z60", "parity", "even_pairs", "cycle_navigation", "copy", "induction"],
)
def test_every_task_trains_and_is_evaluated(lior, inputs, tmp_path, task):
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 3, data=f"builtin:{task}")).returncode == 0
    result = lior(
        "eval", "--model", out, "--data", f"builtin:{task}", "--count", 5, "--length", 300
    )
    report = json.loads(result.stdout)
    assert report["tokens"] == 5 * {"copy": 150, "induction": 1}.get(task, 300)
    assert report["bits_per_byte"] is None
    assert 0 <= report["accuracy_last"] <= 1


def test_eval_counts_text_by_windows_that_carry_the_state(lior, inputs, trained):
    report = json.loads(lior("eval", "--model", trained, "--data", inputs / "text.txt").stdout)
    assert list(report) == [
        "loss",
        "bits_per_byte",
        "accuracy",
        "accuracy_last",
        "tokens",
        "seconds",
        "length",
        "sequences",
        "wrong",
        "exact",
        "accuracy_low",
        "accuracy_high",
    ]
    held_out = len(TEXT) // 10
    assert held_out - 256 <= report["tokens"] <= held_out - 1
    assert report["bits_per_byte"] == pytest.approx(report["loss"] / 0.6931471806, rel=1e-4)
    fewer = lior(
        "eval",
        "--model",
        trained,
        "--data",
        inputs / "text.txt",
        "--count",
        3,
        "--split",
        "all",
        "--length",
        7,
    )
    assert json.loads(fewer.stdout)["tokens"] == 21


def test_generate_streams_as_many_bytes_as_asked(trained):
    def generate(*more):
        command = [
            PROGRAM,
            "generate",
            "--model",
            trained,
            "--prompt",
            "line 1",
            "--max-tokens",
            "50",
            "--raw",
            *more,
        ]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout

    assert len(generate()) == 50
    assert generate("--seed", "3") == generate("--seed", "3") != generate("--seed", "4")
    assert generate("--temperature", "0") == generate("--top-k", "1", "--seed", "9")


def test_generate_writes_utf8_unless_it_is_told_not_to(inputs, tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text("αβγ δε ζη θικ λμν ξοπ ρστ υφχ ψω, κύριε ἐλέησον. " * 100)
    subprocess.run(
        [PROGRAM, *map(str, arguments(inputs, out, "--steps", 5, data=text))], check=True
    )

    def generate(*more):
        command = [
            PROGRAM,
            "generate",
            "--model",
            out,
            "--prompt",
            "α",
            "--max-tokens",
            "400",
            "--temperature",
            "3",
            *more,
        ]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout

    raw, repaired = generate("--raw"), generate()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert "\ufffd" in repaired.decode("utf-8")


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


# Going on with a run


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


def test_text_presets_take_small_batches(lior, inputs, tmp_path):
    help_text = lior("train", "--help").stdout
    assert "presets of texts: 4" in help_text and "every minute" in help_text
    out = tmp_path / "run"
    assert (
        lior(
            "train",
            "--data",
            inputs / "text.txt",
            "--out",
            out,
            "--steps",
            1,
            *QUIET,
            "--length",
            16,
        ).returncode
        == 0
    )
    assert json.loads((out / "config.json").read_text())["batch"] == 4


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


def test_generated_text_ends_its_line_on_a_terminal_only(trained):
    command = [
        PROGRAM,
        "generate",
        "--model",
        str(trained),
        "--prompt",
        "line",
        "--max-tokens",
        "20",
    ]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    assert not text.endswith(b"\n")  # else the line below would say nothing
    reader, writer = pty.openpty()
    subprocess.run(command, stdout=writer, check=True)
    os.close(writer)
    assert os.read(reader, 10000) == text.replace(b"\n", b"\r\n") + b"\r\n"
    os.close(reader)


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


def test_an_evaluation_of_what_is_not_there(lior, refused, inputs, run_copy, tmp_path):
    config = json.loads((run_copy / "config.json").read_text())
    (run_copy / "config.json").write_text(json.dumps({**config, "val_fraction": 0}))
    evaluate = ("eval", "--model", run_copy, "--data", inputs / "text.txt")
    assert "--split all takes all of it" in refused(*evaluate)
    assert lior(*evaluate, "--split", "all").returncode == 0
    short = tmp_path / "short.txt"
    short.write_text("a short text")
    result = lior(*evaluate[:3], "--data", short, "--split", "all", "--length", 50)
    assert result.returncode == 0 and json.loads(result.stdout)["tokens"] == 11
    assert "note: length 50: the part ends before; one stretch of 11" in result.stderr


def test_sizes_whose_products_overflow_are_refused(refused, inputs, run_copy, tmp_path):
    evaluate = ("eval", "--model", run_copy, "--data", "builtin:a5", "--length", 2**62)
    assert "error: " in refused(*evaluate)
    field = tmp_path / "field.toml"
    field.write_text("[grid]\nnx = 2147483648\nny = 2147483648\n")
    message = refused("evolve", "--config", field, "--out", tmp_path / "field")
    assert "grid.nx is 2147483648; it must be an integer from 1 to 65536" in message
    assert "--batch" in refused(*arguments(inputs, tmp_path / "new", "--batch", 2**62))


def test_without_a_command_help_is_named(refused):
    assert "'lior --help'" in refused()


def test_output_that_cannot_be_written_says_why():
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "info"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1 and "No space left on device" in result.stderr


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
    dear = tmp_path / "dear.toml"
    dear.write_text(SMALL.replace("eval_count = 4", "eval_count = 64\neval_every = 2"))
    assert "an evaluation" not in lior(*train, tmp_path / "a").stderr
    said = lior(
        "train",
        "--data",
        "builtin:parity",
        "--preset",
        "tiny",
        "--config",
        dear,
        "--threads",
        1,
        "--steps",
        2,
        "--out",
        tmp_path / "b",
    ).stderr
    assert "each evaluation reads 8 times the tokens" in said


# Inputs that are refused


def test_paths_that_cannot_be(refused, inputs, tmp_path):
    out = tmp_path / "run"
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(name, "wb") as file:
        file.write(TEXT.encode())
    message = refused("train", "--data", os.fsdecode(name), "--out", out, "--steps", 1)
    assert "not UTF-8" in message and "caf\\xe9.txt" in message
    assert not out.exists()
    message = refused(*arguments(inputs, tmp_path / ("x" * 300)))
    assert "--out" in message and "too long" in message
    assert "config.json" in refused("eval", "--model", "y" * 300, "--data", "builtin:a5")


def test_foreign_text_does_not_reach_the_terminal_as_it_is(inputs, run_copy, tmp_path):
    config = run_copy / "config.json"
    good = json.loads(config.read_text())
    evil = "\x1b[31mred" + "x" * 5000
    for change in ({"preset": evil, "batch": evil}, {evil: 1}, {"tokenizer": evil}):
        config.write_text(json.dumps({**good, **change}))
        commands = (
            ("generate", "--model", run_copy, "--prompt", "a"),
            ("train", "--out", run_copy, "--resume"),
            ("train", "--config", config, "--out", tmp_path / "new"),
        )
        for command in commands:
            result = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, timeout=60)
            assert result.returncode == 2, result
            assert b"\x1b" not in result.stderr and len(result.stderr) < 1500, result.stderr
    for flags in (
        ("--data", evil),
        ("--preset", evil),
        ("--data", f"builtin:{evil}"),
        ("--out", evil),
    ):
        command = {
            "--data": inputs / "text.txt",
            "--out": tmp_path / "new",
            "--steps": "1",
            "--config": inputs / "small.toml",
            **dict([flags]),
        }
        words = [str(word) for pair in command.items() for word in pair]
        result = subprocess.run([PROGRAM, "train", *words], capture_output=True, timeout=60)
        assert result.returncode == 2 and b"\x1b" not in result.stderr, result.stderr


def change_tensor(path, value):
    """Writes a float over the first number of the last tensor of a safetensors file; its name."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    name = max(header, key=lambda tensor: header[tensor]["data_offsets"][0])
    begin = 8 + size + header[name]["data_offsets"][0]
    data[begin : begin + 4] = struct.pack("<f", value)
    path.write_bytes(data)
    return name


def test_weights_that_are_not_finite_are_a_failed_run(lior, inputs, run_copy):
    name = change_tensor(run_copy / "best.safetensors", float("nan"))
    for command in (("eval", "--data", inputs / "text.txt"), ("generate", "--prompt", "a")):
        result = lior(*command, "--model", run_copy)
        assert result.returncode == 1 and result.stdout == ""
        assert name in result.stderr and "not finite" in result.stderr


def test_weights_that_overflow_are_a_failed_run(lior, inputs, run_copy):
    path = run_copy / "best.safetensors"
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    numbers = (len(data) - 8 - size) // 4
    data[8 + size :] = struct.pack("<f", 3e38) * numbers
    path.write_bytes(data)
    for command in (("eval", "--data", inputs / "text.txt"), ("generate", "--prompt", "a")):
        result = lior(*command, "--model", run_copy)
        assert result.returncode == 1 and result.stdout == "", result
        assert "not finite" in result.stderr


@pytest.mark.parametrize("count, length", [(256, 10**18), (4294967296, 4294967296), (2**63 - 1, 1)])
def test_a_huge_count_means_all(lior, inputs, trained, count, length):
    report = json.loads(
        lior(
            "eval",
            "--model",
            trained,
            "--data",
            inputs / "text.txt",
            "--count",
            count,
            "--length",
            length,
        ).stdout
    )
    assert report["loss"] > 0 and len(TEXT) // 10 - 64 <= report["tokens"] < len(TEXT) // 10


def test_a_task_has_no_sequences_without_end(refused, lior, inputs, tmp_path):
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 1, data="builtin:a5")).returncode == 0
    evaluate = ("eval", "--model", out, "--data", "builtin:a5")
    assert "count = 4294967296" in refused(*evaluate, "--count", 2**32)
    assert "1 to 1099511627776 tokens" in refused(*evaluate, "--length", 4611686018427387904)


def test_top_k_of_everything_is_no_top_k(trained):
    def generate(*more):
        command = [PROGRAM, "generate", "--model", trained, "--prompt", "line 1", "--raw", *more]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout

    assert generate("--top-k", "256") == generate("--top-k", "300") == generate()


def test_raw_takes_any_bytes_as_a_prompt(trained):
    command = [
        PROGRAM.encode(),
        b"generate",
        b"--model",
        os.fsencode(trained),
        b"--raw",
        b"--max-tokens",
        b"5",
        b"--prompt",
        b"caf\xe9",
    ]
    assert len(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout) == 5


def test_an_output_folder_with_a_run_in_it_is_left_alone(refused, inputs, run_copy):
    before = contents(run_copy)
    assert "--resume" in refused(*arguments(inputs, run_copy, "--steps", 5))
    assert contents(run_copy) == before


def test_a_resumed_run_keeps_its_settings(refused, inputs, run_copy):
    before = contents(run_copy)
    message = refused(*arguments(inputs, run_copy, "--resume", "--lr", "0.5"))
    assert "--lr" in message and "0.003" in message
    assert contents(run_copy) == before


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


def test_a_configuration_that_cannot_be(refused, inputs, tmp_path):
    out, file = tmp_path / "run", tmp_path / "bad.toml"
    command = ("train", "--data", inputs / "text.txt", "--config", file, "--out", out)
    file.write_text("batch = 4\n[model]\nhaeds = 2\n")
    message = refused(*command)
    assert f"{file}:3" in message and "model.haeds" in message and "model.heads" in message
    file.write_text("bacth = 4\n")
    message = refused(*command)
    assert "unknown key bacth" in message and "batch, " in message and "[schedule]" in message
    file.write_text('batch = "many"\n')
    message = refused(*command)
    assert f"{file}:1" in message and "batch" in message and "integer" in message
    file.write_text("batch = \n")
    assert f"{file}:1" in refused(*command)
    assert "nowhere.toml" in refused(*command[:4], tmp_path / "nowhere.toml", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    "flag, value",
    [
        ("--steps", "0"),
        ("--lr", "fast"),
        ("--batch", "-1"),
        ("--threads", "0"),
        ("--preset", "huge"),
        ("--progress", "loud"),
        ("--optimizer", "sgd"),
    ],
)
def test_flags_that_cannot_be(refused, inputs, tmp_path, flag, value):
    message = refused(
        "train", "--data", inputs / "text.txt", "--out", tmp_path / "run", flag, value
    )
    assert value.lstrip("-") in message
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_fit(refused, inputs, tmp_path):
    message = refused(*arguments(inputs, tmp_path / "run", "--batch", 1 << 20, "--length", 17000))
    assert "B are available" in message and "need" in message
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_fit(refused, inputs, tmp_path):
    config = tmp_path / "large.toml"
    config.write_text("[model]\nd_model = 65536\nlayers = 1024\n")
    message = refused(
        "train",
        "--data",
        inputs / "text.txt",
        "--config",
        config,
        "--out",
        tmp_path / "run",
        "--batch",
        1,
        "--length",
        1,
    )
    assert "B are available" in message and "need" in message
    assert not (tmp_path / "run").exists()


def test_a_memory_budget_changes_nothing_but_memory(lior, refused, inputs, tmp_path):
    deep = tmp_path / "deep.toml"
    deep.write_text(
        SMALL.replace("layers = 1", "layers = 8").replace("mlp_hidden = 0", "mlp_hidden = 24")
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


def test_a_model_folder_that_cannot_be(refused, inputs, run_copy, tmp_path):
    evaluate = ("eval", "--data", inputs / "text.txt", "--model")
    generate = ("generate", "--prompt", "a", "--model")
    for command in (evaluate, generate):
        assert "config.json" in refused(*command, tmp_path / "nowhere")
    (run_copy / "best.safetensors").unlink()  # the last weights are what is left
    model, config = run_copy / "model.safetensors", run_copy / "config.json"
    good_model, good_config = model.read_bytes(), config.read_text()

    for damaged in (good_model[:-1], good_model[:100], b""):
        model.write_bytes(damaged)
        assert "model.safetensors" in refused(*generate, run_copy)
    model.unlink()
    assert "model.safetensors" in refused(*evaluate, run_copy)
    model.write_bytes(good_model)

    config.write_text(good_config.replace('"d_model": 16', '"d_model": 24'))
    assert "model.safetensors" in refused(*generate, run_copy)
    config.write_text(good_config.replace('"heads"', '"hats"'))
    assert "model.hats" in refused(*generate, run_copy)
    config.write_text(good_config[:40])
    assert "config.json" in refused(*generate, run_copy)
    config.unlink()
    assert "config.json" in refused(*generate, run_copy)


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


def test_prompts_that_cannot_be(refused, trained):
    assert "empty" in refused("generate", "--model", trained, "--prompt", "")
    command = [
        PROGRAM.encode(),
        b"generate",
        b"--model",
        str(trained).encode(),
        b"--prompt",
        b"\xff",
    ]
    result = subprocess.run(command, capture_output=True, timeout=60)
    assert result.returncode == 2 and result.stdout == b""
    assert result.stderr.count(b"\n") == 1 and b"UTF-8" in result.stderr


def test_a_model_answers_for_its_own_data_only(refused, inputs, lior, trained, tmp_path):
    assert "256" in refused("eval", "--model", trained, "--data", "builtin:a5")
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 1, data="builtin:a5")).returncode == 0
    assert "builtin:a5" in refused("generate", "--model", out, "--prompt", "a")


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(lior, inputs, tmp_path):
    out = tmp_path / "run"
    result = lior(*arguments(inputs, out, "--steps", 50, "--lr", "1e30"))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "step " in result.stderr and "not finite" in result.stderr
    # The checkpoint of the start is whole: nothing that is not finite went over it.
    evaluated = lior("eval", "--model", out, "--data", inputs / "text.txt", "--count", 1)
    assert evaluated.returncode == 0 and json.loads(evaluated.stdout)["loss"] > 0
