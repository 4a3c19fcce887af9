# SPDX-License-Identifier: Apache-2.0
"""Kernels as modules, those that are no layers of `lior train` (layers.py), and what all modules share. Parameter names
are those of the original program's modules, so that a state dict of theirs loads."""

import functools
import math
import operator
from typing import Optional, Sequence, Union, cast

import torch
from torch import Tensor, nn

from lior import Error
from lior.torch import ops

#: Where a module is made: as torch's own take it.
Device = Union[torch.device, str, int, None]


def is_plain(module: nn.Module, kind: type[nn.Module] = nn.Linear) -> bool:
    """Whether a call of the module is that of its kind by its weights, and nothing more: no adapter in its place, no
    hooks. Parametrizations are seen, since they are in what its weight is."""
    return (
        type(module).forward is kind.forward
        and "forward" not in vars(module)
        and not (
            module._forward_hooks
            or module._forward_pre_hooks
            or module._backward_hooks
            or module._backward_pre_hooks
        )
    )


def weights_of(module: nn.Module, kind: type[nn.Module] = nn.Linear) -> tuple[Tensor, Tensor]:
    """(weight, bias) of a module that a kernel works by without calling it; refused where a call would do more."""
    if not is_plain(module, kind):
        raise RuntimeError(
            f"lior works by the weights of this {kind.__name__} and does not call it, so hooks and adapters on it would "
            "not be seen: merge or remove them first (PEFT: merge_and_unload, prune: remove), or use "
            "torch.nn.utils.parametrizations"
        )
    return cast(Tensor, module.weight), cast(Tensor, module.bias)


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """What kernels and states are in, where tensors are in `dtype`: nothing narrower than float32."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def expect(module: nn.Module, name: str, tensor: Tensor, *shape: Union[int, str]) -> None:
    """Refuses a tensor of another shape: of sizes, letters where any will do, and a first "..." for any before it."""
    last = shape[1:] if shape[0] == "..." else shape
    given = tuple(tensor.shape)
    fits = len(given) >= len(last) and (len(given) == len(last) or shape[0] == "...")
    if fits and all(isinstance(n, str) or n == g for n, g in zip(last[::-1], given[::-1])):
        return
    wanted = ", ".join(map(str, shape))
    raise Error(f"{type(module).__name__}: {name} has shape {given}; expected ({wanted})")


#: Of sequences that lie one behind another in one row [1, R, ...]: their lengths, R in all. Of cu_seqlens: its diff().
Lengths = Union[Sequence[int], Tensor, None]


def sizes_of(lengths: Union[Sequence[int], Tensor]) -> list[int]:
    given = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    sizes = [operator.index(n) for n in given]  # 5.9 is no length
    if not sizes:
        raise Error("lengths are empty; expected the length of each sequence")
    return sizes


def pack(padded: Tensor, mask: Tensor) -> tuple[Tensor, list[int]]:
    """(packed [1, R, ...], lengths) of padded [B, N, ...]: what `mask` [B, N] keeps, row behind row, as layers and models
    take it; padding may be on either side."""
    mask = mask.bool()
    return padded[mask][None], sizes_of(mask.sum(1))


def unpack(packed: Tensor, mask: Tensor) -> Tensor:
    """[B, N, ...] of packed [1, R, ...], zeros where `mask` [B, N] keeps nothing: what pack took apart."""
    padded = packed.new_zeros(*mask.shape, *packed.shape[2:])
    return padded.index_put((mask.bool(),), packed[0])


def fresh_seed() -> int:
    """Of torch's generator, which goes on; torch.manual_seed holds, on the meta device too."""
    return int(torch.randint(1 << 62, (), device="cpu"))


class SpinorBilinears(nn.Module):
    """K0 [...], K1 and K2 [..., d, d] of spinors psi [..., s]; `gamma` [d, s, s] is learned.

    With `packed` K1 is [..., d(d-1)/2], the pairs m < n, and K2 [..., d(d+1)/2], the pairs m <= n.
    """

    def __init__(
        self,
        d: int,
        s: int,
        packed: bool = False,
        dirac: bool = False,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        self.packed, self.dirac = packed, dirac
        self.gamma = nn.Parameter(torch.empty(d, s, s, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.gamma, std=self.gamma.shape[1] ** -0.5)

    def extra_repr(self) -> str:
        d, s, _ = self.gamma.shape
        return f"{d}, {s}, packed={self.packed}, dirac={self.dirac}"

    def forward(self, psi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        expect(self, "psi", psi, "...", self.gamma.shape[1])
        d, leading = self.gamma.shape[0], psi.shape[:-1]
        k0, *pairs = ops.bilinears(
            psi.reshape(-1, psi.shape[-1]), self.gamma, self.packed, self.dirac
        )
        shape = (-1,) if self.packed else (d, d)
        k1, k2 = (k.reshape(*leading, *shape).to(psi.dtype) for k in pairs)
        return k0.reshape(leading).to(psi.dtype), k1, k2


class LearnedMetric(nn.Module):
    """g~(x) = R(x)^2 g(x) [..., d, d] at points x [..., d]; with resilience=False g.

    g = L L^T + 0.1 tanh((h + h^T)/2) + 1e-4 I (+ 0.1 d I with spd_floor), h = metric_net(x);
    R = clamp(softplus(resilience_net(x)), 0.1, 10)."""

    def __init__(
        self,
        d: int,
        resilience: bool = True,
        spd_floor: bool = False,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        self.d, self.resilience, self.spd_floor = d, resilience, spd_floor
        linear = functools.partial(nn.Linear, dtype=dtype, device=device)
        self.L = nn.Parameter(torch.empty(d, d, dtype=dtype, device=device))
        self.metric_net = nn.Sequential(linear(d, 2 * d), nn.GELU(), linear(2 * d, d * d))
        self.resilience_net = nn.Sequential(linear(d, d), nn.GELU(), linear(d, 1))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.L, std=0.1)
        self.L.diagonal().add_(1)
        for net in (*self.metric_net, *self.resilience_net):
            if isinstance(net, nn.Linear):
                net.reset_parameters()

    def extra_repr(self) -> str:
        return f"{self.d}, resilience={self.resilience}, spd_floor={self.spd_floor}"

    def tensors(self) -> list[Tensor]:
        """The nine parameters in the order of `ops.learned_metric`."""
        nets = (
            self.metric_net[0],
            self.metric_net[2],
            self.resilience_net[0],
            self.resilience_net[2],
        )
        return [self.L, *(tensor for layer in nets for tensor in weights_of(layer))]

    def _planes(self, x: Tensor, name: str = "x") -> Tensor:
        expect(self, name, x, "...", self.d)
        return x.reshape(-1, self.d).T.contiguous()

    def forward(self, x: Tensor) -> Tensor:
        g = ops.learned_metric(self._planes(x), self.tensors(), self.resilience, self.spd_floor)
        return g.permute(2, 0, 1).reshape(*x.shape, self.d).to(x.dtype)

    def christoffel(self, x: Tensor) -> Tensor:
        """Gamma [..., l, m, n], the upper index first."""
        gamma = ops.christoffel(self._planes(x), self.tensors(), self.resilience, self.spd_floor)
        return gamma.permute(3, 0, 1, 2).reshape(*x.shape, self.d, self.d).to(x.dtype)

    def geodesic(
        self, x: Tensor, v: Tensor, time: float = 1.0, step: float = 0.1
    ) -> tuple[Tensor, Tensor]:
        """Point and velocity at parameter `time` of the geodesic from (x, v), by RK4 in steps of at most `step`."""
        expect(self, "v", v, *x.shape)
        end, velocity = ops.geodesic(
            self._planes(x),
            self._planes(v),
            self.tensors(),
            self.resilience,
            self.spd_floor,
            time,
            step,
        )
        return end.T.reshape(x.shape).to(x.dtype), velocity.T.reshape(x.shape).to(x.dtype)

    def distance(
        self, x: Tensor, y: Tensor, rtol: Optional[float] = None, atol: Optional[float] = None
    ) -> Tensor:
        """The geodesic distance [...] of points x and y [..., d], found by shooting to those tolerances (1e-8 and
        1e-10, of float32 1e-5 and 1e-6); NaN, without a gradient, where shooting does not converge."""
        expect(self, "y", y, *x.shape)
        tolerances = (1e-8, 1e-10) if x.dtype == torch.float64 else (1e-5, 1e-6)
        distance = ops.geodesic_distance(
            self._planes(x),
            self._planes(y),
            self.tensors(),
            self.resilience,
            self.spd_floor,
            tolerances[0] if rtol is None else rtol,
            tolerances[1] if atol is None else atol,
        )
        return distance.reshape(x.shape[:-1]).to(x.dtype)

    def _squares(self, path: Tensor) -> Tensor:
        """|dx|^2 [..., K - 1] of the steps of paths [..., K, d], by the metric in their middle."""
        expect(self, "path", path, "...", "K", self.d)
        step, middle = path.diff(dim=-2), (path[..., 1:, :] + path[..., :-1, :]) / 2
        return torch.einsum("...m,...mn,...n->...", step, self(middle), step)

    def length(self, path: Tensor) -> Tensor:
        """The length [...] of paths [..., K, d]: sum of |dx|. A step that rests has no gradient."""
        squares = self._squares(path)
        moves = squares > 0
        return torch.where(moves, torch.where(moves, squares, 1).sqrt(), 0).sum(-1)

    def energy(self, path: Tensor) -> Tensor:
        """The energy [...] of paths [..., K, d] of unit parameter: (K - 1)/2 sum of |dx|^2."""
        return self._squares(path).sum(-1) * (path.shape[-2] - 1) / 2


class LiorKernel(nn.Module):
    """K(t) = w0 a e^{-beta t} + w1 gamma t^-delta e^{-xi t} + w2 eta cos(omega t + phi) e^{-zeta t}, 0 for t <= 0.

    Rates and amplitudes are exponentials of what is learned, delta = sigmoid(delta_logit), w = softmax.
    """

    NAMES = (
        "log_alpha_exp",
        "log_beta",
        "log_gamma",
        "delta_logit",
        "log_xi",
        "log_eta",
        "omega",
        "phi",
        "log_zeta",
    )
    START = (0.0, 0.0, -1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0)
    # The original's own recurrence, which is not this kernel's: kept so that its state dict loads.
    UNUSED = {"rho_logit": 2.0, "log_eta_r": 0.0, "log_xi_r": -2.0}

    def __init__(self, dtype: Optional[torch.dtype] = None, device: Device = None) -> None:
        super().__init__()
        empty = functools.partial(torch.empty, dtype=dtype, device=device)
        for name in self.NAMES:
            setattr(self, name, nn.Parameter(empty(())))
        for name in self.UNUSED:
            self.register_buffer(name, empty(()))
        self.weight_logits = nn.Parameter(empty(3))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        for name, value in (*zip(self.NAMES, self.START), *self.UNUSED.items()):
            getattr(self, name).fill_(value)
        self.weight_logits.zero_()
        self.weight_logits[0] = 1

    def raw(self) -> Tensor:
        """The 12 raw parameters in the library's order."""
        return torch.cat(
            [torch.stack([getattr(self, name) for name in self.NAMES]), self.weight_logits]
        )

    def forward(self, lag: Tensor) -> Tensor:
        return ops.lior_kernel(self.raw(), lag.reshape(-1)).reshape(lag.shape).to(lag.dtype)


class LiorMemory(nn.Module):
    """y_n = w0 x_n + sum_k kappa_k x_{n-k} for x [B, N, C]: every output mixes its own input with all earlier
    ones. `heads` kernels share the channels equally, one after another."""

    def __init__(
        self,
        heads: int = 1,
        tolerance: float = 1e-6,
        horizon: float = 1 << 20,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        self.tolerance, self.horizon = tolerance, float(horizon)
        self.kernels = nn.ModuleList(LiorKernel(dtype, device) for _ in range(heads))

    def extra_repr(self) -> str:
        return f"heads={len(self.kernels)}, tolerance={self.tolerance:g}, horizon={self.horizon:g}"

    def forward(self, x: Tensor, lengths: Lengths = None) -> Tensor:
        """lengths: of sequences that lie one behind another in x, B = 1; none mixes with another."""
        expect(self, "x", x, "B", "N", "C")
        if lengths is not None:
            return torch.cat([self(part) for part in x.split(sizes_of(lengths), 1)], 1)
        if x.shape[2] % len(self.kernels):
            raise Error(
                f"LiorMemory: {len(self.kernels)} kernels cannot share {x.shape[2]} channels"
            )
        raw = torch.stack([cast(LiorKernel, kernel).raw() for kernel in self.kernels])
        channels = x.unflatten(-1, (len(self.kernels), -1))
        return ops.memory(channels, raw, self.tolerance, self.horizon).flatten(2).to(x.dtype)


class _Wedge(nn.Module):
    def __init__(self, expanded: int, dtype: Optional[torch.dtype]) -> None:
        super().__init__()

        def normal() -> nn.Parameter:
            return nn.Parameter(torch.randn(expanded, 8, dtype=dtype) / math.sqrt(expanded))

        self.basis_real, self.basis_imag = normal(), normal()
        self.layer_norm = nn.LayerNorm(16, dtype=dtype)


class _Trinor(nn.Module):
    def __init__(self, dtype: Optional[torch.dtype]) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(8, dtype=dtype))
        self.omega = nn.Parameter(torch.zeros(8, dtype=dtype))
        self.sigma = nn.Parameter(torch.ones(8, dtype=dtype))


class _Spinor(nn.Module):
    def __init__(self, expanded: int, dtype: Optional[torch.dtype]) -> None:
        super().__init__()
        self.projection = nn.Linear(8, expanded, dtype=dtype)


class CompatMamba(nn.Module):
    """The original program's geometric Mamba layer, to run its weights: docs/math/conventions.md, section 4.5.

    x [B, N, D], state [B, 16] -> the output and the last state. No gradient. For use take GeometricMamba.
    """

    def __init__(self, d_model: int, expand: int = 2, dtype: Optional[torch.dtype] = None) -> None:
        super().__init__()
        expanded = expand * d_model
        linear = functools.partial(nn.Linear, dtype=dtype)
        self.in_proj = linear(d_model, expanded)
        self.wedge = _Wedge(expanded, dtype)
        self.trinor = _Trinor(dtype)
        self.spinor = _Spinor(expanded, dtype)
        self.gate = linear(expanded, expanded)
        self.out_proj = linear(expanded, d_model)
        self.norm = nn.LayerNorm(d_model, dtype=dtype)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        expect(self, "x", x, "B", "N", self.in_proj.in_features)
        expect(self, "state", state, x.shape[0], 16)
        wedge, trinor, both = self.wedge, self.trinor, weights_of
        parameters = [
            *both(self.in_proj),
            torch.cat([wedge.basis_real, wedge.basis_imag], 1),
            *both(wedge.layer_norm, nn.LayerNorm),
            trinor.theta,
            trinor.omega,
            trinor.sigma,
            *both(self.spinor.projection),
            *both(self.gate),
            *both(self.out_proj),
            *both(self.norm, nn.LayerNorm),
        ]
        out, state = ops.compat_mamba(x, state, parameters)
        return out.to(x.dtype), state
