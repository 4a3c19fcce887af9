# SPDX-License-Identifier: Apache-2.0
"""The LIoR memory of a sequence beside the convolution that torch users write: rfft, product, irfft."""

import lior.torch as lt
import torch
from harness import row


def taps(kernel, length):
    """w0, and kappa_k = (1 - w0) K(k + 1) / S for k < length, in double; S runs until K is below rounding."""
    raw = kernel.raw().double()
    values = lt.ops.lior_kernel(raw, torch.arange(1, max(length, 4096) + 1, dtype=torch.float64))
    w0 = torch.softmax(raw[9:], 0)[0]
    return w0, ((1 - w0) * values / values.sum())[:length]


def rfft_memory(x, w0, transformed, dim):
    """y = w0 x + kappa * x along `dim`; `transformed` is rfft(kappa, 2 N), shaped to multiply."""
    length = x.shape[dim]
    product = torch.fft.rfft(x, n=2 * length, dim=dim).mul_(transformed)
    return torch.fft.irfft(product, n=2 * length, dim=dim).narrow(dim, 0, length).add_(x, alpha=w0)


def memory_row(r, batch, length, channels):
    torch.manual_seed(3)
    kernel = lt.LiorKernel()
    raw = kernel.raw().detach()[None]
    x = torch.randn(batch, length, channels)
    channels_first = x.transpose(1, 2).contiguous()
    w0, kappa = taps(kernel, length)
    w0, transformed = w0.item(), torch.fft.rfft(kappa, n=2 * length).to(torch.complex64)
    tolerance = (
        1e-5  # our sum of exponentials is good to 1e-6, the transforms to sqrt(log N) roundings
    )
    r.ours(lambda: lt.ops.memory(x[:, :, None], raw)[:, :, 0])
    r.peer("torch rfft", lambda: rfft_memory(x, w0, transformed[:, None], 1), tolerance)
    r.peer(
        "torch rfft, channels first",
        lambda: rfft_memory(channels_first, w0, transformed, 2).transpose(1, 2),
        tolerance,
    )


@row("memory.4096", shape="B=8, N=4,096, 256 channels", at_least={"torch rfft": 5})
def _(r):
    memory_row(r, 8, 4096, 256)


@row("memory.65536", shape="B=8, N=65,536, 256 channels", at_least={"torch rfft": 5})
def _(r):
    memory_row(r, 8, 65536, 256)
