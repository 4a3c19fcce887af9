# SPDX-License-Identifier: Apache-2.0
"""The CI8 scan, and what heads show of their states."""

from typing import Any, Tuple, cast

from jax import Array

from lior.jax import formulas
from lior.jax.derivatives import differentiable, of_formula
from lior.jax.operations import (
    ArrayLike,
    Operation,
    array_of,
    extent,
    given,
    named,
    options_of,
)

_SCAN = Operation("ci8_scan", inputs=(0, 0), outputs=(0,))
_SCAN_BACKWARD = Operation("ci8_scan_backward", inputs=(0, 0, 0, 0), outputs=(0, 0, 0))
_READOUT = Operation("readout", inputs=(0,), outputs=(0,))
_READOUT_BACKWARD = Operation("readout_backward", inputs=(0, 0), outputs=(0,))


def _scan_value(options: str, projection: Array, initial: Array, angles: Array | None) -> Array:
    return _SCAN(options, projection, initial, *given(angles))[0]


def _scan_forward(options: str, projection: Array, initial: Array, angles: Array | None) -> Any:
    states = _scan_value(options, projection, initial, angles)
    return states, (projection, initial, angles, states)


def _scan_backward(options: str, saved: Any, d_states: Array) -> Any:
    projection, initial, angles, states = saved
    d_projection, d_initial, d_angles = _SCAN_BACKWARD(
        options, projection, initial, states, d_states, *given(angles)
    )
    return d_projection, d_initial, None if angles is None else d_angles.sum(0)


def _scan_formula(options: str, projection: Array, initial: Array, angles: Array | None) -> Array:
    kind = named(options)
    del kind["heads"]
    return formulas.ci8_scan(projection, initial, angles, **kind)


_scan = differentiable(_scan_value, _scan_forward, _scan_backward, of_formula(_scan_formula))


def ci8_scan(
    projection: ArrayLike,
    initial: ArrayLike,
    angles: ArrayLike | None = None,
    *,
    factors: int = 1,
    transition: str = "right",
    complex_state: bool = False,
    gates: bool = True,
    phase: bool = False,
    rotation: bool = False,
) -> Array:
    """h_n = a_n e^{i phi_n} F_k(... F_1(D h_{n-1})) + sqrt(1 - a_n^2) c_n -> every h_n (B, N, S, H).

    projection (B, N, P) holds planes of H columns: w (8 a factor), z, phi, c, each where it is used; initial
    (B, S, H) is h_0, and h_N goes into the next call; angles (8, H) are D's, with `rotation`. transition: right, left
    or two_sided. S is 8, or 16 with complex_state. Source: docs/math/conventions.md, section 4.
    """
    projection, initial = array_of(projection), array_of(initial)
    options = options_of(
        heads=extent("initial", initial, 2, ("B", 16 if complex_state else 8, "H")),
        factors=factors,
        transition=transition,
        complex_state=complex_state,
        gates=gates,
        phase=phase,
        rotation=rotation,
    )
    return cast(
        Array, _scan(options, projection, initial, None if angles is None else array_of(angles))
    )


def _readout_value(options: str, states: Array) -> Array:
    return _READOUT(options, states)[0]


def _readout_forward(options: str, states: Array) -> Tuple[Array, Array]:
    return _readout_value(options, states), states


def _readout_backward(options: str, states: Array, d_shown: Array) -> Tuple[Array]:
    return (_READOUT_BACKWARD(options, states, d_shown)[0],)


def _readout_formula(options: str, states: Array) -> Array:
    return formulas.readout(states, named(options)["readout"])


_readout = differentiable(
    _readout_value, _readout_forward, _readout_backward, of_formula(_readout_formula)
)


def readout(states: ArrayLike, kind: str = "linear_quadratic") -> Array:
    """Read-out of the heads' states (B, N, S, H): (B, N, Q, H). kind: linear, quadratic, linear_quadratic or
    invariants. S is 8, or 16 of complex states."""
    states = array_of(states)
    axes = ("B", "N", "S", "H")
    options = options_of(
        heads=extent("states", states, 3, axes),
        complex_state=extent("states", states, 2, axes) == 16,
        readout=kind,
    )
    return cast(Array, _readout(options, states))
