# SPDX-License-Identifier: Apache-2.0
"""Arrays in and out of every binding: layouts, frameworks, messages. The octonion product stands
for all, since all take their arrays through one header (bindings/python/arrays.h)."""

import subprocess
import sys
import threading

import lior
import numpy as np
import pytest
import torch
from formulas import layouts
from lior.algebra import octonion_multiply


@pytest.fixture
def pair(rng):
    return rng.standard_normal((2, 8, 5))


def test_any_layout_gives_the_same_bits(pair):
    expected = octonion_multiply(*pair)
    for x in layouts(pair[0]):
        for y in layouts(pair[1]):
            assert (octonion_multiply(x, y) == expected).all()


def test_inputs_are_read_where_they_lie_and_may_be_read_only(pair):
    x, y = pair
    x.flags.writeable = False
    before = y.copy()
    octonion_multiply(x, y)
    assert (y == before).all()


def test_unaligned_input(pair):
    x, y = pair
    memory = bytearray(x.nbytes + 1)
    unaligned = np.frombuffer(memory, x.dtype, x.size, offset=1).reshape(x.shape)
    unaligned[:] = x
    assert (octonion_multiply(unaligned, y) == octonion_multiply(x, y)).all()


def test_result_is_a_writable_aligned_array_that_lives_on(pair):
    result = octonion_multiply(*pair)
    assert isinstance(result, np.ndarray) and result.flags.writeable and result.flags.c_contiguous
    assert result.ctypes.data % 64 == 0
    again = octonion_multiply(*pair)
    assert not np.shares_memory(result, again)
    result[:] = 0
    assert (again != 0).all()


def test_empty_batch(real):
    empty = np.zeros((8, 0), real)
    assert octonion_multiply(empty, empty).shape == (8, 0)


def test_out_is_returned_and_written_in_any_layout(pair):
    expected = octonion_multiply(*pair)
    for out in layouts(np.zeros((8, 5))):
        assert octonion_multiply(*pair, out=out) is out
        assert (out == expected).all()


def test_strided_out_leaves_what_lies_between(pair):
    memory = np.full((8, 10), 7.0)
    octonion_multiply(*pair, out=memory[:, ::-2])
    assert (memory[:, ::-2] == octonion_multiply(*pair)).all()
    assert (memory[:, ::2] == 7).all()


def test_out_may_be_an_input_but_not_overlap_it(pair):
    x, y = pair
    expected = octonion_multiply(x, y)
    memory = np.zeros(48)
    inside, shifted = memory[:40].reshape(8, 5), memory[1:41].reshape(8, 5)
    inside[:] = x
    with pytest.raises(ValueError, match="out shares memory with x"):
        octonion_multiply(inside, y, out=shifted)
    assert (octonion_multiply(inside, y, out=inside) == expected).all()


def test_outputs_of_one_call_are_distinct(rng):
    u, x = rng.standard_normal((2, 8, 3))
    same = np.zeros((8, 3))
    with pytest.raises(ValueError, match=r"out\[0\] and out\[1\] share memory"):
        lior.algebra.apply_adjoint("left", u, x, x, out=(same, same))
    with pytest.raises(ValueError, match="out has 1 arrays; expected 2"):
        lior.algebra.apply_adjoint("left", u, x, x, out=(same,))


def test_torch_tensors(pair):
    x, y = map(torch.from_numpy, pair)
    expected = octonion_multiply(*pair)
    assert (octonion_multiply(x, y) == expected).all()
    assert (octonion_multiply(x.T.contiguous().T, y) == expected).all()
    out = torch.empty(8, 5, dtype=torch.float64)
    assert octonion_multiply(x, y, out=out) is out
    assert (out.numpy() == expected).all()


def test_lists_take_the_dtype_that_is_wanted(pair, real):
    x, y = (part.astype(real) for part in pair)
    expected = octonion_multiply(x, y)
    got = octonion_multiply(x, y.tolist())
    assert got.dtype == real and (got == expected).all()
    assert octonion_multiply(y.tolist(), x.astype(float)).dtype == np.float64
    whole = [[k] for k in range(8)]  # numbers that are whole are numbers all the same
    assert (
        octonion_multiply(whole, whole) == octonion_multiply(np.array(whole, float), whole)
    ).all()
    assert octonion_multiply(tuple(map(tuple, x.tolist())), y.astype(float)).shape == (8, 5)


class MakesArray:
    """An array wrapped as pandas and xarray wrap theirs."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_what_numpy_makes_an_array_of(pair):
    x, y = pair
    assert (octonion_multiply(MakesArray(x), MakesArray(y)) == octonion_multiply(x, y)).all()
    with pytest.raises(TypeError, match="y has dtype float32; expected float64"):
        octonion_multiply(x, MakesArray(y.astype("f4")))
    with pytest.raises(TypeError, match="x is a test_arrays.MakesArray; expected an array"):
        octonion_multiply(MakesArray(np.array([None])), y)


def test_masked_entries_are_not_read(pair):
    x, y = pair
    masked = np.ma.array(x)
    assert (octonion_multiply(masked, y) == octonion_multiply(x, y)).all()
    masked[3, 2] = np.ma.masked
    with pytest.raises(TypeError, match=r"x has masked entries.*x\.filled\(value\)"):
        octonion_multiply(masked, y)
    with pytest.raises(TypeError, match="out has masked entries"):
        octonion_multiply(x, y, out=masked)


def test_lazily_conjugated_tensors(rng):
    c = torch.complex(*torch.from_numpy(rng.standard_normal((2, 4, 4, 1, 1))))
    conjugate, real = c.conj(), c[..., 0, 0]
    assert conjugate.is_conj() and real.conj().imag.is_neg()
    posterior = lior.field.posterior
    expected = posterior(c.conj().resolve_conj(), c, tau=0.5)
    assert (posterior(conjugate, c, tau=0.5) == expected).all()
    assert not (expected == posterior(c, c, tau=0.5)).all()

    z = torch.complex(torch.ones(8, 3).double(), torch.full((8, 3), 2.0).double())
    negated = z.conj().imag
    assert (octonion_multiply(negated, negated) == octonion_multiply(-z.imag, -z.imag)).all()
    with pytest.raises(TypeError, match="out is a lazily conjugated or negated view"):
        octonion_multiply(z.real, z.real, out=negated)
    with pytest.raises(TypeError, match="out is a lazily conjugated"):
        posterior(c, c, tau=0.5, out=conjugate)


class OnlyDLPack:
    """An array of a library that we never heard of."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_any_dlpack_array(pair):
    x, y = pair
    assert (octonion_multiply(OnlyDLPack(x), OnlyDLPack(y)) == octonion_multiply(x, y)).all()


@pytest.mark.parametrize(
    "error, message, change",
    [
        (ValueError, r"x has shape \(1,\); expected \(8, N\)", lambda x, y: ([1.0], y)),
        (TypeError, "x is a list; .*of dtype <U1", lambda x, y: (["a"], y)),
        (TypeError, "x is a list; .*inhomogeneous shape", lambda x, y: ([[1.0], [1.0, 2.0]], y)),
        (TypeError, "x has dtype bool", lambda x, y: ([[True]], y)),
        (TypeError, "y has dtype complex128; expected float64", lambda x, y: (x, [[1j]])),
        (TypeError, "x is a str; expected an array", lambda x, y: ("abc", y)),
        (TypeError, "x is a dict; expected an array", lambda x, y: ({}, y)),
        (TypeError, "x has dtype int64; expected float32 or", lambda x, y: (x.astype(int), y)),
        (TypeError, "x has dtype float16", lambda x, y: (x.astype("f2"), y)),
        (TypeError, "native byte order", lambda x, y: (x.astype(">f8"), y)),
        (TypeError, "y has dtype float32; expected float64", lambda x, y: (x, y.astype("f4"))),
        (ValueError, r"x has shape \(7, 5\); expected \(8, N\)", lambda x, y: (x[:7], y)),
        (ValueError, r"x has shape \(40,\); expected \(8, N\)", lambda x, y: (x.ravel(), y)),
        (
            ValueError,
            r"y has shape \(8, 3\); expected \(8, N\) with N = 5 as in x",
            lambda x, y: (x, y[:, :3]),
        ),
        (
            TypeError,
            r"x requires a gradient.*x\.detach\(\)",
            lambda x, y: (torch.tensor(x, requires_grad=True), y),
        ),
        (TypeError, "x is a .*Tensor.*meta", lambda x, y: (torch.empty(8, 5, device="meta"), y)),
    ],
)
def test_what_does_not_fit_is_named(pair, error, message, change):
    with pytest.raises(error, match=message):
        octonion_multiply(*change(*pair))


@pytest.mark.parametrize(
    "error, message, out",
    [
        (TypeError, "out is a int; expected a writable array", 3),
        (TypeError, "out has dtype float32; expected float64", np.zeros((8, 5), "f4")),
        (ValueError, r"out has shape \(8, 4\)", np.zeros((8, 4))),
        (
            ValueError,
            "out repeats its elements along axis 1",
            torch.zeros(8, 1).double().expand(8, 5),
        ),
        (
            TypeError,
            "out is a ndarray; expected a writable array",
            np.frombuffer(bytes(320)).reshape(8, 5),
        ),
    ],
)
def test_out_that_does_not_fit_is_named(pair, error, message, out):
    with pytest.raises(error, match=message):
        octonion_multiply(*pair, out=out)


def test_library_errors_are_value_errors():
    assert issubclass(lior.Error, ValueError) and issubclass(lior.RunError, RuntimeError)
    with pytest.raises(
        lior.Error, match="transition 'up' is unknown; expected one of: right, left"
    ):
        lior.algebra.apply("up", np.zeros((8, 1)), np.zeros((8, 1)))


def test_kernels_run_without_the_gil(rng):
    x, y = rng.standard_normal((2, 8, 400_000))
    out = np.empty_like(x)
    ticks, done = 0, threading.Event()

    def work():
        for _ in range(20):
            octonion_multiply(x, y, out=out)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.0005):
        ticks += 1
    thread.join()
    assert ticks > 5  # with the GIL held this thread would wake up once a call at most, late


def test_concurrent_calls_give_the_same_bits(rng):
    x, y = rng.standard_normal((2, 8, 20_000))
    expected = octonion_multiply(x, y)
    results = [None] * 4

    def work(i):
        results[i] = octonion_multiply(x, y)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((result == expected).all() for result in results)


def test_threads_and_levels_are_settings(pair):
    threads, level = lior.threads(), lior.level()
    try:
        expected = octonion_multiply(*pair)
        lior.set_threads(1)
        lior.set_level("scalar")
        assert (lior.threads(), lior.level()) == (1, "scalar")
        np.testing.assert_allclose(octonion_multiply(*pair), expected, rtol=0, atol=1e-14)
        with pytest.raises(lior.Error, match="threads = 0"):
            lior.set_threads(0)
        lior.set_level("SCALAR")
        with pytest.raises(lior.Error, match="'sse'.*expected scalar(, avx2 or avx512| or neon)$"):
            lior.set_level("sse")
    finally:
        lior.set_threads(threads)
        lior.set_level(level)


def test_import_is_quick_and_pulls_in_no_framework():
    code = (
        "import time, sys, numpy; start = time.perf_counter(); import lior;"
        "print(time.perf_counter() - start, 'torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": lior.__path__[0] + "/.."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(3)
    ]
    assert all(run[1:] == ["False", "False"] for run in runs)
    assert min(float(run[0]) for run in runs) < 0.2
