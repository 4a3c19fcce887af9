# SPDX-License-Identifier: Apache-2.0
"""JAX's sides of rows, on the processor, jitted; none where jax is not installed."""

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
except ImportError:
    jax = None


def add(r, name, function, *tensors, tolerance):
    """`function` of the tensors as JAX arrays, compiled; the row shows the message of JAX where that fails."""
    if jax is None:
        return
    arrays = [jnp.asarray(tensor.numpy()) for tensor in tensors]
    compiled = jax.jit(function)
    r.peer(name, lambda: jax.block_until_ready(compiled(*arrays)), tolerance)


def bilinears(psi, c1, c2):
    return jnp.einsum("bi,mnij,bj->bmn", psi, c1, psi), jnp.einsum("bi,mnij,bj->bmn", psi, c2, psi)


def scan_associative(matrices, offsets, initial):
    """States [B, N, H, 8] of h_n = M_n h_{n-1} + b_n, all at once: (M2 M1, M2 b1 + b2)."""

    def compose(earlier, later):
        m1, b1 = earlier
        m2, b2 = later
        return m2 @ m1, (m2 @ b1[..., None])[..., 0] + b2

    products, sums = jax.lax.associative_scan(compose, (matrices, offsets), axis=1)
    return (products @ initial[:, None, ..., None])[..., 0] + sums


def scan_sequential(matrices, offsets, initial):
    """The same, a step at a time inside one compiled loop."""

    def step(h, given):
        h = (given[0] @ h[..., None])[..., 0] + given[1]
        return h, h

    along = (jnp.moveaxis(matrices, 1, 0), jnp.moveaxis(offsets, 1, 0))
    return jnp.moveaxis(jax.lax.scan(step, initial, along)[1], 0, 1)


def field_step(t, evidence, current, v, hbar, mass, dt, strength, tau):
    """Runge-Kutta of order 4 with Bayes' term and a source, as rows_field.step."""

    def hamiltonian(a):
        neighbours = jnp.roll(a, 1, 0) + jnp.roll(a, -1, 0) + jnp.roll(a, 1, 1) + jnp.roll(a, -1, 1)
        return -(hbar**2) / (2 * mass) * (neighbours - 4 * a) + v * a

    square = lambda a: jnp.square(a.real) + jnp.square(a.imag)
    exponent, sizes = square(t - evidence) / tau, square(t)
    w = jnp.exp(exponent.min() - exponent)
    posterior = jnp.sqrt(w * (sizes.sum() / (w * sizes).sum())) * t
    source, stage = strength * (posterior - t) + current, t
    for j in (4, 3, 2, 1):
        stage = t - (1j * dt / (j * hbar)) * (hamiltonian(stage) + source)
    return stage
