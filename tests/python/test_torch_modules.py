# SPDX-License-Identifier: Apache-2.0
"""lior.torch's modules: against the same layers in plain torch."""

import copy
import pathlib
import pickle
import re
import sys

import numpy
import pytest

torch = pytest.importorskip("torch")

import lior  # noqa: E402
import lior.torch as lt  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import torch_model  # noqa: E402  the same model, written for the comparison of speed
from torch.nn.utils import prune  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

DOUBLE = torch.float64


@pytest.mark.parametrize(
    "options", [dict(), dict(gates=False, transition="left", readout="quadratic")]
)
def test_geometric_mamba_is_the_layer_in_plain_torch(options):
    torch.manual_seed(1)
    shape = torch_model.Shape(d_model=32, heads=3, **options)
    plain, ours = (
        torch_model.Mixer(shape).double(),
        lt.GeometricMamba(32, heads=3, dtype=DOUBLE, **options),
    )
    ours.load_state_dict({n.replace("into.", "in."): p for n, p in plain.state_dict().items()})
    x = torch.randn(2, 7, 32, dtype=DOUBLE)
    want, got = plain(x)[0], ours(x)[0]
    torch.testing.assert_close(got, want)
    weight = torch.randn_like(want)
    for a, b in zip(plain.parameters(), ours.parameters()):
        slope = [
            torch.autograd.grad((out * weight).sum(), p, retain_graph=True)[0]
            for out, p in ((want, a), (got, b))
        ]
        torch.testing.assert_close(slope[1], slope[0])


def test_geometric_mamba_goes_on_from_its_state():
    torch.manual_seed(2)
    layer, x = lt.GeometricMamba(32, heads=4), torch.randn(2, 9, 32)
    whole, end = layer(x)
    first, state = layer(x[:, :4])
    second, last = layer(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)


LAYERS = {
    "geometric mamba": lambda: lt.GeometricMamba(32, heads=4),
    "causal field": lambda: lt.CausalField(32, heads=2),
    "geometric attention": lambda: lt.GeometricAttention(32, heads=2),
    "attention": lambda: lt.Layer("attention", 32, heads=2, window=8),
    "gated linear attention": lambda: lt.Layer("gated_linear_attention", 32, heads=2),
}


def result(layer, x):
    out = layer(x)
    return out[0] if isinstance(out, tuple) else out


@pytest.mark.parametrize("name", LAYERS)
def test_layers_compile_as_one_graph(name):
    torch.manual_seed(4)
    layer, x = LAYERS[name](), torch.randn(2, 9, 32)
    compiled = torch.compile(lambda a: result(layer, a), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), result(layer, x))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_causal_and_give_every_parameter_a_gradient(name):
    torch.manual_seed(5)
    layer, x = LAYERS[name](), torch.randn(2, 9, 32)
    other = torch.cat([x[:, :5], torch.randn(2, 4, 32)], 1)
    torch.testing.assert_close(result(layer, other)[:, :5], result(layer, x)[:, :5])
    result(layer, x).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in layer.parameters())


STREAMS = {
    "causal field": lambda: lt.CausalField(32, heads=2, dtype=DOUBLE),
    "geometric attention": lambda: lt.GeometricAttention(32, heads=2, dtype=DOUBLE),
    "window of 4": lambda: lt.GeometricAttention(32, heads=2, window=4, dtype=DOUBLE),
    "attention": lambda: lt.Layer("attention", 32, heads=2, window=4, dtype=DOUBLE),
    "gated linear attention": lambda: lt.Layer("gated_linear_attention", 32, heads=2, dtype=DOUBLE),
    "swiglu": lambda: lt.Layer("swiglu_mlp", 32, dtype=DOUBLE),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("pieces", [[11], [1] * 11, [3, 1, 5, 2]])
def test_steps_give_what_the_whole_sequence_gives(name, pieces):
    torch.manual_seed(6)
    layer, x = STREAMS[name](), torch.randn(2, 11, 32, dtype=DOUBLE)
    if hasattr(layer, "mix"):
        torch.nn.init.normal_(layer.mix)
    outs, state = [], None
    for piece in x.split(pieces, 1):
        out, state = layer.step(piece, state)
        outs.append(out)
    torch.testing.assert_close(torch.cat(outs, 1), layer(x), rtol=1e-10, atol=1e-10)


def test_layers_start_as_the_library_says_and_go_on_with_torchs_seed():
    make = lambda: lt.Layer("geometric_mamba", 16, heads=2, gates=False, layers=3)
    torch.manual_seed(7)
    first, second = make(), make()
    torch.manual_seed(7)
    again, seed = make(), None
    torch.manual_seed(7)
    seed = int(torch.randint(1 << 62, ()))
    want = lior.nn.Layer("geometric_mamba", 16, heads=2, gates=False, layers=3).start(seed)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert torch.equal(value, torch.from_numpy(want[name])), name
    assert not torch.equal(first.state_dict()["in.weight"], second.state_dict()["in.weight"])


def test_projections_are_called_as_modules():
    layer, seen = lt.CausalField(16, heads=1), []
    for name in ("norm", "in", "out"):
        layer.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name))
    layer(torch.randn(1, 3, 16))
    assert seen == ["norm", "in", "out"]


@pytest.mark.parametrize("options", [dict(), dict(complex_state=True, rotation=True)])
def test_layers_without_gates_start_from_their_learned_states(options):
    torch.manual_seed(9)
    layer = lt.Layer("geometric_mamba", 16, heads=2, gates=False, dtype=DOUBLE, **options)
    x = torch.randn(2, 5, 16, dtype=DOUBLE)
    arrays = {name: value.numpy() for name, value in layer.state_dict().items()}
    twin = lior.nn.Layer("geometric_mamba", 16, heads=2, gates=False, **options)
    want = torch.from_numpy(twin.forward(arrays, x.numpy())[0])
    torch.testing.assert_close(layer(x), want)
    torch.testing.assert_close(layer.step(x)[0], want)
    layer(x).sum().backward()
    assert layer.initial.grad.abs().max() > 0
    inner = {name: arrays[name] for name in twin.inner_names}
    with pytest.raises(lior.Error, match="state is None; expected one"):
        twin.inner_forward(inner, numpy.zeros((1, 3, twin.projection_width)))


MAMBAS = [
    dict(),
    dict(gates=False, transition="left", readout="quadratic"),
    dict(complex_state=True, phase=True, rotation=True, factors=2, readout="invariants"),
]


@pytest.mark.parametrize("options", MAMBAS)
def test_a_layer_by_its_parts_is_the_operator(options):
    """A hook on the readout takes the way by parts."""
    torch.manual_seed(10)
    layer = lt.GeometricMamba(16, heads=2, dtype=DOUBLE, **options)
    x, seen = torch.randn(2, 6, 16, dtype=DOUBLE, requires_grad=True), []
    learned = [x, *layer.parameters()]
    results = []
    for hooked in (False, True):
        if hooked:
            layer.readout.register_forward_hook(lambda *_: seen.append(1))
        out, state = layer(x)
        results.append((out, state, torch.autograd.grad(out.sin().sum(), learned)))
    assert seen == [1]
    torch.testing.assert_close(results[1], results[0])


class LowRank(torch.nn.Module):
    """An adapter in the place of a Linear, as PEFT puts one there."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, 2, bias=False, dtype=base.weight.dtype)
        self.up = torch.nn.Linear(2, base.out_features, bias=False, dtype=base.weight.dtype)

    weight = property(lambda self: self.base.weight)
    bias = property(lambda self: self.base.bias)
    out_features = property(lambda self: self.base.out_features)
    in_features = property(lambda self: self.base.in_features)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def adapt(parent, name):
    parent.add_module(name, LowRank(parent.get_submodule(name)))


def spectral(parent, name):
    torch.nn.utils.spectral_norm(parent.get_submodule(name))


CHANGES = {
    "adapter": adapt,
    "pruning": lambda parent, name: prune.l1_unstructured(
        parent.get_submodule(name), "weight", 0.5
    ),
    "spectral norm": spectral,
    "parametrization": lambda parent, name: torch.nn.utils.parametrizations.spectral_norm(
        parent.get_submodule(name)
    ),
    "hook": lambda parent, name: parent.get_submodule(name).register_forward_hook(
        lambda module, given, out: 2 * out
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["in", "readout", "out"])
def test_changes_of_a_projection_are_seen(change, name):
    torch.manual_seed(11)
    layer, x = lt.GeometricMamba(16, heads=2, dtype=DOUBLE), torch.randn(1, 4, 16, dtype=DOUBLE)
    before = layer(x)[0]
    CHANGES[change](layer, name)
    after = layer(x)[0]
    assert not torch.allclose(after, before)
    after.sum().backward()
    learned = [p for p in layer.get_submodule(name).parameters() if p.requires_grad]
    assert learned and all(p.grad is not None for p in learned)


@pytest.mark.parametrize("change", CHANGES)
def test_changes_that_a_kernel_cannot_see_are_refused(change):
    metric, original = lt.LearnedMetric(3), lt.CompatMamba(8)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.GELU(), torch.nn.Linear(2, 1))
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    calls = [
        (metric.metric_net, "0", lambda: metric(torch.ones(2, 3))),
        (original, "gate", lambda: original(torch.ones(1, 2, 8), torch.zeros(1, 16))),
        (net, "0", lambda: lt.LIoROptimizer([p], form="manifold", resilience=net).step()),
    ]
    for parent, name, call in calls:
        CHANGES[change](parent, name)
        if change == "parametrization":
            call()
        else:
            with pytest.raises(RuntimeError, match="hooks and adapters on it would not be seen"):
                call()


@pytest.mark.parametrize("name", LAYERS)
def test_checkpointing_without_reentry_gives_the_same_gradients(name):
    torch.manual_seed(12)
    layer, x = LAYERS[name](), torch.randn(2, 5, 32, requires_grad=True)
    learned = [x, *layer.parameters()]
    again = checkpoint(lambda a: result(layer, a), x, use_reentrant=False)
    slopes = [torch.autograd.grad(out.sin().sum(), learned) for out in (result(layer, x), again)]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=0, atol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_copied_and_pickled(name):
    layer, x = LAYERS[name](), torch.randn(1, 3, 32)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(result(twin, x), result(layer, x))


def test_gradients_reach_a_given_state_where_the_kind_has_them():
    torch.manual_seed(8)
    layer = lt.GeometricMamba(8, heads=2, dtype=DOUBLE)
    x = torch.randn(1, 3, 8, dtype=DOUBLE)
    state = torch.randn(1, 8, 2, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: layer(x, h), (state,))
    field = lt.CausalField(8, heads=1, dtype=DOUBLE)
    with pytest.raises(RuntimeError, match="no gradient from a given state"):
        field.run(x, field.start_state(x))[0].sum().backward()


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_names_of_the_program(name):
    names = set(LAYERS[name]().state_dict())
    assert {"norm.weight", "in.weight", "in.bias", "out.weight"} <= names
    twin = LAYERS[name]()
    twin.load_state_dict(LAYERS[name]().state_dict())


def test_bilinears_and_memory_keep_leading_axes():
    psi, bilinears = torch.randn(2, 5, 4), lt.SpinorBilinears(3, 4)
    k0, k1, k2 = bilinears(psi)
    assert (k0.shape, k1.shape, k2.shape) == ((2, 5), (2, 5, 3, 3), (2, 5, 3, 3))
    torch.testing.assert_close(k2, k2.mT)
    memory, x = lt.LiorMemory(heads=2, horizon=4096), torch.randn(2, 20, 6)
    y = memory(x)
    assert y.shape == x.shape
    longer = memory(torch.cat([x, torch.randn(2, 5, 6)], 1))
    torch.testing.assert_close(longer[:, :20], y)  # causal


def test_modules_learn():
    torch.manual_seed(3)
    layer, x = lt.GeometricMamba(16, heads=2), torch.randn(4, 12, 16)
    target = x.roll(1, 1)
    optimizer = torch.optim.Adam(layer.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.mse_loss(layer(x)[0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def metric_with(x, spd_floor=True):
    torch.manual_seed(9)
    return lt.LearnedMetric(3, spd_floor=spd_floor, dtype=DOUBLE), x.requires_grad_()


QUANTITIES = {
    "symbols": lambda metric, x: metric.christoffel(x),
    "geodesic": lambda metric, x: torch.cat(metric.geodesic(x, 0.3 * x.flip(0), 0.5, 0.2)),
    "distance": lambda metric, x: metric.distance(x, 0.3 * x.flip(0), 1e-12, 1e-13),
    "length": lambda metric, x: metric.length(x),
    "energy": lambda metric, x: metric.energy(x),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_metrics_can_be_fitted_to(name):
    """Gradients of points and of every parameter that a quantity depends on, along one direction."""
    torch.manual_seed(10)
    metric, x = metric_with(torch.randn(2, 3, dtype=DOUBLE))
    weight = torch.randn_like(QUANTITIES[name](metric, x))
    loss = lambda: (QUANTITIES[name](metric, x) * weight).sum()
    learned = [x, *metric.parameters()]
    slopes = torch.autograd.grad(loss(), learned)
    step = 1e-6
    for tensor, slope in zip(learned, slopes):
        move, ends = torch.randn_like(tensor), []
        for sign in (1, -1):
            with torch.no_grad():
                tensor += sign * step * move
                ends.append(loss())
                tensor -= sign * step * move
        want = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close((slope * move).sum(), want, rtol=1e-6, atol=1e-8)


def test_lengths_are_the_kernels():
    torch.manual_seed(11)
    metric, path = metric_with(torch.randn(4, 6, 3, dtype=DOUBLE))
    arrays = {key: value.numpy() for key, value in metric.state_dict().items()}
    kernel = lior.geometry.LearnedMetric.from_arrays(arrays, spd_floor=True)
    planes = path.detach().permute(1, 2, 0).contiguous()
    ones = numpy.ones(4)
    want = kernel.curve_length_with_gradient(planes, ones)[0]
    torch.testing.assert_close(metric.length(path).detach(), torch.from_numpy(want))
    want = kernel.curve_energy_with_gradient(planes, ones)[0]
    torch.testing.assert_close(metric.energy(path).detach(), torch.from_numpy(want))
    x, y = path[:, 0].detach(), path[:, 0].detach() + 0.2
    straight = torch.stack([x + t * (y - x) for t in torch.linspace(0, 1, 200)], 1)
    near, line = metric.distance(x, y), metric.length(straight)
    assert (near <= line * (1 + 1e-6)).all() and (near > 0.5 * line).all()


def test_a_metric_learns_where_geodesics_end():
    torch.manual_seed(12)
    teacher, metric = (lt.LearnedMetric(2, spd_floor=True) for _ in range(2))
    x, v = torch.randn(32, 2), torch.randn(32, 2)
    with torch.no_grad():
        ends = torch.cat(teacher.geodesic(x, v))
    optimizer = torch.optim.Adam(metric.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = (torch.cat(metric.geodesic(x, v)) - ends).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


GRADCHECKED = {
    "geometric mamba": lambda: lt.GeometricMamba(8, heads=2, dtype=DOUBLE),
    "causal field": lambda: lt.CausalField(8, heads=1, dtype=DOUBLE),
    "geometric attention": lambda: lt.GeometricAttention(8, heads=1, dtype=DOUBLE),
    "attention": lambda: lt.Layer("attention", 8, heads=2, dtype=DOUBLE),
    "swiglu": lambda: lt.Layer("swiglu_mlp", 8, dtype=DOUBLE),
    "gated linear attention": lambda: lt.Layer("gated_linear_attention", 8, heads=2, dtype=DOUBLE),
    "turns alone": lambda: lt.GeometricMamba(8, heads=2, gates=False, dtype=DOUBLE),
    "memory": lambda: lt.LiorMemory(heads=2, horizon=4096, dtype=DOUBLE),
    "bilinears": lambda: lt.SpinorBilinears(3, 8, dtype=DOUBLE),
}


@pytest.mark.parametrize("name", GRADCHECKED)
def test_modules_pass_gradcheck(name):
    torch.manual_seed(13)
    layer = GRADCHECKED[name]()
    x = torch.randn(1, 3, 8, dtype=DOUBLE, requires_grad=True)
    names = [key for key, _ in layer.named_parameters()]
    given = [p.detach().requires_grad_() for p in layer.parameters()]

    def run(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters)), (x,))

    assert torch.autograd.gradcheck(run, (x, *given), fast_mode=True)


@pytest.mark.parametrize("name", ["metric", "geodesic", "memory", "bilinears"])
def test_other_modules_compile_as_one_graph(name):
    torch.manual_seed(14)
    metric, memory, pairs = (
        lt.LearnedMetric(4),
        lt.LiorMemory(2, horizon=4096),
        lt.SpinorBilinears(3, 4),
    )
    work = {
        "metric": lambda x: metric(x) + metric.christoffel(x).sum(-1),
        "geodesic": lambda x: metric.geodesic(x, x)[0],
        "memory": memory,
        "bilinears": lambda x: pairs(x)[2],
    }[name]
    x = torch.randn(2, 5, 4)
    torch.compiler.reset()
    compiled = torch.compile(work, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), work(x))


MODULES = {
    "bilinears": lambda **place: lt.SpinorBilinears(3, 4, **place),
    "metric": lambda **place: lt.LearnedMetric(3, **place),
    "kernel": lambda **place: lt.LiorKernel(**place),
    "memory": lambda **place: lt.LiorMemory(2, horizon=4096, **place),
    "mamba": lambda **place: lt.GeometricMamba(16, heads=2, gates=False, **place),
    "field": lambda **place: lt.CausalField(16, heads=1, **place),
    "geometric attention": lambda **place: lt.GeometricAttention(16, heads=1, **place),
    "attention": lambda **place: lt.Layer("attention", 16, heads=2, **place),
    "convolution": lambda **place: lt.ShortConvolution(3, 8, **place),
    "model": lambda **place: lt.Model(
        {"data": "t", "model": {"d_model": 16, "heads": 2, "vocabulary": 5, "classes": 5}}, **place
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_made_anywhere_and_start_again(name):
    """device, dtype, meta, to_empty and reset_parameters, as torch's own modules have them."""
    torch.manual_seed(20)
    want = MODULES[name](dtype=DOUBLE)
    assert {p.dtype for p in want.parameters()} == {DOUBLE}
    empty = MODULES[name](device="meta", dtype=DOUBLE)
    assert all(t.is_meta for t in (*empty.parameters(), *empty.buffers()))
    with torch.device("meta"):
        assert all(p.is_meta for p in MODULES[name]().parameters())
    empty.to_empty(device="cpu")
    for tensor in (*empty.parameters(), *empty.buffers()):
        tensor.detach().fill_(torch.nan)
    empty.reset_parameters() if hasattr(empty, "reset_parameters") else [
        kernel.reset_parameters() for kernel in empty.kernels
    ]
    for key, value in empty.state_dict().items():
        assert value.isfinite().all(), key
        spread = want.state_dict()[key].std() if value.numel() > 30 else None
        assert spread is None or torch.isclose(value.std(), spread, rtol=0.5, atol=1e-12), key
    assert repr(want).startswith(type(want).__name__ + "(")


def test_reprs_say_how_a_module_was_made():
    assert "geometric_mamba, 16, heads=2" in repr(lt.GeometricMamba(16, heads=2))
    assert "3, resilience=True, spd_floor=False" in repr(lt.LearnedMetric(3))
    assert "heads=2, tolerance=1e-06, horizon=4096" in repr(MODULES["memory"]())


def test_shapes_that_do_not_fit_are_said_in_the_callers_words():
    mamba, metric, memory = (MODULES[name]() for name in ("mamba", "metric", "memory"))
    model, state = MODULES["model"](), torch.zeros(2, 8, 2)
    x, tokens = torch.randn(2, 5, 16), torch.zeros(2, 5, dtype=torch.long)
    for call, text in {
        lambda: mamba(x[0]): r"GeometricMamba: x has shape (5, 16); expected (B, N, 16)",
        lambda: mamba(x[..., :8]): "x has shape (2, 5, 8); expected (B, N, 16)",
        lambda: mamba(x, state[:1]): "state has shape (1, 8, 2); expected (2, 8, 2)",
        lambda: metric(torch.ones(2, 6)): "LearnedMetric: x has shape (2, 6); expected (..., 3)",
        lambda: metric.distance(
            torch.ones(2, 3), torch.ones(3)
        ): "y has shape (3,); expected (2, 3)",
        lambda: metric.geodesic(
            torch.ones(2, 3), torch.ones(3)
        ): "v has shape (3,); expected (2, 3)",
        lambda: metric.length(torch.ones(3)): "path has shape (3,); expected (..., K, 3)",
        lambda: memory(x[0]): "LiorMemory: x has shape (5, 16); expected (B, N, C)",
        lambda: memory(x[..., :5]): "2 kernels cannot share 5 channels",
        lambda: MODULES["bilinears"]()(x): "psi has shape (2, 5, 16); expected (..., 4)",
        lambda: model(tokens[0]): "Model: tokens has shape (5,); expected (B, N)",
        lambda: model.step(tokens, torch.zeros(1, 3)): "state has shape (1, 3); expected (2, ",
    }.items():
        with pytest.raises(lior.Error, match=re.escape(text)):
            call()
    assert mamba(x[:, :0])[0].shape == (2, 0, 16)
    assert model(tokens[:, :0]).shape == (2, 0, 5)


def test_paths_that_rest_have_gradients():
    metric, path = metric_with(torch.randn(4, 3, dtype=DOUBLE))
    rests = torch.stack([path[0], path[0], path[1]]).detach().requires_grad_()
    (slope,) = torch.autograd.grad(metric.length(rests), rests)
    moves = rests.detach()[1:].clone().requires_grad_()
    (want,) = torch.autograd.grad(metric.length(moves), moves)
    assert (slope[0] == 0).all()
    torch.testing.assert_close(slope[1:], want)
