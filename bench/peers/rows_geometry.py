# SPDX-License-Identifier: Apache-2.0
"""Spinor bilinears, and the geometry of the learned metric."""

import jax_sides
import lior.torch as lt
import torch
from harness import row
from torch.func import grad, jacfwd, jvp, vmap

# ---- bilinears: K1 and K2 of every pair (m, n), real spinors ----------------------------------------


def bilinear_matrices(gamma):
    """C1[m, n] = [gamma_m, gamma_n] / 2 and C2[m, n] = {gamma_m, gamma_n} / 2."""
    products = torch.einsum("mij,njk->mnik", gamma, gamma)
    flipped = products.transpose(0, 1)
    return (products - flipped) / 2, (products + flipped) / 2


def bilinears_loop(psi, c1, c2):
    """The seed's "before": one contraction of three tensors for each pair."""
    d = c1.shape[0]
    k1 = psi.new_empty(psi.shape[0], d, d)
    k2 = torch.empty_like(k1)
    for m in range(d):
        for n in range(d):
            k1[:, m, n] = torch.einsum("ni,ij,nj->n", psi, c1[m, n], psi)
            k2[:, m, n] = torch.einsum("ni,ij,nj->n", psi, c2[m, n], psi)
    return k1, k2


def bilinears_einsum(psi, c1, c2):
    """The seed's "after", its indices set right."""
    return (
        torch.einsum("bi,mnij,bj->bmn", psi, c1, psi),
        torch.einsum("bi,mnij,bj->bmn", psi, c2, psi),
    )


def bilinears_matrix(psi, flat):
    """The form that suits torch best: all psi_i psi_j, and one matrix product."""
    count, s = psi.shape
    return (psi[:, :, None] * psi[:, None, :]).view(count, s * s) @ flat


@row(
    "bilinears",
    shape="K1 and K2, d=8, s=4, 1,048,576 points",
    at_least={"torch loop": 64, "torch einsum": 20, "torch einsum, compiled": 10},
)
def bilinears(r):
    torch.manual_seed(1)
    d, s, count = 8, 4, 1 << 20
    gamma, psi = torch.randn(d, s, s), torch.randn(count, s)
    c1, c2 = bilinear_matrices(gamma)
    flat = torch.cat([c1.reshape(d * d, s * s), c2.reshape(d * d, s * s)]).T.contiguous()
    tolerance = 1e-5  # sums of 16 products, in another order

    def split(both):
        return both[:, : d * d], both[:, d * d :]

    r.ours(lambda: lt.ops.bilinears(psi, gamma)[1:])
    r.peer("torch loop", lambda: bilinears_loop(psi, c1, c2), tolerance)
    r.peer("torch einsum", lambda: bilinears_einsum(psi, c1, c2), tolerance)
    r.compiled("torch einsum, compiled", bilinears_einsum, psi, c1, c2, tolerance=tolerance)
    r.peer("torch matrix product", lambda: split(bilinears_matrix(psi, flat)), tolerance)
    jax_sides.add(r, "jax einsum", jax_sides.bilinears, psi, c1, c2, tolerance=tolerance)


# ---- learned metric ---------------------------------------------------------------------------------


def resilience(p, x):
    hidden = torch.nn.functional.gelu(x @ p["V1"].T + p["c1"])
    return torch.nn.functional.softplus(hidden @ p["w2"][0] + p["c2"][0]).clamp(0.1, 10)


def metric(p, x):
    """g~ = R^2 g at points x [..., d]."""
    d = x.shape[-1]
    hidden = torch.nn.functional.gelu(x @ p["W1"].T + p["b1"])
    h = (hidden @ p["W2"].T + p["b2"]).unflatten(-1, (d, d))
    g = p["L"] @ p["L"].T + 0.1 * torch.tanh((h + h.mT) / 2) + 1e-4 * torch.eye(d, dtype=x.dtype)
    return resilience(p, x)[..., None, None] ** 2 * g


def metric_parameters(d, dtype=torch.float32):
    """Near the unit matrix, so that g is positive definite."""
    torch.manual_seed(2)
    normal = lambda *shape: torch.randn(*shape, dtype=dtype)
    return {
        "L": 1.5 * torch.eye(d, dtype=dtype) + 0.1 * normal(d, d),
        "W1": 0.5 * normal(2 * d, d),
        "b1": 0.1 * normal(2 * d),
        "W2": 0.3 * normal(d * d, 2 * d),
        "b2": 0.1 * normal(d * d),
        "V1": 0.5 * normal(d, d),
        "c1": 0.1 * normal(d),
        "w2": 0.3 * normal(1, d),
        "c2": 0.5 * torch.ones(1, dtype=dtype),
    }


def differences(p, x, step):
    """dg [N, m, n, r] = d_m g_nr by central differences, two evaluations a coordinate."""
    shifts = step * torch.eye(x.shape[-1], dtype=x.dtype)
    return torch.stack([(metric(p, x + e) - metric(p, x - e)) / (2 * step) for e in shifts], 1)


def christoffel_loop(p, x, step=5e-3):
    """The original's form: differences, an inverse, and a loop over all four indices."""
    d = x.shape[-1]
    inverse, dg = torch.linalg.inv(metric(p, x)), differences(p, x, step)
    gamma = x.new_zeros(x.shape[0], d, d, d)
    for l in range(d):
        for m in range(d):
            for n in range(d):
                for s in range(d):
                    gamma[:, l, m, n] += (
                        0.5 * inverse[:, l, s] * (dg[:, m, n, s] + dg[:, n, m, s] - dg[:, s, m, n])
                    )
    return gamma


def contract(g, dg):
    """Gamma [N, l, m, n] from g and dg by one solve: the corrected vector form."""
    lowered = 0.5 * (dg + dg.transpose(1, 2) - dg.permute(0, 2, 3, 1))  # [N, m, n, s]
    count, d = g.shape[:2]
    solved = torch.linalg.solve(g, lowered.reshape(count, d * d, d).mT)
    return solved.view(count, d, d, d)


def christoffel_differences(p, x, step=5e-3):
    """The seed's "after", set right: all 2d evaluations in one batch, then einsum."""
    shifts = step * torch.eye(x.shape[-1], dtype=x.dtype)
    moved = torch.stack([x[:, None] + shifts, x[:, None] - shifts])  # [2, N, d, d]
    ahead, behind = metric(p, moved)
    dg = (ahead - behind) / (2 * step)
    lowered = dg + dg.transpose(1, 2) - dg.permute(0, 2, 3, 1)
    return 0.5 * torch.einsum("nls,nmks->nlmk", torch.linalg.inv(metric(p, x)), lowered)


def christoffel_exact(p, x):
    """Exact derivatives by forward mode."""
    dg = vmap(jacfwd(lambda point: metric(p, point)))(x)  # [N, n, r, m]
    return contract(metric(p, x), dg.permute(0, 3, 1, 2).contiguous())


def planes_last(gamma):
    """Our [d, d, d, N] as torch's [N, d, d, d]."""
    return gamma.permute(3, 0, 1, 2)


@row(
    "learned_metric.christoffel",
    shape="d=8, 4,096 points",
    at_least={"torch loop": 64, "torch vectorised": 20},
)
def christoffel(r):
    p = metric_parameters(8)
    x = torch.randn(4096, 8)
    planes, values = x.T.contiguous(), list(p.values())
    exact, by_differences = 1e-4, 2e-2  # differences in float are good to a percent
    r.ours(lambda: planes_last(lt.ops.christoffel(planes, values, True, False)))
    r.peer("torch loop", lambda: christoffel_loop(p, x), by_differences)
    r.peer("torch vectorised", lambda: christoffel_differences(p, x), by_differences)
    r.peer("torch vectorised, exact", lambda: christoffel_exact(p, x), exact)
    r.compiled(
        "torch vectorised, compiled", christoffel_differences, p, x, tolerance=by_differences
    )
    r.compiled("torch exact, compiled", christoffel_exact, p, x, tolerance=exact)


def rk4(acceleration, x, v, step):
    """One step of the classical scheme for x'' = a(x, x')."""
    a1 = acceleration(x, v)
    v2 = v + step / 2 * a1
    a2 = acceleration(x + step / 2 * v, v2)
    v3 = v + step / 2 * a2
    a3 = acceleration(x + step / 2 * v2, v3)
    v4 = v + step * a3
    a4 = acceleration(x + step * v3, v4)
    return x + step / 6 * (v + 2 * v2 + 2 * v3 + v4), v + step / 6 * (a1 + 2 * a2 + 2 * a3 + a4)


def through(christoffel):
    """The acceleration through Christoffel symbols."""
    return lambda x, v: -torch.einsum("nlij,ni,nj->nl", christoffel(x), v, v)


def acceleration(p, x, v):
    """-g^-1 [(d_v g) v - grad (v^T g v) / 2]: no symbols."""

    def one(point, velocity):
        g, slope = jvp(lambda y: metric(p, y), (point,), (velocity,))
        force = grad(lambda y: velocity @ metric(p, y) @ velocity)(point)
        return g, slope @ velocity - force / 2

    g, right = vmap(one)(x, v)
    return -torch.linalg.solve(g, right)


def geodesic_step(p, x, v, step):
    return rk4(lambda a, b: acceleration(p, a, b), x, v, step)


@row("learned_metric.geodesic_step", shape="RK4, d=8, 4,096 points", at_least={"torch loop": 100})
def geodesic(r):
    p, step = metric_parameters(8), 0.05
    x, v = torch.randn(4096, 8), 0.3 * torch.randn(4096, 8)
    x_planes, v_planes, values = x.T.contiguous(), v.T.contiguous(), list(p.values())

    def ours():
        end = lt.ops.geodesic(x_planes, v_planes, values, True, False, step, step)
        return end[0].T, end[1].T

    r.ours(ours)
    loop, vectorised = (
        through(lambda y: christoffel_loop(p, y)),
        through(lambda y: christoffel_differences(p, y)),
    )
    by_differences, exact = 2e-2 * step, 1e-5
    r.peer("torch loop", lambda: rk4(loop, x, v, step), by_differences)
    r.peer("torch vectorised", lambda: rk4(vectorised, x, v, step), by_differences)
    r.peer("torch without symbols", lambda: geodesic_step(p, x, v, step), exact)
    r.compiled("torch without symbols, compiled", geodesic_step, p, x, v, step, tolerance=exact)
