# SPDX-License-Identifier: Apache-2.0
"""What CUDA tensors are computed by, on the processor: every operator's plain form beside its kernel, whole models, and
devices beside each other, which torch's fake tensors check without having them."""

import contextlib

import lior
import numpy
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from lior.torch.cases import (  # noqa: E402
    ROUNDINGS,
    cases,
    cases_without_gradients,
    error,
    learned,
    metric_parameters,
    normal,
    raw_kernels,
    results,
    results_and_gradients,
    scan_inputs,
)
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch_models import MODELS, model_of, settings_of  # noqa: E402

ops = lt.ops
DTYPES = {"float32": torch.float32, "float64": torch.float64}
CASES, MORE_CASES = cases(), cases_without_gradients()
# Distances are found by shooting, step after adaptive step, each waiting for the last: no work for a GPU.
REFUSED = {"geodesic_distance"}
CUDA = torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA)


def close(got, want, dtype=torch.float64):
    assert error(got, want) <= ROUNDINGS * torch.finfo(dtype).eps


def both_ways(op, inputs, dtype=torch.float64):
    want = results_and_gradients(op, inputs())
    with ops.plain_forms():
        got = results_and_gradients(op, inputs())
    close(got[0], want[0], dtype)
    close(got[1], want[1], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES.keys() - REFUSED)
def test_plain_forms_have_the_kernels_values_and_gradients(name, dtype):
    both_ways(*cases(DTYPES[dtype])[name], DTYPES[dtype])


@pytest.mark.parametrize("name", MORE_CASES)
def test_what_has_no_gradient_has_its_values_and_none_either(name):
    op, inputs = MORE_CASES[name]
    with ops.plain_forms():
        close(results(op, inputs()), [o.clone() for o in results(op.raw, inputs())])
    want = results(op, inputs())
    first, *rest = inputs()
    with ops.plain_forms():
        got = results(op, (first.requires_grad_(), *rest))
        close(got, want)
        with pytest.raises(RuntimeError, match="has no"):
            got[0].sum().backward()


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_plain_form_names_device_and_remedy(name):
    op, inputs = CASES[name]
    given = [t.detach() if isinstance(t, torch.Tensor) else t for t in inputs()]
    with pytest.raises(RuntimeError, match=rf"lior.{name} runs on the processor.*by \.cpu\(\)"):
        op.raw.redispatch(CUDA, *given)
    with (
        ops.plain_forms(),
        pytest.raises(RuntimeError, match="lior.geodesic_log runs on the processor"),
    ):
        ops.geodesic_log(*given[:5], 1e-8, 1e-10)


EXTREMES = {
    "a scan of no token": lambda: (ops.ci8_scan, scan_inputs(length=0)),
    "a scan of no sequence": lambda: (ops.ci8_scan, scan_inputs(batch=0)),
    "a scan of one token and head": lambda: (ops.ci8_scan, scan_inputs(1, 1, 1)),
    "a scan of 100 tokens": lambda: (ops.ci8_scan, scan_inputs(1, 100, 2)),
    "a complex scan of 37 tokens, three factors": lambda: (
        ops.ci8_scan,
        scan_inputs(1, 37, 2, complex_state=True, phase=True, factors=3, transition="two_sided"),
    ),
    "octonions of no length": lambda: (
        ops.ci8_scan,
        tuple(
            t.detach().zero_().requires_grad_() if i == 0 else t
            for i, t in enumerate(scan_inputs())
        ),
    ),
    "no spinor": lambda: (ops.bilinears, (normal(0, 4), normal(3, 4, 4))),
    "one coordinate": lambda: (ops.bilinears, (normal(2, 1), normal(1, 1, 1), True)),
    "no point": lambda: (ops.christoffel, (normal(3, 0), metric_parameters(), True, False)),
    "a memory of one number": lambda: (
        ops.memory,
        (normal(1, 1, 1, 1), raw_kernels(1), 1e-6, 4096.0),
    ),
    "a memory of 600 tokens": lambda: (
        ops.memory,
        (normal(1, 600, 2, 1), raw_kernels(2), 1e-6, 4096.0),
    ),
    "attention of one token": lambda: (
        ops.spinor_attention,
        (normal(1, 1, 16), normal(1, 1, 16, seed=2), normal(1, 4)),
    ),
    "linear attention of 37 tokens": lambda: (
        ops.layer_inner,
        (
            ops.layer_spec("gated_linear_attention", 4, heads=2),
            normal(2, 37, 20),
            [],
            normal(2, 8),
        ),
    ),
    "packed sequences": lambda: (
        ops.layer_inner,
        (
            ops.layer_spec("geometric_mamba", 6, heads=2),
            normal(1, 9, 40),
            [normal(6, 88)],
            normal(3, 16),
            [4, 1, 4],
        ),
    ),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_shapes(name):
    op, _ = EXTREMES[name]()
    if (
        op is ops.memory
    ):  # its power law is a sum of exponentials, good to 1e-6: two plans of it differ by that
        given = EXTREMES[name]()[1]
        with ops.plain_forms():
            got = results_and_gradients(op, given)
        torch.testing.assert_close(got, results_and_gradients(op, given), rtol=0, atol=1e-5)
        return
    both_ways(op, lambda: EXTREMES[name]()[1])


def test_what_does_not_fit_is_refused():
    projection, initial, *rest = scan_inputs(1, 4, 2)
    many, start, _, *turned = scan_inputs(1, 4, 2, complex_state=True, rotation=True)
    for given, word in [
        ((projection[..., 1:], initial, *rest), r"\(1, 4, 33\)"),
        ((many, start, None, *turned), "angles and rotation"),
        ((projection, initial, None, 1, "sideways", False, True, False, False), "sideways"),
        ((projection, initial, None, 1, "right", False, True, True, False), "phase"),
    ]:
        with ops.plain_forms(), pytest.raises(lior.Error, match=word):
            ops.ci8_scan(*given)


def test_lengths_of_a_scan_in_any_split():
    for length in range(1, 20):
        inputs = scan_inputs(1, length, 2)
        with ops.plain_forms():
            got = ops.ci8_scan(*inputs)
        close([got.detach()], [ops.ci8_scan(*inputs).detach()])


@pytest.mark.parametrize("gate", [-800.0, 40.0, 800.0])
def test_gates_that_are_shut_or_wide_open_have_finite_gradients(gate):
    def inputs():
        projection, *rest = scan_inputs(heads=2)
        with torch.no_grad():
            projection[..., 16:18] = gate  # z, behind 8 planes of two heads
        return projection, *rest

    both_ways(ops.ci8_scan, inputs)


def test_a_scan_that_does_not_forget_keeps_its_length():
    inputs = scan_inputs(1, 3000, 1, dtype=torch.float32, gates=False)
    with ops.plain_forms():
        last = ops.ci8_scan(*inputs)[0, -1]
    # 12 levels of products of orthogonal matrices, a few roundings each
    torch.testing.assert_close(last.norm(), inputs[1].norm(), rtol=1e-5, atol=0)


KINDS = {
    "geometric_mamba": dict(heads=2),
    "causal_field": dict(heads=2),
    "geometric_attention": dict(heads=2, window=3),
    "attention": dict(heads=2, window=4),
    "gated_linear_attention": dict(heads=2),
    "swiglu_mlp": dict(hidden=5),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_states_go_from_one_form_to_the_other(kind, dtype):
    """Steps of 2, 1 and 5 tokens, past a window's end; each form goes on from the other's state."""
    assert set(KINDS) == set(lior.nn.layer_kinds())
    torch.manual_seed(2)
    layer = lt.Layer(kind, 8, DTYPES[dtype], **KINDS[kind])
    x = normal(2, 8, 8, dtype=DTYPES[dtype], grad=False)
    state = layer.start_state(x)
    for part in x.split([2, 1, 5], 1):
        with ops.plain_forms():
            got = layer.step(part, state)
        want = layer.step(part, state)
        # the causal field's power law is good to 1e-4, in the kernel's short plan too
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
        state = got[1]


def test_geometric_attention_without_a_window_steps():
    layer, x = lt.GeometricAttention(8, heads=2), normal(1, 5, 8, dtype=torch.float32, grad=False)
    with torch.no_grad(), ops.plain_forms():
        want, state, parts = layer(x), None, []
        for part in x.split(2, 1):
            out, state = layer.step(part, state)
            parts.append(out)
    torch.testing.assert_close(torch.cat(parts, 1), want)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "text.bin"
    path.write_bytes(numpy.random.default_rng(4).integers(0, 11, 4000, "u1").tobytes())
    return lior.train.Data(path)


def loss_and_slopes(model, tokens):
    scores = model(tokens)
    loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tokens.flatten())
    return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))


@pytest.mark.parametrize("name", MODELS)
def test_whole_models_have_the_kernels_losses_gradients_and_texts(name, data):
    model = model_of(name, data)
    tokens = torch.randint(0, 11, (2, 23))
    want = loss_and_slopes(model, tokens)
    text = list(model.generate([1, 2, 3], max_tokens=12, temperature=0))
    with ops.plain_forms():
        got = loss_and_slopes(model, tokens)
        assert list(model.generate([1, 2, 3], max_tokens=12, temperature=0)) == text
    torch.testing.assert_close(got[0], want[0], rtol=1e-5, atol=0)
    names = [label for label, _ in model.named_parameters()]
    for label, a, b in zip(names, got[1], want[1], strict=True):
        # float32, some layers deep: a part in 1e4 of the largest number
        bound = 1e-4 * max(float(b.abs().max()), 1e-3)
        torch.testing.assert_close(a, b, rtol=0, atol=bound, msg=lambda m: f"{label}: {m}")


def test_autocast_does_not_reach_into_plain_forms():
    x, raw = normal(1, 9, 2, 3, dtype=torch.float32), raw_kernels(dtype=torch.float32)
    spinors = normal(1, 9, 32, dtype=torch.float32)
    mix = normal(2, 4, dtype=torch.float32)
    with ops.plain_forms():
        want = ops.memory(x, raw), ops.spinor_attention(spinors, spinors, mix)[0]
        with torch.autocast("cpu", torch.bfloat16):
            got = ops.memory(x, raw), ops.spinor_attention(spinors, spinors, mix)[0]
    for a, b in zip(got, want):
        assert torch.equal(a, b)


def test_steps_of_the_optimiser():
    for form, power, memory in [
        ("exact", 1, False),
        ("exact", 2, False),
        ("compat", 1, False),
        ("manifold", 1, False),
        ("manifold", 1, True),
    ]:
        ends = []
        for plain in (False, True):
            torch.manual_seed(3)
            metric = lt.LearnedMetric(4, dtype=torch.float64) if form == "manifold" else None
            tensors = [normal(3, 5), normal(2)]  # one has fewer numbers than the net takes
            step = lt.LIoROptimizer(tensors, 0.1, form, power, 1.5, memory, metric)
            for _ in range(3):
                step.zero_grad()
                sum((t**3).sum() for t in tensors).backward()
                if plain:
                    with ops.plain_forms():
                        step.step()
                else:
                    step.step()
            ends.append([t.detach() for t in tensors])
        close(ends[1], ends[0])


@pytest.mark.parametrize("name", ["memory", "layer_inner, from a state", "spinor_attention"])
def test_torch_accepts_plain_forms_as_operators(name):
    """No aliases, and the shapes and strides that were announced."""
    op, inputs = CASES[name]
    with ops.plain_forms():
        checked = torch.library.opcheck(op.raw, inputs())
    assert checked and set(checked.values()) == {"SUCCESS"}


# -- a device that is not the processor: torch's fake tensors compute nothing, and refuse what lies apart


def elsewhere(value):
    if isinstance(value, (list, tuple)):
        return type(value)(map(elsewhere, value))
    if not isinstance(value, torch.Tensor):
        return value
    there = torch.empty(value.shape, dtype=value.dtype, device="meta")
    return there.requires_grad_(value.requires_grad)


@contextlib.contextmanager
def apart():
    with FakeTensorMode(allow_non_fake_inputs=True):
        with pytest.raises(RuntimeError, match="same device"):
            elsewhere(torch.ones(3)) + torch.arange(3)
        yield


PLAIN = {**{n: c for n, c in CASES.items() if n not in REFUSED}, **MORE_CASES}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_forms_stay_on_their_device(name):
    op, inputs = PLAIN[name]
    given = inputs()
    with apart():
        given = elsewhere(given)
        out = op.plain(*given)
        outs = (out,) if isinstance(out, torch.Tensor) else out
        assert {o.device.type for o in outs} == {"meta"}
        if any(o.requires_grad for o in outs):
            sum(o.abs().sum() for o in outs if o.requires_grad).backward()
            slopes = {t.grad.device.type for t in learned(given) if t.grad is not None}
            assert slopes == {"meta"}


@pytest.mark.parametrize("name", [n for n in MODELS if "counts" not in n])
def test_models_stay_on_their_device(name):
    model = lt.Model(settings_of(name), device="meta")
    with apart():
        for module in model.modules():
            for leaf, parameter in module._parameters.items():
                if parameter is not None:
                    setattr(module, leaf, torch.nn.Parameter(elsewhere(parameter)))
        tokens = torch.zeros(2, 9, dtype=torch.long, device="meta")
        model(tokens).sum().backward()
        assert {p.grad.device.type for p in model.parameters()} == {"meta"}
        scores, state = model.step(tokens)
        assert scores.device.type == state.device.type == "meta"
        model.step(tokens[:, :1], state)
