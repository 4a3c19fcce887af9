# SPDX-License-Identifier: Apache-2.0
"""The models that ours are compared with: a transformer, an LSTM, and a diagonal selective state-space model.

Each maps tokens [B, N] and a state (None at first) to scores [B, N, classes] and the next state; `width` is the
one free size, which `fitted` sets so that the count of parameters is as asked."""

import math
from bisect import bisect_right

import torch
from torch import nn
from torch.nn import functional as F


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class SwiGlu(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.norm = RmsNorm(width)
        self.into, self.out = (
            nn.Linear(width, 2 * hidden, bias=False),
            nn.Linear(hidden, width, bias=False),
        )

    def forward(self, x):
        a, b = self.into(self.norm(x)).chunk(2, -1)
        return x + self.out(F.silu(a) * b)


def rotary(length, width):
    """cos and sin [N, width/2] of rotary positions (Su et al., arXiv:2104.09864)."""
    angles = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cos(angles), torch.sin(angles)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm = RmsNorm(width)
        self.into, self.out = (
            nn.Linear(width, 3 * width, bias=False),
            nn.Linear(width, width, bias=False),
        )

    def forward(self, x):
        batch, length, width = x.shape
        parts = (
            self.into(self.norm(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        cos, sin = rotary(length, width // self.heads)

        def turned(a):
            first, second = a.chunk(2, -1)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

        out = F.scaled_dot_product_attention(
            turned(parts[0]), turned(parts[1]), parts[2], is_causal=True
        )
        return x + self.out(out.transpose(1, 2).reshape(x.shape))


class Transformer(nn.Module):
    """Pre-norm blocks of rotary causal attention and SwiGLU."""

    carries_state = False

    def __init__(self, vocabulary, classes, width, hidden=None, layers=3, heads=4):
        super().__init__()
        width = width // (2 * heads) * 2 * heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(
            *(
                part
                for _ in range(layers)
                for part in (Attention(width, heads), SwiGlu(width, hidden or 2 * width))
            )
        )
        self.norm, self.output = RmsNorm(width), nn.Linear(width, classes)

    def forward(self, tokens, state=None):
        return self.output(self.norm(self.blocks(self.embedding(tokens)))), None


class Lstm(nn.Module):
    """Two layers, torch's own kernels."""

    carries_state = True

    def __init__(self, vocabulary, classes, width, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.output = nn.Linear(width, classes)

    def forward(self, tokens, state=None):
        x, state = self.lstm(self.embedding(tokens), state)
        return self.output(x), state


class SelectiveStateSpace(nn.Module):
    """h_n = a_n h_{n-1} + dt_n b_n x_n, y_n = h_n^T c_n + D x_n; a_n = exp(-dt_n e^A) one number a head, so that a
    chunk of tokens is three matrix products: the dual form (Dao and Gu, arXiv:2405.21060), the fastest that torch
    has. State [B, H, P, S]."""

    CHUNK = 32  # tokens at most

    def __init__(self, width, size=32, channels=32):
        super().__init__()
        self.heads = max(1, 2 * width // channels)
        self.inner, self.size = self.heads * channels, size
        self.norm = RmsNorm(width)
        self.into = nn.Linear(width, 2 * self.inner + 2 * size + self.heads, bias=False)
        self.convolution = nn.Conv1d(self.inner, self.inner, 4, groups=self.inner)
        self.log_rate = nn.Parameter(torch.log(torch.linspace(1, 16, self.heads)))
        times = torch.exp(torch.rand(self.heads) * math.log(100) + math.log(1e-3))
        self.time_bias = nn.Parameter(torch.log(torch.expm1(times)))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.inner_norm = RmsNorm(self.inner)
        self.out = nn.Linear(self.inner, width, bias=False)

    def chunks(self, length):
        return -(-length // self.CHUNK)

    def scan(self, log_a, x, b, c, h):
        """log_a [B, N, H], x [B, N, H, P], b and c [B, N, S], h [B, H, P, S]; N a multiple of `chunks(N)`."""
        batch, length, heads, _ = x.shape
        chunks = self.chunks(length)
        size = length // chunks
        log_a, x, b, c = (t.view(batch, chunks, size, *t.shape[2:]) for t in (log_a, x, b, c))
        sums = log_a.cumsum(2)  # [B, K, n, H]
        decay = sums[:, :, :, None] - sums[:, :, None]  # [B, K, n, m, H]
        causal = torch.ones(size, size, dtype=torch.bool).tril()[None, None, :, :, None]
        weights = (
            torch.exp(decay.masked_fill(~causal, -torch.inf))
            * torch.einsum("bkns,bkms->bknm", c, b)[..., None]
        )
        y = torch.einsum("bknmh,bkmhp->bknhp", weights, x)
        to_end = torch.exp(sums[:, :, -1:] - sums)
        added = torch.einsum("bkmh,bkmhp,bkms->bkhps", to_end, x, b)
        starts = []
        for k in range(chunks):
            starts.append(h)
            h = torch.exp(sums[:, k, -1])[:, :, None, None] * h + added[:, k]
        carried = torch.einsum("bkns,bkhps,bknh->bknhp", c, torch.stack(starts, 1), torch.exp(sums))
        return (y + carried).reshape(batch, length, heads, -1), h

    def forward(self, x, state=None):
        batch, length, _ = x.shape
        gate, inner, b, c, time = self.into(self.norm(x)).split(
            [self.inner, self.inner, self.size, self.size, self.heads], -1
        )
        tail, h = state or (inner.new_zeros(batch, 3, self.inner), None)
        padded = torch.cat([tail, inner], 1)
        inner = F.silu(self.convolution(padded.mT).mT).view(batch, length, self.heads, -1)
        if h is None:
            h = inner.new_zeros(batch, self.heads, inner.shape[-1], self.size)
        time = F.softplus(time + self.time_bias)
        log_a = -time * torch.exp(self.log_rate)
        short = -length % self.chunks(length)  # steps of a = 1 and x = 0 fill the last chunk
        pad = lambda t: F.pad(t, [0, 0] * (t.dim() - 2) + [0, short])
        y, h = self.scan(pad(log_a), pad(inner * time[..., None]), pad(b), pad(c), h)
        y = (y[:, :length] + self.skip[:, None] * inner).reshape(batch, length, self.inner)
        return x + self.out(self.inner_norm(y * F.silu(gate))), (padded[:, -3:], h)


class StateSpace(nn.Module):
    carries_state = True

    def __init__(self, vocabulary, classes, width, size=32, layers=3):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(SelectiveStateSpace(width, size) for _ in range(layers))
        self.norm, self.output = RmsNorm(width), nn.Linear(width, classes)

    def forward(self, tokens, state=None):
        x, ends = self.embedding(tokens), []
        for i, block in enumerate(self.blocks):
            x, end = block(x, None if state is None else state[i])
            ends.append(end)
        return self.output(self.norm(x)), ends


PEERS = {"transformer": Transformer, "lstm": Lstm, "state space": StateSpace}


def count(model):
    return sum(p.numel() for p in model.parameters())


def fitted(kind, vocabulary, classes, parameters):
    """The model with about as many parameters as asked for: the widest that has no more, then its second size (the
    transformer's MLP, the state) as large as goes; the LSTM, which has one size, of the nearest count."""
    make = lambda *sizes: PEERS[kind](vocabulary, classes, *sizes)

    def size(*sizes):
        with torch.device("meta"):
            return count(make(*sizes))

    def largest(of, sizes):
        return sizes[max(0, bisect_right(sizes, parameters, key=of) - 1)]

    width = largest(size, range(16, 1025))
    if PEERS[kind] is Lstm:
        return make(min((width, width + 1), key=lambda w: abs(size(w) - parameters)))
    return make(width, largest(lambda second: size(width, second), range(8, 4097)))
