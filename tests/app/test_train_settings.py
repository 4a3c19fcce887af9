# SPDX-License-Identifier: Apache-2.0
"""lior train: where its settings come from, and which are refused."""

import json
import os
import subprocess

import pytest
from program import PROGRAM
from training import QUIET, TEXT, arguments


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
