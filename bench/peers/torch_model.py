# SPDX-License-Identifier: Apache-2.0
"""The program's model in plain torch. Parameters have the program's names, except `into` for `in`."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

# e_i e_j = SIGN[i][j] e_(i xor j): docs/math/conventions.md, section 3.2
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
    dtype=torch.float32,
)


def right_matrices(u):
    """[..., 8] -> [..., 8, 8]: M[i, j] = component i of e_j u, so that x u = M x."""
    index = torch.arange(8)
    which = index[:, None] ^ index[None, :]  # the component of u that meets e_j in component i
    return u[..., which] * SIGN[index[None, :], which].to(u)


def left_matrices(u):
    """M[i, j] = component i of u e_j."""
    index = torch.arange(8)
    which = index[:, None] ^ index[None, :]
    return u[..., which] * SIGN[which, index[None, :]].to(u)


@dataclass
class Shape:
    vocabulary: int = 256
    classes: int = 256
    d_model: int = 128
    layers: int = 2
    mlp_hidden: int = 336
    convolution: int = 0
    heads: int = 12
    transition: str = "right"
    gates: bool = True
    readout: str = "linear_quadratic"


PRESETS = {
    "tiny": Shape(convolution=4),
    "small": Shape(d_model=320, layers=4, mlp_hidden=448, convolution=4, heads=32),
}


class Gain(nn.Module):
    """RMSNorm, the gain named weight."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class Mixer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        heads, d = shape.heads, shape.d_model
        self.planes = 8 + (9 if shape.gates else 0)
        shown = {"linear": 8, "quadratic": 36, "linear_quadratic": 44}[shape.readout]
        self.norm = Gain(d)
        self.into = nn.Linear(d, self.planes * heads + d)
        self.readout = nn.Linear(shown * heads, d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        if not shape.gates:
            self.initial = nn.Parameter(torch.randn(8, heads))
        self.register_buffer("upper", torch.triu_indices(8, 8, 1), persistent=False)

    def matrices(self, w):
        u = F.normalize(w, dim=-1)
        return (right_matrices if self.shape.transition == "right" else left_matrices)(u)

    def start(self, batch):
        if self.shape.gates:
            return self.out.weight.new_zeros(batch, self.shape.heads, 8)
        return F.normalize(self.initial, dim=0).T.expand(batch, -1, -1)

    def coefficients(self, projection):
        """Step matrices a M [B, N, H, 8, 8] and offsets b c [B, N, H, 8]."""
        batch, length, _ = projection.shape
        planes = projection.view(batch, length, self.planes, -1).transpose(
            2, 3
        )  # [B, N, H, planes]
        turn = self.matrices(planes[..., :8])
        if not self.shape.gates:
            return turn, torch.zeros_like(planes[..., :8])
        z, c = planes[..., 8:9], planes[..., 9:]
        a = torch.sigmoid(z)
        return a[..., None] * turn, torch.sqrt(torch.sigmoid(-z) * (1 + a)) * c

    def scan(self, turn, offset, h):
        """One `baddbmm` a step: the fewest operators that a loop over tokens can have in torch."""
        batch, length, heads = turn.shape[:3]
        turns = turn.transpose(0, 1).reshape(length, batch * heads, 8, 8).unbind(0)
        offsets = offset.transpose(0, 1).reshape(length, batch * heads, 8, 1).unbind(0)
        h = h.reshape(batch * heads, 8, 1)
        states = []
        for step, added in zip(turns, offsets):
            h = torch.baddbmm(added, step, h)
            states.append(h)
        return torch.stack(states).view(length, batch, heads, 8).transpose(0, 1)

    def show(self, h):
        """[B, N, H, 8] -> [B, N, Q H], planes of heads."""
        parts = []
        if "linear" in self.shape.readout:
            parts.append(h)
        if "quadratic" in self.shape.readout:
            parts += [h * h, h[..., self.upper[0]] * h[..., self.upper[1]]]
        return torch.cat(parts, -1).transpose(2, 3).flatten(2)

    def forward(self, x, state=None):
        v = self.norm(x)
        heads = self.shape.heads
        projection, gate = self.into(v).split([self.planes * heads, x.shape[-1]], -1)
        turn, offset = self.coefficients(projection)
        states = self.scan(turn, offset, self.start(x.shape[0]) if state is None else state)
        out = x + self.out(self.readout(self.show(states)) * F.silu(gate))
        return out, states[:, -1]


class Mlp(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.norm = Gain(shape.d_model)
        self.into = nn.Linear(shape.d_model, 2 * shape.mlp_hidden, bias=False)
        self.out = nn.Linear(shape.mlp_hidden, shape.d_model, bias=False)

    def forward(self, x):
        a, b = self.into(self.norm(x)).chunk(2, -1)
        return x + self.out(F.silu(a) * b)


class Convolution(nn.Module):
    """x_n + sum_k weight_k x_(n-k), channel by channel."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(shape.convolution, shape.d_model))

    def forward(self, x, before=None):
        taps, width = self.weight.shape
        if before is None:
            before = x.new_zeros(len(x), taps - 1, width)
        rows = torch.cat([before, x], 1)
        filters = self.weight.flip(0).T[:, None, :]
        sums = F.conv1d(rows.transpose(1, 2), filters, groups=width)
        return x + sums.transpose(1, 2), rows[:, rows.shape[1] - taps + 1 :]


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.convolution = Convolution(shape) if shape.convolution else None
        self.mixer = Mixer(shape)
        self.mlp = Mlp(shape) if shape.mlp_hidden else None

    def forward(self, x, state=None):
        before, h = (None, None) if state is None else state
        if self.convolution is not None:
            x, before = self.convolution(x, before)
        x, h = self.mixer(x, h)
        return (x if self.mlp is None else self.mlp(x)), (before, h)


class Model(nn.Module):
    """Tokens [B, N] -> scores [B, N, classes], and each block's state."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Gain(shape.d_model)
        self.output = nn.Linear(shape.d_model, shape.classes)

    def forward(self, tokens, states=None):
        x, ends = self.embedding(tokens), []
        for i, block in enumerate(self.blocks):
            x, end = block(x, None if states is None else states[i])
            ends.append(end)
        return self.output(self.norm(x)), ends
