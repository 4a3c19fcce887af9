# SPDX-License-Identifier: Apache-2.0
"""Christoffel symbols of a learned metric: its net by torch, what follows by the kernels of symbols.cu."""

import ctypes
from typing import Sequence

import torch
from torch import Tensor

from lior.torch import formulas
from lior.torch.cuda.launch import REALS, Launch, expect
from lior.torch.formulas.metric import metric_and_slopes
from lior.torch.operators.define import pullback

#: A thread holds a factor of g; in more dimensions the plain formula computes.
MOST_DIMENSIONS = 8

_ARRAYS = ("metric", "slopes", "symbols", "d_gamma", "solved", "d_metric", "d_slopes")


class Arguments(ctypes.Structure):
    """struct Symbols of symbols.cuh."""

    _fields_ = [("points", ctypes.c_longlong), *((name, ctypes.c_void_p) for name in _ARRAYS)]


def _planes(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> tuple[Tensor, Tensor]:
    """g [d, d, N] and its slopes [d, d, d, N]."""
    g, dg = metric_and_slopes(x, parameters, resilience, spd_floor)
    return g.permute(1, 2, 0).contiguous(), dg.permute(1, 2, 3, 0).contiguous()


class _Symbols:
    """One call: its arrays, which live as long as it does, and its kernels."""

    def __init__(self, launch: Launch, metric: Tensor, slopes: Tensor) -> None:
        self.launch, self.metric = launch, metric
        self.d, _, self.points = metric.shape
        self.arguments = Arguments(self.points)
        self.arrays: dict[str, Tensor] = {}
        self.take(metric=metric, slopes=slopes)

    def take(self, **arrays: Tensor) -> None:
        for name, array in arrays.items():
            self.arrays[name] = array
            setattr(self.arguments, name, array.data_ptr())

    def run(self, name: str, writes: str, rank: int, threads: int) -> Tensor:
        """The array [d, .., N], `rank` axes before the last, that kernel `name` writes in so many threads a point."""
        out = self.metric.new_empty(*(self.d,) * rank, self.points)
        self.take(**{writes: out})
        if self.points > 0:
            real = ("LIOR_REAL", REALS[out.dtype])
            definitions = real, ("LIOR_DIMENSIONS", str(self.d))
            with torch.cuda.device_of(out):
                self.launch("symbols.cu", definitions, name, self.arguments, threads * self.points)
        return out


def forward(
    launch: Launch, x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    """lior.torch.ops.christoffel."""
    if len(x) > MOST_DIMENSIONS:
        return formulas.christoffel(x, parameters, resilience, spd_floor)
    call = _Symbols(launch, *_planes(x, parameters, resilience, spd_floor))
    return call.run("symbols_forward", "symbols", 3, call.d)


def backward(
    launch: Launch,
    x: Tensor,
    parameters: Sequence[Tensor],
    resilience: bool,
    spd_floor: bool,
    d_gamma: Tensor,
) -> tuple[Tensor, ...]:
    """lior.torch.ops.christoffel_backward."""
    args = x, parameters, resilience, spd_floor
    if len(x) > MOST_DIMENSIONS:
        return pullback(formulas.christoffel, args, (d_gamma,))
    call = _Symbols(launch, *_planes(*args))
    d = call.d
    call.take(d_gamma=expect("christoffel: d_gamma", d_gamma, call.metric, d, d, d, call.points))
    call.run("symbols_forward", "symbols", 3, d)
    call.run("symbols_solved", "solved", 3, d * d)
    d_slopes = call.run("symbols_slopes", "d_slopes", 3, d**3)
    d_metric = call.run("symbols_metric", "d_metric", 2, d * d)
    return pullback(_planes, args, (d_metric, d_slopes))
