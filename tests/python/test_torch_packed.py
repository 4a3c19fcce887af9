# SPDX-License-Identifier: Apache-2.0
"""Sequences packed into one row, and padded ones, beside each alone."""

import lior
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
import torch_models  # noqa: E402

LENGTHS = [5, 1, 9, 3]
ROWS = sum(LENGTHS)


def layer_of(kind, **options):
    torch.manual_seed(1)
    return lt.Layer(kind, 16, torch.float64, **options)


LAYERS = {**torch_models.LAYERS, "geometric_mamba, learned start": {"heads": 2, "gates": False}}


@pytest.fixture(params=LAYERS)
def layer(request):
    return layer_of(request.param.split(",")[0], **LAYERS[request.param])


def gradients(function, x, parameters):
    """function(x), and the gradients of a sum of its values with weights that differ."""
    x = x.clone().requires_grad_()
    out = function(x)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)
    return out, torch.autograd.grad((weights * out).sum(), [x, *parameters])


def alone(layer, x):
    return torch.cat([layer(part) for part in x.split(LENGTHS, 1)], 1)


def test_a_packed_layer_gives_what_sequences_alone_give(layer):
    x = torch.randn(1, ROWS, 16, dtype=torch.float64)
    parameters = list(layer.parameters())
    got = gradients(lambda x: layer(x, LENGTHS), x, parameters)
    want = gradients(lambda x: alone(layer, x), x, parameters)
    torch.testing.assert_close(got, want)
    # what a boundary is for: without it a kind that sees the past gives something else
    if layer.description.kind != "swiglu_mlp":
        assert not torch.allclose(layer(x), got[0])
    ends = torch.tensor([0, *LENGTHS]).cumsum(0)  # cu_seqlens
    torch.testing.assert_close(layer(x, ends.diff()), got[0])


def test_packed_states_go_on(layer):
    x, rest = (torch.randn(1, n, 16, dtype=torch.float64) for n in (ROWS, 10))
    second = [2, 4, 3, 1]
    with torch.no_grad():
        out, state = layer.run(x, layer.start_state(x, LENGTHS), lengths=LENGTHS)
        assert state.shape[0] == 4
        after, last = layer.run(rest, state, lengths=second)
        for i, (part, more) in enumerate(zip(x.split(LENGTHS, 1), rest.split(second, 1))):
            one, end = layer.step(part)
            torch.testing.assert_close(out.split(LENGTHS, 1)[i], one)
            then, end = layer.step(more, end)
            torch.testing.assert_close(after.split(second, 1)[i], then)
            torch.testing.assert_close(last[i : i + 1], end)


def test_gradients_of_packed_states(layer):
    """Of the kinds that have them."""
    if not layer.description.inner_shape[2]:
        return
    x = torch.randn(1, ROWS, 16, dtype=torch.float64)
    start = torch.randn_like(layer.start_state(x, LENGTHS)).requires_grad_()
    _, last = layer.run(x, start, lengths=LENGTHS)
    (got,) = torch.autograd.grad(last.square().sum(), start)
    parts = zip(x.split(LENGTHS, 1), start.split(1))
    ends = torch.cat([layer.run(part, state)[1] for part, state in parts])
    torch.testing.assert_close(got, torch.autograd.grad(ends.square().sum(), start)[0])


def test_adapters_on_the_readout_see_packed_rows():
    layer = layer_of("geometric_mamba", heads=2)
    x = torch.randn(1, ROWS, 16, dtype=torch.float64)
    want = layer(x, LENGTHS)
    layer.readout.register_forward_hook(lambda *args: None)  # takes the way of the parts
    torch.testing.assert_close(layer(x, LENGTHS), want)


def test_transforms_of_packed_layers():
    layer = layer_of("geometric_mamba", heads=2)
    x, along = torch.randn(2, 1, ROWS, 16, dtype=torch.float64)
    out, slope = torch.func.jvp(lambda x: layer(x, LENGTHS), (x,), (along,))
    _, want = torch.func.jvp(lambda x: alone(layer, x), (x,), (along,))
    torch.testing.assert_close(slope, want)
    torch.compiler.reset()
    compiled = torch.compile(lambda x: layer(x, LENGTHS), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), out)


def test_packed_memory():
    memory = lt.LiorMemory(2, dtype=torch.float64)
    x = torch.randn(1, ROWS, 4, dtype=torch.float64)
    torch.testing.assert_close(memory(x, LENGTHS), alone(memory, x))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """With every part that sees tokens before its own."""
    path = tmp_path_factory.mktemp("packed") / "text.txt"
    path.write_text("In the beginning was the word. " * 60)
    settings = {"d_model": 16, "layers": 2, "heads": 2, "convolution": 3, "mlp_hidden": 12}
    settings |= {"mixers": "geometric_mamba,attention", "attention_heads": 2}
    settings |= {"attention_window": 6, "vocabulary": 256, "classes": 256}
    settings |= {"ngram_orders": 4, "ngram_bits": 5, "ngram_output": True, "count_orders": 3}
    torch.manual_seed(1)
    made = lt.Model({"data": "text.txt", **{f"model.{k}": v for k, v in settings.items()}}).double()
    for name, parameter in made.named_parameters():
        if name.startswith(("ngram", "counts", "output")):  # they start as 0
            torch.nn.init.normal_(parameter, std=0.3)
    made.counts.text = lior.train.Counts(lior.train.Data(path), 3)
    return made


def tokens_of(*shape):
    return torch.randint(97, 123, shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_packed_model_gives_what_sequences_alone_give(model, checkpointing):
    tokens, parameters = tokens_of(1, ROWS), list(model.parameters())
    model.gradient_checkpointing = checkpointing
    got = model(tokens, lengths=LENGTHS)
    model.gradient_checkpointing = False
    want = torch.cat([model(part) for part in tokens.split(LENGTHS, 1)], 1)
    torch.testing.assert_close(got, want)
    for one, other in zip(
        torch.autograd.grad(got.square().mean(), parameters),
        torch.autograd.grad(want.square().mean(), parameters),
    ):
        torch.testing.assert_close(one, other)


def test_a_packed_models_states_go_on(model):
    tokens, rest = tokens_of(1, ROWS), tokens_of(4, 2)
    with torch.no_grad():
        _, state = model.run(tokens, model.start_state(tokens, LENGTHS), LENGTHS)
        got, _ = model.run(rest, state)
        for i, part in enumerate(tokens.split(LENGTHS, 1)):
            whole = model(torch.cat([part, rest[i : i + 1]], 1))
            torch.testing.assert_close(got[i], whole[0, -2:])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model, side):
    parts = [tokens_of(1, 9)[:, :n] for n in LENGTHS]
    tokens, mask = torch.zeros(4, 9, dtype=torch.long), torch.zeros(4, 9, dtype=torch.bool)
    for i, (part, n) in enumerate(zip(parts, LENGTHS)):
        at = slice(9 - n, 9) if side == "left" else slice(0, n)
        tokens[i, at], mask[i, at] = part[0], True
    packed, lengths = lt.pack(tokens, mask)
    assert lengths == LENGTHS
    scores = lt.unpack(model(packed, lengths=lengths), mask)
    assert scores.shape == (4, 9, 256) and (scores[~mask] == 0).all()
    for i, part in enumerate(parts):
        torch.testing.assert_close(scores[i, mask[i]], model(part)[0])


def test_lengths_that_do_not_fit_are_refused(model):
    layer = layer_of("attention", heads=2, window=4)
    x = torch.randn(1, ROWS, 16, dtype=torch.float64)
    with pytest.raises(lior.Error, match="lengths are of 5 tokens in one row.* 1 rows of 18"):
        layer(x, [5])
    with pytest.raises(lior.Error, match="lengths hold -1"):
        layer(x, [ROWS + 1, -1])
    with pytest.raises(lior.Error, match="lengths are empty"):
        layer(x, [])
    for lengths in ([9, 9.5], torch.tensor([9.0, 9.0]), ["18"]):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            layer(x, lengths)
    with pytest.raises(lior.Error, match="lengths are of 18 tokens in one row.* 2 rows of 9"):
        layer(x.reshape(2, 9, 16), [9, 9])
    with pytest.raises(lior.Error, match=r"tokens has shape \(2, 9\); expected \(1, 18\)"):
        model(tokens_of(2, 9), lengths=[9, 9])
