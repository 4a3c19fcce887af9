# SPDX-License-Identifier: Apache-2.0
"""From a source to a running kernel: NVRTC and the driver, by the package cuda-bindings."""

import contextlib
import ctypes
import functools
import importlib
import pathlib
from typing import Any, Collection, Iterator, Protocol

import torch
from torch import Tensor

from lior import Error
from lior.torch.operators.tensors import dense

SOURCES = pathlib.Path(__file__).resolve().parent
#: Threads of a block.
BLOCK = 128
REALS = {torch.float32: "float", torch.float64: "double"}
COMPLEX = (torch.complex64, torch.complex128)


class Launch(Protocol):
    """Runs kernel `name` of `source`, compiled with these definitions, in so many threads."""

    def __call__(
        self,
        source: str,
        definitions: tuple[tuple[str, str], ...],
        name: str,
        arguments: ctypes.Structure,
        threads: int,
    ) -> None: ...


def expect(
    name: str, tensor: Tensor, like: Tensor, *shape: int, takes: Collection[torch.dtype] = ()
) -> Tensor:
    """Dense, after a look at all that a kernel takes on trust. takes: dtypes beside the real ones."""
    if like.dtype not in (*REALS, *takes):
        expected = ", ".join(map(str, (*REALS, *takes)))
        raise Error(f"{name} is {like.dtype}; expected one of {expected}")
    if tuple(tensor.shape) != shape or tensor.dtype != like.dtype or tensor.device != like.device:
        raise Error(
            f"{name} is {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}; expected {like.dtype} {shape} on "
            f"{like.device}"
        )
    return dense(tensor)


def definitions_of(tensor: Tensor, size: int) -> tuple[tuple[str, str], ...]:
    """The form of a source for numbers like these and states of `size` of them."""
    return ("LIOR_REAL", REALS[tensor.dtype]), ("LIOR_PARTS", str(size // 8))


def _bindings(name: str) -> Any:
    try:
        return importlib.import_module(f"cuda.bindings.{name}")
    except ImportError as error:
        raise RuntimeError(
            f"lior.torch.cuda needs cuda-bindings and nvidia-cuda-nvrtc ({error}): pip install 'lior[cuda]'"
        ) from error


def _done(result: tuple[Any, ...]) -> Any:
    """What a call of cuda-bindings gives behind its status."""
    status, *values = result
    if status.value != 0:
        raise RuntimeError(f"lior.torch.cuda: {status!r}")
    return values[0] if len(values) == 1 else tuple(values)


def compiled(source: str, definitions: tuple[tuple[str, str], ...], architecture: str) -> bytes:
    """The machine code of a source for an architecture such as sm_90. Needs NVRTC, and no GPU."""
    nvrtc = _bindings("nvrtc")
    text = (SOURCES / source).read_bytes()
    program = _done(nvrtc.nvrtcCreateProgram(text, source.encode(), 0, [], []))
    options = [f"--gpu-architecture={architecture}", "--std=c++20", f"-I{SOURCES}"]
    options += [f"-D{name}={value}" for name, value in definitions]
    try:
        given = [option.encode() for option in options]
        if nvrtc.nvrtcCompileProgram(program, len(given), given)[0].value != 0:
            log = b" " * _done(nvrtc.nvrtcGetProgramLogSize(program))
            _done(nvrtc.nvrtcGetProgramLog(program, log))
            raise RuntimeError(f"lior.torch.cuda: NVRTC does not take {source}: {log.decode()}")
        code: bytes = b" " * _done(nvrtc.nvrtcGetCUBINSize(program))
        _done(nvrtc.nvrtcGetCUBIN(program, code))
        return code
    finally:
        _done(nvrtc.nvrtcDestroyProgram(program))


@functools.lru_cache(maxsize=None)
def _context(device: int) -> Any:
    """That of torch and of CUDA's runtime, on that device."""
    driver = _bindings("driver")
    return _done(driver.cuDevicePrimaryCtxRetain(_done(driver.cuDeviceGet(device))))


@functools.lru_cache(maxsize=None)
def _loaded(source: str, definitions: tuple[tuple[str, str], ...], device: int) -> Any:
    """The module, on that device, whose context is current."""
    driver = _bindings("driver")
    major, minor = torch.cuda.get_device_capability(device)
    code = compiled(source, definitions, f"sm_{major}{minor}")
    return _done(driver.cuModuleLoadData(code))


def on_gpu(
    source: str,
    definitions: tuple[tuple[str, str], ...],
    name: str,
    arguments: ctypes.Structure,
    threads: int,
) -> None:
    """On torch's current device, behind what its current stream has to do."""
    driver = _bindings("driver")
    device = torch.cuda.current_device()
    _done(driver.cuCtxSetCurrent(_context(device)))  # autograd's threads may not have one yet
    module = _loaded(source, definitions, device)
    kernel = _done(driver.cuModuleGetFunction(module, name.encode()))
    count = ctypes.c_longlong(threads)
    places = (ctypes.c_void_p * 2)(ctypes.addressof(arguments), ctypes.addressof(count))
    blocks, stream = -(-threads // BLOCK), torch.cuda.current_stream().cuda_stream
    grid = (blocks, 1, 1, BLOCK, 1, 1)
    _done(driver.cuLaunchKernel(kernel, *grid, 0, stream, ctypes.addressof(places), 0))


# Of the process, and not of a thread: autograd has threads of its own for devices.
_launches: list[Launch] = []


@contextlib.contextmanager
def kernels(launch: Launch = on_gpu) -> Iterator[None]:
    """Inside, operators that have a CUDA kernel are computed by it, in all threads, since gradients of a GPU's tensors are
    made in threads of autograd's own. launch: what runs one; tests give another."""
    _launches.append(launch)
    try:
        yield
    finally:
        _launches.pop()


def launcher(tensor: Tensor) -> Launch | None:
    """What runs kernels on tensors like this, where they are asked for: a GPU has its own tensors' memory alone."""
    launch = _launches[-1] if _launches else None
    return None if launch is on_gpu and not tensor.is_cuda else launch
