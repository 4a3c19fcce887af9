# SPDX-License-Identifier: Apache-2.0
"""Every operator under torch.func, forward mode and twice differentiated: kernels beside formulas in plain torch."""

import lior
import pytest

torch = pytest.importorskip("torch")

from lior.torch import formulas  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402
from torch_operators import CASES, DOUBLE, metric_parameters, normal, ops, raw_kernels  # noqa: E402

# No formula: a distance's first derivative is the kernel's, its second one goes by geodesics.
WITHOUT_FORWARD_MODE = {"geodesic_distance"}


def case(name):
    """The first outputs that have gradients as a function of the case's tensors that learn, and these."""
    op, inputs = CASES[name]
    args = inputs()
    flat = [t for a in args for t in (a if isinstance(a, list) else [a])]
    at = [i for i, t in enumerate(flat) if isinstance(t, torch.Tensor) and t.requires_grad]

    def call(*tensors, op=op):
        given = list(flat)
        for i, tensor in zip(at, tensors):
            given[i] = tensor
        rest = iter(given)
        out = op(*([next(rest) for _ in a] if isinstance(a, list) else next(rest) for a in args))
        return out if isinstance(out, torch.Tensor) else out[0]

    return call, [flat[i].detach() for i in at]


def numbers(out):
    return torch.view_as_real(out) if out.is_complex() else out


def loss_of(call):
    def loss(*tensors):
        out = numbers(call(*tensors))
        return (out * torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view(out.shape)).sum()

    return loss


def slopes(loss, tensors):
    """By autograd alone."""
    tensors = [t.detach().requires_grad_() for t in tensors]
    return torch.autograd.grad(loss(*tensors), tensors)


def all_close(got, want):
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITHOUT_FORWARD_MODE])
def test_formulas_are_what_the_kernels_compute(name):
    call, tensors = case(name)
    torch.testing.assert_close(call(*tensors, op=CASES[name][0].formula), call(*tensors))


@pytest.mark.parametrize("name", CASES)
def test_grad_is_autograds(name):
    call, tensors = case(name)
    loss = loss_of(call)
    every = tuple(range(len(tensors)))
    all_close(torch.func.grad(loss, every)(*tensors), slopes(loss, tensors))


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_a_loop(name):
    call, tensors = case(name)
    rows = [[t * (1 + 0.02 * i) for i in range(3)] for t in tensors]
    want = torch.stack([call(*given) for given in zip(*rows)])
    stacked = [torch.stack(row, -1) for row in rows]
    torch.testing.assert_close(torch.func.vmap(call, -1)(*stacked), want)
    loss, every = loss_of(call), tuple(range(len(tensors)))
    want = [torch.stack(parts) for parts in zip(*(slopes(loss, given) for given in zip(*rows)))]
    all_close(torch.func.vmap(torch.func.grad(loss, every), -1)(*stacked), want)
    # the first tensor alone is many: what per-sample gradients of parameters ask for
    last = len(tensors) - 1
    per_row = torch.func.vmap(torch.func.grad(loss, last), (-1, *(None,) * last))
    want = [slopes(loss, [first, *tensors[1:]])[last] for first in rows[0]]
    torch.testing.assert_close(per_row(stacked[0], *tensors[1:]), torch.stack(want))


def moves_of(tensors):
    return [normal(*t.shape, dtype=t.dtype, grad=False, seed=i) for i, t in enumerate(tensors)]


@pytest.mark.parametrize("name", CASES)
def test_forward_mode_is_reverse_modes_or_raises(name):
    call, tensors = case(name)
    moves = moves_of(tensors)
    if name in WITHOUT_FORWARD_MODE:
        with pytest.raises(NotImplementedError, match="no derivative in forward mode"):
            torch.func.jvp(call, tuple(tensors), tuple(moves))
        return
    loss = loss_of(call)
    _, got = torch.func.jvp(loss, tuple(tensors), tuple(moves))
    parts = zip(slopes(loss, tensors), moves)
    want = sum((numbers(g) * numbers(m)).sum() for g, m in parts)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(t, m) for t, m in zip(tensors, moves)]
        torch.testing.assert_close(forward_ad.unpack_dual(loss(*duals)).tangent, got)


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITHOUT_FORWARD_MODE])
def test_jacobians_of_both_modes_agree(name):
    call, tensors = case(name)
    if tensors[0].is_complex():
        return  # torch's own jacrev and jacfwd are of real functions
    reverse = torch.func.jacrev(call)(*tensors)
    torch.testing.assert_close(torch.func.jacfwd(call)(*tensors), reverse, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_gradients_have_gradients(name):
    call, tensors = case(name)
    tensors = [t.requires_grad_() for t in tensors]
    moves = moves_of(tensors)
    loss = loss_of(call)

    def along(*given):  # the slope along a fixed direction, by the kernels' gradient
        parts = zip(torch.autograd.grad(loss(*given), given, create_graph=True), moves)
        return sum((numbers(g) * numbers(m)).sum() for g, m in parts)

    second = torch.autograd.grad(along(*tensors), tensors, allow_unused=True)
    got = sum((numbers(g) * numbers(m)).sum() for g, m in zip(second, moves) if g is not None)
    step = 1e-5
    ends = [along(*(t + s * step * m for t, m in zip(tensors, moves))).item() for s in (1, -1)]
    want = (ends[0] - ends[1]) / (2 * step)
    torch.testing.assert_close(got.item(), want, rtol=1e-5, atol=1e-6)


def test_hessians_compose_both_modes():
    parameters = [p.detach() for p in metric_parameters()]
    energy = lambda x: ops.learned_metric(x[:, None], parameters, True, False).square().sum()
    x = normal(3, grad=False)
    torch.testing.assert_close(
        torch.func.hessian(energy)(x), torch.autograd.functional.hessian(energy, x)
    )


def test_graph_operators_are_not_wrong_either():
    """torch.ops.lior.*, which graphs hold, called by hand."""
    x, raw = normal(1, 5, 1, 2, grad=False), raw_kernels(1).detach()
    call = lambda x: torch.ops.lior.memory(x, raw, 1e-6, 4096.0)
    rows = torch.stack([x, 2 * x])
    torch.testing.assert_close(torch.func.vmap(call)(rows), torch.stack([call(x), 2 * call(x)]))
    for transform in (torch.func.jacfwd, torch.func.jacrev):
        with pytest.raises(RuntimeError, match="call lior.torch.ops.memory"):
            transform(call)(x)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        move = forward_ad.unpack_dual(call(dual)).tangent
    torch.testing.assert_close(move, call(torch.ones_like(x)))


def test_what_has_no_gradient_says_so_under_transforms():
    u, state = normal(1, 3, 16, grad=False), normal(1, 16, grad=False)
    theta, omega, sigma = torch.zeros(8, dtype=DOUBLE), torch.zeros(8, dtype=DOUBLE), torch.ones(8)
    call = lambda u: ops.compat_recurrence(u, state, theta, omega, sigma.double())[0].sum()
    for transform in (torch.func.grad, torch.func.jacfwd):
        with pytest.raises(RuntimeError, match="lior.compat_recurrence has no"):
            transform(call)(u)


def test_every_kind_of_layer_has_a_formula():
    assert set(formulas.CORES) == set(lior.nn.layer_kinds())
