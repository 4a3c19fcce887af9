# SPDX-License-Identifier: Apache-2.0
"""lior eval --baseline, beside the programs that compress."""

import json
import subprocess

import pyppmd
import pytest
from program import small_settings

QUIET = ("--progress", "none", "--threads", 1)
LINES = [f"line {i * i} of a text, {i % 7} and {i % 11} in it\n".encode() for i in range(800)]
TEXT = b"".join(LINES)
HEADERS = 24  # bytes by which those of two 7-Zip archives may differ: the sizes in them


@pytest.fixture
def trained(lior, tmp_path):
    """trained(text, ...) -> the folder of a run on it, and the file."""

    def train(text, *more, data="text"):
        (tmp_path / data).write_bytes(text)
        (tmp_path / "small.toml").write_text(small_settings())
        settings = ("--config", tmp_path / "small.toml", "--steps", 1, *QUIET, *more)
        answer = lior("train", "--data", tmp_path / data, "--out", tmp_path / "run", *settings)
        assert answer.returncode == 0, answer.stderr
        return tmp_path / "run", tmp_path / data

    return train


def evaluate(lior, run, data, *more):
    report = lior("eval", "--model", run, "--data", data, "--count", 10**6, "--baseline", *more)
    assert report.returncode == 0, report.stderr
    return json.loads(report.stdout)


def bzip2(text):
    """Bytes, by the program."""
    result = subprocess.run(["bzip2", "-9"], input=text, capture_output=True, check=True)
    return len(result.stdout)


def ppmd(text):
    encoder = pyppmd.Ppmd7Encoder(6, 16 << 20)
    return len(encoder.encode(text) + encoder.flush())


def check(report, before, text):
    grown = bzip2(before + text) - bzip2(before)
    assert report["bzip2_bits_per_byte"] == pytest.approx(8 * grown / len(text), rel=1e-5)
    grown = ppmd(before + text) - ppmd(before)
    tolerance = 8 * HEADERS / len(text)
    assert report["ppmd_bits_per_byte"] == pytest.approx(8 * grown / len(text), abs=tolerance)


def test_compressors_have_read_what_was_trained_on(lior, trained):
    run, data = trained(TEXT)
    middle = len(TEXT) - len(TEXT) // 10
    report = evaluate(lior, run, data)
    predicted = TEXT[middle + 1 :][: report["tokens"]]  # all, but for less than one a stretch
    assert len(TEXT) - middle - len(predicted) <= 64
    check(report, TEXT[:middle], predicted)
    # Of another text, they have read the run's still.
    other = data.with_name("other")
    other.write_bytes(TEXT.replace(b"text", b"book"))
    report = evaluate(lior, run, other, "--split", "all")
    check(report, TEXT[:middle], other.read_bytes()[1:][: report["tokens"]])
    # What a plain evaluation prints has nothing of it.
    plain = lior("eval", "--model", run, "--data", data).stdout
    assert "bzip2" not in plain


def test_of_documents_and_byte_pairs_the_bytes_are_the_texts(lior, trained):
    cuts = [0, 300, 430, 460]  # longest first, as they are read
    parts = [b"".join(LINES[a:b]) for a, b in zip(cuts, cuts[1:])]
    settings = ("--separator", "%%", "--val-fraction", 0, "--tokenizer", "bpe:260")
    run, data = trained(b"%%".join(parts), *settings)
    report = evaluate(lior, run, data, "--split", "all", "--length", 16)
    predicted = report["loss"] * report["tokens"] / report["nats_per_byte"]
    token = round((sum(map(len, parts)) - predicted) / 3)  # the first of each, "l" or "li" or so
    assert 1 <= token <= 5 and report["tokens"] < predicted
    check(report, b"".join(parts), b"".join(part[token:] for part in parts))


def test_of_a_few_bytes_compressors_say_nothing(lior, trained):
    run, data = trained(TEXT)
    few = data.with_name("few")
    for text in (b"ab", b"abcdefgh" * 100, b"a" * 20_000):
        few.write_bytes(text)
        report = evaluate(lior, run, few, "--split", "all")
        assert report["bzip2_bits_per_byte"] is None
        assert (report["ppmd_bits_per_byte"] is None) == (len(text) < 1000)
    few.write_bytes(TEXT[:1100])
    assert evaluate(lior, run, few, "--split", "all")["bzip2_bits_per_byte"] > 0


def test_a_task_is_no_text(lior, refused, trained):
    run, data = trained(TEXT)
    assert "--baseline" in refused("eval", "--model", run, "--data", "builtin:a5", "--baseline")
    data.unlink()
    other = data.with_name("other")
    other.write_bytes(TEXT)
    assert str(data) in refused("eval", "--model", run, "--data", other, "--baseline")
