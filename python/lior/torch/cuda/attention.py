# SPDX-License-Identifier: Apache-2.0
"""Causal attention by spinor scores, by the kernels of spinor_attention.cu."""

import ctypes

import torch
from torch import Tensor

from lior.torch.cuda.launch import REALS, Launch, expect

_ARRAYS = (
    "z",
    "v",
    "mix",
    "attended",
    "log_sums",
    "d_attended",
    "d_queries",
    "dz",
    "dv",
    "d_mix",
)


class Arguments(ctypes.Structure):
    """struct Spinors of spinor_attention.cuh."""

    _fields_ = [
        *((name, ctypes.c_longlong) for name in ("batch", "length", "heads", "window")),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


def _run(launch: Launch, names: tuple[str, ...], window: int, **arrays: Tensor) -> None:
    (batch, length), heads = arrays["z"].shape[:2], len(arrays["mix"])
    arguments = Arguments(batch, length, heads, window)
    for name, array in arrays.items():
        setattr(arguments, name, array.data_ptr())
    definitions, threads = (("LIOR_REAL", REALS[arrays["z"].dtype]),), batch * length * heads
    for name in names if threads > 0 else ():
        with torch.cuda.device_of(arrays["z"]):
            launch("spinor_attention.cu", definitions, name, arguments, threads)


def _inputs(z: Tensor, v: Tensor, mix: Tensor) -> dict[str, Tensor]:
    shape = *z.shape[:2], 16 * len(mix)
    return {
        "z": expect("spinor_attention: z", z, z, *shape),
        "v": expect("spinor_attention: v", v, z, *shape),
        "mix": expect("spinor_attention: mix", mix, z, len(mix), 4),
    }


def forward(
    launch: Launch, z: Tensor, v: Tensor, mix: Tensor, window: int
) -> tuple[Tensor, Tensor]:
    """lior.torch.ops.spinor_attention."""
    inputs = _inputs(z, v, mix)
    out = {
        "attended": v.new_empty(v.shape),
        "log_sums": z.new_empty(z.shape[0], len(mix), z.shape[1]),
    }
    _run(launch, ("attention_forward",), window, **inputs, **out)
    return out["attended"], out["log_sums"]


def backward(
    launch: Launch,
    z: Tensor,
    v: Tensor,
    mix: Tensor,
    window: int,
    attended: Tensor,
    log_sums: Tensor,
    d_attended: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """lior.torch.ops.spinor_attention_backward."""
    inputs = _inputs(z, v, mix)
    (batch, length), heads = z.shape[:2], len(mix)
    given = {
        "attended": expect("spinor_attention: attended", attended, z, *v.shape),
        "log_sums": expect("spinor_attention: log_sums", log_sums, z, batch, heads, length),
        "d_attended": expect("spinor_attention: d_attended", d_attended, z, *v.shape),
    }
    out = {name: z.new_empty(z.shape) for name in ("d_queries", "dz", "dv")}
    d_mix = z.new_empty(batch, heads, length, 4)
    names = "attention_queries", "attention_keys"
    _run(launch, names, window, **inputs, **given, **out, d_mix=d_mix)
    return out["dz"], out["dv"], d_mix.sum((0, 2))
