# SPDX-License-Identifier: Apache-2.0
"""bfloat16 and float16: products in the narrow type, what stands between them in float32."""

import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402

# A product of factors of 8 bits (11 bits of float16), beside float32: some roundings of 2^-8 (2^-11).
TOLERANCE = {torch.bfloat16: 0.03, torch.float16: 0.004}
NARROW = pytest.mark.parametrize("dtype", TOLERANCE)

LAYERS = {
    "geometric_mamba": dict(heads=2),
    "causal_field": dict(heads=2),
    "geometric_attention": dict(heads=2),
    "attention": dict(heads=2),
    "gated_linear_attention": dict(heads=2),
    "swiglu_mlp": dict(hidden=24),
}


def layer_of(kind):
    torch.manual_seed(1)
    return lt.Layer(kind, 16, **LAYERS[kind])


def close(got, want, dtype):
    error = (got.float() - want.float()).norm() / want.float().norm()
    assert error < TOLERANCE[dtype], float(error)


@NARROW
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_under_autocast(kind, dtype):
    layer, x = layer_of(kind), torch.randn(2, 9, 16)
    want = layer(x)
    with torch.autocast("cpu", dtype):
        got = layer(x)
    assert got.dtype == torch.float32  # the residual path stays
    close(got - x, want - x, dtype)
    slopes = []
    for out in (want, got):
        layer.zero_grad()
        out.square().mean().backward()
        slopes.append(torch.cat([p.grad.flatten() for p in layer.parameters()]))
    close(slopes[1], slopes[0], dtype)


@NARROW
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_in_a_narrow_dtype(kind, dtype):
    layer, x = layer_of(kind), torch.randn(2, 9, 16)
    want = layer(x)
    layer, narrow = layer.to(dtype), x.to(dtype)
    got = layer(narrow)
    assert got.dtype == dtype
    close(got - narrow, want - x, dtype)
    got.float().square().mean().backward()
    assert all(p.grad.dtype == dtype and p.grad.isfinite().all() for p in layer.parameters())
    first, state = layer.step(narrow[:, :4])
    second, state = layer.step(narrow[:, 4:], state)
    assert state.dtype == torch.float32 and first.dtype == dtype
    close(torch.cat([first, second], 1), got, dtype)
    made = lt.Layer(kind, 16, dtype=dtype, **LAYERS[kind])
    assert {p.dtype for p in made.parameters()} == {dtype}


@NARROW
def test_what_stands_between_the_products_is_float32(dtype):
    """The scan of narrow numbers is, to the last bit, that of the same numbers as floats."""
    torch.manual_seed(2)
    projection, initial = torch.randn(2, 30, 17 * 2).to(dtype), torch.zeros(2, 8, 2)
    states = lt.ops.ci8_scan(projection, initial)
    assert states.dtype == torch.float32
    assert torch.equal(states, lt.ops.ci8_scan(projection.float(), initial))


MODULES = {
    "bilinears": (lambda: lt.SpinorBilinears(3, 4), lambda m, x: m(x[..., :4])[2]),
    "metric": (lambda: lt.LearnedMetric(4, spd_floor=True), lambda m, x: m(x[..., :4])),
    "christoffel": (
        lambda: lt.LearnedMetric(4, spd_floor=True),
        lambda m, x: m.christoffel(x[..., :4]),
    ),
    "geodesic": (
        lambda: lt.LearnedMetric(4, spd_floor=True),
        lambda m, x: m.geodesic(x[..., :4], 0.1 * x[..., 4:8])[0],
    ),
    "memory": (lambda: lt.LiorMemory(2, horizon=4096), lambda m, x: m(x)),
    "kernel": (lambda: lt.LiorKernel(), lambda m, x: m(x.abs() + 0.5)),
}


@NARROW
@pytest.mark.parametrize("name", MODULES)
def test_modules_in_a_narrow_dtype(name, dtype):
    make, call = MODULES[name]
    torch.manual_seed(3)
    module, x = make(), torch.randn(2, 5, 8)
    want = call(module, x)
    with torch.autocast("cpu", dtype):
        close(call(module, x), want, dtype)
    got = call(module.to(dtype), x.to(dtype))
    assert got.dtype == dtype
    # rounded parameters and points, whose derivatives are up to 4 times as large as the results
    error = (got.float() - want).norm() / want.norm()
    assert error < 4 * TOLERANCE[dtype]
    got.float().sum().backward()


@NARROW
def test_models_in_a_narrow_dtype(dtype):
    sizes = {"d_model": 16, "layers": 2, "heads": 2, "convolution": 3, "mlp_hidden": 12}
    sizes |= {"vocabulary": 7, "classes": 7, "mixers": "geometric_mamba,attention"}
    torch.manual_seed(4)
    model = lt.Model({"data": "text.txt", **{f"model.{k}": v for k, v in sizes.items()}})
    torch.nn.init.normal_(model.output.weight, std=0.3)
    tokens = torch.randint(7, (2, 9))
    want = model(tokens)
    with torch.autocast("cpu", dtype):
        close(model(tokens), want, dtype)
    model.to(dtype)
    scores, state = model.step(tokens)
    assert scores.dtype == dtype and state.dtype == torch.float32
    close(scores, want, dtype)
    close(model(tokens), want, dtype)


def test_doubles_stay_doubles():
    layer, x = layer_of("geometric_mamba").double(), torch.randn(1, 3, 16, dtype=torch.float64)
    assert layer(x).dtype == torch.float64
    assert layer.step(x)[1].dtype == torch.float64
