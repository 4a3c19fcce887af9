# SPDX-License-Identifier: Apache-2.0
"""torch.ops.lior: values against formulas in torch, gradients by gradcheck, torch.library's own checks, and
torch.compile without a break of the graph."""

import copy
import pydoc

import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from torch_operators import (  # noqa: E402
    CASES,
    DOUBLE,
    metric_parameters,
    normal,
    ops,
    raw_kernels,
    scan_inputs,
)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_differences(name):
    op, inputs = CASES[name]
    given = inputs()
    lists = [i for i, value in enumerate(given) if isinstance(value, list)]
    if lists:  # gradcheck sees tensors only
        at, count = lists[0], len(given[lists[0]])
        flat = [*given[:at], *given[at], *given[at + 1 :]]
        call = lambda *a: op(*a[:at], list(a[at : at + count]), *a[at + count :])
        # shooting takes a while: distances along one direction, not along each
        assert torch.autograd.gradcheck(call, flat, fast_mode=op is ops.geodesic_distance)
    else:
        assert torch.autograd.gradcheck(op, given)


@pytest.mark.parametrize("name", CASES)
def test_torch_accepts_the_operator(name):
    op, inputs = CASES[name]
    results = torch.library.opcheck(op.raw, inputs())
    assert results and set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", CASES)
def test_compile_keeps_one_graph(name):
    op, inputs = CASES[name]
    given = inputs()

    def work(*a):
        out = op(*a)
        outs = (out,) if isinstance(out, torch.Tensor) else out
        with_gradient = outs[:1] if op is ops.spinor_attention else outs
        return sum(o.abs().sin().sum() for o in with_gradient)

    torch.compiler.reset()
    compiled = torch.compile(work, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*given), work(*given))
    flat = [t for value in given for t in (value if isinstance(value, list) else [value])]
    learned = [t for t in flat if isinstance(t, torch.Tensor) and t.requires_grad]
    slopes = lambda f: torch.autograd.grad(f(*given), learned, allow_unused=True)
    for got, want in zip(slopes(compiled), slopes(work)):
        assert (got is None) == (want is None)
        torch.testing.assert_close(got, want)


def test_lazy_conjugation_and_negation_are_resolved():
    psi, gamma = (
        torch.complex(normal(5, 4), normal(5, 4)),
        torch.complex(normal(3, 4, 4), normal(3, 4, 4)),
    )
    lazy, resolved = (
        (psi.conj(), gamma.conj()),
        (psi.conj().resolve_conj(), gamma.conj().resolve_conj()),
    )
    assert all(tensor.is_conj() for tensor in lazy)
    for ours, theirs in zip(ops.bilinears(*lazy), ops.bilinears(*resolved)):
        assert torch.equal(ours, theirs)
    negated = psi.conj().imag
    assert negated.is_neg() and torch.equal(
        ops.bilinears(negated, gamma.real)[1], ops.bilinears(-psi.imag, gamma.real)[1]
    )


def test_bilinears_are_their_formula():
    psi, gamma = (
        normal(7, 4, dtype=torch.complex128, grad=False),
        normal(3, 4, 4, dtype=torch.complex128, grad=False),
    )
    p = torch.einsum("ni,mij,kjl,nl->nmk", psi.conj(), gamma, gamma, psi)
    k0, k1, k2 = ops.bilinears(psi, gamma)
    torch.testing.assert_close(k0, torch.einsum("ni,ni->n", psi.conj(), psi))
    torch.testing.assert_close(k1.view(7, 3, 3), (p - p.mT) / 2)
    torch.testing.assert_close(k2.view(7, 3, 3), (p + p.mT) / 2)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_learned_metric_is_its_formula(dtype):
    x, parameters = (
        normal(3, 6, dtype=dtype, grad=False),
        [p.detach() for p in metric_parameters(dtype=dtype)],
    )
    matrix, w1, b1, w2, b2, v1, c1, out, c2 = parameters
    hidden = torch.nn.functional.gelu(x.T @ w1.T + b1)
    h = (hidden @ w2.T + b2).view(6, 3, 3)
    g = matrix @ matrix.T + 0.1 * torch.tanh((h + h.mT) / 2) + 1e-4 * torch.eye(3, dtype=dtype)
    r = torch.nn.functional.softplus(torch.nn.functional.gelu(x.T @ v1.T + c1) @ out[0] + c2).clamp(
        0.1, 10
    )
    want = (r[:, None, None] ** 2 * g).permute(1, 2, 0)
    torch.testing.assert_close(ops.learned_metric(x, parameters, True, False), want)


def test_christoffel_symbols_come_from_autograd_too():
    x, parameters = normal(3, 4, grad=False), [p.detach() for p in metric_parameters()]
    metric = lambda planes: ops.learned_metric(planes, parameters, True, False)
    g = metric(x)
    slopes = torch.autograd.functional.jacobian(metric, x)  # [d, d, N, d, N]
    dg = torch.einsum("nrimi->imnr", slopes)  # d_m g_nr at point i
    lowered = dg + dg.transpose(1, 2) - dg.permute(0, 2, 3, 1)
    want = 0.5 * torch.einsum("ils,imns->lmni", torch.linalg.inv(g.permute(2, 0, 1)), lowered)
    torch.testing.assert_close(ops.christoffel(x, parameters, True, False), want)


def test_geodesics_keep_their_speed():
    x, v = normal(3, 4, grad=False), 0.1 * normal(3, 4, grad=False, seed=5)
    parameters = [p.detach() for p in metric_parameters()]
    end_x, end_v = ops.geodesic(x, v, parameters, True, False, 1.0, 0.02)
    speed = lambda a, b: torch.einsum(
        "mi,mni,ni->i", b, ops.learned_metric(a, parameters, True, False), b
    )
    torch.testing.assert_close(speed(end_x, end_v), speed(x, v), rtol=1e-7, atol=0)


def test_geodesics_that_stop_early_are_an_error():
    parameters = [p.detach() for p in metric_parameters()]
    parameters[0].zero_()  # not positive definite
    with pytest.raises(ValueError, match="the metric is not positive definite at point 0 = "):
        ops.geodesic(normal(3, 2), normal(3, 2), parameters, True, False, 1.0, 0.1)


def test_distances_of_equal_points_and_of_lost_ones_have_no_gradient():
    x = normal(3, 2)
    d = ops.geodesic_distance(x, x.detach().clone(), metric_parameters(), True, False, 1e-8, 1e-10)
    assert d.abs().max() == 0
    (slope,) = torch.autograd.grad(d.sum(), x)
    assert (slope == 0).all()


def test_what_has_no_gradient_says_so():
    raw = raw_kernels()
    state = ops.memory_start(2, 3, raw, 1e-6, 4096.0)
    y, _ = ops.memory_advance(normal(2, 5, 2, 3), raw, state, 1e-6, 4096.0)
    with pytest.raises(RuntimeError, match="lior.memory_advance"):
        y.sum().backward()


def test_torch_accepts_the_advance_of_memory():
    raw = raw_kernels().detach()
    inputs = (
        normal(2, 5, 2, 3, grad=False),
        raw,
        ops.memory_start(2, 3, raw, 1e-6, 4096.0),
        1e-6,
        4096.0,
    )
    results = torch.library.opcheck(ops.memory_advance.raw, inputs)
    assert results and set(results.values()) == {"SUCCESS"}


def test_memory_is_the_sum_over_the_past():
    x, raw = normal(2, 40, 2, 3, grad=False), raw_kernels().detach()
    weights = []
    for row in raw:
        taps = ops.lior_kernel(row, torch.arange(1, 4097, dtype=DOUBLE))
        weights.append((1 - torch.softmax(row[9:], 0)[0]) * taps / taps.sum())
    w0 = torch.softmax(raw[:, 9:], 1)[:, 0]
    want = w0[:, None] * x
    for n in range(40):
        for k in range(n + 1):
            want[:, n] += torch.stack([w[k] for w in weights])[:, None] * x[:, n - k]
    # the power law is a sum of exponentials, good to 1e-6
    torch.testing.assert_close(ops.memory(x, raw, 1e-6, 4096.0), want, rtol=1e-5, atol=1e-5)


def test_spinor_attention_is_its_formula():
    z, v, mix = (
        normal(2, 70, 32, grad=False),
        normal(2, 70, 32, grad=False),
        normal(2, 4, grad=False),
    )
    heads = lambda t: t.view(2, 70, 2, 16).transpose(1, 2)
    spinors = torch.complex(heads(z)[..., :8].contiguous(), heads(z)[..., 8:].contiguous())
    inner, plain = spinors.conj() @ spinors.mT, spinors @ spinors.mT
    p, w, c = inner.real, inner.imag, plain.real
    terms = torch.stack([p, w, (p**2 + w**2) / 8, c], -1)
    scores = torch.einsum("bhijm,hm->bhij", terms, mix) / 8**0.5
    future = torch.ones(70, 70, dtype=torch.bool).triu(1)
    want = torch.softmax(scores.masked_fill(future, -torch.inf), -1) @ heads(v)
    got, log_sums = ops.spinor_attention(z, v, mix)
    torch.testing.assert_close(got, want.transpose(1, 2).reshape(2, 70, 32))
    sums = torch.logsumexp(scores.masked_fill(future, -torch.inf), -1)
    torch.testing.assert_close(log_sums, sums)


def test_associator_current_vanishes_where_numbers_associate():
    factors = normal(1, 5, 48, grad=False).view(1, 5, 3, 2, 8)
    assert ops.associator_current(factors.reshape(1, 5, 48), normal(1, 8)).abs().max() > 1
    factors[..., 4:] = 0  # complex quaternions
    current = ops.associator_current(factors.reshape(1, 5, 48), normal(1, 8))
    assert current.abs().max() < 1e-13


def test_scan_without_gates_turns_and_keeps_the_length():
    projection, initial, *options = scan_inputs(gates=False, length=20)
    states = ops.ci8_scan(projection, initial, *options)
    lengths = initial.square().sum(1, keepdim=True).unsqueeze(1).expand(-1, 20, -1, -1)
    torch.testing.assert_close(states.square().sum(2, keepdim=True), lengths)


def test_scan_goes_on_from_a_state():
    projection, initial, *options = scan_inputs(length=8)
    whole = ops.ci8_scan(projection, initial, *options)
    first = ops.ci8_scan(projection[:, :5], initial, *options)
    second = ops.ci8_scan(projection[:, 5:], first[:, -1], *options)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_any_strides_give_the_same():
    psi, gamma = normal(6, 4, grad=False), normal(3, 4, 4, grad=False)
    want = ops.bilinears(psi, gamma)
    for other in (psi.T.contiguous().T, psi.repeat(1, 2)[:, :4], psi.flip(0).flip(0)):
        for got, k in zip(ops.bilinears(other, gamma), want):
            assert torch.equal(got, k)


def test_empty_batches():
    assert ops.bilinears(normal(0, 4), normal(3, 4, 4))[1].shape == (0, 9)
    assert ops.learned_metric(normal(3, 0), metric_parameters(), True, False).shape == (3, 3, 0)
    assert ops.ci8_scan(*scan_inputs(batch=0)).shape == (0, 5, 8, 3)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="psi"):
        ops.bilinears(normal(5, 3), normal(3, 4, 4))
    with pytest.raises(TypeError, match="float"):
        ops.bilinears(torch.ones(5, 4, dtype=torch.int64), torch.ones(3, 4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="transition"):
        ops.ci8_scan(*scan_inputs()[:4], "sideways")


def test_memory_that_a_kernel_read_can_be_freed():
    """As FSDP does between a layer's calls; empty tensors have none."""
    layer = copy.deepcopy(lt.GeometricMamba(16, heads=2))  # whose memory is torch's own
    x = torch.randn(2, 3, 16, requires_grad=True)
    out, state = layer(x)
    out.sum().backward()
    layer.step(torch.randn(2, 1, 16), state.flatten(1))
    for tensor in (x, out, state, *layer.parameters()):
        assert tensor.untyped_storage().resizable()
    assert layer(x[:0])[0].shape == (0, 3, 16)


@pytest.mark.parametrize("name", ops.__all__)
def test_help_shows_arguments_and_what_is_computed(name):
    shown = pydoc.render_doc(getattr(ops, name), renderer=pydoc.plaintext)
    title, *text = shown.split(f"\n{name}(", 1)
    assert text, shown
    signature, _, meaning = text[0].partition("\n")
    assert "*args" not in signature or name == "is_plain_call", signature
    assert len(meaning.split()) >= 5, shown


def test_other_devices_are_named_with_the_remedy():
    """As the dispatcher calls it for tensors of a GPU of Intel; these are of the processor, since there may be none."""
    gpu = torch._C.DispatchKeySet(torch._C.DispatchKey.XPU)
    with pytest.raises(RuntimeError, match=r"lior.readout runs on the processor.*by \.cpu\(\)"):
        ops.readout.raw.redispatch(gpu, normal(1, 2, 8, 2, grad=False))
