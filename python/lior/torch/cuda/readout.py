# SPDX-License-Identifier: Apache-2.0
"""What heads show of their states, by the kernels of readout.cu."""

import ctypes

import torch
from torch import Tensor

from lior import Error, nn
from lior.torch.cuda.launch import Launch, definitions_of, expect

KINDS = {"linear": 0, "quadratic": 1, "linear_quadratic": 2, "invariants": 3}


class Arguments(ctypes.Structure):
    """struct Shown of readout.cuh."""

    _fields_ = [
        *((name, ctypes.c_longlong) for name in ("tokens", "heads", "width", "kind")),
        *((name, ctypes.c_void_p) for name in ("states", "shown", "d_shown", "d_states")),
    ]


def _run(
    launch: Launch, name: str, kind: str, states: Tensor, shown: Tensor, out: Tensor
) -> Tensor:
    """`out`, which is one of the two or their gradient, and which the kernel writes."""
    batch, length, size, heads = states.shape
    arguments = Arguments(batch * length, heads, shown.shape[2], KINDS[kind])
    arguments.states = states.data_ptr()
    if name == "readout_forward":
        arguments.shown = out.data_ptr()
    else:
        arguments.d_shown, arguments.d_states = shown.data_ptr(), out.data_ptr()
    threads = batch * length * heads
    if threads > 0:
        with torch.cuda.device_of(states):
            launch("readout.cu", definitions_of(states, size), name, arguments, threads)
    return out


def _width(states: Tensor, kind: str) -> int:
    if states.dim() != 4 or states.shape[2] not in (8, 16) or kind not in KINDS:
        raise Error(
            f"readout: states {tuple(states.shape)}, kind {kind!r}; expected (B, N, 8 or 16, H)"
        )
    complex_state = states.shape[2] == 16
    return nn.MixerConfig(heads=1, complex_state=complex_state, readout=kind).readout_width


def forward(launch: Launch, states: Tensor, kind: str) -> Tensor:
    """lior.torch.ops.readout."""
    batch, length, _, heads = states.shape
    shown = states.new_empty(batch, length, _width(states, kind), heads)
    states = expect("readout: states", states, states, *states.shape)
    return _run(launch, "readout_forward", kind, states, shown, shown)


def backward(launch: Launch, states: Tensor, d_shown: Tensor, kind: str) -> Tensor:
    """lior.torch.ops.readout_backward."""
    batch, length, _, heads = states.shape
    shape = batch, length, _width(states, kind), heads
    d_shown = expect("readout: d_shown", d_shown, states, *shape)
    states = expect("readout: states", states, states, *states.shape)
    return _run(launch, "readout_backward", kind, states, d_shown, torch.empty_like(states))
