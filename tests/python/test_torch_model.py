# SPDX-License-Identifier: Apache-2.0
"""lior.torch.Model beside the program's model: scores, states, training steps, files."""

import copy
import json
import pickle

import lior
import numpy
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402

SIZES = {"d_model": 16, "layers": 2, "mlp_hidden": 12, "vocabulary": 11, "classes": 11}
MODELS = {
    "defaults": {"heads": 2},
    "convolution, tied": {"heads": 2, "convolution": 3, "tied": True},
    "complex": {
        "heads": 2,
        "complex_state": True,
        "phase": True,
        "rotation": True,
        "transition": "two_sided",
        "readout": "invariants",
    },
    "n-grams": {"heads": 2, "ngram_orders": 4, "ngram_bits": 5, "ngram_output": True},
    "no gates": {"heads": 2, "gates": False, "mlp_hidden": 0},
    "every mixer": {
        "layers": 5,
        "mixers": "geometric_mamba,causal_field,geometric_attention,attention,gated_linear_attention",
        "heads": 2,
        "causal_field_heads": 2,
        "geometric_attention_heads": 2,
        "attention_heads": 2,
        "linear_attention_heads": 2,
        "attention_window": 6,
    },
}


def settings_of(name, **more):
    model = {**SIZES, **MODELS[name]}
    return {"data": "text.txt", **{f"model.{k}": v for k, v in model.items()}, **more}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(1)
    made = lt.Model(settings_of(request.param))
    torch.nn.init.normal_(made.output.weight, std=0.3)
    for name, parameter in made.named_parameters():
        if name.startswith("ngram"):  # they start as 0
            torch.nn.init.normal_(parameter, std=0.3)
    return made


def test_counts_of_a_text_are_the_engines_alone():
    with pytest.raises(lior.Error, match="model.count_orders is 3"):
        lt.Model(settings_of("complex") | {"model.count_orders": 3})


def tokens_of(batch=2, length=9):
    return torch.randint(11, (batch, length), generator=torch.Generator().manual_seed(2))


def test_scores_are_the_librarys(model, tmp_path):
    """Float32 through a few products: 1e-5 of scores of size 1."""
    lt.export(model, tmp_path / "run")
    twin, tokens = lior.load(tmp_path / "run").model, tokens_of()
    for length in (1, 4, 9):
        want = torch.from_numpy(twin.logits(tokens[:, :length].numpy()))
        scores = model(tokens[:, :length])
        assert scores.shape == (2, length, 11)
        torch.testing.assert_close(scores[:, -1], want, rtol=1e-5, atol=1e-5)
    again = lt.from_run(tmp_path / "run")
    assert torch.equal(again(tokens), model(tokens))
    assert again.settings == model.settings


def test_states_are_the_librarys(model, tmp_path):
    lt.export(model, tmp_path)
    twin, tokens = lior.load(tmp_path).model, tokens_of()
    state = model.start_state(tokens)
    assert state.shape == (2, twin.state_size)
    torch.testing.assert_close(state, torch.from_numpy(twin.initial_state(2)))
    _, state = model.step(tokens[:, :5])
    want = torch.from_numpy(twin.logits(tokens[:, 5:].numpy(), state.numpy().copy()))
    torch.testing.assert_close(
        model.step(tokens[:, 5:], state)[0][:, -1], want, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("pieces", [[9], [1] * 9, [4, 2, 3]])
def test_steps_give_what_the_whole_gives(model, pieces):
    tokens, outs, state = tokens_of(), [], None
    for piece in tokens.split(pieces, 1):
        scores, state = model.step(piece, state)
        outs.append(scores)
    torch.testing.assert_close(torch.cat(outs, 1), model(tokens), rtol=1e-4, atol=1e-5)


def test_gradients_are_the_librarys(model, tmp_path):
    lt.export(model, tmp_path)
    twin, tokens = lior.load(tmp_path).model, tokens_of()
    targets = tokens.roll(-1, 1)
    result = twin.loss_and_gradients(tokens.numpy(), targets.numpy())
    loss = torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(result.loss, rel=1e-5)
    loss.backward()
    gradients = dict(twin.gradients)
    for name, (rows, values) in twin.row_gradients.items():
        gradients[name] = numpy.zeros_like(twin.parameters[name])
        gradients[name][rows] = values
    for name, parameter in model.named_parameters():
        want = torch.from_numpy(gradients[name])
        torch.testing.assert_close(parameter.grad, want, rtol=1e-3, atol=1e-5)


def test_start_values_are_the_librarys():
    torch.manual_seed(3)
    made = lt.Model(settings_of("every mixer"))
    torch.manual_seed(3)
    again = lt.Model(settings_of("every mixer"))
    other = lt.Model(settings_of("every mixer"))
    assert torch.equal(made.embedding.weight, again.embedding.weight)
    assert not torch.equal(made.embedding.weight, other.embedding.weight)
    assert made.output.weight.abs().max() == 0  # the first loss is ln(classes)
    gains = [p for name, p in made.named_parameters() if name.endswith("norm.weight")]
    assert all(torch.equal(gain, torch.ones_like(gain)) for gain in gains)


@pytest.fixture(scope="module")
def text_run(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("torch_model")
    (folder / "text.txt").write_text("In the beginning was the word. " * 60)
    (folder / "small.toml").write_text("[model]\nd_model = 16\nheads = 2\nlayers = 1\n")
    program(
        "train",
        *(
            "--data",
            folder / "text.txt",
            "--out",
            folder / "run",
            "--config",
            folder / "small.toml",
        ),
        *("--steps", 20, "--batch", 4, "--length", 24, "--threads", 1, "--progress", "none"),
    )
    return folder / "run"


def test_generation_is_the_programs(text_run):
    trained, model = lior.load(text_run), lt.from_run(text_run)
    want = "".join(trained.generate("In the ", max_tokens=20, temperature=0))
    assert "".join(model.generate("In the ", max_tokens=20, temperature=0)) == want
    draws = lambda seed: b"".join(
        model.generate(
            b"In ", max_tokens=12, top_k=9, generator=torch.Generator().manual_seed(seed)
        )
    )
    assert draws(1) == draws(1) and draws(1) != draws(2)
    numbers = list(model.generate(list(b"In the "), max_tokens=20, temperature=0))
    assert bytes(numbers).decode(errors="replace") == want
    with pytest.raises(lior.Error, match="max_tokens is -1"):
        model.generate("a", max_tokens=-1)


def test_draws_follow_the_scores():
    scores = torch.tensor([0.0, 1.0, 3.0, 2.0])
    generator = torch.Generator().manual_seed(4)
    drawn = lambda **options: {
        int(lt.draw(scores, generator=generator, **options)) for _ in range(200)
    }
    assert drawn(temperature=0) == {2}
    assert drawn(temperature=5.0) == {0, 1, 2, 3}
    assert drawn(temperature=5.0, top_k=2) == {2, 3}
    # softmax of (3, 2, 1, 0): .64, .24, .09, .03
    assert drawn(temperature=1.0, top_p=0.7) == {2, 3}
    assert drawn(temperature=1.0, top_p=0.5) == {2}


def test_what_was_trained_on_goes_back(text_run, tmp_path, program):
    model = lt.from_run(text_run)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    tokens = torch.tensor([list(b"In the beginning was the word. ")])
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    lt.export(model, tmp_path / "out")
    ours = model.generate(b"In the ", max_tokens=8, temperature=0)
    theirs = program(
        *("generate", "--model", tmp_path / "out", "--prompt", "In the ", "--max-tokens", 8),
        *("--temperature", 0, "--raw"),
    )
    assert b"".join(ours) == theirs


def test_what_cannot_be_is_refused(text_run, tmp_path):
    model = lt.from_run(text_run)
    with pytest.raises(lior.Error, match="holds a run"):
        lt.export(model, text_run)
    with pytest.raises(lior.Error, match="config.json"):
        lt.from_run(tmp_path)
    with pytest.raises(lior.Error, match="model.heads"):
        lt.Model(settings_of("defaults", **{"model.heads": 0}))
    with pytest.raises(lior.Error, match="tensors differ by"):
        model.load_arrays({"norm.weight": numpy.ones(16, "f4")})


def test_copies_and_pickles_are_equal(model):
    tokens = tokens_of()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(tokens), model(tokens))
    twin = lt.Model(
        {"data": "text.txt", **{f"model.{k}": v for k, v in model.settings["model"].items()}}
    )
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(tokens), model(tokens))
    assert json.loads(json.dumps(model.settings)) == model.settings


def test_a_model_compiles_as_one_graph():
    model, tokens = lt.Model(settings_of("convolution, tied")), tokens_of()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(tokens), model(tokens), rtol=1e-5, atol=1e-5)
