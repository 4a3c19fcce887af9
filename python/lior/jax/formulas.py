# SPDX-License-Identifier: Apache-2.0
"""The operations in plain jax.numpy: docs/math/conventions.md, line by line.

Forward mode takes derivatives from them, and tests hold the kernels against them. Layouts are those of lior.jax.
"""

import math
from typing import Any, Callable, Mapping, Sequence, Tuple, cast

import jax
import jax.numpy as jnp
import numpy
from jax import Array

from lior import algebra
from lior.typing import NDArray


def _structure() -> NDArray:
    """T[i, j, k]: component k of e_i e_j (section 3.2)."""
    i, j = numpy.indices((8, 8)).reshape(2, -1)
    eye = numpy.eye(8)
    return algebra.octonion_multiply(eye[:, i].copy(), eye[:, j].copy()).T.reshape(8, 8, 8)


_TABLE = _structure()


def product(x: Array, y: Array) -> Array:
    """x y of planes (8, ...), real or complex."""
    return jnp.einsum("ijk,i...,j...->k...", jnp.asarray(_TABLE, jnp.real(y).dtype), x, y)


_TURNS: Mapping[str, Callable[[Array, Array], Array]] = {
    "right": lambda u, x: product(x, u),
    "left": product,
    "two_sided": lambda u, x: product(product(u, x), u),
}


def unit(w: Array) -> Array:
    """w/|w| of planes (8, ...), and e0 where |w| <= 1e-6."""
    long = (w**2).sum(0) > 1e-12
    safe = jnp.where(long, w, 1)
    one = jnp.zeros_like(w).at[0].set(1)
    return jnp.where(long, safe / jnp.sqrt((safe**2).sum(0)), one)


def ci8_scan(
    projection: Array,
    initial: Array,
    angles: Array | None = None,
    *,
    factors: int = 1,
    transition: str = "right",
    complex_state: bool = False,
    gates: bool = True,
    phase: bool = False,
    rotation: bool = False,
) -> Array:
    """Step by step (section 4)."""
    heads = initial.shape[2]
    planes = projection.reshape(*projection.shape[:2], -1, heads).transpose(1, 2, 0, 3)

    def one(h: Array, step: Array) -> Tuple[Array, Array]:
        w, rest = jnp.split(step, [8 * factors])
        if angles is not None:
            h = jnp.exp(1j * angles)[:, None] * h
        for factor in jnp.split(w, factors):
            h = _TURNS[transition](unit(factor), h)
        if gates:
            z, rest = rest[0], rest[1:]
            h = jax.nn.sigmoid(z) * h
        if phase:
            h, rest = jnp.exp(1j * rest[0]) * h, rest[1:]
        if gates:  # sqrt(1 - a^2), whose slope stays finite where a is 1
            size = jnp.exp(jax.nn.log_sigmoid(-z) / 2) * jnp.sqrt(1 + jax.nn.sigmoid(z))
            c = rest[:8] + 1j * rest[8:16] if complex_state else rest[:8]
            h = h + size * c
        return h, jnp.concatenate([h.real, h.imag]) if complex_state else h

    h = initial.transpose(1, 0, 2)
    states = jax.lax.scan(one, h[:8] + 1j * h[8:] if complex_state else h, planes)[1]
    return states.transpose(2, 0, 1, 3)


def readout(states: Array, kind: str = "linear_quadratic") -> Array:
    """Section 4: components, squares, and products h_j conj(h_k), of all j < k or of k = 0."""
    parts = [states] if kind in ("linear", "linear_quadratic") else []
    if kind != "linear":
        squares, complex_state = states**2, states.shape[2] == 16
        parts.append(squares[:, :, :8] + squares[:, :, 8:] if complex_state else squares)
        j, k = numpy.triu_indices(8, 1)
        if kind == "invariants":
            j, k = numpy.arange(1, 8), numpy.zeros(7, int)
        if complex_state:
            h = states[:, :, :8] + 1j * states[:, :, 8:]
            both = h[:, :, j] * h[:, :, k].conj()
            pairs = jnp.stack([both.real, both.imag], 3)
            parts.append(pairs.reshape(*states.shape[:2], 2 * len(j), states.shape[3]))
        else:
            parts.append(states[:, :, j] * states[:, :, k])
    return jnp.concatenate(parts, 2)


def bilinears(
    psi: Array, gamma: Array, packed: bool = False, dirac: bool = False
) -> Tuple[Array, Array, Array]:
    """Section 5."""
    bra = psi.conj()
    if dirac:
        bra = bra @ gamma[0]
    left, right = jnp.einsum("ni,mij->nmj", bra, gamma), jnp.einsum("kjl,nl->nkj", gamma, psi)
    p = left @ right.mT
    k0, k1, k2 = (bra * psi).sum(-1), (p - p.mT) / 2, (p + p.mT) / 2
    if not packed:
        return k0, k1.reshape(len(psi), -1), k2.reshape(len(psi), -1)
    apart, upper = (numpy.triu_indices(len(gamma), i) for i in (1, 0))
    return k0, k1[:, apart[0], apart[1]], k2[:, upper[0], upper[1]]


def lior_kernel(raw: Array, lag: Array) -> Array:
    """Section 7."""
    a, beta, gamma, xi, eta, zeta = jnp.exp(raw[jnp.array([0, 1, 2, 4, 5, 8])])
    delta, omega, phi, weights = jax.nn.sigmoid(raw[3]), raw[6], raw[7], jax.nn.softmax(raw[9:])
    t = jnp.where(lag > 0, lag, 1)
    value = (
        weights[0] * a * jnp.exp(-beta * t)
        + weights[1] * gamma * t**-delta * jnp.exp(-xi * t)
        + weights[2] * eta * jnp.cos(omega * t + phi) * jnp.exp(-zeta * t)
    )
    after: Array = jnp.where(lag > 0, value, 0)
    return after


#: The tensors of a learned metric, in the order of lior._names.LEARNED_METRIC.
Tensors = Sequence[Array]


def _metric_at(x: Array, tensors: Tensors, resilience: bool, spd_floor: bool) -> Array:
    """Section 6, at one point x (d,)."""
    matrix, *nets = tensors

    def net(w1: Array, b1: Array, w2: Array, b2: Array) -> Array:
        return w2 @ jax.nn.gelu(w1 @ x + b1, approximate=False) + b2

    d = len(x)
    h = net(*nets[:4]).reshape(d, d)
    floor = 1e-4 + (0.1 * d if spd_floor else 0)
    g = matrix @ matrix.T + 0.1 * jnp.tanh((h + h.T) / 2) + floor * jnp.eye(d, dtype=x.dtype)
    if not resilience:
        return g
    return jnp.clip(jax.nn.softplus(net(*nets[4:])[0]), 0.1, 10) ** 2 * g


def _symbols_at(x: Array, tensors: Tensors, resilience: bool, spd_floor: bool) -> Array:
    def metric(x: Array) -> Array:
        return _metric_at(x, tensors, resilience, spd_floor)

    dg = jax.jacfwd(metric)(x).transpose(2, 0, 1)  # d_m g_nr at [m, n, r]
    lowered = dg + dg.transpose(1, 0, 2) - dg.transpose(1, 2, 0)  # at [m, n, r]
    return jnp.einsum("lr,mnr->lmn", jnp.linalg.inv(metric(x)), lowered) / 2


def _at_points(at_one: Callable[..., Any], *planes: Array) -> Any:
    """A function of points (d,) as one of planes (d, N)."""
    return jax.vmap(at_one, in_axes=-1, out_axes=-1)(*planes)


def learned_metric(
    x: Array, tensors: Tensors, *, resilience: bool = True, spd_floor: bool = False
) -> Array:
    return cast(Array, _at_points(lambda x: _metric_at(x, tensors, resilience, spd_floor), x))


def christoffel(
    x: Array, tensors: Tensors, *, resilience: bool = True, spd_floor: bool = False
) -> Array:
    return cast(Array, _at_points(lambda x: _symbols_at(x, tensors, resilience, spd_floor), x))


def geodesic(
    x: Array,
    v: Array,
    tensors: Tensors,
    *,
    time: float = 1.0,
    step: float = 0.1,
    resilience: bool = True,
    spd_floor: bool = False,
) -> Tuple[Array, Array]:
    """RK4 in the fewest equal steps of at most `step`."""
    count = max(1, math.ceil(time / step - 1e-9))
    nodes, weights = jnp.array([0, 0.5, 0.5, 1], x.dtype), jnp.array([1, 2, 2, 1], x.dtype) / 6
    size = time / count

    def slope(x: Array, v: Array) -> Tuple[Array, Array]:
        symbols = _symbols_at(x, tensors, resilience, spd_floor)
        return v, -jnp.einsum("lmn,m,n->l", symbols, v, v)

    def one_step(state: Tuple[Array, Array], _: None) -> Any:
        def stage(carry: Any, node_and_weight: Any) -> Any:
            last, total = carry
            node, weight = node_and_weight
            k = slope(*(y + size * node * dy for y, dy in zip(state, last)))
            return (k, tuple(y + size * weight * dy for y, dy in zip(total, k))), None

        rest = tuple(map(jnp.zeros_like, state))
        return jax.lax.scan(stage, (rest, state), (nodes, weights))[0][1], None

    def path(x: Array, v: Array) -> Any:
        return jax.lax.scan(one_step, (x, v), None, count)[0]

    return cast(Tuple[Array, Array], _at_points(path, x, v))
