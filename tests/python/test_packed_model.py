# SPDX-License-Identifier: Apache-2.0
"""Documents packed into one row of lior.train.Model, beside each alone."""

import lior
import numpy as np
import pytest
from lior import train

LENGTHS = [5, 1, 9, 3]
ROWS = sum(LENGTHS)
ENDS = np.cumsum(LENGTHS)
#: float32 products of other numbers of rows add up in another order.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """With every part that sees tokens before its own."""
    path = tmp_path_factory.mktemp("packed") / "text.txt"
    path.write_text("In the beginning was the word. " * 60)
    sizes = {"d_model": 16, "layers": 4, "heads": 2, "convolution": 3, "mlp_hidden": 12}
    sizes |= {"mixers": "geometric_mamba,attention,causal_field,gated_linear_attention"}
    sizes |= {"attention_heads": 2, "attention_window": 6, "causal_field_heads": 2}
    sizes |= {"linear_attention_heads": 2, "ngram_orders": 4, "ngram_bits": 5}
    sizes |= {"count_orders": 3, "recent_orders": 2, "recent_window": 7}
    config = train.Config({"data": str(path), **{f"model.{k}": v for k, v in sizes.items()}})
    data = train.Data(path)
    config.fit(data)
    made = train.Model(config)
    made.initialize(1)
    random = np.random.default_rng(2)
    for array in made.parameters.values():
        array += 0.1 * random.standard_normal(array.shape).astype(np.float32)
    made.counts = train.Counts(data, 3)
    return made


@pytest.fixture
def tokens():
    return np.random.default_rng(3).integers(97, 123, (1, ROWS)).astype(np.int32)


def parts(row):
    return np.split(row, ENDS[:-1], axis=1)


def gradients_of(model):
    dense = {name: array.copy() for name, array in model.gradients.items()}
    for name, (rows, values) in model.row_gradients.items():
        dense[name] = np.zeros_like(model.parameters[name])
        dense[name][rows] = values
    return dense


def test_a_step_is_that_of_documents_alone(model, tokens):
    targets, places = np.roll(tokens, -1, 1), [40, -1, 7, 300]
    targets[:, ENDS - 1] = -1  # nothing foretells another document
    packed = model.loss_and_gradients(tokens, targets, places, lengths=LENGTHS)
    got, want, loss = gradients_of(model), {}, 0
    for place, row, wanted in zip(places, parts(tokens), parts(targets)):
        one = model.loss_and_gradients(row, wanted, [place])
        loss += one.loss_sum
        for name, array in gradients_of(model).items():
            share = one.targets / packed.targets * array
            want[name] = want.get(name, 0) + share if one.targets else want.get(name, 0)
    assert packed.loss_sum == pytest.approx(loss, rel=TOLERANCE)
    for name, array in want.items():
        assert np.abs(got[name] - array).max() <= TOLERANCE * max(1, np.abs(array).max()), name
    assert abs(model.loss_and_gradients(tokens, targets).loss - packed.loss) > 1e-3


def test_scores_and_states_are_those_of_documents_alone(model, tokens):
    states = model.initial_state(4)
    got = model.logits(tokens, states, lengths=np.array(LENGTHS))
    assert got.shape == (4, 256)
    again = model.logits(tokens, states, lengths=LENGTHS)  # goes on
    sums = model.evaluate(tokens, tokens, states, lengths=LENGTHS)
    assert sums.targets == ROWS and sums.last_targets == 4
    loss = 0
    for i, row in enumerate(parts(tokens)):
        state = model.initial_state(1)
        assert np.allclose(model.logits(row, state)[0], got[i], atol=1e-4)
        assert np.allclose(model.logits(row, state)[0], again[i], atol=1e-4)
        loss += model.evaluate(row, row, state).loss_sum
        assert np.allclose(state[0], states[i], atol=1e-4)
    assert sums.loss_sum == pytest.approx(loss, rel=TOLERANCE)


def test_the_module_of_torch_agrees(model, tokens):
    torch = pytest.importorskip("torch")
    import lior.torch as lt

    sizes = {"d_model": 16, "layers": 2, "heads": 2, "convolution": 3, "vocabulary": 256}
    settings = {"data": "text.txt", **{f"model.{k}": v for k, v in sizes.items()}}
    torch.manual_seed(4)
    module = lt.Model({**settings, "model.classes": 256})
    torch.nn.init.normal_(module.output.weight, std=0.3)
    ours = train.Model(train.Config({**settings, "model.classes": 256}))
    for name, parameter in module.named_parameters():
        ours.parameters[name][...] = parameter.detach().numpy()
    ends = torch.tensor([0, *ENDS]).diff()  # of cu_seqlens
    with torch.no_grad():
        want = module(torch.from_numpy(tokens).long(), lengths=ends)[0, ENDS - 1]
    got = ours.logits(tokens, lengths=ends)
    assert np.allclose(got, want.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "lengths, said",
    [
        ([5], r"lengths are of 5 tokens in one row; tokens is \[1, 18\]"),
        ([2**31 - 1] * 3, "lengths are of 6442450941 tokens in one row"),
        ([19, -1], "lengths hold -1"),
        ([18, 0], "lengths hold 0; scores follow a token"),
        (np.zeros(0, np.int64), "lengths are empty"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(model, tokens, lengths, said):
    with pytest.raises(lior.Error, match=said):
        model.logits(tokens, lengths=lengths)


def test_shapes_that_do_not_fit_lengths_are_refused(model, tokens):
    with pytest.raises(lior.Error, match=r"tokens is \[2, 9\]"):
        model.logits(tokens.reshape(2, 9), lengths=[9, 9])
    with pytest.raises(lior.Error, match="state"):
        model.logits(tokens, model.initial_state(1), lengths=LENGTHS)
    with pytest.raises(lior.Error, match="places"):
        model.loss_and_gradients(tokens, tokens, [0], lengths=LENGTHS)
    with pytest.raises(TypeError, match="lengths has dtype float64"):
        model.logits(tokens, lengths=[9.0, 9.0])
