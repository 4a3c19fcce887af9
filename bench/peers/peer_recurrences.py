# SPDX-License-Identifier: Apache-2.0
"""Published recurrences that track state, for comparing with ours on groups and automata.

Each is a layer: `forward(x [B, N, D], state)` gives y [B, N, D] and the next state; `steps` is the formula token by
token, `scan` the same over chunks of tokens by matrix products, where the recurrence allows it (the fast form, which
training uses). tests/python/test_peers.py holds both against each other. Written from the papers' formulas:

- GatedDelta: S_t = a_t (I - b_t k_t k_t^T) S_{t-1} + b_t k_t v_t^T, y_t = S_t^T q_t, |k| = 1; b in (0, 2), so that
  eigenvalues reach -1. Gated DeltaNet (Yang, Kautz, Hatamizadeh, arXiv:2412.06464; Grazzi et al., arXiv:2411.12537).
- With `products` n > 1 the step is n such factors, of which the first has the gate: DeltaProduct (Siems et al.,
  arXiv:2502.10297).
- Rwkv7: S_t = S_{t-1} (diag(w_t) - c_t (a_t * c_t)^T) + v_t k_t^T, y_t = S_t r_t, |c| = 1, w in (exp(-e^{-1/2}), 1),
  a in (0, 2) here, so that eigenvalues reach -1 (Peng et al., arXiv:2503.14456).
- PdSsm: x_t = P_t D_t x_{t-1} + B_t u_t with complex diagonal D_t, |D| < 1, and P_t of one 1 a column, chosen from a
  dictionary by the token; gradients of P by its softmax (Terzic et al., arXiv:2509.22284).
- RotatingStateSpace: Mamba-2's recurrence (peer_models.py) whose state turns by angles of the token, which are
  applied to b and c: the complex diagonal of Mamba-3 (Lahoti et al., 2026).
- Slstm: c_t = f_t c_{t-1} + i_t z_t, n_t = f_t n_{t-1} + i_t, h_t = o_t c_t / n_t with i = exp(.), f = exp(.) or
  sigmoid and a recurrent matrix a head (Beck et al., arXiv:2405.04517).
"""

import math

import torch
from peer_models import RmsNorm, SelectiveStateSpace
from torch import nn
from torch.nn import functional as F


def heads_of(x, heads):
    """[B, N, H W] -> [B, H, N, W]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merged(y):
    return y.transpose(1, 2).flatten(2)


def chunks_of(tensors, size):
    return zip(*(tensor.split(size, 2) for tensor in tensors))


class GatedDelta(nn.Module):
    """State [B, H, K, V]. The chunk form solves one triangular system a chunk (the WY form)."""

    CHUNK = 64  # factors

    def __init__(self, width, heads=4, size=16, products=1, gated=True):
        super().__init__()
        self.heads, self.size, self.products, self.gated = heads, size, products, gated
        inner = heads * size
        self.queries = nn.Linear(width, inner, bias=False)
        self.keys = nn.Linear(width, products * inner, bias=False)
        self.values = nn.Linear(width, products * inner, bias=False)
        self.rates = nn.Linear(width, products * heads)
        self.gate = nn.Linear(width, heads) if gated else None
        if gated:
            nn.init.constant_(self.gate.bias, 4.0)  # remembers at first
        self.norm = RmsNorm(size)
        self.out = nn.Linear(inner, width, bias=False)

    def factors(self, x):
        """q [B, H, N, K]; k, v, rate, log_gate of each factor, [B, H, N n, .]: those of a token one after another."""

        def in_order(a, width):  # [B, N, n H w] -> [B, H, N n, w]
            return (
                a.unflatten(-1, (self.products, self.heads, width))
                .permute(0, 3, 1, 2, 4)
                .flatten(2, 3)
            )

        k = F.normalize(F.silu(in_order(self.keys(x), self.size)), dim=-1)
        rate = 2 * torch.sigmoid(in_order(self.rates(x), 1))
        log_gate = torch.zeros_like(rate)
        if self.gated:
            first = torch.arange(log_gate.shape[2]) % self.products == 0
            log_gate[:, :, first] = heads_of(F.logsigmoid(self.gate(x)), self.heads)
        return (
            heads_of(self.queries(x), self.heads),
            k,
            in_order(self.values(x), self.size),
            rate,
            log_gate,
        )

    def steps(self, q, k, v, rate, log_gate, state):
        outputs = []
        for m in range(k.shape[2]):
            key, gate = k[:, :, m, :, None], log_gate[:, :, m, :, None].exp()
            state = gate * state
            told = (key * state).sum(-2)
            state = state + key * (rate[:, :, m] * (v[:, :, m] - told))[:, :, None, :]
            if (m + 1) % self.products == 0:
                n = m // self.products
                outputs.append((q[:, :, n, :, None] * state).sum(-2))
        return torch.stack(outputs, 2), state

    def scan(self, q, k, v, rate, log_gate, state):
        n = self.products
        tokens = max(1, self.CHUNK // n)
        outputs = []
        for parts in zip(
            q.split(tokens, 2),
            *(tensor.split(tokens * n, 2) for tensor in (k, v, rate, log_gate)),
        ):
            y, state = self.one_chunk(*parts, state)
            outputs.append(y)
        return torch.cat(outputs, 2), state

    def one_chunk(self, q, k, v, rate, log_gate, state):
        length = k.shape[2]
        sums = log_gate.cumsum(2)  # [B, H, M, 1]
        decay = sums - sums.mT  # log of what is left at m of what came in at i
        below = torch.ones(length, length, dtype=torch.bool).tril(-1)
        weights = torch.exp(decay.masked_fill(~below, -torch.inf)) * (k @ k.mT)
        system = rate * weights + torch.eye(length, dtype=k.dtype)
        right = rate * (v - sums.exp() * (k @ state))
        added = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
        ends = torch.arange(self.products - 1, length, self.products)
        seen = torch.arange(length)[None, :] <= ends[:, None]
        left = torch.exp((sums[:, :, ends] - sums.mT).masked_fill(~seen, -torch.inf))
        y = (left * (q @ k.mT)) @ added + sums[:, :, ends].exp() * (q @ state)
        to_end = torch.exp(sums[:, :, -1:] - sums)
        return y, sums[:, :, -1:].exp() * state + (to_end * k).mT @ added

    def forward(self, x, state=None):
        if state is None:
            state = x.new_zeros(x.shape[0], self.heads, self.size, self.size)
        y, state = self.scan(*self.factors(x), state)
        return self.out(merged(self.norm(y))), state


class Rwkv7(nn.Module):
    """State [B, H, V, K]."""

    CHUNK = 16  # tokens: decays of at least exp(-.61) a token keep their products within floats

    def __init__(self, width, heads=4, size=16):
        super().__init__()
        self.heads, self.size = heads, size
        inner = heads * size
        names = ("r", "k", "v", "w", "a", "c")
        self.mix = nn.Parameter(torch.full((len(names), width), 0.5))  # with the token before
        self.into = nn.ModuleDict(
            {name: nn.Linear(width, inner, bias=name in "wa") for name in names}
        )
        nn.init.constant_(self.into["w"].bias, -4.0)  # remembers at first
        self.norm = RmsNorm(size)
        self.out = nn.Linear(inner, width, bias=False)

    def factors(self, x, before):
        shifted = torch.cat([before, x[:, :-1]], 1)
        part = {}
        for mix, (name, linear) in zip(self.mix, self.into.items()):
            part[name] = heads_of(linear(torch.lerp(x, shifted, mix)), self.heads)
        log_w = -math.exp(-0.5) * torch.sigmoid(part["w"])
        c = F.normalize(part["c"], dim=-1)
        rate = 2 * torch.sigmoid(part["a"])
        return part["r"], part["k"], part["v"], log_w, -c, rate * c

    def steps(self, r, k, v, log_w, a, b, state):
        """S_t = S_{t-1} diag(w) + (S_{t-1} a) b^T + v k^T."""
        outputs = []
        for t in range(r.shape[2]):
            told = state @ a[:, :, t, :, None]
            state = (
                state * log_w[:, :, t, None].exp()
                + told * b[:, :, t, None]
                + v[:, :, t, :, None] * k[:, :, t, None]
            )
            outputs.append((state @ r[:, :, t, :, None]).squeeze(-1))
        return torch.stack(outputs, 2), state

    def scan(self, r, k, v, log_w, a, b, state):
        outputs = []
        for chunk in chunks_of((r, k, v, log_w, a, b), self.CHUNK):
            r, k, v, log_w, a, b = chunk
            sums = log_w.cumsum(2)
            grown_k, grown_b = k * torch.exp(-sums), b * torch.exp(-sums)
            seen_a, seen_r = a * torch.exp(sums - log_w), r * torch.exp(sums)
            eye = torch.eye(r.shape[2], dtype=r.dtype)
            right = seen_a @ state.mT + (seen_a @ grown_k.mT).tril(-1) @ v
            told = torch.linalg.solve_triangular(
                eye - (seen_a @ grown_b.mT).tril(-1), right, upper=False, unitriangular=True
            )
            y = (
                seen_r @ state.mT
                + (seen_r @ grown_b.mT).tril() @ told
                + (seen_r @ grown_k.mT).tril() @ v
            )
            outputs.append(y)
            whole = sums[:, :, -1:].exp()
            state = (state + told.mT @ grown_b + v.mT @ grown_k) * whole
        return torch.cat(outputs, 2), state

    def forward(self, x, state=None):
        if state is None:
            state = (
                x.new_zeros(x.shape[0], 1, x.shape[2]),
                x.new_zeros(x.shape[0], self.heads, self.size, self.size),
            )
        y, memory = self.scan(*self.factors(x, state[0]), state[1])
        return self.out(merged(self.norm(y))), (x[:, -1:], memory)


class StraightThrough(torch.autograd.Function):
    """Its value is `hard`, its gradient is given to `soft`."""

    @staticmethod
    def forward(_, soft, hard):
        return hard

    @staticmethod
    def backward(_, gradient):
        return gradient, None


class PdSsm(nn.Module):
    """State [B, S] complex. A column of P moves its number to one place: S operations a token, no product."""

    def __init__(self, width, size=64, dictionary=4):
        super().__init__()
        self.size = size
        self.choice = nn.Linear(width, dictionary, bias=False)
        self.moves = nn.Parameter(torch.randn(dictionary, size, size) / math.sqrt(dictionary))
        self.magnitude, self.phase = nn.Linear(width, size), nn.Linear(width, size)
        nn.init.constant_(self.magnitude.bias, 4.0)  # remembers at first
        self.into, self.out = nn.Linear(width, 2 * size), nn.Linear(2 * size, width)

    def transitions(self, x):
        """P^T [B, N, S, S], 1 at [from, to]; D and B u [B, N, S] complex."""
        choice = torch.softmax(self.choice(x), -1)
        soft = torch.softmax((choice @ self.moves.flatten(1)).unflatten(-1, 2 * (self.size,)), -1)
        with torch.no_grad():
            hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
        d = torch.polar(torch.sigmoid(self.magnitude(x)), math.pi * torch.tanh(self.phase(x)))
        moves = StraightThrough.apply(soft, hard)
        return moves, d, torch.complex(*self.into(x).chunk(2, -1))

    def steps(self, moves, d, added, state):
        outputs = []
        for move, scale, b in zip(moves.unbind(1), d.unbind(1), added.unbind(1)):
            parts = torch.view_as_real(scale * state)  # [B, S, 2]
            state = torch.view_as_complex((move.mT @ parts).contiguous()) + b
            outputs.append(state)
        return torch.stack(outputs, 1), state

    def forward(self, x, state=None):
        moves, d, added = self.transitions(x)
        state = torch.zeros_like(d[:, 0]) if state is None else state
        y, state = self.steps(moves, d, added, state)
        return self.out(torch.cat([y.real, y.imag], -1)), state


class RotatingStateSpace(SelectiveStateSpace):
    """h_t = a_t R(theta_t) h_{t-1} + dt b x^T: with the sum of angles up to t, b and c turned by it give the same."""

    def __init__(self, width, size=32, channels=32):
        super().__init__(width, size, channels)
        self.angles = nn.Linear(width, size // 2)

    def forward(self, x, state=None):
        inner, turned = (
            state if state is not None else (None, x.new_zeros(x.shape[0], 1, self.size // 2))
        )
        self.sums = turned + (math.pi * torch.tanh(self.angles(x))).cumsum(1)
        y, inner = super().forward(x, inner)
        return y - x, (inner, self.sums[:, -1:])

    def scan(self, log_a, x, b, c, h):
        short = b.shape[1] - self.sums.shape[1]
        sums = F.pad(self.sums, (0, 0, 0, short))
        cos, sin = torch.cos(sums), torch.sin(sums)

        def rotated(a):
            first, second = a.chunk(2, -1)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

        return super().scan(log_a, x, rotated(b), rotated(c), h)


class Slstm(nn.Module):
    """State: c, n, h and the exponent m that keeps both in range, [B, H, W] each."""

    def __init__(self, width, heads=4, size=16):
        super().__init__()
        self.heads, self.size = heads, size
        self.into = nn.Linear(width, 4 * heads * size)
        self.recurrent = nn.Parameter(torch.randn(heads, size, 4 * size) / math.sqrt(size))
        self.out = nn.Linear(heads * size, width, bias=False)
        with torch.no_grad():
            self.into.bias.view(heads, 4, size)[:, 1] = 4.0  # remembers at first

    def steps(self, inputs, c, n, h, m):
        """inputs [B, N, H, 4 W]: i, f, z, o before the recurrent part."""
        outputs = []
        for here in inputs.unbind(1):
            i, f, z, o = (here + torch.einsum("bhw,hwv->bhv", h, self.recurrent)).chunk(4, -1)
            log_f = F.logsigmoid(f)
            most = torch.maximum(log_f + m, i)
            i, f = torch.exp(i - most), torch.exp(log_f + m - most)
            c, n, m = f * c + i * torch.tanh(z), f * n + i, most
            h = torch.sigmoid(o) * c / n.clamp(min=1e-6)
            outputs.append(h)
        return torch.stack(outputs, 1), (c, n, h, m)

    def forward(self, x, state=None):
        inputs = self.into(x).unflatten(-1, (self.heads, 4 * self.size))
        if state is None:
            state = 4 * (x.new_zeros(x.shape[0], self.heads, self.size),)
        y, state = self.steps(inputs, *state)
        return self.out(y.flatten(2)), state


class Convolution(nn.Module):
    """The last few of each channel, added; its state is what it read last, [B, taps - 1, D]."""

    def __init__(self, width, taps):
        super().__init__()
        self.taps = nn.Parameter(torch.randn(taps, width) / math.sqrt(taps))

    def forward(self, x, before):
        taps = len(self.taps)
        if before is None:
            before = x.new_zeros(x.shape[0], taps - 1, x.shape[2])
        wide = torch.cat([before, x], 1)
        y = sum(self.taps[k] * wide[:, k : k + x.shape[1]] for k in range(taps))
        return x + y, wide[:, wide.shape[1] - taps + 1 :]


class Swiglu(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.into = RmsNorm(width), nn.Linear(width, 4 * width, bias=False)
        self.out = nn.Linear(2 * width, width, bias=False)

    def forward(self, x):
        gate, value = self.into(self.norm(x)).chunk(2, -1)
        return x + self.out(F.silu(gate) * value)


class Tracker(nn.Module):
    """Tokens [B, N] to scores: pre-norm residual layers of one recurrence, each with a convolution of `taps` before it
    and a SwiGLU after it where they are asked for."""

    carries_state = True

    def __init__(self, layer, vocabulary, classes, width, layers=1, taps=0, swiglu=False):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        make = lambda kind: nn.ModuleList(kind() for _ in range(layers))
        self.convolutions = make(lambda: Convolution(width, taps)) if taps else None
        self.norms, self.layers = make(lambda: RmsNorm(width)), make(lambda: layer(width))
        self.networks = make(lambda: Swiglu(width) if swiglu else nn.Identity())
        self.norm, self.output = RmsNorm(width), nn.Linear(width, classes)

    def forward(self, tokens, state=None):
        x, ends = self.embedding(tokens), []
        for i, layer in enumerate(self.layers):
            before, inner = (None, None) if state is None else state[i]
            if self.convolutions is not None:
                x, before = self.convolutions[i](x, before)
            y, inner = layer(self.norms[i](x), inner)
            x = self.networks[i](x + y)
            ends.append((before, inner))
        return self.output(self.norm(x)), ends


# By name: the layer of a width. Heads have the sizes of ours; DeltaProduct has four factors, which a permutation
# of five needs at most.
RECURRENCES = {
    "deltaproduct": lambda width: GatedDelta(width, products=4, gated=False),
    "gated deltanet": lambda width: GatedDelta(width),
    "rwkv-7": Rwkv7,
    "pd-ssm": PdSsm,
    "complex state space": RotatingStateSpace,
    "slstm": Slstm,
}


def tracker(kind, vocabulary, classes, parameters, **blocks):
    """A Tracker of that recurrence, as wide as the count of parameters allows."""
    make = lambda width: Tracker(RECURRENCES[kind], vocabulary, classes, width, **blocks)

    def count(width):
        with torch.device("meta"):
            return sum(p.numel() for p in make(width).parameters())

    widths = [w for w in range(8, 513, 2) if count(w) <= parameters]
    if not widths:
        raise ValueError(f"{kind} has at least {count(8):,} parameters, more than {parameters:,}")
    return make(widths[-1])
