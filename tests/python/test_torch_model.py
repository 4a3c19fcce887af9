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
from torch_models import MODELS, model_of, settings_of  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A text of the tokens 0 to 10."""
    path = tmp_path_factory.mktemp("counted") / "text.bin"
    path.write_bytes(numpy.random.default_rng(4).integers(0, 11, 4000, "u1").tobytes())
    return lior.train.Data(path)


def counting(data):
    torch.manual_seed(1)
    made = lt.Model(settings_of("counts"))
    for parameter in made.counts.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made.counts.text = lior.train.Counts(data, 3)
    return made


@pytest.fixture(params=MODELS)
def model(request, data):
    return model_of(request.param, data)


def test_a_model_starts_as_its_counts(data):
    """The first scores are ln p of the longest contexts, up to the layers' part, which starts as 0."""
    model, tokens = lt.Model(settings_of("counts")), tokens_of()
    model.counts.text = counts = lior.train.Counts(data, 3)
    want, rows = counts.logarithms(tokens.numpy())
    assert want.shape == (2, 9, 3, 256) and rows.shape == (2, 9, 6)
    torch.testing.assert_close(model(tokens), torch.from_numpy(want[:, :, -1]))
    # As many terms as tokens, each a float32.
    torch.testing.assert_close(model(tokens).exp().sum(-1), torch.ones(2, 9), rtol=1e-4, atol=0)


def test_what_is_learnt_from_is_not_counted(data):
    """A training step as the library's: with places, counts lack the part of the text that is read."""
    model = counting(data)
    tokens, targets = data.training_batch(3, 5, 4, 12)
    places = data.training_places(3, 5, 4, 12)
    twin = lior.train.Model(lior.train.Config(settings_of("counts")))
    for name, array in twin.parameters.items():
        array[...] = model.get_parameter(name).detach().numpy()
    twin.counts = model.counts.text
    given = torch.from_numpy(tokens), torch.from_numpy(places)
    losses = {}
    for name, places_of_step in {"lacking": places, "whole": None}.items():
        want = twin.loss_and_gradients(tokens, targets, places_of_step)
        scores = model(given[0], None if places_of_step is None else given[1])
        loss = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), torch.from_numpy(targets).long().flatten()
        )
        model.zero_grad()
        loss.backward()
        assert loss.item() == pytest.approx(want.loss, rel=1e-5)
        for key in ("counts.weight", "counts.sureness", "counts.bias"):
            torch.testing.assert_close(
                model.get_parameter(key).grad,
                torch.from_numpy(twin.gradients[key]),
                rtol=1e-3,
                atol=1e-5,
            )
        losses[name] = loss.item()
    assert losses["whole"] < losses["lacking"]


def test_transforms_go_through_counts(data):
    """Gradients of each sequence alone, and a derivative along a direction, which is that of the gradient."""
    model, tokens = counting(data).double(), tokens_of()
    own = {name: p.detach() for name, p in model.counts.named_parameters()}

    def loss(own, row):
        given = {f"counts.{name}": value for name, value in own.items()}
        return torch.func.functional_call(model, given, (row[None],)).square().mean()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(own, tokens)
    for b, row in enumerate(tokens):
        for name, gradient in torch.func.grad(loss)(own, row).items():
            torch.testing.assert_close(each[name][b], gradient)
    along = {name: torch.randn_like(value) for name, value in own.items()}
    _, slope = torch.func.jvp(lambda own: loss(own, tokens[0]), (own,), (along,))
    want = sum((each[name][0] * along[name]).sum() for name in own)
    torch.testing.assert_close(slope, want)


def test_counts_that_do_not_fit_are_refused(data, tmp_path):
    model, tokens = lt.Model(settings_of("counts")), tokens_of()
    with pytest.raises(lior.Error, match="a text that it does not have: set model.counts.text"):
        model(tokens)
    with pytest.raises(lior.Error, match="model.counts.text"):
        lt.export(model, tmp_path)
    with pytest.raises(lior.Error, match="count_orders = 3"):
        model.counts.text = lior.train.Counts(data, 2)
    with pytest.raises(lior.Error, match="expected a text"):
        lior.train.Counts(lior.train.Data("builtin:a5"), 2)
    with pytest.raises(lior.Error, match="256 different tokens; the model has 11"):
        lior.train.Model(
            lior.train.Config(settings_of("complex") | {"model.count_orders": 3})
        ).counts = lior.train.Counts(data, 3)
    model.counts.text = pickle.loads(pickle.dumps(lior.train.Counts(data, 3)))
    model(tokens)
    with pytest.raises(lior.Error, match="which has no parts"):
        model(tokens, torch.zeros(2, dtype=torch.int64))
    with pytest.raises(lior.Error, match="tokens hold 256"):
        model.counts.text.logarithms([[256]])


def tokens_of(batch=2, length=9):
    return torch.randint(11, (batch, length), generator=torch.Generator().manual_seed(2))


def test_scores_are_the_librarys(model, tmp_path):
    """Float32 through a few products: 1e-5 of scores of size 1."""
    lt.export(model, tmp_path / "run")
    twin, tokens = lior.load(tmp_path / "run").model, tokens_of()
    for length in (1, 4, 9):
        want = torch.from_numpy(twin.logits(tokens[:, :length].numpy()))
        scores = model(tokens[:, :length])
        assert scores.shape == (2, length, model.settings["model"]["classes"])
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
    # Scores are sums that cancel; of counts, of weights times ln p, which is down to -17.
    want = model(tokens)
    atol = 1e-5 if model.counts is None else 1e-5 * want.abs().max().item()
    torch.testing.assert_close(torch.cat(outs, 1), want, rtol=1e-4, atol=atol)


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
    for nothing in ("", b"", []):
        with pytest.raises(lior.Error, match="nothing to go on from"):
            list(model.generate(nothing))


@pytest.fixture(scope="module")
def counted_run(program, tmp_path_factory):
    """What `lior train` makes of a text by default, but small: a model with counts."""
    folder = tmp_path_factory.mktemp("counted_run")
    (folder / "text.txt").write_text("In the beginning was the word. And the word was here. " * 60)
    program(
        *("train", "--data", folder / "text.txt", "--out", folder / "run"),
        *("--preset", "tiny-counts", "--steps", 3, "--batch", 2, "--length", 24),
        *("--threads", 1, "--progress", "none"),
    )
    return folder / "run"


def test_a_run_with_counts_opens_and_goes_back(counted_run, tmp_path, program):
    trained, model = lior.load(counted_run), lt.from_run(counted_run)
    assert model.counts.text.longest == 6
    tokens = torch.tensor([list(b"In the beginning ")])
    want = torch.from_numpy(trained.logits(tokens.numpy()))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens)[:, -1], want, rtol=1e-5, atol=1e-5)
    lt.export(model, tmp_path / "out")
    options = {"max_tokens": 20, "temperature": 0}
    ours = b"".join(model.generate(b"In the ", **options))
    assert ours == b"".join(trained.generate(b"In the ", **options))
    theirs = program(
        *("generate", "--model", tmp_path / "out", "--prompt", "In the ", "--max-tokens", 20),
        *("--temperature", 0, "--raw"),
    )
    assert ours == theirs


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
    if model.counts is not None:
        twin.counts.text = model.counts.text
    assert torch.equal(twin(tokens), model(tokens))
    assert json.loads(json.dumps(model.settings)) == model.settings


@pytest.mark.parametrize("of", ["convolution, tied", "counts"])
def test_a_model_compiles_as_one_graph(of, data):
    model = counting(data) if of == "counts" else lt.Model(settings_of(of))
    tokens = tokens_of()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(tokens), model(tokens), rtol=1e-5, atol=1e-5)
