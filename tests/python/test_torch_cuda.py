# SPDX-License-Identifier: Apache-2.0
"""The kernels of lior.torch.cuda on the processor: g++ compiles their bodies, which loops over blocks and threads run
behind the dispatcher, where a GPU would; and NVRTC compiles them for GPUs, where it is installed."""

import concurrent.futures
import ctypes
import pathlib
import shutil
import subprocess
import sys

import lior
import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from lior.torch.cases import ROUNDINGS, error, normal, results_and_gradients, scan_inputs  # noqa: E402
from lior.torch.cuda import launch, scan  # noqa: E402

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
        parts, count = int(given.get("LIOR_PARTS", 1)), ctypes.c_longlong(threads)
        assert run(name.encode(), real, parts, ctypes.byref(arguments), count)
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


def compare(native, inputs, dtype=torch.float64):
    want = results_and_gradients(ops.ci8_scan, inputs())
    native.names.clear()
    with ops.plain_forms(), lt.cuda.kernels(native):
        got = results_and_gradients(ops.ci8_scan, inputs())
    assert {"scan_states", "scan_gradients"} <= set(native.names) or not want[0][0].numel()
    for a, b in zip(got, want, strict=True):
        assert error(a, b) <= ROUNDINGS * torch.finfo(dtype).eps


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
    inputs = lambda: (normal(batch, length, size, heads), kind)
    want = results_and_gradients(ops.readout, inputs())
    native.names.clear()
    with ops.plain_forms(), lt.cuda.kernels(native):
        got = results_and_gradients(ops.readout, inputs())
    assert native.names == (["readout_forward", "readout_backward"] if length else [])
    for a, b in zip(got, want, strict=True):
        assert error(a, b) <= ROUNDINGS * torch.finfo(torch.float64).eps


@pytest.mark.parametrize("length, window", [(0, 0), (1, 0), (70, 0), (70, 1), (70, 9), (5, 90)])
def test_attention_by_spinor_scores(length, window, native):
    def inputs():
        z, v = normal(2, length, 32), normal(2, length, 32, seed=2)
        return z, v, normal(2, 4), window

    want = results_and_gradients(ops.spinor_attention, inputs())
    native.names.clear()
    with ops.plain_forms(), lt.cuda.kernels(native):
        got = results_and_gradients(ops.spinor_attention, inputs())
    names = ["attention_forward", "attention_queries", "attention_keys"]
    assert native.names == (names if length else [])
    # scores of some ten: an exponential has so many roundings more
    for a, b in zip(got, want, strict=True):
        assert error(a, b) <= 10 * ROUNDINGS * torch.finfo(torch.float64).eps


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
    for given, word in [
        ((states[:, :, 1:], "linear"), r"states \(1, 2, 7, 3\)"),
        ((states, "cubic"), "'cubic'"),
    ]:
        with ops.plain_forms(), lt.cuda.kernels(native):
            with pytest.raises(lior.Error, match=word):
                ops.readout(*given)


LAYERS = {
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


def test_nvrtc_compiles_the_scan():
    pytest.importorskip("cuda.bindings.nvrtc")  # scripts/check_cuda.py compiles all forms
    definitions = (("LIOR_REAL", "float"), ("LIOR_PARTS", "2"))
    code = launch.compiled("ci8_scan.cu", definitions, "sm_90")
    assert code[:4] == b"\x7fELF" and b"scan_gradients" in code
    with pytest.raises(RuntimeError, match=r"NVRTC does not take ci8_scan.cu(.|\n)*LIOR_REAL"):
        launch.compiled("ci8_scan.cu", (), "sm_90")
