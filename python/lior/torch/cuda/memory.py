# SPDX-License-Identifier: Apache-2.0
"""The memory of sequences, by the kernels of memory.cu."""

import ctypes

import torch
from torch import Tensor

from lior.torch.cuda.launch import REALS, Launch, expect
from lior.torch.formulas.memory import pole_form, powers
from lior.torch.operators.define import pullback

#: Tokens of a chunk: kChunk of memory.cuh.
CHUNK = 32

_SIZES = ("batch", "length", "heads", "channels", "rows", "chunks")
_ARRAYS = (
    *("within", "later", "powers", "x", "initial", "starts", "last", "y"),
    *("dy", "ends", "dx"),
)


class Arguments(ctypes.Structure):
    """struct Memory of memory.cuh."""

    _fields_ = [
        *((name, ctypes.c_longlong) for name in _SIZES),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


def tables(raw: Tensor, tolerance: float, horizon: float) -> tuple[Tensor, Tensor, Tensor]:
    """What kernels multiply by, of raw [H, 12] in double: in a chunk, what token j adds to y of token i [H, i, j]; what a
    row at its start adds there [H, R, i]; and z^(CHUNK - i) of each row [H, R, i]."""
    w0, b, s = pole_form(raw, tolerance, horizon)
    lags = torch.arange(CHUNK + 1, dtype=torch.float64, device=raw.device)
    z = powers(s, lags)  # [H, P, CHUNK + 1]
    parts = b[..., None] * z
    at = torch.arange(CHUNK, device=raw.device)
    apart = at[:, None] - at
    kappa = parts.real.sum(1)[:, apart.clamp(min=0)]
    unit = torch.eye(CHUNK, dtype=raw.dtype, device=raw.device)
    within = torch.where(apart >= 0, kappa, torch.zeros_like(kappa)) + w0[:, None, None] * unit
    later = torch.cat([parts.real, -parts.imag[:, -1:]], 1)[..., 1:]
    return within, later, torch.cat([z.real, z.imag[:, -1:]], 1).flip(-1)


class _Memory:
    """One call: its arrays, which live as long as it does, and its kernels."""

    def __init__(
        self, launch: Launch, x: Tensor, raw: Tensor, tolerance: float, horizon: float
    ) -> None:
        self.launch = launch
        heads = len(raw)
        self.x = expect("memory: x", x, x, *x.shape[:2], heads, *x.shape[3:])
        raw = expect("memory: raw", raw, x, heads, 12)
        batch, length, _, channels = self.x.shape
        self.chunks = -(-length // CHUNK)
        self.arrays: dict[str, Tensor] = {}
        given = dict(zip(("within", "later", "powers"), tables(raw.double(), tolerance, horizon)))
        rows = given["later"].shape[1]
        self.of_chunks = (batch, self.chunks, heads, rows, channels)
        self.arguments = Arguments(batch, length, heads, channels, rows, self.chunks)
        self.take(x=self.x, **{name: table.contiguous() for name, table in given.items()})

    def take(self, **arrays: Tensor) -> None:
        for name, array in arrays.items():
            self.arrays[name] = array
            setattr(self.arguments, name, array.data_ptr())

    def new(self, name: str, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """An array that a kernel writes."""
        self.take(**{name: self.x.new_empty(shape, dtype=dtype)})
        return self.arrays[name]

    def run(self, name: str, threads: int) -> None:
        if threads > 0:
            definitions = (("LIOR_REAL", REALS[self.x.dtype]),)
            with torch.cuda.device_of(self.x):
                self.launch("memory.cu", definitions, name, self.arguments, threads)

    def run_channels(self, name: str) -> None:
        batch, chunks, heads, _, channels = self.of_chunks
        self.run(name, batch * chunks * heads * channels)

    def run_poles(self, name: str) -> None:
        batch, _, heads, rows, channels = self.of_chunks
        self.run(name, batch * heads * (rows - 1) * channels)

    def run_starts(self) -> Tensor:
        starts = self.new("starts", *self.of_chunks)
        self.run_channels("memory_sums")
        self.run_poles("memory_starts")
        return starts

    def run_values(self) -> Tensor:
        self.run_starts()
        y = self.new("y", *self.x.shape, dtype=self.x.dtype)
        self.run_channels("memory_values")
        return y

    def in_chunks(self, x: Tensor) -> Tensor:
        """[B, chunks, CHUNK, H, C] in double, zeros behind the last token."""
        missing = self.chunks * CHUNK - x.shape[1]
        padded = torch.nn.functional.pad(x.double(), (0, 0, 0, 0, 0, missing))
        return padded.reshape(len(x), self.chunks, CHUNK, *x.shape[2:])


def forward(launch: Launch, x: Tensor, raw: Tensor, tolerance: float, horizon: float) -> Tensor:
    """lior.torch.ops.memory."""
    return _Memory(launch, x, raw, tolerance, horizon).run_values()


def advance(
    launch: Launch, x: Tensor, raw: Tensor, state: Tensor, tolerance: float, horizon: float
) -> tuple[Tensor, Tensor]:
    """lior.torch.ops.memory_advance."""
    memory = _Memory(launch, x, raw, tolerance, horizon)
    batch, _, heads, rows, channels = memory.of_chunks
    like = memory.arrays["within"]
    initial = expect("memory_advance: state", state, like, batch, heads, rows, channels)
    memory.take(initial=initial)
    last = memory.new("last", *initial.shape)
    return memory.run_values(), last


def backward(
    launch: Launch, x: Tensor, raw: Tensor, tolerance: float, horizon: float, dy: Tensor
) -> tuple[Tensor, Tensor]:
    """lior.torch.ops.memory_backward. Gradients of the tables are products of what kernels leave."""
    memory = _Memory(launch, x, raw, tolerance, horizon)
    memory.take(dy=expect("memory: dy", dy, x, *x.shape))
    m = memory.run_starts()
    d = memory.new("ends", *memory.of_chunks)
    memory.run_channels("memory_pulls")
    memory.run_poles("memory_ends")
    dx = memory.new("dx", *x.shape, dtype=x.dtype)
    memory.run_channels("memory_gradients")
    tokens, slopes = memory.in_chunks(memory.x), memory.in_chunks(memory.arrays["dy"])
    # A start's part in its end is z^CHUNK; the last two rows are one complex number.
    carried = (m * d).sum((0, 1, 4))
    turned = (m[..., -2, :] * d[..., -1, :] - m[..., -1, :] * d[..., -2, :]).sum((0, 1, 3))
    of_last = [carried[:, -2:].sum(1, keepdim=True), turned[:, None]]
    d_carry = torch.cat([carried[:, :-2], *of_last], 1)
    grads = (
        torch.einsum("bkihc,bkjhc->hij", slopes, tokens),
        torch.einsum("bkihc,bkhrc->hri", slopes, m),
        torch.cat([d_carry[..., None], torch.einsum("bkihc,bkhrc->hri", tokens, d)], -1),
    )
    (d_raw,) = pullback(tables, (raw.double(), tolerance, horizon), grads)
    return dx, d_raw.to(raw.dtype)
