# SPDX-License-Identifier: Apache-2.0
"""The CI8 scan by the kernels of ci8_scan.cu."""

import ctypes
from typing import Optional

import torch
from torch import Tensor

from lior import Error, nn
from lior.torch.cuda.launch import Launch, definitions_of, expect

#: Tokens that run one behind another. More leave fewer threads, fewer a longer way from chunk to chunk; not measured
#: yet.
CHUNK = 32
TRANSITIONS = {"right": 0, "left": 1, "two_sided": 2}

_SIZES = ("batch", "length", "heads", "columns", "chunk", "chunks")
_OPTIONS = ("factors", "transition", "gates", "phase")
_ARRAYS = (
    "projection",
    "initial",
    "cos_and_sin",
    "maps",
    "starts",
    "states",
    "d_states",
    "pulls",
    "ends",
    "d_projection",
    "d_initial",
    "d_angles",
)


class Arguments(ctypes.Structure):
    """struct Scan of ci8_scan.cuh."""

    _fields_ = [
        *((name, ctypes.c_longlong) for name in _SIZES),
        *((name, ctypes.c_int) for name in _OPTIONS),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


class _Scan:
    """One call: its arrays, which live as long as it does, and its kernels."""

    def __init__(
        self,
        launch: Launch,
        projection: Tensor,
        initial: Tensor,
        angles: Optional[Tensor],
        factors: int,
        transition: str,
        complex_state: bool,
        gates: bool,
        phase: bool,
        rotation: bool,
    ) -> None:
        batch, length, _ = projection.shape
        heads = initial.shape[2]
        mixer = nn.MixerConfig(  # which refuses what cannot be
            heads=heads,
            factors=factors,
            transition=transition,
            complex_state=complex_state,
            gates=gates,
            phase=phase,
            rotation=rotation,
        )
        size, columns = mixer.state_width, mixer.projection_width
        self.launch = launch
        self.initial = expect("ci8_scan: initial", initial, initial, batch, size, heads)
        projection = expect("ci8_scan: projection", projection, initial, batch, length, columns)
        self.chunks = -(-length // CHUNK)
        self.batch, self.length, self.heads, self.size = batch, length, heads, size
        self.arguments = Arguments(batch, length, heads, columns, CHUNK, self.chunks, factors)
        self.arguments.transition = TRANSITIONS[transition]
        self.arguments.gates, self.arguments.phase = gates, phase
        self.arrays: dict[str, Tensor] = {}
        self.definitions = definitions_of(initial, size)
        self.take(projection=projection, initial=self.initial)
        if (angles is not None) != rotation:
            raise Error("ci8_scan: angles and rotation=True belong together")
        if angles is not None:
            angles = expect("ci8_scan: angles", angles, initial, 8, heads)
            self.take(cos_and_sin=torch.stack([angles.cos(), angles.sin()]))

    def take(self, **arrays: Tensor) -> None:
        for name, array in arrays.items():
            self.arrays[name] = array
            setattr(self.arguments, name, array.data_ptr())

    def new(self, name: str, *shape: int) -> Tensor:
        """An array that a kernel writes."""
        self.take(**{name: self.initial.new_empty(shape)})
        return self.arrays[name]

    def take_states(self, name: str, states: Tensor) -> None:
        shape = self.batch, self.length, self.size, self.heads
        self.take(**{name: expect(f"ci8_scan: {name}", states, self.initial, *shape)})

    def new_of_chunks(self, name: str) -> Tensor:
        return self.new(name, self.batch, self.chunks, self.size, self.heads)

    def run(self, name: str, threads: int) -> None:
        if threads > 0:
            with torch.cuda.device_of(self.initial):
                self.launch("ci8_scan.cu", self.definitions, name, self.arguments, threads)

    def run_maps(self) -> None:
        self.new("maps", self.batch, self.chunks, 9, self.size, self.heads)
        self.run("scan_maps", 9 * self.batch * self.chunks * self.heads)


def forward(
    launch: Launch,
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor],
    factors: int,
    transition: str,
    complex_state: bool,
    gates: bool,
    phase: bool,
    rotation: bool,
) -> Tensor:
    """lior.torch.ops.ci8_scan."""
    options = factors, transition, complex_state, gates, phase, rotation
    scan = _Scan(launch, projection, initial, angles, *options)
    states = scan.new("states", *projection.shape[:2], *initial.shape[1:])
    scan.run_maps()
    scan.new_of_chunks("starts")
    scan.run("scan_starts", scan.batch * scan.heads)
    scan.run("scan_states", scan.batch * scan.chunks * scan.heads)
    return states


def backward(
    launch: Launch,
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor],
    states: Tensor,
    d_states: Tensor,
    factors: int,
    transition: str,
    complex_state: bool,
    gates: bool,
    phase: bool,
    rotation: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """lior.torch.ops.ci8_scan_backward."""
    options = factors, transition, complex_state, gates, phase, rotation
    scan = _Scan(launch, projection, initial, angles, *options)
    scan.take_states("states", states)
    scan.take_states("d_states", d_states)
    d_projection = scan.new("d_projection", *projection.shape)
    d_initial = scan.new("d_initial", *initial.shape)
    d_angles = scan.new("d_angles", scan.batch, scan.chunks, 8, scan.heads)
    scan.run_maps()
    scan.new_of_chunks("pulls")
    scan.new_of_chunks("ends")
    scan.run("scan_pulls", scan.batch * scan.chunks * scan.heads)
    scan.run("scan_ends", scan.batch * scan.heads)
    scan.run("scan_gradients", scan.batch * scan.chunks * scan.heads)
    return d_projection, d_initial, d_angles.sum((0, 1))
