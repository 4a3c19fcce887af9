# SPDX-License-Identifier: Apache-2.0
"""What stands between a layer's two projections: sections 4.4 and 10.

A core gives what W_o reads and the last state, of a projection [B, N, P], the parameters of the layer's own and the first
state: None, or rows of the layout that lior.nn.Layer.step has, which may go on from one device to another.
"""

import math
from typing import Any, Callable, Optional, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lior.torch.formulas import scan as formulas
from lior.torch.formulas.memory import memory, memory_advance
from lior.torch.formulas.mixers import (
    associator_current,
    in_heads,
    lags_within,
    seen,
    spinor_attention,
    spinor_scores,
)
from lior.torch.formulas.recurrences import gated_sums

Core = tuple[Tensor, Optional[Tensor]]
Own = Sequence[Tensor]


def _gated(y: Tensor, gate: Tensor) -> Tensor:
    return y * F.silu(gate)


def _attended(scores: Tensor, visible: Tensor, v: Tensor) -> Tensor:
    """[B, N, H E] of scores [B, H, N, M] and values [B, H, M, E]."""
    weights = torch.softmax(scores.masked_fill(~visible, -math.inf), -1)
    return (weights @ v).transpose(1, 2).flatten(2)


def _with_window(
    rows: Tensor, state: Optional[Tensor], window: int
) -> tuple[Tensor, Tensor, Tensor, Optional[Tensor]]:
    """(rows with the window's own before them [B, M, K], i - j [N, M], whether query i sees row j [B, 1, N, M], the
    state with these rows), of keys and values [B, N, K] of each position.

    A state is a count of positions and a ring of W rows, position n in row n mod W: tiled_attention.h."""
    length = rows.shape[1]
    if state is None or state.shape[1] == 0:
        lags = lags_within(length, rows)
        return rows, lags, seen(lags, window)[None, None], None if state is None else state.clone()
    count = state[:, 0].long()[:, None]
    ring = state[:, 1:].unflatten(1, (window, -1))
    ages = torch.arange(window, 0, -1, device=rows.device)  # oldest first

    def places(count: Tensor) -> Tensor:
        return ((count - ages) % window)[..., None].expand_as(ring)

    rows = torch.cat([ring.gather(1, places(count)), rows], 1)
    held = torch.arange(window + length, device=rows.device)
    lags = held[window:, None] - held
    known = (held >= window) | (window - held <= count)
    visible = seen(lags, window) & known[:, None]
    count = count + length
    ring = torch.zeros_like(ring).scatter(1, places(count), rows[:, -window:])
    count = torch.where(count < window, count, window + count % window)
    return rows, lags, visible[:, None], torch.cat([count.to(rows.dtype), ring.flatten(1)], 1)


def _attention(
    projection: Tensor, own: Own, state: Optional[Tensor], heads: int, window: int
) -> Core:
    q, kv = projection.split([projection.shape[2] // 3, 2 * projection.shape[2] // 3], -1)
    kv, lags, visible, last = _with_window(kv, state, window)
    q, (k, v) = in_heads(q, heads), (in_heads(part, heads) for part in kv.chunk(2, -1))
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=q.dtype, device=q.device) / heads)
    scores = q @ k.mT / math.sqrt(q.shape[3]) - slopes[:, None, None] * lags
    return _attended(scores, visible, v), last


def _geometric_attention(
    projection: Tensor,
    own: Own,
    state: Optional[Tensor],
    heads: int,
    window: int,
    attend: Callable[..., tuple[Tensor, Tensor]] = spinor_attention,
) -> Core:
    octets, v = projection.split([24 * heads, 16 * heads], -1)
    a, b, theta = octets.unflatten(2, (heads, 3, 8)).unbind(3)
    real = a * theta.clamp(-5, 5).exp() + b * theta.cos()
    z = torch.cat([real, b * theta.sin()], -1).flatten(2)
    if state is None or state.shape[1] == 0:
        return attend(z, v, own[0], window)[0], None if state is None else state.clone()
    zv, _, visible, last = _with_window(torch.cat([z, v], 2), state, window)
    keys, values = (in_heads(part, heads) for part in zv.chunk(2, -1))
    return _attended(spinor_scores(in_heads(z, heads), keys, own[0]), visible, values), last


def _gated_linear_attention(
    projection: Tensor, own: Own, state: Optional[Tensor], heads: int
) -> Core:
    *parts, gate = projection.chunk(5, -1)
    q, k, v, z = (part.unflatten(2, (heads, -1)) for part in parts)
    width = q.shape[3]
    held = projection.new_zeros(len(q), heads, width, width)
    held = held if state is None else state.reshape(held.shape)
    y, last = gated_sums(q / math.sqrt(width), k, v, z, held)
    return _gated(y.flatten(2), gate), last.flatten(1)


def _joined(parts: Tensor, dtype: torch.dtype) -> Tensor:
    """Doubles [B, n] of the numbers that they are sums of [B, n parts]: one of double, two of float."""
    count = 1 if dtype == torch.float64 else 2
    sums: Tensor = parts.double().unflatten(1, (count, -1)).sum(1)
    return sums


def _split(sums: Tensor, dtype: torch.dtype) -> Tensor:
    """_joined's way back."""
    first = sums.to(dtype)
    if dtype == torch.float64:
        return first
    rest = torch.where(first.isfinite(), sums - first, 0)
    return torch.cat([first, rest.to(dtype)], 1)


_MEMORY = 1e-4, 65536.0  # of the causal field's power law: tolerance, horizon


def _causal_field(
    projection: Tensor,
    own: Own,
    state: Optional[Tensor],
    heads: int,
    remember: Callable[..., Tensor] = memory,
    go_on: Callable[..., tuple[Tensor, Tensor]] = memory_advance,
) -> Core:
    factors, gate = projection.split([48 * heads, 16 * heads], -1)
    current = associator_current(factors, own[0]).unflatten(2, (heads, 16))
    if state is None:
        return _gated(remember(current, own[1], *_MEMORY).flatten(2), gate), None
    sums = _joined(state, state.dtype).unflatten(1, (heads, -1, 16))
    y, sums = go_on(current, own[1], sums, *_MEMORY)
    return _gated(y.flatten(2), gate), _split(sums.flatten(1), state.dtype)


def _geometric_mamba(
    projection: Tensor,
    own: Own,
    state: Optional[Tensor],
    heads: int,
    readout: str,
    scan: Callable[..., Tensor] = formulas.ci8_scan,
    shown_by: Callable[..., Tensor] = formulas.readout,
    **options: Any,
) -> Core:
    shown, *angles = own
    width, size = len(shown), 16 if options["complex_state"] else 8
    if state is None:
        state = projection.new_zeros(len(projection), size * heads)
    columns, gate = projection.split([projection.shape[2] - width, width], -1)
    start = state.reshape(-1, size, heads)
    states = scan(columns, start, angles[0] if angles else None, **options)
    y = shown_by(states, readout).flatten(2) @ shown.T
    last = torch.cat([start[:, None], states], 1)[:, -1]
    return _gated(y, gate), last.flatten(1)


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
