# SPDX-License-Identifier: Apache-2.0
"""The LIoR optimiser for PyTorch."""

import math

import torch
from torch.optim import Optimizer

from lior.torch import ops
from lior.torch.modules import weights_of


class LIoROptimizer(Optimizer):
    """p <- p - lr kappa R^-q g, with R of each tensor:

    form="exact"     R = sqrt(1 + mean g^2), q = power: 1 (a step g/R, bounded by 1) or 2
    form="compat"    R = clamp(1/sqrt(1 + mean g^2), 0.1, 10), q = 2: as the original, big gradients take bigger
                     steps
    form="manifold"  R = resilience(first d entries of the tensor), q = 2; with `memory`, m <- 0.9 m + 0.1 R^-2 g
                     from m = 0, and p <- p - lr kappa m

    `resilience`: a LearnedMetric, or its resilience_net; the manifold form's. Tensors are row-major, on the
    processor, float32 or float64, and are stepped where they lie."""

    def __init__(
        self, params, lr=1e-3, form="exact", power=1, kappa=1.0, memory=False, resilience=None
    ):
        if form not in ("exact", "compat", "manifold"):
            raise ValueError(f"form is {form!r}; expected 'exact', 'compat' or 'manifold'")
        if not (math.isfinite(lr) and lr >= 0):
            raise ValueError(f"lr is {lr!r}; expected a finite number of at least 0")
        if not (math.isfinite(kappa) and kappa > 0):
            raise ValueError(f"kappa is {kappa!r}; expected a finite number above 0")
        if power not in (1, 2):
            raise ValueError(f"power is {power!r}; expected 1 or 2")
        if (form == "manifold") != (resilience is not None):
            raise ValueError("the manifold form, and no other, takes a resilience net")
        if memory and form != "manifold":
            raise ValueError("memory belongs to the manifold form")
        super().__init__(params, dict(lr=lr, form=form, power=power, kappa=kappa, memory=memory))
        self._net = getattr(resilience, "resilience_net", resilience)

    def _net_tensors(self, dtype):
        if self._net is None:
            return []
        first, last = self._net[0], self._net[2]
        (weight, bias), (out, shift) = weights_of(first), weights_of(last)
        tensors = (weight, bias, out.reshape(-1), shift)
        return [tensor.detach().to(dtype).contiguous() for tensor in tensors]

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            stepped = [p for p in group["params"] if p.grad is not None]
            for dtype in dict.fromkeys(p.dtype for p in stepped):
                self._step(group, dtype, [p for p in stepped if p.dtype == dtype])
        return loss

    def _step(self, group, dtype, params):
        memories = []
        if group["memory"]:
            for p in params:
                if "memory" not in self.state[p]:
                    self.state[p]["memory"] = torch.zeros_like(p)
            memories = [self.state[p]["memory"] for p in params]
        ops.lior_step(
            params,
            [p.grad for p in params],
            memories,
            self._net_tensors(dtype),
            group["form"],
            group["power"],
            group["kappa"],
            group["lr"],
        )
