# SPDX-License-Identifier: Apache-2.0
"""Spinor bilinears."""

from typing import Any, Tuple, cast

from jax import Array

from lior.jax import formulas
from lior.jax.derivatives import differentiable, of_formula
from lior.jax.operations import ArrayLike, Operation, array_of, named, options_of

_FORWARD = Operation("bilinears", inputs=(0,), outputs=(0, 0, 0))
_BACKWARD = Operation("bilinears_backward", inputs=(0, None, 0, 0, 0), outputs=None)


def _value(options: str, psi: Array, gamma: Array) -> Tuple[Array, ...]:
    return _FORWARD(options, psi, gamma)


def _forward(options: str, psi: Array, gamma: Array) -> Any:
    return _value(options, psi, gamma), (psi, gamma)


def _backward(options: str, saved: Any, grads: Tuple[Array, ...]) -> Any:
    # JAX's gradient of a real L is dL/dRe - i dL/dIm, the library's dL/dRe + i dL/dIm.
    gradients = _BACKWARD(options, *saved, *(grad.conj() for grad in grads))
    return tuple(gradient.conj() for gradient in gradients)


def _formula(options: str, psi: Array, gamma: Array) -> Tuple[Array, Array, Array]:
    kind = named(options)
    packed, dirac = kind["pairs"] == "packed", kind["adjoint"] == "dirac"
    return formulas.bilinears(psi, gamma, packed, dirac)


_bilinears = differentiable(_value, _forward, _backward, of_formula(_formula))


def bilinears(
    psi: ArrayLike, gamma: ArrayLike, *, packed: bool = False, dirac: bool = False
) -> Tuple[Array, Array, Array]:
    """K0 (N,), K1 and K2 (N, pairs) of spinors psi (N, s) and matrices gamma (d, s, s), real or complex.

    P[m, n] = psi^+ gamma_m gamma_n psi; K0 = psi^+ psi, K1 = (P - P^T)/2, K2 = (P + P^T)/2. pairs is d d,
    or with `packed` d(d-1)/2 (m < n) and d(d+1)/2 (m <= n). `dirac`: psi^+ becomes psi^+ gamma_0.
    Source: docs/math/conventions.md, section 5.
    """
    options = options_of(
        pairs="packed" if packed else "full", adjoint="dirac" if dirac else "hermitian"
    )
    return cast(Tuple[Array, Array, Array], _bilinears(options, array_of(psi), array_of(gamma)))
