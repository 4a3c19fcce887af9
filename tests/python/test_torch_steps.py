# SPDX-License-Identifier: Apache-2.0
"""Steps of few tokens, which the library makes in one call, beside the same by operators."""

import copy
import pickle

import lior
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

OPTIONS = {"geometric_attention": {"window": 4}, "attention": {"window": 4}}


@pytest.fixture(params=lior.nn.layer_kinds())
def layer(request):
    torch.manual_seed(1)
    return lt.Layer(request.param, 16, torch.float64, **OPTIONS.get(request.param, {}))


def by_operators(layer, x, state):
    """What a hook, though it does nothing, makes of it."""
    handle = layer.norm.register_forward_hook(lambda *args: None)
    try:
        return layer.step(x, state)
    finally:
        handle.remove()


def both(layer, x, state):
    got, want = layer.step(x, state), by_operators(layer, x, state)
    torch.testing.assert_close(got, want)
    return got


def drawn(layer):
    return torch.randn(2, 3, 16, dtype=torch.float64), layer.start_state(
        torch.zeros(2, 1, 16).double()
    )


def test_a_step_is_that_of_the_operators(layer):
    x, state = drawn(layer)
    before = state.clone()
    for part in x.split([1, 2], 1):
        assert layer._tensors_for(part, state) is not None
        state = both(layer, part, state)[1]
    assert torch.equal(before, drawn(layer)[1])  # a first state is the caller's
    both(layer, x.transpose(0, 1).contiguous().transpose(0, 1), before)


def test_steps_see_new_weights(layer):
    x, state = drawn(layer)
    both(layer, x, state)
    with torch.no_grad():
        layer.out.weight.mul_(2)
    both(layer, x, state)
    layer.out.weight.data = torch.randn_like(layer.out.weight)
    both(layer, x, state)
    layer.out.weight = torch.nn.Parameter(torch.randn_like(layer.out.weight))
    both(layer, x, state)
    layer.load_state_dict({k: torch.randn_like(v) for k, v in layer.state_dict().items()})
    both(layer, x, state)
    torch.nn.utils.parametrizations.spectral_norm(layer.out)
    layer.eval()  # in training every look at the weight moves it
    both(layer, x, state)


def test_steps_see_hooks_and_what_stands_in_a_modules_place(layer):
    x, state = drawn(layer)
    plain = layer.step(x, state)[0]
    handle = layer.out.register_forward_hook(lambda module, given, out: out + 1)
    torch.testing.assert_close(layer.step(x, state)[0], plain + 1)
    handle.remove()

    class Doubled(torch.nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    twin = Doubled(layer.out.in_features, 16, bias=False, dtype=torch.float64)
    twin.weight = layer.out.weight
    layer.out = twin
    torch.testing.assert_close(layer.step(x, state)[0], 2 * plain - x)


def test_copies_step_by_weights_of_their_own(layer):
    x, state = drawn(layer)
    want = layer.step(x, state)[0]
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin._step_arrays is None
        assert torch.equal(twin.step(x, state)[0], want)
        with torch.no_grad():
            twin.out.weight.zero_()
        assert torch.equal(twin.step(x, state)[0], x)
        assert torch.equal(layer.step(x, state)[0], want)


def test_other_calls_go_by_the_operators():
    layer = lt.Layer("gated_linear_attention", 16)
    x, state = torch.randn(1, 1, 16), layer.start_state(torch.zeros(1, 1, 16))
    with torch.no_grad():
        assert layer._tensors_for(x, state) is not None
        assert layer._tensors_for(x.bfloat16(), state) is None
        with torch.autocast("cpu", torch.bfloat16):
            assert layer._tensors_for(x, state) is None
        handle = torch.nn.modules.module.register_module_forward_hook(lambda *args: None)
        assert layer._tensors_for(x, state) is None
        handle.remove()
        with FlopCounterMode(display=False) as counter:
            layer.step(x, state)
    assert counter.get_total_flops() > 0
    narrow = copy.deepcopy(layer).bfloat16()
    out, _ = narrow.step(x.bfloat16(), state)
    assert out.dtype == torch.bfloat16
    with pytest.raises(lior.Error, match="state has shape"):
        layer.step(x, state[:, :-1])
    torch.compiler.reset()
    compiled = torch.compile(layer.step, backend="aot_eager")
    torch.testing.assert_close(compiled(x, state), layer.step(x, state))


def test_gradients_of_a_layer_as_one_are_those_of_its_parts(layer):
    x = torch.randn(2, 5, 16, dtype=torch.float64, requires_grad=True)
    inputs, weights = [x, *layer.parameters()], torch.randn(2, 5, 16, dtype=torch.float64)
    assert layer._tensors_for(x, None) is not None
    out = layer(x)
    handle = layer.norm.register_forward_hook(lambda *args: None)
    assert layer._tensors_for(x, None) is None
    want = layer(x)
    handle.remove()
    torch.testing.assert_close(out, want)
    gradients = (torch.autograd.grad((o * weights).sum(), inputs) for o in (out, want))
    torch.testing.assert_close(*gradients)
