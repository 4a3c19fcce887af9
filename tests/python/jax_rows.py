# SPDX-License-Identifier: Apache-2.0
"""The functions of lior.jax as rows, which tests run over."""

import functools
import math

import jax
import jax_references
import lior.jax as lj
import numpy
import pytest
from lior import algebra, geometry, memory, nn
from lior._names import LEARNED_METRIC
from lior.jax import formulas as plain


@pytest.fixture(autouse=True)
def precise():
    """float64, which JAX has only where it is asked for."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)  # compiling is what takes time here
    yield
    jax.config.update("jax_enable_x64", before)


# What a row says: the function, its arrays drawn by a generator, the same of NumPy, the same in plain jax.numpy, and
# the axis of each array that runs over points or sequences, None for what these share.
class Row:
    def __init__(self, call, arrays, of_numpy, formula, axes):
        self.call, self.arrays, self.of_numpy = call, arrays, of_numpy
        self.formula, self.axes = formula, axes


def scan_row(**options):
    mixer = nn.MixerConfig(heads=3, **options)
    width, size = mixer.projection_width, mixer.state_width

    def arrays(rng):
        made = [rng.standard_normal((2, 4, width)), rng.standard_normal((2, size, 3))]
        return made + ([rng.uniform(-1, 1, (8, 3))] if mixer.rotation else [])

    return Row(
        functools.partial(lj.ci8_scan, **options),
        arrays,
        lambda *a: nn.ci8_scan_forward(mixer, *a),
        functools.partial(plain.ci8_scan, **options),
        (0, 0) + ((None,) if mixer.rotation else ()),
    )


def readout_row(size, kind="linear_quadratic"):
    mixer = nn.MixerConfig(heads=2, complex_state=size == 16, readout=kind)
    return Row(
        functools.partial(lj.readout, kind=kind),
        lambda rng: [rng.standard_normal((2, 3, size, 2))],
        lambda states: nn.readout_forward(mixer, states),
        functools.partial(plain.readout, kind=kind),
        (0,),
    )


def bilinears_row(dtype, **options):
    def draw(rng, *shape):
        real = rng.standard_normal(shape)
        return (real + 1j * rng.standard_normal(shape)).astype(dtype) if dtype[0] == "c" else real

    def of_numpy(psi, gamma):
        pairs = "packed" if options.get("packed") else "full"
        adjoint = "dirac" if options.get("dirac") else "hermitian"
        return algebra.Bilinears(gamma, pairs=pairs, adjoint=adjoint).forward(psi)

    return Row(
        functools.partial(lj.bilinears, **options),
        lambda rng: [draw(rng, 5, 4), draw(rng, 3, 4, 4)],
        of_numpy,
        functools.partial(plain.bilinears, **options),
        (0, None),
    )


def memory_arrays(rng):
    raw = memory.default_kernel() + 0.1 * rng.standard_normal((2, 12))
    return [rng.standard_normal((2, 6, 2, 3)), raw]


def memory_of_numpy(x, raw):
    made = memory.CausalConvolution(2, memory.PowerLawRule(1e-6, 1048576.0), dtype=str(x.dtype))
    made.set(raw)
    return made.forward(x)


LAYER = lj.Layer("geometric_mamba", 8, heads=2)


def layer_arrays(rng):
    parameters = {k: rng.standard_normal(n) / math.sqrt(n[-1]) for k, n in LAYER.shapes.items()}
    return [parameters, rng.standard_normal((2, 5, 8))]


def learned(rng, **options):
    made = lj.LearnedMetric.init(2, 1, dtype="float64", **options)
    return jax.tree.map(lambda p: p + 0.1 * rng.standard_normal(p.shape), made)


def in_numpy(metric):
    return geometry.LearnedMetric.from_arrays(
        {name: numpy.asarray(values) for name, values in metric.parameters.items()},
        resilience=metric.resilience,
        spd_floor=metric.spd_floor,
    )


def of_metric(formula, **options):
    """A formula of planes and tensors as a function of the metric and planes."""

    def call(metric, *planes):
        tensors = [metric.parameters[name] for name in LEARNED_METRIC]
        kind = {"resilience": metric.resilience, "spd_floor": metric.spd_floor}
        return formula(*planes, tensors, **kind, **options)

    return call


def metric_row(call, of_numpy, formula, **options):
    return Row(
        call,
        lambda rng: [learned(rng, **options), rng.uniform(-1, 1, (2, 3))],
        lambda metric, x: of_numpy(in_numpy(metric), x),
        of_metric(formula),
        (None, -1),
    )


def steps_of_numpy(metric, x, v):
    paths = geometry.geodesics(in_numpy(metric), x, v, [1.0], method="rk4", step=0.25)
    return paths.x[0], paths.v[0]


ROWS = {
    "scan": scan_row(),
    "scan left": scan_row(transition="left", factors=2),
    "scan complex": scan_row(transition="two_sided", complex_state=True, phase=True, rotation=True),
    "scan without gates": scan_row(gates=False),
    "readout": readout_row(8),
    "readout complex": readout_row(16),
    "readout quadratic": readout_row(8, "quadratic"),
    "readout invariants": readout_row(16, "invariants"),
    "bilinears": bilinears_row("float64"),
    "bilinears complex": bilinears_row("complex128", packed=True, dirac=True),
    "kernel": Row(
        lj.lior_kernel,
        lambda rng: [
            memory.default_kernel() + 0.1 * rng.standard_normal(12),
            rng.uniform(0.5, 9, 5),
        ],
        memory.kernel_forward,
        plain.lior_kernel,
        (None, 0),
    ),
    "memory": Row(lj.memory, memory_arrays, memory_of_numpy, None, (0, None)),
    "layer": Row(
        LAYER.__call__,
        layer_arrays,
        lambda parameters, x: nn.Layer("geometric_mamba", 8, heads=2).forward(parameters, x)[0],
        functools.partial(jax_references.geometric_mamba, heads=2),
        (None, 0),
    ),
    "metric": metric_row(
        lj.metric_values,
        lambda metric, x: metric.values(x)[0],
        plain.learned_metric,
        resilience=False,
    ),
    "christoffel": metric_row(
        lj.christoffel, geometry.christoffel, plain.christoffel, spd_floor=True
    ),
    "geodesic": Row(
        functools.partial(lj.geodesic, step=0.25),
        lambda rng: [learned(rng), *(rng.uniform(-0.5, 0.5, (2, 3)) for _ in range(2))],
        steps_of_numpy,
        of_metric(plain.geodesic, step=0.25),
        (None, -1, -1),
    ),
}

#: Arguments that no gradient is taken of.
CONSTANT = {"kernel": (1,)}


def same_bits(got, want):
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        numpy.testing.assert_array_equal(numpy.asarray(a), numpy.asarray(b))


def near(got, want, rtol=1e-9):
    """rtol: of sums of some hundred roundings of float64 (condition numbers of some hundred included)."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        a, b = numpy.asarray(a), numpy.asarray(b)
        scale = max(numpy.abs(b).max(), 1e-3)
        numpy.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale)
