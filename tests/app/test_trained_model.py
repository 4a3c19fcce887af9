# SPDX-License-Identifier: Apache-2.0
"""lior eval and generate on the folder of a run, whole or spoilt."""

import json
import os
import pty
import struct
import subprocess

import pytest
from program import PROGRAM
from training import TEXT, arguments


def test_eval_counts_text_by_windows_that_carry_the_state(lior, inputs, trained):
    report = json.loads(lior("eval", "--model", trained, "--data", inputs / "text.txt").stdout)
    assert list(report) == [
        "loss",
        "bits_per_byte",
        "nats_per_byte",
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


def test_a_model_answers_for_its_own_data_only(refused, inputs, lior, trained, tmp_path):
    assert "256" in refused("eval", "--model", trained, "--data", "builtin:a5")
    out = tmp_path / "run"
    assert lior(*arguments(inputs, out, "--steps", 1, data="builtin:a5")).returncode == 0
    assert "builtin:a5" in refused("generate", "--model", out, "--prompt", "a")


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


def test_a_model_folder_that_cannot_be(refused, inputs, run_copy, tmp_path):
    evaluate = ("eval", "--data", inputs / "text.txt", "--model")
    generate = ("generate", "--prompt", "a", "--model")
    for command in (evaluate, generate):
        assert "nowhere: is no folder of a run; one has" in refused(*command, tmp_path / "nowhere")
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
