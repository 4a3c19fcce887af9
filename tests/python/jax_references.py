# SPDX-License-Identifier: Apache-2.0
"""The functions of lior.jax in plain jax.numpy, after docs/math/conventions.md: JAX differentiates these itself."""

import jax
import jax.numpy as jnp
import numpy
from formulas import doubled


def structure():
    """T[i, j, k]: component k of e_i e_j."""
    eye = numpy.eye(8)
    table = [
        [doubled(eye[:, i : i + 1], eye[:, j : j + 1])[:, 0] for j in range(8)] for i in range(8)
    ]
    return numpy.array(table)


_TABLE = structure()


def product(x, y):
    """x y of planes (8, ...): section 3."""
    return jnp.einsum("ijk,i...,j...->k...", _TABLE, x, y)


def turned(transition, u, x):
    """F_u x of planes (8, ...)."""
    if transition == "right":
        return product(x, u)
    if transition == "left":
        return product(u, x)
    return product(product(u, x), u)


def ci8_scan(
    projection,
    initial,
    angles=None,
    *,
    factors=1,
    transition="right",
    complex_state=False,
    gates=True,
    phase=False,
    rotation=False,
):
    """Section 4, step by step."""
    size, heads = initial.shape[1:]
    planes = projection.reshape(*projection.shape[:2], -1, heads).transpose(1, 2, 0, 3)

    def one(h, step):
        w, rest = jnp.split(step, [8 * factors])
        if rotation:
            h = jnp.exp(1j * angles)[:, None] * h
        for factor in jnp.split(w, factors):
            h = turned(transition, factor / jnp.sqrt((factor**2).sum(0)), h)
        if gates:
            a, rest = jax.nn.sigmoid(rest[0]), rest[1:]
            h = a * h
        if phase:
            h, rest = jnp.exp(1j * rest[0]) * h, rest[1:]
        if gates:
            c = rest[:8] + 1j * rest[8:] if complex_state else rest
            h = h + jnp.sqrt(1 - a**2) * c
        return h, jnp.concatenate([h.real, h.imag]) if complex_state else h

    h = initial.transpose(1, 0, 2)
    states = jax.lax.scan(one, h[:8] + 1j * h[8:] if complex_state else h, planes)[1]
    return states.transpose(2, 0, 1, 3)


def linear_quadratic(states):
    """The components, their squares, and h_j h_k for j < k, of real states: section 4."""
    j, k = numpy.triu_indices(8, 1)
    return jnp.concatenate([states, states**2, states[:, :, j] * states[:, :, k]], 2)


def geometric_mamba(parameters, x, heads):
    """Section 10.1 of a real state without phases."""
    norm = x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * parameters["norm.weight"]
    columns = norm @ parameters["in.weight"].T + parameters["in.bias"]
    width = len(parameters["readout.weight"])
    projection, gate = columns[..., :-width], columns[..., -width:]
    states = ci8_scan(projection, jnp.zeros((len(x), 8, heads)))
    shown = linear_quadratic(states).reshape(*x.shape[:2], -1)
    y = shown @ parameters["readout.weight"].T
    return x + (y * jax.nn.silu(gate)) @ parameters["out.weight"].T


def bilinears(psi, gamma, packed=False, dirac=False):
    """Section 5."""
    bra = psi.conj()
    if dirac:
        bra = bra @ gamma[0]
    p = jnp.einsum("ni,mij,kjl,nl->nmk", bra, gamma, gamma, psi)
    k0, k1, k2 = (bra * psi).sum(-1), (p - p.mT) / 2, (p + p.mT) / 2
    if not packed:
        return k0, k1.reshape(len(psi), -1), k2.reshape(len(psi), -1)
    apart, upper = jnp.triu_indices(len(gamma), 1), jnp.triu_indices(len(gamma))
    return k0, k1[:, apart[0], apart[1]], k2[:, upper[0], upper[1]]


def lior_kernel(raw, lag):
    """Section 7, for lags > 0."""
    a, beta, gamma, xi, eta, zeta = jnp.exp(raw[jnp.array([0, 1, 2, 4, 5, 8])])
    delta, omega, phi, weights = jax.nn.sigmoid(raw[3]), raw[6], raw[7], jax.nn.softmax(raw[9:])
    return (
        weights[0] * a * jnp.exp(-beta * lag)
        + weights[1] * gamma * lag**-delta * jnp.exp(-xi * lag)
        + weights[2] * eta * jnp.cos(omega * lag + phi) * jnp.exp(-zeta * lag)
    )


def learned_metric(metric, x):
    """Section 6, at one point x (d,)."""
    p = metric.parameters

    def net(name, x):
        t = p[f"{name}.0.weight"] @ x + p[f"{name}.0.bias"]
        return p[f"{name}.2.weight"] @ jax.nn.gelu(t, approximate=False) + p[f"{name}.2.bias"]

    d = len(x)
    h = net("metric_net", x).reshape(d, d)
    floor = 1e-4 + (0.1 * d if metric.spd_floor else 0)
    g = p["L"] @ p["L"].T + 0.1 * jnp.tanh((h + h.T) / 2) + floor * jnp.eye(d)
    if not metric.resilience:
        return g
    return jnp.clip(jax.nn.softplus(net("resilience_net", x)[0]), 0.1, 10) ** 2 * g


def christoffel(metric, x):
    """Gamma (l, m, n) at one point, by JAX's own derivative of the metric."""
    dg = jax.jacfwd(lambda x: learned_metric(metric, x))(x)  # d_r g_mn at [m, n, r]
    lowered = (
        jnp.einsum("nrm->rmn", dg) + jnp.einsum("mrn->rmn", dg) - jnp.einsum("mnr->rmn", dg)
    ) / 2
    (a, b), (c, d) = learned_metric(metric, x)  # two coordinates: LAPACK takes long to compile
    inverse = jnp.array([[d, -b], [-c, a]]) / (a * d - b * c)
    return jnp.einsum("lr,rmn->lmn", inverse, lowered)


def geodesic(metric, x, v, steps, time=1.0):
    """RK4 in equal steps, at one point."""

    def slope(state):
        x, v = state
        return v, -jnp.einsum("lmn,m,n->l", christoffel(metric, x), v, v)

    def moved(state, slope, by):
        return tuple(s + by * k for s, k in zip(state, slope))

    def stage(carry, node_and_weight):
        state, last, total = carry
        node, weight = node_and_weight
        k = slope(moved(state, last, node * time / steps))
        return (state, k, moved(total, k, weight * time / steps)), None

    def step(state, _):
        table = jnp.array([0, 0.5, 0.5, 1]), jnp.array([1, 2, 2, 1]) / 6
        none = tuple(map(jnp.zeros_like, state))
        return jax.lax.scan(stage, (state, none, state), table)[0][2], None

    return jax.lax.scan(step, (x, v), None, steps)[0]


def at_points(function):
    """A function of points as one of planes, whose last axis counts points."""
    return jax.vmap(function, in_axes=-1, out_axes=-1)
