# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel and the memory of sequences: section 7."""

import functools
import math

import torch
from torch import Tensor

from lior import memory as _memory


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
def rule_of(tolerance: float, horizon: float) -> _memory.PowerLawRule:
    """The sum of exponentials for all power laws; making one takes up to 0.4 s."""
    return _memory.PowerLawRule(tolerance, horizon)


@functools.lru_cache
def _nodes(tolerance: float, horizon: float) -> tuple[float, float, int]:
    """(ln of the first rate, step, count) of the rule's nodes that no order moves."""
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


def pole_form(raw: Tensor, tolerance: float, horizon: float) -> tuple[Tensor, Tensor, Tensor]:
    """w0 [H], and b and s [H, poles] complex, of raw [H, 12]: kappa_k = Re sum_j b_j e^{-k s_j} (7.2)."""
    a, beta, gamma, delta, xi, eta, omega, phi, zeta, w0, w1, w2 = _kernel_values(raw)
    rates, weights = power_law_sum(delta, tolerance, horizon)
    c = torch.cat([(w0 * a)[:, None], (w1 * gamma)[:, None] * weights], 1)
    s = torch.cat([beta[:, None], xi[:, None] + rates], 1)
    wave = torch.polar(w2 * eta, phi)[:, None]
    c, s = (
        torch.cat([c + 0j, wave], 1),
        torch.cat([s + 0j, torch.complex(zeta, -omega)[:, None]], 1),
    )
    z = torch.exp(-s)
    total = (c * z / -torch.expm1(-s)).real.sum(1)
    return w0, ((1 - w0) / total.abs().clamp(min=1e-8))[:, None] * c * z, s


def powers(s: Tensor, lags: Tensor) -> Tensor:
    """e^{-lag s} [H, poles, lags]."""
    return torch.exp(-s[..., None] * lags)


def _lags(first: int, count: int, like: Tensor) -> Tensor:
    return torch.arange(first, first + count, dtype=torch.float64, device=like.device)


def memory(x: Tensor, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0) -> Tensor:
    """By one transform of length 2 N, in double. Memory: 16 bytes for each head, pole and token, beside x's."""
    length = x.shape[1]
    if x.numel() == 0:
        return x.clone()
    w0, b, s = pole_form(raw.double(), tolerance, horizon)
    kappa = (b[..., None] * powers(s, _lags(0, length, x))).real.sum(1)  # [H, N]
    spectrum = torch.fft.rfft(kappa, 2 * length)  # [H, F]
    values = torch.fft.rfft(x.double(), 2 * length, dim=1)
    past = torch.fft.irfft(values * spectrum.T[None, :, :, None], 2 * length, dim=1)[:, :length]
    y: Tensor = w0[:, None] * x + past
    return y.to(x.dtype)


def memory_advance(
    x: Tensor, raw: Tensor, state: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> tuple[Tensor, Tensor]:
    """What x alone gives, and what each pole's sum before it, m_j, adds: Re sum_j b_j z_j^n m_j at token n = 1, 2, ..."""
    length = x.shape[1]
    if length == 0:
        return x.clone(), state.clone()
    _, b, s = pole_form(raw.double(), tolerance, horizon)
    last = torch.complex(state[:, :, -2], state[:, :, -1])  # the oscillation's two rows
    sums = torch.cat([state[:, :, :-2] + 0j, last[:, :, None]], 2)  # [B, H, poles, C]
    later = b[..., None] * powers(s, _lags(1, length, x))
    earlier = torch.einsum("hpn,bhpc->bnhc", later, sums).real
    kept = powers(s, _lags(length, 1, x)) * sums
    added = torch.einsum("hpn,bnhc->bhpc", powers(s, _lags(0, length, x).flip(0)), x.double() + 0j)
    sums = kept + added
    after = torch.cat([sums.real, sums.imag[:, :, -1:]], 2)
    return memory(x, raw, tolerance, horizon) + earlier.to(x.dtype), after
