# SPDX-License-Identifier: Apache-2.0
"""Runs whose tokens are byte pairs, and not bytes."""

import json
import math
import shutil
import subprocess

import pytest
import tokenizers
from program import PROGRAM, environment, small_settings

QUIET = ("--progress", "none", "--threads", 1)
TEXT = "".join(f"line {i} of a text: größer, naïve, 你好 and 🙂, a little\n" for i in range(300))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("byte_pairs")
    (folder / "text.txt").write_text(TEXT)
    (folder / "small.toml").write_text(
        small_settings(top="eval_every = 10", model="ngram_orders = 3\nngram_bits = 6")
    )
    return folder


def training(inputs, out, *more):
    data = ("--data", inputs / "text.txt", "--config", inputs / "small.toml")
    return ("train", *data, "--out", inputs / out, *QUIET, *more)


@pytest.fixture(scope="module")
def run(inputs):
    command = training(inputs, "run", "--tokenizer", "bpe:300", "--steps", 40)
    subprocess.run([PROGRAM, *map(str, command)], check=True, timeout=120, env=environment())
    return inputs / "run"


def test_a_run_keeps_its_tokenizer_which_the_package_reads(run):
    config = json.loads((run / "config.json").read_text())
    assert config["tokenizer"] == "bpe:300" and config["model"]["vocabulary"] == 300
    other = tokenizers.Tokenizer.from_file(str(run / "tokenizer.json"))
    assert other.get_vocab_size() == 300
    assert other.decode(other.encode(TEXT).ids) == TEXT


def test_an_evaluation_counts_bytes(lior, run, inputs):
    other = tokenizers.Tokenizer.from_file(str(run / "tokenizer.json"))
    whole = ("--split", "all", "--count", 1, "--length", 10**6)
    report = json.loads(lior("eval", "--model", run, "--data", inputs / "text.txt", *whole).stdout)
    # The part that is held out has tokens of its own: none reaches across.
    text = TEXT.encode()
    middle = len(text) - len(text) // 10
    parts = [text[:middle].decode(errors="replace"), text[middle:].decode(errors="replace")]
    tokens = [other.encode(part).ids for part in parts]
    first = len(other.decode(tokens[0][:1]).encode())
    assert abs(report["tokens"] - (len(tokens[0]) + len(tokens[1]) - 1)) <= 4  # a letter is cut
    nats = report["loss"] * report["tokens"] / (len(text) - first)
    assert math.isclose(report["nats_per_byte"], nats, rel_tol=1e-5)
    assert math.isclose(report["bits_per_byte"], nats / math.log(2), rel_tol=1e-5)
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    evaluated = [line for line in lines if "val_loss" in line]
    assert all(0 < line["val_nats_per_byte"] < line["val_loss"] for line in evaluated)


def test_what_is_written_is_whole_utf8(lior, run):
    result = lior("generate", "--model", run, "--prompt", "größer 你", "--max-tokens", 60)
    assert result.returncode == 0 and result.stdout, result.stderr
    assert lior("generate", "--model", run, "--max-tokens", 10).returncode == 0


def test_it_goes_on_and_others_begin_with_it(lior, refused, run, inputs):
    copy = inputs / "copy"
    shutil.copytree(run, copy)
    assert lior("train", "--out", copy, "--resume", "--steps", 45, *QUIET).returncode == 0
    more = ("--init-from", run, "--steps", 2)
    result = lior(*training(inputs, "tuned", *more))
    assert result.returncode == 0, result.stderr
    kept = (run / "tokenizer.json").read_bytes()
    assert (inputs / "tuned" / "tokenizer.json").read_bytes() == kept
    message = refused(*training(inputs, "other", *more, "--tokenizer", "bpe:400"))
    assert "tokenizer is bpe:400" in message
    resume = ("train", "--out", copy, "--resume", *QUIET)
    assert "tokenizer" in refused(*resume, "--tokenizer", "byte")
    (copy / "tokenizer.json").unlink()
    for command in (resume, ("generate", "--model", copy)):
        assert "tokenizer.json: no such file" in refused(*command)


def test_a_file_of_the_package_is_taken(lior, refused, inputs):
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, show_progress=False, initial_alphabet=alphabet
    )
    made.train_from_iterator([TEXT], trainer)
    made.save(str(inputs / "theirs.json"))
    steps = ("--steps", 2, "--tokenizer", inputs / "theirs.json")
    assert lior(*training(inputs, "theirs", *steps)).returncode == 0
    config = json.loads((inputs / "theirs" / "config.json").read_text())
    assert config["model"]["vocabulary"] == 320
    for name in ("bpe:9", "bpe:x", "word", inputs / "none.json"):
        message = refused(*training(inputs, "bad", "--steps", 1, "--tokenizer", name))
        assert "tokenizer 'b" in message or "is unknown" in message or "no such file" in message
