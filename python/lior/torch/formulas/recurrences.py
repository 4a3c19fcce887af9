# SPDX-License-Identifier: Apache-2.0
"""Recurrences without a loop over tokens: what is linear in the state can be taken together in any grouping."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_SHORT = 4  # sequences that a loop runs through


def affine_states(turn: Tensor, offset: Tensor, start: Tensor) -> Tensor:
    """Every h_n = M_n h_{n-1} + b_n [B, N, ..., S]: M [B, N, ..., S, S], b [B, N, ..., S], h_0 [B, ..., S].

    Two steps are one, (M_2 M_1, M_2 b_1 + b_2): the sequence of pairs has half the length and gives every second state,
    from which one step gives the others. Cost: 2 log2 N products of many matrices, N S^3 multiply-adds in all beside
    the N S^2 of a loop over tokens, and twice the memory of M; nothing is divided by."""
    length = turn.shape[1]
    if length <= _SHORT:
        states = [start]
        for n in range(length):
            states.append((turn[:, n] @ states[-1][..., None])[..., 0] + offset[:, n])
        return torch.stack(states, 1)[:, 1:]
    pairs = length // 2
    first, then = turn[:, : 2 * pairs : 2], turn[:, 1::2]
    moved = (then @ offset[:, : 2 * pairs : 2, ..., None])[..., 0] + offset[:, 1::2]
    second = affine_states(then @ first, moved, start)  # h_2, h_4, ...
    before = torch.cat([start[:, None], second], 1)[:, : length - pairs]
    odd = (turn[:, ::2] @ before[..., None])[..., 0] + offset[:, ::2]  # h_1, h_3, ...
    both = torch.stack([odd[:, :pairs], second], 2).flatten(1, 2)
    return torch.cat([both, odd[:, pairs:]], 1)


_CHUNK = 16  # tokens whose sums are taken pair by pair


def gated_sums(
    q: Tensor, k: Tensor, v: Tensor, gate: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """y_n = q_n S_n [B, N, H, F] and the last S, of S_n = diag(sigmoid(z_n)) S_{n-1} + k_n v_n^T: q, k and gate z
    [B, N, H, E], v [B, N, H, F], start S_0 [B, H, E, F].

    With L_n the sum of ln sigmoid(z) up to n, S_n = e^{L_n} S_0 + sum_{j <= n} e^{L_n - L_j} k_j v_j^T, chunk by chunk:
    pairs within a chunk, one S between two. Exponents are never above 0. Cost: N/16 steps; 16 E numbers a token and
    head for the pairs."""
    length, chunk = q.shape[1], _CHUNK
    q, k, v, logs = (
        F.pad(part, (0, 0, 0, 0, 0, -length % chunk)).unflatten(1, (-1, chunk)).transpose(2, 3)
        for part in (q, k, v, F.logsigmoid(gate))
    )  # [B, chunks, H, chunk, E]; what is added at the end neither decays nor adds
    until = logs.cumsum(3)
    past = torch.ones(chunk, chunk, dtype=torch.bool, device=q.device).tril()[..., None]
    decay = (until[..., :, None, :] - until[..., None, :, :]).masked_fill(~past, -math.inf).exp()
    y = torch.einsum("bchie,bchije,bchje->bchij", q, decay, k) @ v
    added = (k * (until[..., -1:, :] - until).exp()).mT @ v  # to S, by each chunk
    kept = until[..., -1, :, None].exp()
    sums = [start]
    for c in range(q.shape[1]):
        sums.append(kept[:, c] * sums[-1] + added[:, c])
    y = y + (q * until.exp()) @ torch.stack(sums, 1)[:, :-1]
    return y.transpose(2, 3).flatten(1, 2)[:, :length], sums[-1]
