# SPDX-License-Identifier: Apache-2.0
"""LIoROptimizer against its formulas in torch."""

import copy
import pickle

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
        torch.ops.lior.lior_step.default, (many(), many(), [], [], "exact", 1, 1.0, 0.1)
    )
    assert results and set(results.values()) == {"SUCCESS"}
    net = [torch.randn(3, 4), torch.randn(3), torch.randn(3), torch.randn(1)]
    results = torch.library.opcheck(
        torch.ops.lior.lior_step.default, (many(), many(), many(), net, "manifold", 2, 1.0, 0.1)
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
    with pytest.raises(ValueError, match="weight_decay is -1"):
        lt.LIoROptimizer([p], weight_decay=-1)


def one_step(p, gradient, **options):
    p = torch.nn.Parameter(p)
    p.grad = gradient
    lt.LIoROptimizer([p], lr=0.1, **options).step()
    return p.detach()


def manifold():
    torch.manual_seed(6)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.GELU(), torch.nn.Linear(3, 1))
    return dict(form="manifold", memory=True, resilience=net)


OPTIONS = {"exact": dict, "compat": lambda: dict(form="compat"), "manifold": manifold}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_layout_gives_the_same_step(name):
    """Channels last, transposed, sparse: parameters and gradients."""
    options = OPTIONS[name]()
    torch.manual_seed(5)
    p, g = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    want = one_step(p.clone(), g, **options)
    last = dict(memory_format=torch.channels_last)
    assert torch.equal(one_step(p.clone(), g.contiguous(**last), **options), want)
    got = one_step(p.clone(**last), g.clone(**last), **options)
    assert got.is_contiguous(**last) and torch.equal(got, want)
    matrix, slope = p[0, 0].clone(), g[0, 0].clone()
    want = one_step(matrix.clone(), slope, **options)
    assert torch.equal(one_step(matrix.T.contiguous().T, slope, **options), want)
    slope[1] = 0
    want = one_step(matrix.clone(), slope, **options)
    assert torch.equal(one_step(matrix.clone(), slope.to_sparse(), **options), want)


def test_gradients_of_sparse_embeddings_are_taken():
    embedding = torch.nn.Embedding(10, 4, sparse=True)
    before = embedding.weight.detach().clone()
    embedding(torch.tensor([2, 2, 7])).sum().backward()
    lt.LIoROptimizer(embedding.parameters(), lr=0.1).step()
    moved = (embedding.weight != before).any(1)
    assert moved.nonzero().flatten().tolist() == [2, 7]


def test_narrow_parameters_are_stepped_in_float32():
    torch.manual_seed(7)
    p, g = torch.randn(50).bfloat16(), torch.randn(50).bfloat16()
    want = one_step(p.float(), g.float()).bfloat16()
    assert torch.equal(one_step(p.clone(), g), want)


def test_weight_decay_and_maximize():
    p, g = torch.tensor([2.0, -1.0]), torch.tensor([3.0, 4.0])
    scale = (1 + g.square().mean()) ** -0.5
    decayed = one_step(p.clone(), g, weight_decay=0.5)
    torch.testing.assert_close(decayed, 0.95 * p - 0.1 * scale * g)
    torch.testing.assert_close(one_step(p.clone(), g, maximize=True), p + 0.1 * scale * g)
    up, down = (
        one_step(p.clone(), g, maximize=True, **manifold()),
        one_step(p.clone(), g, **manifold()),
    )
    torch.testing.assert_close(up - p, p - down)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_alike(name, copied):
    torch.manual_seed(8)
    p = torch.nn.Parameter(torch.randn(3, 4))
    optimizer = lt.LIoROptimizer([p], lr=0.1, weight_decay=0.1, **OPTIONS[name]())
    p.grad = torch.randn(3, 4)
    optimizer.step()
    twin = copied(optimizer)
    q = twin.param_groups[0]["params"][0]
    q.grad = p.grad.clone()
    optimizer.step()
    twin.step()
    assert torch.equal(p, q)


def test_schedulers_and_settings_of_before():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = lt.LIoROptimizer([p], lr=torch.tensor(0.5))
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    p.grad = torch.zeros(3)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.25
    state = optimizer.__getstate__()
    for group in state["param_groups"]:
        del group["weight_decay"], group["maximize"]
    optimizer.__setstate__(state)
    assert optimizer.param_groups[0]["weight_decay"] == 0


def test_parameters_without_gradients_stay():
    a, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    a.grad = torch.ones(3)
    lt.LIoROptimizer([a, b], lr=0.1).step()
    assert torch.equal(b, torch.ones(3)) and not torch.equal(a, torch.ones(3))
