# SPDX-License-Identifier: Apache-2.0
"""The kernels of lior.torch.cuda on the processor: g++ compiles their bodies, which loops over blocks and threads run
behind the dispatcher, where a GPU would; and NVRTC compiles them for GPUs, where it is installed."""

import concurrent.futures
import ctypes
import pathlib
import re
import shutil
import subprocess
import sys

import lior
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from lior.torch.cases import (  # noqa: E402
    ROUNDINGS,
    error,
    metric_parameters,
    normal,
    raw_kernels,
    results_and_gradients,
    scan_inputs,
)
from lior.torch.cuda import launch, memory, scan, symbols  # noqa: E402

ops = lt.ops
HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """Launches on the processor; `native.names` are the kernels that ran."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++")
    library = tmp_path_factory.mktemp("cuda") / "native.so"
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
    sources = [f"-I{launch.SOURCES}", str(HERE / "kernels" / "native.cpp")]
    subprocess.run([compiler, *flags, "-shared", "-fPIC", *sources, "-o", library], check=True)
    run = ctypes.CDLL(library).run_kernel
    run.restype = ctypes.c_bool

    def launched(source, definitions, name, arguments, threads):
        assert (launch.SOURCES / source).read_text().count(f" {name}") == 1
        given = dict(definitions)
        real = {"float": 4, "double": 8}[given["LIOR_REAL"]]
        sizes = (int(given.get(name, 0)) for name in ("LIOR_PARTS", "LIOR_DIMENSIONS"))
        count = ctypes.c_longlong(threads)
        assert run(name.encode(), real, *sizes, ctypes.byref(arguments), count)
        launched.names.append(name)

    launched.names = []
    return launched


OPTIONS = {
    "right": dict(),
    "left, two factors": dict(factors=2, transition="left"),
    "two-sided, no gates": dict(transition="two_sided", gates=False),
    "complex": dict(complex_state=True),
    "complex, phase": dict(complex_state=True, phase=True, factors=3),
    "complex, rotation": dict(complex_state=True, rotation=True, gates=False),
    "complex, all, two-sided": dict(
        complex_state=True, phase=True, rotation=True, factors=4, transition="two_sided"
    ),
    "complex, phase, no gates": dict(
        complex_state=True, phase=True, gates=False, transition="left"
    ),
}


def kernels_of(native, op, inputs, dtype=torch.float64, roundings=ROUNDINGS):
    """Those that ran, after a look at results and gradients beside the processor's."""
    want = results_and_gradients(op, inputs())
    native.names.clear()
    with ops.plain_forms(), lt.cuda.kernels(native):
        got = results_and_gradients(op, inputs())
    for a, b in zip(got, want, strict=True):
        assert error(a, b) <= roundings * torch.finfo(dtype).eps
    return native.names


def compare(native, inputs, dtype=torch.float64):
    names = kernels_of(native, ops.ci8_scan, inputs, dtype)
    assert {"scan_states", "scan_gradients"} <= set(names) or 0 in inputs()[0].shape


@pytest.mark.parametrize("name", OPTIONS)
def test_the_scan_has_the_processors_values_and_gradients(name, native):
    compare(native, lambda: scan_inputs(2, 2 * scan.CHUNK + 5, 3, **OPTIONS[name]))


@pytest.mark.parametrize("name", ["right", "complex, all, two-sided"])
def test_the_scan_in_float32(name, native):
    inputs = lambda: scan_inputs(1, 40, 2, dtype=torch.float32, **OPTIONS[name])
    compare(native, inputs, torch.float32)


@pytest.mark.parametrize("length", [0, 1, scan.CHUNK - 1, scan.CHUNK, scan.CHUNK + 1])
def test_lengths_about_a_chunk(length, native):
    compare(native, lambda: scan_inputs(2, length, 1))


def test_no_sequence(native):
    compare(native, lambda: scan_inputs(0, 5, 2))


def test_octonions_of_no_length_and_gates_that_are_shut_or_open(native):
    def inputs():
        projection, *rest = scan_inputs(1, 70, 2)
        with torch.no_grad():
            projection[:, 3:5, :16] = 0
            projection[:, :, 16] = torch.tensor([-800.0, 40.0, 800.0]).repeat(24)[:70]
        return projection, *rest

    compare(native, inputs)


@pytest.mark.parametrize("kind", ["linear", "quadratic", "linear_quadratic", "invariants"])
@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("shape", [(2, 70, 3), (1, 0, 2)])
def test_what_heads_show(shape, size, kind, native):
    batch, length, heads = shape
    names = kernels_of(native, ops.readout, lambda: (normal(batch, length, size, heads), kind))
    assert names == (["readout_forward", "readout_backward"] if length else [])


@pytest.mark.parametrize("length, window", [(0, 0), (1, 0), (70, 0), (70, 1), (70, 9), (5, 90)])
def test_attention_by_spinor_scores(length, window, native):
    def inputs():
        z, v = normal(2, length, 32), normal(2, length, 32, seed=2)
        return z, v, normal(2, 4), window

    # scores of some ten: an exponential has so many roundings more
    ran = kernels_of(native, ops.spinor_attention, inputs, roundings=10 * ROUNDINGS)
    names = ["attention_forward", "attention_queries", "attention_keys"]
    assert ran == (names if length else [])


MEMORY = [
    *("memory_sums", "memory_starts", "memory_values"),
    *("memory_sums", "memory_starts", "memory_pulls", "memory_ends", "memory_gradients"),
]


@pytest.mark.parametrize("length", [1, memory.CHUNK - 1, memory.CHUNK, 2 * memory.CHUNK + 7])
@pytest.mark.parametrize("rule", [(), (1e-4, 65536.0)])
def test_memory(rule, length, native):
    inputs = lambda: (normal(2, length, 3, 4), raw_kernels(3), *rule)
    assert kernels_of(native, ops.memory, inputs) == MEMORY


@pytest.mark.parametrize("shape", [(2, 0, 3, 4), (0, 5, 3, 4), (2, 5, 3, 0)])
def test_memory_of_nothing(shape, native):
    kernels_of(native, ops.memory, lambda: (normal(*shape), raw_kernels(3)))


def test_memory_in_float32(native):
    single = torch.float32
    inputs = lambda: (normal(2, 70, 2, 3, dtype=single), raw_kernels(2, dtype=single))
    kernels_of(native, ops.memory, inputs, single)


def test_memory_goes_on(native):
    """In pieces of any length, from state to state, and as one."""
    x, raw = normal(2, 100, 3, 4, grad=False), raw_kernels(3).detach()
    start = normal(*ops.memory_start(2, 4, raw).shape, grad=False)
    y, state = ops.memory_advance(x, raw, start)
    with ops.plain_forms(), lt.cuda.kernels(native):
        parts, after = [], start
        for part in x.split([0, 1, 40, 32, 27], 1):
            out, after = ops.memory_advance(part, raw, after)
            parts.append(out)
    eps = torch.finfo(torch.float64).eps
    assert error([torch.cat(parts, 1), after], [y, state]) <= ROUNDINGS * eps


def test_memory_does_not_look_ahead(native):
    """Not even at NaN, which times 0 is NaN."""
    x = normal(1, 40, 1, 1, grad=False)
    x[0, 20] = torch.nan
    with ops.plain_forms(), lt.cuda.kernels(native):
        y = ops.memory(x, raw_kernels(1).detach())
    assert y[0, :20].isfinite().all() and y[0, 20:].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128, torch.complex64])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dirac", [False, True])
@pytest.mark.parametrize("points, d, s", [(5, 4, 3), (1, 1, 1), (0, 3, 2)])
def test_bilinears(points, d, s, dirac, packed, dtype, native):
    def inputs():
        psi, gamma = normal(points, s, dtype=dtype), normal(d, s, s, dtype=dtype, seed=3)
        return psi, gamma, packed, dirac

    names = kernels_of(native, ops.bilinears, inputs, dtype)
    assert names == (["bilinears_forward", "bilinears_backward"] if points else [])


SYMBOLS = ["symbols_forward"] * 2 + ["symbols_solved", "symbols_slopes", "symbols_metric"]


@pytest.mark.parametrize("d", [1, 2, 3, symbols.MOST_DIMENSIONS, symbols.MOST_DIMENSIONS + 1])
@pytest.mark.parametrize("resilience", [False, True])
@pytest.mark.parametrize("points", [0, 6])
def test_symbols(points, resilience, d, native):
    def inputs():
        x = (0.3 * normal(d, points, grad=False)).requires_grad_()
        return x, metric_parameters(d), resilience, not resilience

    names = kernels_of(native, ops.christoffel, inputs)
    assert names == (SYMBOLS if points and d <= symbols.MOST_DIMENSIONS else [])


def test_geodesics_take_the_kernels_of_symbols(native):
    def inputs():
        x, v = (0.3 * normal(3, 4, grad=False, seed=i) for i in (1, 2))
        return x.requires_grad_(), v.requires_grad_(), metric_parameters(3), True, False, 0.3, 0.1

    names = kernels_of(native, ops.geodesic, inputs)
    assert names.count("symbols_forward") == 3 * 3 * 4 and set(names) == set(SYMBOLS)


def test_a_metric_that_is_not_positive_has_no_symbols(native):
    parameters = [p.detach() for p in metric_parameters(2)]
    parameters[0].zero_()
    parameters[4].copy_(torch.tensor([-20.0, 0, 0, 20]))  # g is about diag(-.1, .1)
    with ops.plain_forms(), lt.cuda.kernels(native):
        assert ops.christoffel(torch.zeros(2, 1).double(), parameters, False, False).isnan().any()


def test_what_a_kernel_would_read_past_is_refused(native):
    projection, initial, *rest = scan_inputs(1, 4, 2)
    many, start, angles, *turned = scan_inputs(1, 4, 2, complex_state=True, rotation=True)
    for given, word in [
        ((projection[..., 1:], initial, *rest), "projection is .*4, 33.*expected .*4, 34"),
        ((projection, initial[:, 1:], *rest), "initial is"),
        ((projection.float(), initial, *rest), "projection is torch.float32"),
        ((many, start, angles[1:], *turned), "angles is"),
        ((many, start, None, *turned), "angles and rotation"),
        ((projection, initial, None, 1, "sideways", False, True, False, False), "sideways"),
        ((projection, initial, None, 1, "right", False, True, True, False), "phase"),
    ]:
        with ops.plain_forms(), lt.cuda.kernels(native):
            with pytest.raises(lior.Error, match=word):
                ops.ci8_scan(*given)
    states = normal(1, 2, 8, 3, grad=False)
    x, raw, psi = normal(1, 4, 2, 3), raw_kernels(), normal(5, 3)
    start = ops.memory_start(1, 2, raw)
    for op, given, word in [
        (ops.readout, (states[:, :, 1:], "linear"), r"states \(1, 2, 7, 3\)"),
        (ops.readout, (states, "cubic"), "'cubic'"),
        (ops.memory, (x[:, :, 1:], raw), r"memory: x .*1, 4, 1, 3.*expected .*1, 4, 2, 3"),
        (ops.memory, (x, raw[:, 1:]), "memory: raw"),
        (ops.memory, (x.float(), raw), "memory: raw"),
        (ops.memory_advance, (x.detach(), raw.detach(), start), "memory_advance: state"),
        (ops.bilinears, (psi, normal(4, 3, 2)), "bilinears: gamma"),
        (ops.bilinears, (psi.float(), normal(4, 3, 3)), "bilinears: gamma is torch.float64"),
    ]:
        with ops.plain_forms(), lt.cuda.kernels(native):
            with pytest.raises(lior.Error, match=word):
                op(*given)


LAYERS = {
    "causal_field": (
        dict(heads=2),
        ["memory_values"],
        ["memory_gradients"],
    ),
    "geometric_mamba": (
        dict(heads=2, complex_state=True, phase=True),
        ["scan_states", "readout_forward"],
        ["scan_gradients", "readout_backward"],
    ),
    "geometric_attention": (
        dict(heads=2, window=7),
        ["attention_forward"],
        ["attention_queries", "attention_keys"],
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_take_the_kernels(kind, native):
    torch.manual_seed(2)
    options, forward, backward = LAYERS[kind]
    layer = lt.Layer(kind, 12, torch.float64, **options)
    x = normal(2, scan.CHUNK + 3, 12)

    def slopes():
        out = layer(x)
        return [out.detach(), *torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])]

    want = slopes()
    native.names.clear()
    with ops.plain_forms(), lt.cuda.kernels(native):
        got = slopes()
    assert [native.names.count(name) for name in forward] == [2] * len(forward)  # and once more
    assert [native.names.count(name) for name in backward] == [1] * len(backward)
    assert error(got, want) <= ROUNDINGS * torch.finfo(torch.float64).eps


def test_kernels_hold_in_autograds_own_threads(native):
    projection, *rest = scan_inputs(1, 4, 2)

    def backward():  # in a thread that knows nothing of this one's context
        with ops.plain_forms():
            ops.ci8_scan(projection, *rest).sum().backward()

    native.names.clear()
    with lt.cuda.kernels(native), concurrent.futures.ThreadPoolExecutor(1) as thread:
        thread.submit(backward).result()
    assert {"scan_states", "scan_gradients"} <= set(native.names)


def test_a_gpu_does_not_get_the_processors_tensors():
    inputs = [t.detach() if isinstance(t, torch.Tensor) else t for t in scan_inputs()]
    with ops.plain_forms():
        want = ops.ci8_scan(*inputs)
        with lt.cuda.kernels():
            assert torch.equal(ops.ci8_scan(*inputs), want)


def test_packages_that_are_missing_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(RuntimeError, match=r"cuda-bindings.*pip install 'lior\[cuda\]'"):
        launch.compiled("ci8_scan.cu", (), "sm_90")


def test_plain_forms_hold_where_no_kernel_is_asked_for(native):
    native.names.clear()
    with ops.plain_forms():
        results_and_gradients(ops.ci8_scan, scan_inputs())
    assert native.names == []


@pytest.mark.parametrize("source", sorted(path.name for path in launch.SOURCES.glob("*.cu")))
def test_nvrtc_compiles(source):
    """A form of each, without the headers that nvcc has; scripts/check_cuda.py compiles all by that."""
    pytest.importorskip("cuda.bindings.nvrtc")
    sizes = ("LIOR_PARTS", "2"), ("LIOR_DIMENSIONS", "3")
    code = launch.compiled(source, (("LIOR_REAL", "float"), *sizes), "sm_90")
    names = re.findall(r"LIOR_KERNEL\(\w+, (\w+)", (launch.SOURCES / source).read_text())
    assert code[:4] == b"\x7fELF" and names and all(name.encode() in code for name in names)


def test_nvrtc_says_what_it_does_not_take():
    pytest.importorskip("cuda.bindings.nvrtc")
    with pytest.raises(RuntimeError, match=r"NVRTC does not take ci8_scan.cu(.|\n)*LIOR_REAL"):
        launch.compiled("ci8_scan.cu", (), "sm_90")
