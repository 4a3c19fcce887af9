# SPDX-License-Identifier: Apache-2.0
"""Layers, the optimiser, training steps and generation."""

import lior.torch as lt
import torch
from harness import row
from torch.nn import functional as F

# ---- the original's Mamba layer ---------------------------------------------------------------------


def compat_recurrence(u, h, theta, omega, sigma):
    """The loop over t: [B, N, 16] and [B, 16] -> invariants [B, N, 8]. The transition is a complex number a
    component; the product is componentwise on four blocks of four."""
    scale = sigma.clamp(0.5, 2) * (1 + 0.1 * omega)
    cos, sin = scale * torch.cos(theta), scale * torch.sin(theta)
    out = []
    for c in u.unbind(1):
        re, im = cos * h[:, :8] - sin * h[:, 8:], sin * h[:, :8] + cos * h[:, 8:]
        a, b, a2, b2 = re[:, :4], re[:, 4:], im[:, :4], im[:, 4:]
        c1, d1, c2, d2 = c[:, :4], c[:, 4:8], c[:, 8:12], c[:, 12:]
        h = torch.cat([a * c1 - d1 * b, a2 * c2 - d2 * b2, d1 * a + b * c1, d2 * a2 + b2 * c2], 1)
        squares = h * h
        out.append(squares[:, :8] + squares[:, 8:])
    invariants = torch.stack(out, 1)
    return torch.cat([invariants[..., :1], -invariants[..., 1:]], -1)


def compat_inputs(batch, length):
    """Inputs for which the state stays of order one: |(T h) (x) u| ~ |h| for u of length sqrt 2."""
    u = torch.randn(batch, length, 4, 4)
    pair = u.square().view(batch, length, 2, 2, 4).sum(3, keepdim=True).sqrt()
    u = (u.view(batch, length, 2, 2, 4) / pair).reshape(batch, length, 16)
    return u, torch.randn(batch, 16), torch.randn(8), torch.zeros(8), torch.ones(8)


@row("compat.recurrence", shape="B=8, N=512", at_least={"torch loop": 300})
def recurrence(r):
    torch.manual_seed(4)
    u, h, theta, omega, sigma = compat_inputs(8, 512)
    r.ours(lambda: lt.ops.compat_recurrence(u, h, theta, omega, sigma)[0])
    r.peer("torch loop", lambda: compat_recurrence(u, h, theta, omega, sigma), 1e-3)
    r.compiled("torch loop, compiled", compat_recurrence, u, h, theta, omega, sigma, tolerance=1e-3)


def compat_layer(p, x, h):
    """The original's layer, its loop over t included. p: the parameters by the original's names."""
    x_in = F.linear(x, p["in_proj.weight"], p["in_proj.bias"])
    basis = torch.cat([p["wedge.basis_real"], p["wedge.basis_imag"]], 1)
    u = F.layer_norm(x_in @ basis, (16,), p["wedge.layer_norm.weight"], p["wedge.layer_norm.bias"])
    invariants = compat_recurrence(u, h, p["trinor.theta"], p["trinor.omega"], p["trinor.sigma"])
    y = F.linear(invariants, p["spinor.projection.weight"], p["spinor.projection.bias"])
    y = y * torch.sigmoid(F.linear(x_in, p["gate.weight"], p["gate.bias"]))
    out = x + F.linear(y, p["out_proj.weight"], p["out_proj.bias"])
    return F.layer_norm(out, out.shape[-1:], p["norm.weight"], p["norm.bias"])


@row("compat.layer", shape="B=8, N=512, d_model=256", at_least={"torch": 4})
def layer(r):
    torch.manual_seed(5)
    module = lt.CompatMamba(256).requires_grad_(False)
    module.wedge.layer_norm.weight.fill_(0.76)  # |h| neither overflows nor dies within 512 tokens
    p = dict(module.state_dict())
    x, h = torch.randn(8, 512, 256), torch.zeros(8, 16)
    h[:, 0] = 1
    r.ours(lambda: module(x, h)[0])
    r.peer("torch", lambda: compat_layer(p, x, h), 1e-3)


# ---- LIoR optimiser ----------------------------------------------------------------------------------


def tensors_of(count, numbers):
    """`count` matrices of about `numbers` in all, sizes as a model's: a few large, many small."""
    sizes = [2.0 ** (-(i % 12) / 2) for i in range(count)]
    scale = numbers / sum(sizes)
    return [torch.randn(max(1, round(size * scale / 64)), 64) for size in sizes]


@torch.no_grad()
def original_step(values, gradients, rate):
    """As the original writes it, a tensor at a time, R kept as a tensor."""
    for p, g in zip(values, gradients):
        r = torch.clamp(1 / torch.sqrt(1 + (g**2).mean()), 0.1, 10)
        p.data = p.data - rate * (1 / r**2) * g


@torch.no_grad()
def foreach_step(values, gradients, rate):
    """The fewest passes that torch has: a norm, and p += s g with s a number."""
    norms = torch.stack(torch._foreach_norm(gradients))
    counts = torch.tensor([g.numel() for g in gradients], dtype=torch.float32)
    r = torch.clamp(torch.rsqrt(1 + norms**2 / counts), 0.1, 10)
    for p, g, s in zip(values, gradients, (-rate / r**2).tolist()):
        p.add_(g, alpha=s)


@row(
    "optimizer.lior",
    shape="10 M parameters in 60 tensors, compat form",
    at_least={"torch, the original's form": 2, "torch, foreach": 1},
)
def optimizer(r):
    torch.manual_seed(6)
    rate = 1e-6  # small: every side steps its own copy many times
    start = tensors_of(60, 10_000_000)
    gradients = [torch.randn_like(p) for p in start]
    mine, first, second = ([p.clone() for p in start] for _ in range(3))
    parameters = [torch.nn.Parameter(p) for p in mine]
    for p, g in zip(parameters, gradients):
        p.grad = g
    lior = lt.LIoROptimizer(parameters, lr=rate, form="compat")

    def side(step, values):
        def run():
            step()
            return values[:2]

        return run

    r.ours(side(lior.step, parameters))
    r.peer(
        "torch, the original's form",
        side(lambda: original_step(first, gradients, rate), first),
        1e-5,
    )
    r.peer("torch, foreach", side(lambda: foreach_step(second, gradients, rate), second), 1e-5)


# ---- attention with geometric scores ----------------------------------------------------------------


def dense_attention(z, v, mix):
    """The scores of all pairs in memory. z and v [B, N, H, 16]."""
    re, im = z.transpose(1, 2).split(8, -1)
    whole, conjugate = torch.cat([re, im], -1), torch.cat([re, -im], -1)
    p = whole @ whole.mT
    w = conjugate @ torch.cat([im, re], -1).mT
    c = conjugate @ whole.mT
    m = mix[:, :, None, None]
    scores = (m[:, 0] * p + m[:, 1] * w + m[:, 2] * (p * p + w * w) / 8 + m[:, 3] * c) / 8**0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    out = torch.softmax(scores.masked_fill(future, -torch.inf), -1) @ v.transpose(1, 2)
    return out.transpose(1, 2).flatten(2)


def attention_row(r, length, heads):
    torch.manual_seed(11)
    z, v = (0.5 * torch.randn(1, length, heads, 16) for _ in range(2))
    mix = torch.randn(heads, 4)
    flat = (z.flatten(2), v.flatten(2), mix)
    r.ours(lambda: lt.ops.spinor_attention(*flat)[0])
    r.peer("torch, scores in memory", lambda: dense_attention(z, v, mix), 1e-4)
    r.compiled("torch, compiled", dense_attention, z, v, mix, tolerance=1e-4)


# The scores of 8 heads at N = 8,192 would take torch more than a dozen GB.
for number, head_count in ((64, 8), (512, 8), (2048, 8), (8192, 2)):
    row(
        f"attention.{number}",
        shape=f"geometric scores, B=1, N={number:,}, {head_count} heads, forward",
        at_least={"torch, scores in memory": 1},
    )(lambda r, n=number, h=head_count: attention_row(r, n, h))
