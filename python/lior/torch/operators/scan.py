# SPDX-License-Identifier: Apache-2.0
"""The CI8 scan, and what heads show of their states."""

from typing import Optional, Tuple

import torch
from torch import Tensor

from lior import nn
from lior.torch.operators.tensors import all_dense, dense


def _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation):
    return nn.MixerConfig(
        heads=initial.shape[2],
        factors=factors,
        transition=transition,
        complex_state=complex_state,
        gates=gates,
        phase=phase,
        rotation=rotation,
    )


@torch.library.custom_op("lior::ci8_scan", mutates_args=())
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


@ci8_scan.register_fake
def _(projection, initial, angles=None, *options):
    return projection.new_empty(*projection.shape[:2], *initial.shape[1:])


@torch.library.custom_op("lior::ci8_scan_backward", mutates_args=())
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


@ci8_scan_backward.register_fake
def _(projection, initial, angles, states, d_states, *options):
    d_angles = initial.new_empty(8, initial.shape[2])
    return projection.new_empty(projection.shape), initial.new_empty(initial.shape), d_angles


def _ci8_scan_setup(ctx, inputs, output):
    projection, initial, angles, *ctx.options = inputs
    ctx.save_for_backward(projection, initial, angles, output)


def _ci8_scan_gradient(ctx, d_states):
    d_projection, d_initial, d_angles = ci8_scan_backward(
        *ctx.saved_tensors, d_states, *ctx.options
    )
    given = ctx.saved_tensors[2] is not None
    return d_projection, d_initial, d_angles if given else None, *(None,) * 6


ci8_scan.register_autograd(_ci8_scan_gradient, setup_context=_ci8_scan_setup)


def _reader_of(states: Tensor, kind: str):
    return nn.MixerConfig(
        heads=states.shape[3], complex_state=bool(states.shape[2] == 16), readout=kind
    )


@torch.library.custom_op("lior::readout", mutates_args=())
def readout(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    """Read-out of the heads' states [B, N, S, H]: [B, N, Q, H]. kind: linear, quadratic, linear_quadratic or
    invariants."""
    states, reader = dense(states), _reader_of(states, kind)
    batch, length, _, heads = states.shape
    shown = states.new_empty(batch, length, reader.readout_width, heads)
    nn.readout_forward(reader, states, out=shown)
    return shown


@readout.register_fake
def _(states, kind="linear_quadratic"):
    batch, length, size, heads = states.shape
    width = nn.MixerConfig(heads=1, complex_state=bool(size == 16), readout=kind).readout_width
    return states.new_empty(batch, length, width, heads)


@torch.library.custom_op("lior::readout_backward", mutates_args=())
def readout_backward(states: Tensor, d_shown: Tensor, kind: str) -> Tensor:
    """Gradient with respect to the states."""
    states = dense(states)
    d_states = torch.empty_like(states)
    nn.readout_backward(_reader_of(states, kind), states, dense(d_shown), out=d_states)
    return d_states


@readout_backward.register_fake
def _(states, d_shown, kind):
    return states.new_empty(states.shape)


def _readout_setup(ctx, inputs, output):
    states, ctx.kind = inputs
    ctx.save_for_backward(states)


def _readout_gradient(ctx, d_shown):
    return readout_backward(*ctx.saved_tensors, d_shown, ctx.kind), None


readout.register_autograd(_readout_gradient, setup_context=_readout_setup)
