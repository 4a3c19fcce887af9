# SPDX-License-Identifier: Apache-2.0
"""Models with the counts of their text: trained, resumed, evaluated, generated from, and their file damaged."""

import gzip
import json
import shutil
import subprocess

import numpy as np
import pytest
from program import PROGRAM, environment, small_settings
from training import QUIET, TEXT

ORDERS = "count_orders = 3"
SETTINGS = small_settings(model=ORDERS)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counts")
    (folder / "text.txt").write_text(TEXT)
    (folder / "other.txt").write_text(TEXT.replace("text", "book"))
    (folder / "counts.toml").write_text(SETTINGS)
    (folder / "plain.toml").write_text(SETTINGS.replace(ORDERS, ""))
    return folder


def train(inputs, out, *more, data="text.txt", config="counts.toml"):
    return (
        *("train", "--data", inputs / data, "--config", inputs / config, "--out", out),
        *(*more, *QUIET),
    )


@pytest.fixture(scope="module")
def run(inputs):
    out = inputs / "run"
    command = [PROGRAM, *map(str, train(inputs, out, "--steps", 10))]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return out


def loss(lior, out, data):
    report = lior("eval", "--model", out, "--data", data)
    assert report.returncode == 0, report.stderr
    return json.loads(report.stdout)["loss"]


def test_after_ten_steps_it_predicts_what_repeats_itself(lior, inputs, run):
    plain = inputs / "plain"
    assert lior(*train(inputs, plain, "--steps", 10, config="plain.toml")).returncode == 0
    # The counts alone know the line; a model that starts from nothing has learnt letters.
    assert loss(lior, run, inputs / "text.txt") < 0.5 < 1.5 < loss(lior, plain, inputs / "text.txt")


def test_it_needs_no_text_to_write(lior, inputs, run):
    alone = inputs / "alone"
    shutil.copytree(run, alone)
    config = json.loads((alone / "config.json").read_text())
    config["data"] = str(inputs / "gone.txt")
    (alone / "config.json").write_text(json.dumps(config))
    answer = lior(
        "generate",
        "--model",
        alone,
        "--prompt",
        "line 7 of a te",
        "--temperature",
        0,
        "--max-tokens",
        4,
    )
    assert answer.stdout.startswith("xt t"), answer.stderr


def test_a_run_that_begins_with_another_has_its_counts_too(lior, inputs, run):
    out = inputs / "further"
    more = ("--init-from", run, "--steps", 1)
    answer = lior(*train(inputs, out, *more, data="other.txt"))
    assert answer.returncode == 0, answer.stderr
    alone = inputs / "other"
    assert lior(*train(inputs, alone, "--steps", 1, data="other.txt")).returncode == 0
    size = (run / "counts.safetensors").stat().st_size
    assert (out / "counts.safetensors").stat().st_size > size
    assert loss(lior, out, inputs / "text.txt") < loss(lior, alone, inputs / "text.txt")


def test_a_text_that_is_counted_is_not_counted_twice(lior, inputs, run):
    out = inputs / "same"
    answer = lior(*train(inputs, out, "--init-from", run, "--steps", 1))
    assert answer.returncode == 0, answer.stderr
    counts = [(folder / "counts.safetensors").read_bytes() for folder in (run, out)]
    assert counts[0] == counts[1]


def test_counts_that_grow_predict_a_text_better_as_they_read_it(lior, inputs, run):
    data = ("--model", run, "--data", inputs / "other.txt", "--split", "all", "--count", 10**9)
    still = json.loads(lior("eval", *data, "--length", 16).stdout)
    grown = json.loads(lior("eval", *data, "--length", 16, "--dynamic").stdout)
    assert grown["tokens"] == len((inputs / "other.txt").read_bytes()) - 1
    assert grown["loss"] < 0.7 * still["loss"]  # "book" is new once in 400 lines
    # What an evaluation has counted is not there in the next.
    twice = lior("eval", *data, "--lengths", "16,16", "--dynamic").stdout.splitlines()
    assert [json.loads(line)["loss"] for line in twice] == 2 * [grown["loss"]]


def continued(lior, inputs, model, *more):
    ask = ("generate", "--model", model, "--prompt", "line 7 of a bo", "--temperature", 0)
    answer = lior(*ask, "--max-tokens", 4, "--adapt", inputs / "other.txt", *more)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_text_to_adapt_to_is_followed(lior, refused, inputs, run):
    assert continued(lior, inputs, run).startswith("ok t")
    assert "cannot be opened" in refused("generate", "--model", run, "--adapt", inputs / "nothing")


def test_texts_to_adapt_to_are_found_as_for_a_training(lior, refused, inputs, run, tmp_path):
    def written(*texts):
        ask = ("generate", "--model", run, "--prompt", "line 7 of a bo", "--temperature", 0)
        answer = lior(*ask, "--max-tokens", 4, "--adapt", *texts)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    (tmp_path / "b").mkdir()
    lines = (inputs / "other.txt").read_text()
    (tmp_path / "b" / "other.txt.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": lines}) + "\n")
    as_text = written(inputs / "other.txt")
    assert written(tmp_path / "b") == written(tmp_path / "b.jsonl") == as_text
    adapt = ("generate", "--model", run, "--adapt")
    (tmp_path / "empty").touch()
    assert "the file is empty" in refused(*adapt, tmp_path / "empty")
    assert "builtin:a5 is no text" in refused(*adapt, "builtin:a5")
    assert "the standard input is what a chat reads" in refused(*adapt, "-", "--interactive")


@pytest.fixture(scope="module")
def recent(inputs):
    """A run of a model that looks into what it has read."""
    config = SETTINGS.replace(ORDERS, f"{ORDERS}\nrecent_orders = 5")
    (inputs / "recent.toml").write_text(config)
    out = inputs / "recent"
    command = [*train(inputs, out, "--steps", 60, config="recent.toml")]
    subprocess.run(
        [PROGRAM, *map(str, command)], check=True, capture_output=True, env=environment()
    )
    return out


def test_what_was_read_predicts_what_comes(lior, inputs, run, recent):
    data = ("--data", inputs / "other.txt", "--split", "all", "--count", 10**9, "--length", 16)

    def loss_of(model, *more):
        return json.loads(lior("eval", "--model", model, *data, *more).stdout)["loss"]

    still, grown = loss_of(recent), loss_of(recent, "--dynamic", "--dynamic-rate", 0)
    assert grown < 0.5 * still
    # Steps learn, too, and leave nothing behind.
    learnt = loss_of(recent, "--dynamic", "--dynamic-rate", 0.003)
    assert learnt != grown
    assert learnt < still
    assert loss_of(recent) == still
    # What reads before it writes learns the same.
    assert continued(lior, inputs, recent, "--adapt-rate", 0).startswith("ok t")
    # Counts of the training text that grow take no steps.
    assert loss_of(run, "--dynamic") == loss_of(run, "--dynamic", "--dynamic-rate", 0)


def test_what_is_asked_and_written_is_looked_into_beside_what_was_read(lior, inputs, recent):
    (inputs / "unlike.txt").write_text("0123456789" * 30)
    asked = "line 1 of a quip that re\nline 2 of a quip that re\nline 3 of a qu"
    ask = ("--prompt", asked, "--temperature", 0)
    written = ("generate", "--model", recent, *ask, "--max-tokens", 3)
    adapt = ("--adapt", inputs / "unlike.txt", "--adapt-rate", 0)
    assert lior(*written, *adapt).stdout == "ip "
    assert lior(*written, *adapt, "-n", 2).stdout == "ip \n----\nip "


def test_a_window_shows_what_a_text_repeats(lior, refused, inputs, recent):
    config = (inputs / "recent.toml").read_text() + "recent_window = 200\n"
    (inputs / "window.toml").write_text(config)
    out = inputs / "window"
    length = ("--length", 128)  # two lines and more, so that one repeats the other
    assert lior(*train(inputs, out, "--steps", 60, *length, config="window.toml")).returncode == 0

    def loss_of(model):
        data = ("--data", inputs / "other.txt", "--split", "all", "--count", 10**9, *length)
        return json.loads(lior("eval", "--model", model, *data).stdout)["loss"]

    # "book" is new in every line for a model that looks no further back than it counts.
    assert loss_of(out) < 0.8 * loss_of(recent)
    (inputs / "orders.toml").write_text(config.replace("recent_orders = 5", ""))
    alone = train(inputs, inputs / "alone_window", config="orders.toml")
    assert "recent_window = 200" in refused(*alone)


def test_a_model_without_counts_learns_by_steps(lior, refused, inputs):
    plain = inputs / "steps"
    assert lior(*train(inputs, plain, "--steps", 1, config="plain.toml")).returncode == 0
    data = ("--data", inputs / "text.txt", "--split", "all", "--count", 10**9)
    command = ("eval", "--model", plain, *data)
    learnt = json.loads(lior(*command, "--dynamic", "--dynamic-rate", 0.01).stdout)["loss"]
    assert learnt < json.loads(lior(*command).stdout)["loss"]
    assert "nothing else learns" in refused(*command, "--dynamic", "--dynamic-rate", 0)
    assert "at least 0" in refused(*command, "--dynamic", "--dynamic-rate", -1)
    # It knew a "text" of one step; 50 steps of another text are more.
    assert continued(lior, inputs, plain, "--adapt-rate", 0.02).startswith("ok t")
    adapt = ("generate", "--model", plain, "--adapt", inputs / "other.txt", "--adapt-rate")
    assert "nothing else learns" in refused(*adapt, 0)
    assert "at least 0" in refused(*adapt, -1)


def test_what_is_no_text_is_not_learnt_from(refused, lior, tmp_path):
    out = tmp_path / "task"
    task = ("train", "--data", "builtin:parity", "--steps", 1, "--out", out, *QUIET)
    assert lior(*task).returncode == 0
    message = refused("eval", "--model", out, "--data", "builtin:parity", "--dynamic")
    assert "--dynamic: a model learns from what it reads" in message


def sums_of_counts(folder):
    """[n] -> (contexts of n tokens, all that follow them), from the arrays of the file."""
    data = (folder / "counts.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    arrays = json.loads(data[8:start])
    arrays.pop("__metadata__")

    def numbers(name, kind):
        begin, end = arrays[name]["data_offsets"]
        return np.frombuffer(data[start + begin : start + end], kind)

    longest = len(arrays) // 4 - 1
    return [
        (len(numbers(f"{n}.keys", "<u8")), int(numbers(f"{n}.counts", "<u4").sum()))
        for n in range(longest + 1)
    ]


def test_contexts_do_not_reach_from_one_document_into_another(lior, inputs):
    documents = [f"{i}: of a text that has parts, {i}" for i in range(60)]
    (inputs / "parts.txt").write_text("%".join(documents))
    out = inputs / "parts"
    more = ("--separator", "%", "--val-fraction", 0, "--steps", 2)
    answer = lior(*train(inputs, out, *more, data="parts.txt"))
    assert answer.returncode == 0, answer.stderr
    followed = [text[i : i + 3] for text in documents for i in range(len(text) - 3)]
    assert sums_of_counts(out)[3] == (len(set(followed)), len(followed))


def test_a_part_of_the_text_can_be_counted(lior, refused, inputs):
    (inputs / "steady.toml").write_text(SETTINGS + "\n[schedule]\nwarmup = 0\nfloor = 1\n")
    few = ("--count-tokens", 2000)
    whole, halves = inputs / "few", inputs / "few-in-halves"
    for out, steps in ((whole, 10), (halves, 5)):
        answer = lior(*train(inputs, out, "--steps", steps, *few, config="steady.toml"))
        assert answer.returncode == 0, answer.stderr
    followed = [TEXT[i : i + 3] for i in range(2000 - 3)]  # the first of the text's million
    assert sums_of_counts(whole)[3] == (len(set(followed)), len(followed))
    resume = ("train", "--out", halves, "--resume", *QUIET)
    said = refused(*resume, "--count-tokens", 3000)
    assert "--count-tokens is 3000, but the run to resume has 2000" in said
    assert lior(*resume, "--steps", 10).returncode == 0
    for name in ("model.safetensors", "counts.safetensors"):
        assert (whole / name).read_bytes() == (halves / name).read_bytes()
    said = refused(*train(inputs, inputs / "none", *few, config="plain.toml"))
    assert "count_tokens = 2000" in said and "model.count_orders = 0" in said


def test_what_is_counted_may_be_byte_pairs(lior, inputs):
    out = inputs / "pairs"
    assert lior(*train(inputs, out, "--tokenizer", "bpe:300", "--steps", 4)).returncode == 0
    assert lior("train", "--out", out, "--resume", "--steps", 10, *QUIET).returncode == 0
    data = ("--data", inputs / "text.txt", "--split", "all", "--count", 10**9)
    report = json.loads(lior("eval", "--model", out, *data).stdout)
    assert report["nats_per_byte"] < 0.5  # as of bytes
    ask = ("--prompt", "line 7 of a text", "--temperature", 0, "--max-tokens", 4)
    assert lior("generate", "--model", out, *ask).stdout.startswith(" that re")
    grown = json.loads(lior("eval", "--model", out, *data, "--dynamic").stdout)
    assert grown["tokens"] >= report["tokens"]


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda data: data[:-100], "counts.safetensors"),
        (lambda data: data.replace(b'"format":"1"', b'"format":"9"'), 'its format is "9"'),
        (lambda data: data.replace(b'"vocabulary":"256"', b'"vocabulary":"255"'), "255 different"),
        (lambda data: data[:-4] + b"\xff" * 4, "its tokens do not rise"),
        (lambda data: data.replace(b'"3.keys"', b'"9.keys"'), "3.keys"),
    ],
    ids=["cut", "format", "vocabulary", "tokens", "name"],
)
def test_a_damaged_file_of_counts_is_refused(refused, inputs, run, tmp_path, change, said):
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    damage(broken / "counts.safetensors", change)
    message = refused("eval", "--model", broken, "--data", inputs / "text.txt")
    assert "counts.safetensors" in message
    assert said in message


def test_another_text_is_said_before_its_counts_are(refused, inputs, run):
    resume = ("train", "--out", run, "--resume", "--steps", 20, *QUIET)
    (inputs / "short.txt").write_text("ab")
    for name in ("other.txt", "short.txt"):
        (inputs / "short.txt").write_text("ab")
        message = refused(*resume, "--data", inputs / name)
        assert "is not the text that the run was trained on" in message, message


def test_no_file_of_counts_or_that_of_another_text_is_refused(refused, lior, inputs, run, tmp_path):
    other = inputs / "of_other"
    assert lior(*train(inputs, other, "--steps", 1, data="other.txt")).returncode == 0
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    shutil.copy(other / "counts.safetensors", broken / "counts.safetensors")
    resume = ("train", "--out", broken, "--resume", "--steps", 20, *QUIET)
    assert "not the counts of the run's text" in refused(*resume)
    (broken / "counts.safetensors").unlink()
    assert "counts.safetensors" in refused(*resume)
    assert "counts.safetensors" in refused("generate", "--model", broken)


def test_a_task_has_no_text_to_count(refused, inputs):
    message = refused(
        "train",
        "--data",
        "builtin:a5",
        "--config",
        inputs / "counts.toml",
        "--out",
        inputs / "task",
    )
    assert "model.count_orders = 3" in message
