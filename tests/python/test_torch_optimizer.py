# SPDX-License-Identifier: Apache-2.0
"""LIoROptimizer against its formulas in torch."""

import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402


def steps(optimizer_of, dtype, count=3):
    """Parameters after `count` steps of gradients that do not depend on them."""
    torch.manual_seed(1)
    params = [
        torch.nn.Parameter(torch.randn(shape, dtype=dtype))
        for shape in ((5, 7), (3,), (200, 300), ())
    ]
    optimizer = optimizer_of(params)
    for _ in range(count):
        for p in params:
            p.grad = 3 * torch.randn_like(p)
        optimizer.step()
    return params


class Plain(torch.optim.Optimizer):
    def __init__(self, params, factor, lr):
        super().__init__(params, dict(lr=lr))
        self.factor = factor

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * self.factor(p.grad.square().mean()) * p.grad


FORMS = {
    "exact": (dict(), lambda m: (1 + m) ** -0.5),
    "power 2": (dict(power=2), lambda m: 1 / (1 + m)),
    "kappa": (dict(kappa=0.5), lambda m: 0.5 * (1 + m) ** -0.5),
    "compat": (dict(form="compat"), lambda m: ((1 + m) ** -0.5).clamp(0.1, 10) ** -2),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_form_is_its_formula(name, dtype):
    options, factor = FORMS[name]
    got = steps(lambda params: lt.LIoROptimizer(params, lr=0.01, **options), dtype)
    want = steps(lambda params: Plain(params, factor, 0.01), dtype)
    for a, b in zip(got, want):
        torch.testing.assert_close(a, b)


def test_torch_accepts_the_step():
    torch.manual_seed(3)
    many = lambda: [torch.randn(5, 7), torch.randn(3)]
    results = torch.library.opcheck(
        lt.ops.lior_step, (many(), many(), [], [], "exact", 1, 1.0, 0.1)
    )
    assert results and set(results.values()) == {"SUCCESS"}
    net = [torch.randn(3, 4), torch.randn(3), torch.randn(3), torch.randn(1)]
    results = torch.library.opcheck(
        lt.ops.lior_step, (many(), many(), many(), net, "manifold", 2, 1.0, 0.1)
    )
    assert results and set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("options", [dict(), dict(form="manifold", memory=True)])
def test_compile_keeps_a_training_step_in_one_graph(options):
    torch.manual_seed(4)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.GELU(), torch.nn.Linear(3, 1))
    resilience = dict(resilience=net) if options else {}
    start, x = torch.randn(6, 5), torch.randn(9, 6)
    ends = []
    for compiled in (False, True):
        p = torch.nn.Parameter(start.clone())
        optimizer = lt.LIoROptimizer([p], lr=0.1, **options, **resilience)
        torch.compiler.reset()
        step = (
            torch.compile(optimizer.step, fullgraph=True, backend="aot_eager")
            if compiled
            else optimizer.step
        )
        for _ in range(3):
            optimizer.zero_grad()
            (x @ p).square().mean().backward()
            step()
        ends.append(p.detach())
    torch.testing.assert_close(ends[1], ends[0])
    assert not torch.equal(ends[0], start)


def test_autograd_sees_that_a_step_changed_the_tensor():
    p = torch.nn.Parameter(torch.ones(3))
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    lt.LIoROptimizer([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_memory_is_state():
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.GELU(), torch.nn.Linear(3, 1))
    options = dict(lr=0.1, form="manifold", memory=True, resilience=net)
    torch.manual_seed(2)
    start, slopes = torch.randn(6, 5), torch.randn(4, 6, 5)
    whole, part = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    one, first = lt.LIoROptimizer([whole], **options), lt.LIoROptimizer([part], **options)
    for i, slope in enumerate(slopes):
        whole.grad, part.grad = slope.clone(), slope.clone()
        one.step()
        if i == 2:  # goes on in another optimiser
            second = lt.LIoROptimizer([part], **options)
            second.load_state_dict(first.state_dict())
            first = second
        first.step()
    assert torch.equal(whole, part)


def test_what_cannot_be_is_refused():
    p = torch.nn.Parameter(torch.ones(3))
    for options in (dict(form="best"), dict(power=3), dict(memory=True), dict(form="manifold")):
        with pytest.raises(ValueError):
            lt.LIoROptimizer([p], **options)
    for number in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="lr is"):
            lt.LIoROptimizer([p], lr=number)
        with pytest.raises(ValueError, match="kappa is"):
            lt.LIoROptimizer([p], kappa=number)
    turned = torch.nn.Parameter(torch.ones(3, 4).T)
    turned.grad = torch.ones(4, 3)
    with pytest.raises(RuntimeError, match="view"):
        lt.LIoROptimizer([turned]).step()


def test_parameters_without_gradients_stay():
    a, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    a.grad = torch.ones(3)
    lt.LIoROptimizer([a, b], lr=0.1).step()
    assert torch.equal(b, torch.ones(3)) and not torch.equal(a, torch.ones(3))
