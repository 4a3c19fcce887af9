# SPDX-License-Identifier: Apache-2.0
"""The associator current and attention: section 10."""

import math

import torch
from torch import Tensor

from lior.torch.formulas.octonions import as_complex, as_numbers, octonion_product, unit


def associator_current(factors: Tensor, transport: Tensor) -> Tensor:
    (batch, length), heads = factors.shape[:2], len(transport)
    a, b, c = as_complex(factors.reshape(batch, length, heads, 3, 16)).unbind(3)
    product = octonion_product
    current = product(product(a, b), c) - product(a, product(b, c))
    turned = product(current, unit(transport).to(current.dtype))
    return as_numbers(turned).flatten(2)


def spinor_scores(queries: Tensor, keys: Tensor, mix: Tensor) -> Tensor:
    """(l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c)/sqrt 8 [B, H, N, M] of spinors [B, H, N, 16] and [B, H, M, 16]: p + i w
    = z_i^+ z_j, c = Re z_i^T z_j."""
    z, other = as_complex(queries), as_complex(keys)
    inner, plain = z.conj() @ other.mT, z @ other.mT
    p, w = inner.real, inner.imag
    l1, l2, l3, l4 = mix[:, :, None, None].unbind(1)
    squares = (p.square() + w.square()) / 8
    scores: Tensor = (l1 * p + l2 * w + l3 * squares + l4 * plain.real) / math.sqrt(8)
    return scores


def seen(lags: Tensor, window: int) -> Tensor:
    """Whether a query sees a key that is `lags` positions before it; window: positions that are seen, 0: all before."""
    visible: Tensor = (lags >= 0) & (lags < window) if window > 0 else lags >= 0
    return visible


def lags_within(length: int, like: Tensor) -> Tensor:
    """i - j [N, N] of queries i and keys j of one call."""
    at = torch.arange(length, device=like.device)
    lags: Tensor = at[:, None] - at
    return lags


def in_heads(rows: Tensor, heads: int) -> Tensor:
    """[B, N, H E] -> [B, H, N, E]."""
    split: Tensor = rows.unflatten(2, (heads, -1)).transpose(1, 2)
    return split


def spinor_attention(z: Tensor, v: Tensor, mix: Tensor, window: int = 0) -> tuple[Tensor, Tensor]:
    """Memory: some arrays of N^2 numbers a head, where the kernel has none."""
    spinors, values = in_heads(z, len(mix)), in_heads(v, len(mix))
    visible = seen(lags_within(z.shape[1], z), window)
    scores = spinor_scores(spinors, spinors, mix).masked_fill(~visible, -math.inf)
    attended = (torch.softmax(scores, -1) @ values).transpose(1, 2).flatten(2)
    return attended, torch.logsumexp(scores, -1)
