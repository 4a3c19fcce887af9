# SPDX-License-Identifier: Apache-2.0
"""Models that the program trained, opened in Python: the same numbers, to the last bit."""

import json
import os
import pathlib
import signal

import lior
import numpy as np
import pytest
from lior import train

TEXT = "In the beginning was the word, and the word was with the machine. " * 40
SETTINGS = """
batch = 4
length = 24
steps = 12
log_every = 1
[model]
d_model = 16
heads = 2
layers = 2
mlp_hidden = 24
"""


@pytest.fixture(autouse=True)
def one_thread():
    threads = lior.threads()
    lior.set_threads(1)
    yield
    lior.set_threads(threads)


def trained(program, folder, data):
    (folder / "small.toml").write_text(SETTINGS)
    program(
        "train",
        *("--data", data, "--out", folder / "run", "--config", folder / "small.toml"),
        *("--threads", 1, "--progress", "none"),
    )
    return folder / "run"


@pytest.fixture(scope="module")
def text_run(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text(TEXT)
    return trained(program, folder, folder / "text.txt")


@pytest.fixture(scope="module")
def task_run(program, tmp_path_factory):
    return trained(program, tmp_path_factory.mktemp("task"), "builtin:parity")


def test_what_is_shown_of_a_trained_model(task_run):
    shown = repr(lior.load(task_run))
    assert shown.startswith("TrainedModel(Config(data='builtin:parity', ")
    assert "Model(vocabulary=2, classes=2, state_size=" in shown


@pytest.fixture(params=["text_run", "task_run"])
def run(request):
    return request.getfixturevalue(request.param)


def test_training_in_python_is_the_programs(run):
    """The program's loop, step by step: its losses as it printed them, its parameters bit for bit."""
    config = train.Config.read(run / "config.json")
    data = train.Data(config.data, config.val_fraction)
    model = train.Model(config)
    model.initialize(config.seed)
    optimizer = train.Optimizer(config, model)
    curriculum = train.Curriculum(config, data)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == config.steps == 12
    for step, line in enumerate(lines):
        batch = curriculum.batch(config.batch, curriculum.length)
        tokens, targets = data.training_batch(
            config.seed, step, batch, curriculum.length, curriculum.over_generators
        )
        result = model.loss_and_gradients(tokens, targets)
        norm = optimizer.measure()
        rate = config.lr * train.schedule_factor(config, (step + 1) / config.steps)
        optimizer.step(rate, config.clip / norm if 0 < config.clip < norm else 1.0)
        curriculum.observe(result.correct / result.targets)
        for name, value in (("loss", result.loss), ("grad_norm", norm), ("lr", rate)):
            assert f"{line[name]:.6g}" == f"{value:.6g}", (step, name)
    saved = lior.io.read_safetensors(run / "model.safetensors")
    assert set(model.parameters) <= set(saved)
    for name, array in model.parameters.items():
        assert (array == saved[name]).all(), name


@pytest.fixture(scope="module")
def short_run(program, tmp_path_factory):
    """Of documents that are shorter than a window."""
    folder = tmp_path_factory.mktemp("short")
    texts = (TEXT[i : i + 3 + i % 29] for i in range(0, 2000, 7))
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (folder / "short.jsonl").write_text(lines)
    return trained(program, folder, folder / "short.jsonl")


def test_training_on_short_documents_in_python_is_the_programs(short_run):
    config = train.Config.read(short_run / "config.json")
    data = train.Data(config.data, config.val_fraction)
    assert data.packs(config.length) and not data.packs(2)
    model = train.Model(config)
    model.initialize(config.seed)
    optimizer = train.Optimizer(config, model)
    lines = [json.loads(line) for line in (short_run / "metrics.jsonl").read_text().splitlines()]
    read = 0
    for step, line in enumerate(lines):
        batch = data.packed_batch(config.seed, step, config.batch, config.length)
        tokens, targets, lengths, places = batch
        assert tokens.shape == targets.shape == (1, config.batch * config.length)
        assert sum(lengths) == tokens.size and (np.diff(lengths) <= 0).all()
        result = model.loss_and_gradients(tokens, targets, lengths=lengths)
        norm = optimizer.measure()
        rate = config.lr * train.schedule_factor(config, (step + 1) / config.steps)
        optimizer.step(rate, config.clip / norm if 0 < config.clip < norm else 1.0)
        read += tokens.size
        assert line["tokens"] == read
        assert f"{line['loss']:.6g}" == f"{result.loss:.6g}", step
    saved = lior.io.read_safetensors(short_run / "model.safetensors")
    for name, array in model.parameters.items():
        assert (array == saved[name]).all(), name


def test_a_packed_batch_is_documents_of_the_text(short_run):
    """A step's loss is the mean over its documents, each alone."""
    config = train.Config.read(short_run / "config.json")
    data, model = train.Data(config.data, 0), train.Model(config)
    model.initialize(3)
    documents = [json.loads(line)["text"] for line in pathlib.Path(config.data).open()]
    tokens, targets, lengths, places = data.packed_batch(1, 2, 4, 24)
    starts = np.cumsum([0, *map(len, documents)])
    losses, begin = [], 0
    for length, place in zip(lengths, places):
        own = slice(begin, begin + length)
        document = np.searchsorted(starts, place, "right") - 1
        text = documents[document][place - starts[document] :]
        assert bytes(tokens[0, own].tolist()).decode() == text[:length]
        assert bytes(targets[0, own].tolist()).decode() == text[1 : 1 + length]
        alone = model.loss_and_gradients(tokens[:, own], targets[:, own])
        losses.append(alone.loss * length)
        begin += length
    whole = model.loss_and_gradients(tokens, targets, lengths=lengths)
    assert whole.loss == pytest.approx(sum(losses) / begin, rel=1e-6)
    with pytest.raises(lior.Error, match="no sequence is shorter than 2 tokens"):
        data.packed_batch(1, 2, 4, 2)


def test_parameters_are_the_models_own(run):
    model = lior.load(run).model
    tokens = np.zeros((1, 4), np.int32)
    before = model.logits(tokens)
    name, array = next(iter(model.parameters.items()))
    array += 1
    assert (model.parameters[name] == array).all()
    assert (model.logits(tokens) != before).any()
    parameters = model.parameters
    del model
    assert all(np.isfinite(array).all() for array in parameters.values())


def test_logits_are_those_of_cpp_to_the_last_bit(example, text_run):
    """Beside examples/step-5, on as many threads: nine digits tell any two floats apart."""
    text = "In the beginning was the "
    printed = example("step-5_open_a_model", text_run, text)
    lior.set_threads(len(os.sched_getaffinity(0)))
    (scores,) = lior.load(text_run).model.logits(np.array([list(text.encode())], np.int32))
    order = np.argsort(-scores, kind="stable")[:5]
    probability = np.exp(scores - scores.max(), dtype=float)
    probability /= probability.sum()
    assert printed.decode().splitlines() == [
        f"{byte:3} {probability[byte]:.4f} {scores[byte]:.9g}" for byte in order
    ]


def test_evaluation_is_the_programs(program, run):
    model = lior.load(run)
    printed = json.loads(program("eval", "--model", run, "--data", model.config.data, "--count", 8))
    ours = model.evaluate(model.config.data, count=8, batch=8)
    assert ours["tokens"] == printed["tokens"]
    assert ours.keys() == printed.keys()
    for name in ("loss", "accuracy"):
        assert f"{ours[name]:.6g}" == f"{printed[name]:.6g}"
    assert ours["seconds"] > 0
    assert ours["bits_per_byte"] is None or np.isclose(
        ours["bits_per_byte"], ours["loss"] / np.log(2)
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.0},
        {"temperature": 1.5, "top_k": 20, "top_p": 0.9, "seed": 7},
        {"min_p": 0.1, "repetition_penalty": 1.2},
    ],
)
def test_generation_is_the_programs(program, text_run, options):
    flags = [
        part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)
    ]
    written = program(
        "generate", "--model", text_run, "--prompt", "In the ", "--max-tokens", 60, "--raw", *flags
    )
    model = lior.load(text_run)
    pieces = model.generate(b"In the ", max_tokens=60, **options)
    assert iter(pieces) is pieces and b"".join(pieces) == written
    text = "".join(model.generate("In the ", max_tokens=60, **options))
    assert text == written.decode(errors="replace")
    numbers = list(model.generate(list(b"In the "), max_tokens=60, **options))
    assert bytes(numbers) == written


def test_fewer_than_no_tokens(text_run):
    model = lior.load(text_run)
    assert list(model.generate("a", max_tokens=0)) == []
    with pytest.raises(lior.Error, match="max_tokens is -1; it must be at least 0"):
        model.generate("a", max_tokens=-1)


def test_generation_follows_the_logits(text_run):
    model = lior.load(text_run)
    tokens = list(b"the word")
    for token in model.generate(bytes(tokens), max_tokens=10, temperature=0.0):
        scores = model.logits(np.array([tokens]))
        assert scores[0].argmax() == token[0]
        tokens += token


def test_state_carries_a_sequence_on(run):
    model = lior.load(run).model
    tokens = np.arange(20).reshape(2, 10) % model.vocabulary
    whole = model.logits(tokens)
    state = model.initial_state(2)
    model.logits(tokens[:, :7], state)
    np.testing.assert_allclose(model.logits(tokens[:, 7:], state), whole, atol=1e-5)
    assert state.shape == (2, model.state_size)


def test_evaluate_sums_what_loss_and_gradients_does(run):
    model = lior.load(run).model
    tokens = np.arange(20).reshape(2, 10) % model.vocabulary
    targets = np.roll(tokens, -1, 1) % model.classes
    targets[:, -1] = -1
    a, b = model.evaluate(tokens, targets), model.loss_and_gradients(tokens, targets)
    assert a.targets == b.targets == 18 and a.last_targets == 0
    np.testing.assert_allclose(a.loss, b.loss, rtol=1e-6)
    assert any(gradient.any() for gradient in model.gradients.values())


def test_what_does_not_fit_is_named(run, tmp_path):
    model = lior.load(run).model
    with pytest.raises(lior.Error, match="config.json"):
        lior.load(tmp_path)
    with pytest.raises(TypeError, match="tokens has dtype float64; expected an integer dtype"):
        model.logits(np.zeros((1, 4)))
    with pytest.raises(lior.Error, match=r"tokens\[0\] is 10000; expected 0 to"):
        model.logits(np.full((1, 4), 10_000))
    with pytest.raises(lior.Error, match="tokens holds 5000000000; expected numbers of 32 bits"):
        model.logits(np.full((1, 4), 5_000_000_000))
    with pytest.raises(lior.Error, match=r"state has shape \(2, 3\)"):
        model.logits(np.zeros((2, 4), int), np.zeros((2, 3), "f4"))
    with pytest.raises(lior.Error, match="model.head"):
        train.Config({"data": "builtin:a5", "model.head": 3})


@pytest.mark.parametrize("fraction", [-5.0, -1e-9, 1.5, float("nan"), float("inf")])
def test_a_part_that_is_held_out_is_of_the_text(tmp_path, fraction):
    (tmp_path / "t.txt").write_text(TEXT)
    with pytest.raises(lior.Error, match="expected 0 to 1"):
        train.Data(str(tmp_path / "t.txt"), fraction)


def test_settings_that_no_file_can_hold_are_refused():
    for settings, fault in (
        ({1: 2}, TypeError),
        ({"steps": 10**30}, lior.Error),
        ({"data": "\udcff"}, lior.Error),
    ):
        with pytest.raises(fault):
            train.Config(settings)


def test_a_handler_that_raises_ends_the_reading_of_a_prompt(text_run):
    """Handlers run while the prompt is read: held back to its end, many alarms would count as one."""
    model, alarms = lior.load(text_run).model, []

    def alarm(*_):
        alarms.append(1)
        if len(alarms) == 3:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, alarm)
    generator = train.Generator(model, temperature=0)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with pytest.raises(KeyboardInterrupt):
            generator.read(np.full(1_000_000, 65))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 0 <= generator.next() < 256  # and it goes on


def test_a_prompt_in_windows_gives_the_bits_of_one(text_run):
    model = lior.load(text_run).model
    tokens = np.frombuffer(TEXT.encode()[:700], np.uint8)
    generator = train.Generator(model, temperature=0)
    generator.read(tokens)
    scores = model.logits(tokens[None].astype(int))
    assert generator.next() == scores[0].argmax()
