# SPDX-License-Identifier: Apache-2.0
"""lior.torch's modules take the original's state dicts, and give its recorded outputs where they are."""

import json
import os
import pathlib

import numpy
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(os.environ.get("LIOR_CASES", ROOT.parent / "shared" / "golden"))
DOUBLE = torch.float64


# The original's names and shapes of its learned metric (d = 8), kernel and Mamba layer (d_model = 32, twice as wide).
METRIC = {
    "L": (8, 8),
    "metric_net.0.weight": (16, 8),
    "metric_net.0.bias": (16,),
    "metric_net.2.weight": (64, 16),
    "metric_net.2.bias": (64,),
    "resilience_net.0.weight": (8, 8),
    "resilience_net.0.bias": (8,),
    "resilience_net.2.weight": (1, 8),
    "resilience_net.2.bias": (1,),
}
KERNEL = {
    "log_alpha_exp": (),
    "log_beta": (),
    "log_gamma": (),
    "delta_logit": (),
    "log_xi": (),
    "log_eta": (),
    "omega": (),
    "phi": (),
    "log_zeta": (),
    "rho_logit": (),
    "log_eta_r": (),
    "log_xi_r": (),
    "weight_logits": (3,),
}
MAMBA = {
    "in_proj.weight": (64, 32),
    "in_proj.bias": (64,),
    "wedge.basis_real": (64, 8),
    "wedge.basis_imag": (64, 8),
    "wedge.layer_norm.weight": (16,),
    "wedge.layer_norm.bias": (16,),
    "trinor.theta": (8,),
    "trinor.omega": (8,),
    "trinor.sigma": (8,),
    "spinor.projection.weight": (64, 8),
    "spinor.projection.bias": (64,),
    "gate.weight": (64, 64),
    "gate.bias": (64,),
    "out_proj.weight": (32, 64),
    "out_proj.bias": (32,),
    "norm.weight": (32,),
    "norm.bias": (32,),
}
ORIGINALS = {
    "learned metric": (lambda: lt.LearnedMetric(8), METRIC),
    "kernel": (lambda: lt.LiorKernel(), KERNEL),
    "mamba": (lambda: lt.CompatMamba(32), MAMBA),
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_state_dicts_of_the_original_load(name):
    make, shapes = ORIGINALS[name]
    torch.manual_seed(8)
    given = {key: torch.randn(shape) for key, shape in shapes.items()}
    module = make()
    module.load_state_dict(given)  # strict: each name, and no other
    for key, value in module.state_dict().items():
        assert torch.equal(value, given[key]), key


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


def test_the_original_layer_says_that_it_has_no_gradient():
    layer = lt.CompatMamba(8)
    out, _ = layer(torch.randn(1, 3, 8), torch.zeros(1, 16))
    with pytest.raises(RuntimeError, match="lior.compat_mamba"):
        out.sum().backward()


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
