# SPDX-License-Identifier: Apache-2.0
"""The CI8 scan, and what heads show of their states."""

from typing import Any, Optional, Tuple

import torch
from torch import Tensor

from lior import Error, nn
from lior.torch import formulas
from lior.torch.cuda import readout as cuda_readout
from lior.torch.cuda import scan as cuda_scan
from lior.torch.operators.define import Args, Call, operator, pullback
from lior.torch.operators.tensors import all_dense, dense


def _mixer_of(
    initial: Tensor,
    factors: int,
    transition: str,
    complex_state: bool,
    gates: bool,
    phase: bool,
    rotation: bool,
) -> nn.MixerConfig:
    return nn.MixerConfig(
        heads=initial.shape[2],
        factors=factors,
        transition=transition,
        complex_state=complex_state,
        gates=gates,
        phase=phase,
        rotation=rotation,
    )


def _scan_gradients(
    projection: Tensor, initial: Tensor, angles: Optional[Tensor], *rest: Any
) -> Tuple[Tensor, Tensor, Tensor]:
    return (
        projection.new_empty(projection.shape),
        initial.new_empty(initial.shape),
        initial.new_empty(8, initial.shape[2]),
    )


def _scan_pullback(
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor],
    states: Tensor,
    d_states: Tensor,
    *options: Any,
) -> Tuple[Tensor, ...]:
    gradients = pullback(formulas.ci8_scan, (projection, initial, angles, *options), (d_states,))
    return (*gradients, initial.new_zeros(8, initial.shape[2]))[:3]


@operator(shapes=_scan_gradients, formula=_scan_pullback, cuda=cuda_scan.backward)
def ci8_scan_backward(
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
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to projection, initial and angles (zeros without rotation)."""
    mixer = _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation)
    projection, initial, states, d_states = all_dense((projection, initial, states, d_states))
    d_projection, d_initial = torch.empty_like(projection), torch.empty_like(initial)
    d_angles = initial.new_empty(initial.shape[0], 8, initial.shape[2])
    nn.ci8_scan_backward(
        mixer,
        projection,
        initial,
        None if angles is None else dense(angles),
        states,
        d_states,
        out=(d_projection, d_initial, d_angles),
    )
    return d_projection, d_initial, d_angles.sum(0)


def _scan_gradient(call: Call) -> Args:
    projection, initial, angles, *options = call.args
    *gradients, d_angles = ci8_scan_backward(
        projection, initial, angles, *call.outputs, *call.grads, *options
    )
    return *gradients, None if angles is None else d_angles, *(None,) * 6


def _plain_scan(
    projection: Tensor, initial: Tensor, angles: Optional[Tensor], *options: Any
) -> Tensor:
    """The formula, which would take what the kernels refuse."""
    mixer = _mixer_of(initial, *options)
    if projection.shape[2] != mixer.projection_width or initial.shape[1] != mixer.state_width:
        raise Error(
            f"projection and initial have shapes {tuple(projection.shape)} and {tuple(initial.shape)}; expected "
            f"(B, N, {mixer.projection_width}) and (B, {mixer.state_width}, {mixer.heads})"
        )
    if (angles is not None) != mixer.rotation:
        raise Error("angles and rotation=True belong together")
    return formulas.ci8_scan(projection, initial, angles, *options)


@operator(
    shapes=lambda projection, initial, *rest: projection.new_empty(
        *projection.shape[:2], *initial.shape[1:]
    ),
    gradient=_scan_gradient,
    formula=formulas.ci8_scan,
    plain=_plain_scan,
    cuda=cuda_scan.forward,
)
def ci8_scan(
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor] = None,
    factors: int = 1,
    transition: str = "right",
    complex_state: bool = False,
    gates: bool = True,
    phase: bool = False,
    rotation: bool = False,
) -> Tensor:
    """h_n = a_n e^{i phi_n} F_k(... F_1(D h_{n-1})) + sqrt(1 - a_n^2) c_n -> every h_n [B, N, S, H].

    projection [B, N, P] holds planes of H columns: w (8 a factor), z, phi, c, each where it is used; initial
    [B, S, H] is h_0; angles [8, H] are D's, with `rotation`. transition: right, left or two_sided.
    """
    mixer = _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation)
    projection, initial = dense(projection), dense(initial)
    states = projection.new_empty(*projection.shape[:2], *initial.shape[1:])
    nn.ci8_scan_forward(
        mixer, projection, initial, None if angles is None else dense(angles), out=states
    )
    return states


def _reader_of(states: Tensor, kind: str) -> nn.MixerConfig:
    return nn.MixerConfig(
        heads=states.shape[3], complex_state=bool(states.shape[2] == 16), readout=kind
    )


@operator(
    shapes=lambda states, *rest: states.new_empty(states.shape),
    formula=lambda states, d_shown, kind: pullback(formulas.readout, (states, kind), (d_shown,))[0],
    cuda=cuda_readout.backward,
)
def readout_backward(states: Tensor, d_shown: Tensor, kind: str) -> Tensor:
    """Gradient with respect to the states."""
    states = dense(states)
    d_states = torch.empty_like(states)
    nn.readout_backward(_reader_of(states, kind), states, dense(d_shown), out=d_states)
    return d_states


def _shown_shape(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    batch, length, size, heads = states.shape
    width = nn.MixerConfig(heads=1, complex_state=bool(size == 16), readout=kind).readout_width
    return states.new_empty(batch, length, width, heads)


def _readout_gradient(call: Call) -> Args:
    states, kind = call.args
    return readout_backward(states, call.grads[0], kind), None


@operator(
    shapes=_shown_shape,
    gradient=_readout_gradient,
    formula=formulas.readout,
    cuda=cuda_readout.forward,
)
def readout(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    """Read-out of the heads' states [B, N, S, H]: [B, N, Q, H]. kind: linear, quadratic, linear_quadratic or
    invariants."""
    states, reader = dense(states), _reader_of(states, kind)
    batch, length, _, heads = states.shape
    shown = states.new_empty(batch, length, reader.readout_width, heads)
    nn.readout_forward(reader, states, out=shown)
    return shown
