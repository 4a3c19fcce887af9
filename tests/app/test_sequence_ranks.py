# SPDX-License-Identifier: Apache-2.0
"""lior train --sequence-ranks: ranks that share each sequence train what one rank trains, to rounding."""

import json
import random
import re
import shutil

import pytest
from mpi import needs_mpi
from program import small_settings

pytestmark = needs_mpi

MIXERS = ("geometric_mamba", "causal_field", "geometric_attention", "attention")
MIXERS += ("gated_linear_attention",)
QUIET = ("--progress", "none", "--threads", 1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a text and settings of a run of every mixer."""
    folder = tmp_path_factory.mktemp("sequences")
    words, draw = ("alpha ", "beta ", "gamma ", "delta "), random.Random(1)
    (folder / "text").write_text("".join(draw.choice(words) for _ in range(3000)))
    settings = small_settings(
        top="accumulate = 2\nlength = 37\neval_every = 3\nlog_every = 1\ndropout = 0.1\nval_fraction = 0.2",
        model=f"""mixers = "{",".join(MIXERS)}"
convolution = 3
ngram_orders = 3
ngram_bits = 8
ngram_output = true
count_orders = 3
attention_window = 20
causal_field_heads = 3
linear_attention_heads = 2
attention_heads = 2
geometric_attention_heads = 1""",
    )
    settings = settings.replace("length = 16\n", "", 1).replace("layers = 1", "layers = 5")
    (folder / "settings.toml").write_text(settings)
    return folder


def train(inputs, out, *arguments):
    return (
        *("train", "--data", inputs / "text", "--config", inputs / "settings.toml"),
        *("--out", out, *QUIET, *arguments),
    )


def lines(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").open()]


def assert_near(one, other):
    """What float32 leaves of a few steps: sums are added in another order."""
    for a, b in zip(lines(one), lines(other), strict=True):
        for key in ("loss", "val_loss", "grad_norm"):
            assert (key in a) == (key in b)
            if a.get(key) is not None:
                assert b[key] == pytest.approx(a[key], rel=2e-4), key
        assert (a["step"], a["tokens"]) == (b["step"], b["tokens"])


def numbers(file):
    content = file.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_ranks_that_share_sequences_train_what_one_does(lior, ranks, inputs, tmp_path):
    assert lior(*train(inputs, tmp_path / "1", "--steps", 6)).returncode == 0
    for name, count, along in (("2", 2, 2), ("3", 3, 3), ("4", 4, 2)):
        out = tmp_path / name
        result = ranks(count, *train(inputs, out, "--steps", 6, "--sequence-ranks", along))
        assert result.returncode == 0, result
        assert_near(tmp_path / "1", out)
    # Groups share micro-batches, whose sum has the bits of one group.
    for file in ("model.safetensors", "best.safetensors", "optimizer.safetensors"):
        assert numbers(tmp_path / "2" / file) == numbers(tmp_path / "4" / file), file


def test_a_run_goes_on_with_other_ranks_along_a_sequence(lior, ranks, inputs, tmp_path):
    half = train(inputs, tmp_path / "2", "--steps", 3, "--sequence-ranks", 2)
    assert ranks(2, *half).returncode == 0
    for name in ("1", "3"):
        shutil.copytree(tmp_path / "2", tmp_path / name)
    further = ("train", "--resume", "--steps", 6, *QUIET, "--out")
    refused = lior(*further, tmp_path / "1")
    assert (
        refused.returncode == 2
        and "sequence_ranks = 2, and the number of ranks is 1" in refused.stderr
    )
    assert lior(*further, tmp_path / "1", "--sequence-ranks", 1).returncode == 0
    assert ranks(2, *further, tmp_path / "2").returncode == 0
    assert_near(tmp_path / "1", tmp_path / "2")
    assert ranks(3, *further, tmp_path / "3", "--sequence-ranks", 3).returncode == 0
    assert_near(tmp_path / "1", tmp_path / "3")


def test_an_evaluation_shares_its_sequences(lior, ranks, inputs, tmp_path):
    assert lior(*train(inputs, tmp_path / "run", "--steps", 2)).returncode == 0
    evaluate = ("eval", "--model", tmp_path / "run", "--threads", 1, "--data", inputs / "text")
    evaluate += ("--split", "all", "--lengths", "16,3000")
    one = lior(*evaluate)
    for count, along in ((2, 2), (4, 2)):
        shared = ranks(count, *evaluate, "--sequence-ranks", along)
        assert shared.returncode == 0, shared
        for line, other in zip(one.stdout.splitlines(), shared.stdout.splitlines(), strict=True):
            a, b = json.loads(line), json.loads(other)
            assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
            assert (a["tokens"], a["sequences"]) == (b["tokens"], b["sequences"])
    refused = ranks(3, *evaluate, "--sequence-ranks", 2)
    assert refused.returncode == 2 and refused.stderr.count("error: ") == 1, refused


@pytest.mark.parametrize(
    "count, arguments, words",
    [
        (3, ("--sequence-ranks", 2), "sequence_ranks = 2, and the number of ranks is 3"),
        (3, ("--sequence-ranks", 1), "accumulate = 2: 3 ranks share"),
        (4, ("--sequence-ranks", 4, "--length", 3), "4 ranks share sequences of 3 tokens"),
    ],
)
def test_ranks_that_cannot_share_are_refused_in_one_line(
    ranks, inputs, tmp_path, count, arguments, words
):
    result = ranks(count, *train(inputs, tmp_path / "run", "--steps", 1, *arguments))
    assert result.returncode == 2
    assert words in result.stderr and result.stderr.count("error: ") == 1, result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "mixer, length, window",
    [
        *((mixer, 20000, 64) for mixer in MIXERS),
        ("attention", 8000, 8000),
        ("geometric_attention", 8000, 8000),
    ],
)
def test_a_sequence_beyond_one_ranks_budget_trains_on_four(
    lior, ranks, tmp_path, mixer, length, window
):
    text, settings = tmp_path / "text", tmp_path / "settings.toml"
    text.write_text("the quick brown fox jumps over the lazy dog; " * 1500)
    model = f'mixers = "{mixer}"\nattention_window = {window}\nlinear_attention_heads = 2'
    settings.write_text(small_settings(model=model).replace("layers = 1", "layers = 3"))
    run = ("train", "--data", text, "--config", settings, "--out", tmp_path / "run", *QUIET)
    run += ("--steps", 1, "--batch", 1, "--length", length, "--val-fraction", 0, "--memory-budget")
    alone = lior(*run, "36M")
    needed = re.search(r"this run needs ([0-9.]+) MB at least", alone.stderr)
    assert alone.returncode == 2 and needed, alone.stderr
    process = 35e6  # of it, whatever the run
    budget = int(process + 0.6 * (float(needed[1]) * 1e6 - process))
    assert lior(*run, budget).returncode == 2
    result = ranks(4, *run, budget, "--sequence-ranks", 4)
    assert result.returncode == 0, result
    assert lines(tmp_path / "run")[-1]["planned_bytes"] <= budget
