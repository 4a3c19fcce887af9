"""lior.torch's modules: against the same layers in plain torch, and against recorded outputs where they are."""

import json
import os
import pathlib
import sys

import numpy
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(os.environ.get("LIOR_CASES", ROOT.parent / "shared" / "golden"))
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import torch_model  # noqa: E402  the same model, written for the comparison of speed

DOUBLE = torch.float64


def recorded(name):
    """The tensors of a recorded file: those of `param.` by their own names, and the rest."""
    path = GOLDEN / f"{name}.safetensors"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    tensors = {}
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[key] = torch.from_numpy(
                numpy.frombuffer(data[begin:end]).reshape(entry["shape"]).copy()
            )
    parameters = {key[6:]: tensors.pop(key) for key in list(tensors) if key.startswith("param.")}
    return parameters, tensors


@pytest.mark.parametrize(
    "options", [dict(), dict(gates=False, transition="left", readout="quadratic")]
)
def test_geometric_mamba_is_the_layer_in_plain_torch(options):
    torch.manual_seed(1)
    shape = torch_model.Shape(d_model=32, heads=3, **options)
    plain, ours = torch_model.Mixer(shape).double(), lt.GeometricMamba(
        32, heads=3, dtype=DOUBLE, **options
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


def test_recorded_learned_metric():
    parameters, tensors = recorded("manifold")
    d = parameters["L"].shape[0]
    module = lt.LearnedMetric(d, dtype=DOUBLE)
    module.load_state_dict({name: parameters[name] for name in module.state_dict()})
    x = tensors["x"]
    torch.testing.assert_close(module(x), tensors["lior_metric"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        module.christoffel(x), tensors["christoffel_fd"], rtol=1e-8, atol=1e-8
    )
    module.resilience = False
    torch.testing.assert_close(module(x), tensors["metric"], rtol=1e-10, atol=1e-10)
    kernel = lt.LiorKernel(dtype=DOUBLE)
    own = {
        name[12:]: value for name, value in parameters.items() if name.startswith("lior_kernel.")
    }
    kernel.load_state_dict(own)


def test_recorded_kernel():
    parameters, tensors = recorded("lior_memory")
    kernel = lt.LiorKernel(dtype=DOUBLE)
    kernel.load_state_dict(
        {name[7:]: value for name, value in parameters.items() if name.startswith("kernel.")}
    )
    lag, want = tensors["lag"], tensors["kernel"]
    # The original holds lags to 0.1 and more, and exponents to [-20, 20].
    fastest = max(getattr(kernel, f"log_{rate}").exp().item() for rate in ("beta", "xi", "zeta"))
    plain = (lag >= 0.1) & (fastest * lag <= 20)
    assert plain.sum() > 10
    torch.testing.assert_close(kernel(lag)[plain], want[plain], rtol=1e-10, atol=1e-10)


def test_recorded_layer():
    parameters, tensors = recorded("geometric_mamba_legacy")
    expanded, d_model = parameters["in_proj.weight"].shape
    layer = lt.CompatMamba(d_model, expanded // d_model, dtype=DOUBLE)
    layer.load_state_dict(parameters)
    out, state = layer(tensors["x"], tensors["state0"])
    torch.testing.assert_close(out, tensors["y"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(state, tensors["state_final"], rtol=1e-10, atol=1e-10)


def test_recorded_optimizer():
    parameters, tensors = recorded("optimizer")
    k, d = parameters["resilience_net.0.weight"].shape
    net = torch.nn.Sequential(
        torch.nn.Linear(d, k), torch.nn.GELU(), torch.nn.Linear(k, 1)
    ).double()
    net.load_state_dict({name[15:]: value for name, value in parameters.items()})
    forms = {
        "basic": dict(form="compat"),
        "manifold": dict(form="manifold", resilience=net),
        "manifold_memory": dict(form="manifold", resilience=net, memory=True),
    }
    for name, options in forms.items():
        params = [torch.nn.Parameter(tensors[f"{name}.{p}0"].clone()) for p in "pq"]
        optimizer = lt.LIoROptimizer(params, lr=1e-2, **options)
        for step in range(4):
            for p, letter in zip(params, "pq"):
                p.grad = tensors[f"{name}.g{letter}{step}"].clone()
            optimizer.step()
            for p, letter in zip(params, "pq"):
                torch.testing.assert_close(
                    p.data, tensors[f"{name}.{letter}{step + 1}"], rtol=1e-10, atol=1e-12
                )
