# SPDX-License-Identifier: Apache-2.0
"""The operators in plain torch: the formulas of docs/math/conventions.md, written to be differentiated any number of
times and in either mode. Slow: kernels give values and gradients, these what goes further."""

import functools
import math
from typing import Any, Callable, Optional, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# e_i e_j = SIGN[i][j] e_(i xor j): section 3.2
SIGN = torch.tensor(
    [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, -1, 1, -1, 1, -1, -1, 1],
        [1, -1, -1, 1, 1, 1, -1, -1],
        [1, 1, -1, -1, 1, -1, 1, -1],
        [1, -1, -1, -1, -1, 1, 1, 1],
        [1, 1, -1, 1, -1, -1, -1, 1],
        [1, 1, 1, -1, -1, 1, -1, -1],
        [1, -1, 1, 1, -1, -1, 1, -1],
    ],
    dtype=torch.float64,
)
_INDEX = torch.arange(8)
_MEETS = _INDEX[:, None] ^ _INDEX  # the component of u that meets e_j in component i
_RIGHT_SIGN, _LEFT_SIGN = SIGN[_INDEX[None, :], _MEETS], SIGN[_MEETS, _INDEX[None, :]]


def right_matrices(u: Tensor) -> Tensor:
    """[..., 8] -> [..., 8, 8]: x u = M x."""
    return u[..., _MEETS.to(u.device)] * _RIGHT_SIGN.to(u)


def left_matrices(u: Tensor) -> Tensor:
    """[..., 8] -> [..., 8, 8]: u x = M x."""
    return u[..., _MEETS.to(u.device)] * _LEFT_SIGN.to(u)


def octonion_product(x: Tensor, y: Tensor) -> Tensor:
    """x y [..., 8] of real octonions, or of CI8 as complex numbers."""
    return torch.einsum("...ij,...j->...i", right_matrices(y), x)


def unit(w: Tensor) -> Tensor:
    """w/|w| of octonions [..., 8], and e0 where |w| <= 1e-6 (4.1)."""
    long = w.square().sum(-1, keepdim=True) > 1e-12
    safe = torch.where(long, w, torch.ones_like(w))
    one = F.one_hot(torch.zeros((), dtype=torch.long, device=w.device), 8).to(w)
    return torch.where(long, safe / safe.square().sum(-1, keepdim=True).sqrt(), one)


def as_complex(x: Tensor) -> Tensor:
    """[..., 16] -> complex [..., 8]: the real parts, then the imaginary ones."""
    return torch.complex(x[..., :8], x[..., 8:])


def as_numbers(x: Tensor) -> Tensor:
    return torch.cat([x.real, x.imag], -1)


# -- 5: bilinears


def bilinears(
    psi: Tensor, gamma: Tensor, packed: bool = False, dirac: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    bra, d = psi.conj(), len(gamma)
    if dirac:
        bra = bra @ gamma[0]
    left = torch.einsum("ni,mij->nmj", bra, gamma)
    right = torch.einsum("kjl,nl->nkj", gamma, psi)
    p = left @ right.mT
    k0, k1, k2 = (bra * psi).sum(-1), (p - p.mT) / 2, (p + p.mT) / 2
    if not packed:
        return k0, k1.flatten(1), k2.flatten(1)
    apart, upper = (torch.triu_indices(d, d, i, device=psi.device) for i in (1, 0))
    return k0, k1[:, apart[0], apart[1]], k2[:, upper[0], upper[1]]


# -- 6: the learned metric


def _net(points: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    """w2 gelu(w1 x + b1) + b2 [N, k] and its slopes [N, k, d]."""
    t = F.linear(points, w1, b1)
    density = torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)
    slope = (1 + torch.erf(t / math.sqrt(2))) / 2 + t * density  # of gelu
    return F.linear(F.gelu(t), w2, b2), torch.einsum("kj,nj,jm->nkm", w2, slope, w1)


def _metric_and_slopes(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> tuple[Tensor, Tensor]:
    """g [N, d, d] and d_m g_nr [N, m, n, r] at planes x [d, N]."""
    matrix, *nets = parameters
    d, points = len(x), x.T
    h, dh = (part.unflatten(1, (d, d)) for part in _net(points, *nets[:4]))
    bend = torch.tanh((h + h.mT) / 2)
    floor = 1e-4 + (0.1 * d if spd_floor else 0.0)
    g = matrix @ matrix.T + 0.1 * bend + floor * torch.eye(d, dtype=x.dtype, device=x.device)
    dh = dh.permute(0, 3, 1, 2)
    dg = 0.05 * (1 - bend.square())[:, None] * (dh + dh.mT)
    if not resilience:
        return g, dg
    value, slope = _net(points, *nets[4:])
    free = F.softplus(value)
    r = free.clamp(0.1, 10)
    dr = (
        torch.where(r == free, value.sigmoid(), torch.zeros_like(r))[..., None] * slope
    )  # [N, 1, m]
    r, dr = r[..., None], dr.transpose(1, 2)[..., None]  # [N, 1, 1] and [N, m, 1, 1]
    return r**2 * g, r[:, None] ** 2 * dg + 2 * r[:, None] * dr * g[:, None]


def learned_metric(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    return _metric_and_slopes(x, parameters, resilience, spd_floor)[0].permute(1, 2, 0)


def christoffel(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    g, dg = _metric_and_slopes(x, parameters, resilience, spd_floor)
    lowered = dg + dg.transpose(1, 2) - dg.permute(0, 2, 3, 1)
    return torch.einsum("ils,imns->lmni", torch.linalg.inv(g), lowered) / 2


def geodesic(
    x: Tensor,
    v: Tensor,
    parameters: Sequence[Tensor],
    resilience: bool,
    spd_floor: bool,
    time: float,
    step: float,
) -> tuple[Tensor, Tensor]:
    """RK4 in the fewest equal steps of at most `step`."""
    count = max(1, math.ceil(time / step - 1e-9))
    h = time / count

    def slope(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        gamma = christoffel(x, parameters, resilience, spd_floor)
        return v, -torch.einsum("lmni,mi,ni->li", gamma, v, v)

    for _ in range(count):
        a = slope(x, v)
        b = slope(x + h / 2 * a[0], v + h / 2 * a[1])
        c = slope(x + h / 2 * b[0], v + h / 2 * b[1])
        d = slope(x + h * c[0], v + h * c[1])
        x, v = (y + h / 6 * (p + 2 * q + 2 * r + s) for y, p, q, r, s in zip((x, v), a, b, c, d))
    return x, v


# -- 7: the LIoR memory


def _kernel_values(raw: Tensor) -> tuple[Tensor, ...]:
    """a, beta, gamma, delta, xi, eta, omega, phi, zeta and the three weights of raw [..., 12]."""
    a, beta, gamma = raw[..., 0].exp(), raw[..., 1].exp(), raw[..., 2].exp()
    delta, xi, eta = raw[..., 3].sigmoid(), raw[..., 4].exp(), raw[..., 5].exp()
    weights = torch.softmax(raw[..., 9:], -1).unbind(-1)
    return a, beta, gamma, delta, xi, eta, raw[..., 6], raw[..., 7], raw[..., 8].exp(), *weights


def lior_kernel(raw: Tensor, lag: Tensor) -> Tensor:
    a, beta, gamma, delta, xi, eta, omega, phi, zeta, w0, w1, w2 = _kernel_values(raw)
    after = lag > 0
    t = torch.where(after, lag, torch.ones_like(lag))
    value = w0 * a * torch.exp(-beta * t) + w1 * gamma * t**-delta * torch.exp(-xi * t)
    value = value + w2 * eta * torch.cos(omega * t + phi) * torch.exp(-zeta * t)
    return torch.where(after, value, torch.zeros_like(value))


@functools.lru_cache
def _nodes(tolerance: float, horizon: float) -> tuple[float, float, int]:
    """(ln of the first rate, step, count) of the rule's nodes that no order moves."""
    from lior.torch.operators.memory import rule_of

    rates = rule_of(tolerance, horizon).sum(0.5)[0][2:]
    first = math.log(rates[0])
    step = math.log(rates[-1] / rates[0]) / (len(rates) - 1)
    return first, step, len(rates)


def power_law_sum(delta: Tensor, tolerance: float, horizon: float) -> tuple[Tensor, Tensor]:
    """Rates and weights [..., poles] of t^-delta as a sum of exponentials (7.3)."""
    first, h, count = _nodes(tolerance, horizon)
    gamma = torch.lgamma(1 + delta).exp()
    size = h * torch.exp(delta * (first - h)) / gamma
    m0, m1, m2, m3 = (size / -torch.expm1(-(delta + k) * h) for k in range(4))
    m0 = delta * m0
    determinant = m0 * m2 - delta * m1 * m1
    p, q = (delta * m1 * m2 - m0 * m3) / determinant, delta * (m1 * m3 - m2 * m2) / determinant
    high = (-p + torch.sqrt(p * p - 4 * q)) / 2
    low = q / high
    heavy = (delta * m1 - low * m0) / (high - low)
    u = first + h * torch.arange(count, dtype=delta.dtype, device=delta.device)
    weights = delta[..., None] * h * torch.exp(delta[..., None] * u) / gamma[..., None]
    scale = math.exp(first - h)
    rates = torch.cat([torch.stack([low, high], -1) * scale, u.exp().expand(*delta.shape, -1)], -1)
    return rates, torch.cat([torch.stack([m0 - heavy, heavy], -1), weights], -1)


def memory_weights(
    raw: Tensor, length: int, tolerance: float, horizon: float
) -> tuple[Tensor, Tensor]:
    """w0 [H] and kappa [H, length] of raw [H, 12] (7.2)."""
    a, beta, gamma, delta, xi, eta, omega, phi, zeta, w0, w1, w2 = _kernel_values(raw)
    rates, weights = power_law_sum(delta, tolerance, horizon)
    c = torch.cat([(w0 * a)[:, None], (w1 * gamma)[:, None] * weights], 1)
    s = torch.cat([beta[:, None], xi[:, None] + rates], 1)
    wave = torch.polar(w2 * eta, phi)[:, None]
    c, s = (
        torch.cat([c + 0j, wave], 1),
        torch.cat([s + 0j, torch.complex(zeta, -omega)[:, None]], 1),
    )
    total = (c * torch.exp(-s) / -torch.expm1(-s)).real.sum(1)
    lags = torch.arange(1, length + 1, dtype=raw.dtype, device=raw.device)
    taps = (c[..., None] * torch.exp(-s[..., None] * lags)).real.sum(1)
    return w0, ((1 - w0) / total.abs().clamp(min=1e-8))[:, None] * taps


def memory(x: Tensor, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0) -> Tensor:
    length = x.shape[1]
    w0, kappa = memory_weights(raw.double(), length, tolerance, horizon)
    spectrum = torch.fft.rfft(kappa, 2 * length)  # [H, F]
    values = torch.fft.rfft(x.double(), 2 * length, dim=1)
    past = torch.fft.irfft(values * spectrum.T[None, :, :, None], 2 * length, dim=1)[:, :length]
    y: Tensor = w0[:, None] * x + past
    return y.to(x.dtype)


# -- 4: the scan and its read-outs


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
    batch, length, _ = projection.shape
    size, heads = initial.shape[1:]
    planes = projection.unflatten(2, (-1, heads)).transpose(2, 3)  # [B, N, H, planes]
    planes = planes[..., : 8 * factors + phase + (1 + size if gates else 0)]
    turns: list[Tensor] = []
    take = 8 * factors
    for w in planes[..., :take].unflatten(-1, (factors, 8)).unbind(-2):
        u = unit(w)
        right, left = right_matrices(u), left_matrices(u)
        turns.append({"right": right, "left": left}.get(transition, right @ left))
    turn = functools.reduce(lambda before, one: one @ before, turns)
    a, offset, scale = None, None, None
    if gates:
        z, take = planes[..., take, None], take + 1
        a, scale = z.sigmoid(), torch.sqrt((-z).sigmoid() * (1 + z.sigmoid()))
    if phase:
        phi, take = planes[..., take, None], take + 1
        a = torch.polar(torch.ones_like(phi) if a is None else a, phi)
    if scale is not None:
        c = planes[..., take:]
        offset = scale * (as_complex(c) if complex_state else c)
    h = initial.transpose(1, 2)
    h = as_complex(h) if complex_state else h
    spin = None if angles is None else torch.polar(torch.ones_like(angles), angles).T
    turn = turn.to(h.dtype)
    states = []
    for n in range(length):
        h = h if spin is None else spin * h
        h = (turn[:, n] @ h[..., None])[..., 0]
        h = h if a is None else a[:, n] * h
        h = h if offset is None else h + offset[:, n]
        states.append(h)
    if not states:
        return projection.new_empty(batch, 0, size, heads)
    all_states = torch.stack(states, 1)
    return (as_numbers(all_states) if complex_state else all_states).transpose(2, 3)


def readout(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    h = states.transpose(2, 3)  # [B, N, H, S]
    complex_state = h.shape[-1] == 16
    parts = [h] if kind.startswith("linear") else []
    if kind != "linear":
        squares = h.square()
        parts.append(squares[..., :8] + squares[..., 8:] if complex_state else squares)
        first, second = torch.triu_indices(8, 8, 1, device=h.device)
        if kind == "invariants":
            first, second = torch.arange(1, 8), torch.zeros(7, dtype=torch.long)
        if complex_state:
            h = as_complex(h)
            product = h[..., first] * h[..., second].conj()
            parts.append(torch.view_as_real(product).flatten(-2))
        else:
            parts.append(h[..., first] * h[..., second])
    return torch.cat(parts, -1).transpose(2, 3)


# -- 10: the other mixers


def associator_current(factors: Tensor, transport: Tensor) -> Tensor:
    (batch, length), heads = factors.shape[:2], len(transport)
    a, b, c = as_complex(factors.reshape(batch, length, heads, 3, 16)).unbind(3)
    product = octonion_product
    current = product(product(a, b), c) - product(a, product(b, c))
    turned = product(current, unit(transport).to(current.dtype))
    return as_numbers(turned).reshape(batch, length, -1)


def spinor_attention(z: Tensor, v: Tensor, mix: Tensor, window: int = 0) -> tuple[Tensor, Tensor]:
    (batch, length), heads = z.shape[:2], len(mix)

    def split(t: Tensor) -> Tensor:
        return t.reshape(batch, length, heads, 16).transpose(1, 2)

    spinors = as_complex(split(z))
    inner, plain = spinors.conj() @ spinors.mT, spinors @ spinors.mT
    p, w = inner.real, inner.imag
    terms = torch.stack([p, w, (p.square() + w.square()) / 8, plain.real], -1)
    scores = torch.einsum("bhijm,hm->bhij", terms, mix) / math.sqrt(8)
    at = torch.arange(length, device=z.device)
    lag = at[:, None] - at
    seen = (lag >= 0) & (lag < window) if window > 0 else lag >= 0
    scores = scores.masked_fill(~seen, -math.inf)
    attended = torch.softmax(scores, -1) @ split(v)
    return attended.transpose(1, 2).reshape(v.shape), torch.logsumexp(scores, -1)


def _attended(scores: Tensor, v: Tensor, window: int) -> Tensor:
    """scores [B, H, N, N], v [B, H, N, E] -> [B, N, H E]."""
    length = v.shape[2]
    at = torch.arange(length, device=v.device)
    lag = at[:, None] - at
    seen = (lag >= 0) & (lag < window) if window > 0 else lag >= 0
    out = torch.softmax(scores.masked_fill(~seen, -math.inf), -1) @ v
    return out.transpose(1, 2).flatten(2)


# A core: (what W_o reads, the last state or None) of a projection [B, N, P], the parameters of the layer's own and the
# first state.
Core = tuple[Tensor, Optional[Tensor]]
Own = Sequence[Tensor]


def _gated(y: Tensor, gate: Tensor) -> Tensor:
    return y * F.silu(gate)


def _attention(
    projection: Tensor, own: Own, state: Optional[Tensor], heads: int, window: int
) -> Core:
    q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in projection.chunk(3, -1))
    at = torch.arange(q.shape[2], dtype=q.dtype, device=q.device)
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=q.dtype, device=q.device) / heads)
    scores = q @ k.mT / math.sqrt(q.shape[3]) - slopes[:, None, None] * (at[:, None] - at)
    return _attended(scores, v, window), None


def _gated_linear_attention(
    projection: Tensor, own: Own, state: Optional[Tensor], heads: int
) -> Core:
    *parts, gate = projection.chunk(5, -1)
    q, k, v, z = (part.unflatten(2, (heads, -1)) for part in parts)
    width = q.shape[3]
    held = projection.new_zeros(len(q), heads, width, width)
    held = held if state is None else state.reshape(held.shape)
    rows = []
    for n in range(q.shape[1]):
        held = z[:, n, :, :, None].sigmoid() * held + k[:, n, :, :, None] * v[:, n, :, None]
        rows.append(torch.einsum("bhe,bhef->bhf", q[:, n], held) / math.sqrt(width))
    return _gated(torch.stack(rows, 1).flatten(2), gate), held.flatten(1)


def _geometric_attention(
    projection: Tensor, own: Own, state: Optional[Tensor], heads: int, window: int
) -> Core:
    octets, v = projection[..., : 24 * heads], projection[..., 24 * heads :]
    a, b, theta = octets.unflatten(2, (heads, 3, 8)).unbind(3)
    real = a * theta.clamp(-5, 5).exp() + b * theta.cos()
    z = torch.cat([real, b * theta.sin()], -1).flatten(2)
    return spinor_attention(z, v, own[0], window)[0], None


def _causal_field(projection: Tensor, own: Own, state: Optional[Tensor], heads: int) -> Core:
    factors, gate = projection[..., : 48 * heads], projection[..., 48 * heads :]
    current = associator_current(factors, own[0]).unflatten(2, (heads, 16))
    return _gated(memory(current, own[1], 1e-4, 65536.0).flatten(2), gate), None


def _geometric_mamba(
    projection: Tensor,
    own: Own,
    state: Optional[Tensor],
    heads: int,
    readout: str,
    **options: Any,
) -> Core:
    shown, *angles = own
    width, size = len(shown), 16 if options["complex_state"] else 8
    if state is None:
        state = projection.new_zeros(len(projection), size * heads)
    columns, gate = projection.split([projection.shape[2] - width, width], -1)
    start = state.reshape(-1, size, heads)
    states = ci8_scan(columns, start, angles[0] if angles else None, **options)
    y = _READOUT(states, readout).flatten(2) @ shown.T
    last = states[:, -1] if states.shape[1] else start
    return _gated(y, gate), last.flatten(1)


_READOUT = readout


def _swiglu_mlp(projection: Tensor, own: Own, state: Optional[Tensor], hidden: int) -> Core:
    a, b = projection.chunk(2, -1)
    return F.silu(a) * b, None


CORES: dict[str, Callable[..., Core]] = {
    "attention": _attention,
    "gated_linear_attention": _gated_linear_attention,
    "geometric_attention": _geometric_attention,
    "causal_field": _causal_field,
    "geometric_mamba": _geometric_mamba,
    "swiglu_mlp": _swiglu_mlp,
}
