# SPDX-License-Identifier: Apache-2.0
"""The LIoR optimiser for PyTorch."""

import math
from typing import Any, Callable, Optional, cast

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, ParamsT

from lior.torch import ops
from lior.torch.formulas.optimizer import lior_factor
from lior.torch.modules import weights_of, working_dtype

FORMS = ("exact", "compat", "manifold")


def _is_sharded(tensor: Tensor) -> bool:
    """Whether this process has a part of it alone (torch.distributed.tensor.DTensor)."""
    return hasattr(tensor, "to_local")


def _check_is_whole_or_dtensor(tensor: Tensor) -> None:
    if getattr(tensor, "_fsdp_flattened", False):
        raise RuntimeError(
            "LIoROptimizer: FSDP1's parameters are pieces of flat tensors, whose means are not known here; "
            "fully_shard (FSDP2) gives shards that it takes"
        )


def _dense_gradient(p: Tensor, maximize: bool) -> Tensor:
    gradient = cast(Tensor, p.grad)  # of those that have one
    gradient = gradient if gradient.layout == torch.strided else gradient.to_dense()
    return -gradient if maximize else gradient


class LIoROptimizer(Optimizer):
    """p <- (1 - lr weight_decay) p - lr kappa R^-q g, with R of each tensor:

    form="exact"     R = sqrt(1 + mean g^2), q = power: 1 (a step g/R, bounded by 1) or 2
    form="compat"    R = clamp(1/sqrt(1 + mean g^2), 0.1, 10), q = 2: as the original, big gradients take bigger
                     steps
    form="manifold"  R = resilience(first d entries of the tensor), q = 2; with `memory`, m <- 0.9 m + 0.1 R^-2 g
                     from m = 0, and p <- p - lr kappa m

    `resilience`: a LearnedMetric, or its resilience_net; the manifold form's. `maximize`: g is taken negative. Row-major
    tensors of float32 and float64 are stepped where they lie; others (channels last, bfloat16) in a copy. Of sharded
    tensors (DTensor) the mean is that over all shards; the manifold form does not take them, and none takes FSDP1's flat pieces."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        form: str = "exact",
        power: int = 1,
        kappa: float = 1.0,
        memory: bool = False,
        resilience: Optional[nn.Module] = None,
        *,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; expected 'exact', 'compat' or 'manifold'")
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}; expected a finite number of at least 0")
        if not (math.isfinite(kappa) and kappa > 0):
            raise ValueError(f"kappa is {kappa!r}; expected a finite number above 0")
        if power not in (1, 2):
            raise ValueError(f"power is {power!r}; expected 1 or 2")
        if (form == "manifold") != (resilience is not None):
            raise ValueError("the manifold form, and no other, takes a resilience net")
        if memory and form != "manifold":
            raise ValueError("memory belongs to the manifold form")
        defaults = dict(lr=lr, form=form, power=power, kappa=kappa, memory=memory)
        super().__init__(params, {**defaults, "weight_decay": weight_decay, "maximize": maximize})
        self._net = getattr(resilience, "resilience_net", resilience)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_net": self._net}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # of before 0.2
            group.setdefault("weight_decay", 0.0)
            group.setdefault("maximize", False)

    def _net_tensors(self, dtype: torch.dtype) -> list[Tensor]:
        if self._net is None:
            return []
        first, last = cast(nn.Sequential, self._net)[0], cast(nn.Sequential, self._net)[2]
        (weight, bias), (out, shift) = weights_of(first), weights_of(last)
        tensors = (weight, bias, out.reshape(-1), shift)
        return [tensor.detach().to(dtype).contiguous() for tensor in tensors]

    @torch.no_grad()
    def step(self, closure: Optional[Callable[[], Any]] = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                _check_is_whole_or_dtensor(p)
            stepped = [p for p in group["params"] if p.grad is not None]
            if group["weight_decay"] > 0:
                for p in stepped:
                    p.mul_(1 - float(group["lr"]) * group["weight_decay"])
            for p in filter(_is_sharded, stepped):
                self._step_shard(group, p)
            whole = [p for p in stepped if not _is_sharded(p)]
            for dtype in dict.fromkeys(p.dtype for p in whole):
                self._step(group, dtype, [p for p in whole if p.dtype == dtype])
        return loss

    def _step(self, group: dict[str, Any], dtype: torch.dtype, params: list[Tensor]) -> None:
        wide = working_dtype(dtype)
        # row-major tensors of the kernels' types are the parameters themselves
        values = [
            p if p.is_contiguous() and wide == dtype else p.to(wide).contiguous() for p in params
        ]
        memories = []
        if group["memory"]:
            for p in params:
                if "memory" not in self.state[p]:
                    form = torch.contiguous_format
                    self.state[p]["memory"] = torch.zeros_like(p, dtype=wide, memory_format=form)
            memories = [self.state[p]["memory"] for p in params]
        ops.lior_step(
            values,
            [_dense_gradient(p, group["maximize"]).to(wide) for p in params],
            memories,
            self._net_tensors(wide),
            group["form"],
            group["power"],
            group["kappa"],
            float(group["lr"]),
        )
        for p, value in zip(params, values):
            if value is not p:
                p.copy_(value)

    def _step_shard(self, group: dict[str, Any], p: Any) -> None:
        """Of a tensor whose parts lie in several processes."""
        if group["form"] == "manifold":
            raise RuntimeError(
                "LIoROptimizer: the manifold form takes no sharded tensors (DTensor)"
            )
        gradient: Any = _dense_gradient(p, group["maximize"])
        mean_square = gradient.square().mean().full_tensor()
        scale = lior_factor(group["form"], group["power"], mean_square)
        step = float(group["lr"]) * group["kappa"] * scale
        p.to_local().sub_(step * gradient.to_local())
