# SPDX-License-Identifier: Apache-2.0
"""The kernels as modules. Parameter names are those of the original program's modules where there is one, and
those of `lior train`'s checkpoints otherwise, so that a state dict of either loads."""

import functools
import math
from typing import Any, Mapping, Optional, Sequence, Union, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook

from lior import Error
from lior import nn as lior_nn
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
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else [int(n) for n in lengths]
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


class RmsNorm(nn.Module):
    """x / sqrt(mean x^2 + 1e-6) * weight."""

    def __init__(
        self, width: int, dtype: Optional[torch.dtype] = None, device: Device = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)

    def extra_repr(self) -> str:
        return str(len(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, list(self.weight.shape), self.weight, 1e-6)


# Tokens of a call whose time is that of calls and not of products.
_FEW = 16


def _calls_nothing(module: Optional[nn.Module]) -> bool:
    """Whether it is a part of a layer, as the layer made it."""
    if type(module) is RmsNorm:
        return is_plain(module, RmsNorm)
    return type(module) is nn.Linear and is_plain(module)


# The options of ops.ci8_scan, in its order.
_SCAN_OPTIONS = ("factors", "transition", "complex_state", "gates", "phase", "rotation")


class Layer(nn.Module):
    """out = x + W_o core(W_in RMSNorm(x) + bias), of any kind of lior.nn.layer_kinds(): x [B, N, d_model].

    Parameters, their names and start values are those of lior.nn.Layer(kind, d_model, **options) and of the program's
    model.safetensors; `norm`, `in`, `out` and `readout` are modules, so that hooks and adapters see them. `in` is a
    keyword of Python: it is `layer.get_submodule("in")`.
    """

    # What _add makes of the description's names; which a kind has its description says.
    norm: RmsNorm
    out: nn.Linear
    readout: nn.Linear
    initial: Tensor
    # Places of the parameters' memory, and arrays on it.
    _step_arrays: Optional[tuple[tuple[int, ...], Optional[dict[str, Any]]]] = None

    def __init__(
        self,
        kind: str,
        d_model: int,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.d_model = d_model
        self.spec = ops.layer_spec(kind, d_model, **options)
        description = self.description
        self.options, self.inner_names = description.options, description.inner_names
        # numbers in one sequence's state; a double among floats is a sum of two
        self.state_sizes = {
            dtype: description.state_size(dtype=str(dtype).removeprefix("torch."))
            for dtype in (torch.float32, torch.float64)
        }
        real, place = dtype or torch.get_default_dtype(), device or torch.get_default_device()
        start = self._start(real)
        for name, value in start.items():
            self._add(name, value.to(place, real), start)

    def _start(self, dtype: torch.dtype) -> dict[str, Tensor]:
        wide = str(working_dtype(dtype)).removeprefix("torch.")
        start = self.description.start(fresh_seed(), dtype=wide)
        return {name: torch.from_numpy(array) for name, array in start.items()}

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start values again, by torch's generator."""
        own = dict(self.named_parameters())
        for name, value in self._start(self.norm.weight.dtype).items():
            own[name].copy_(value)

    def extra_repr(self) -> str:
        options = (f"{name}={value!r}" for name, value in self.options.items())
        return ", ".join([self.description.kind, str(self.d_model), *options])

    @property
    def description(self) -> lior_nn.Layer:
        """The lior.nn.Layer of this kind; made by its text, so that copies and pickles need no C++ object."""
        return ops.layer_of(self.spec)

    def _add(self, name: str, value: Tensor, start: Mapping[str, Tensor]) -> None:
        module, _, leaf = name.rpartition(".")
        if not module:
            self.register_parameter(name, nn.Parameter(value))
        elif leaf == "weight":
            made: Union[RmsNorm, nn.Linear]
            if module == "norm":
                made = RmsNorm(len(value), value.dtype, value.device)
            else:
                bias = f"{module}.bias" in start
                made = cast(
                    nn.Linear,
                    nn.utils.skip_init(
                        nn.Linear, value.shape[1], value.shape[0], bias=bias, dtype=value.dtype
                    ),
                )
            made.weight = nn.Parameter(value)
            self.add_module(module, made)
        else:
            setattr(self.get_submodule(module), leaf, nn.Parameter(value))

    def _own(self) -> list[Tensor]:
        """The parameters between the two projections, in the order of the description."""
        own = []
        for name in self.inner_names:
            module, _, leaf = name.rpartition(".")
            own.append(getattr(self.get_submodule(module), leaf))
        return own

    def _core(
        self, projection: Tensor, state: Optional[Tensor], spec: str, lengths: Optional[list[int]]
    ) -> tuple[Tensor, Tensor]:
        """What W_o reads, and the last state; by one operator, or, where the readout's call is more than its product,
        by its parts."""
        if "readout" in self._modules and not is_plain(self.readout):
            return self._scanned(projection, state, lengths)
        z, last, *_ = ops.layer_inner(spec, projection, self._own(), state, lengths)
        return z, last

    def _scanned(
        self, projection: Tensor, state: Optional[Tensor], lengths: Optional[list[int]] = None
    ) -> tuple[Tensor, Tensor]:
        if lengths is not None:
            states = [None] * len(lengths) if state is None else state.split(1)
            parts = zip(projection.split(lengths, 1), states)
            outs, ends = zip(*(self._scanned(part, start) for part, start in parts))
            return torch.cat(outs, 1), torch.cat(ends)
        heads, kind, *options = (self.options[n] for n in ("heads", "readout", *_SCAN_OPTIONS))
        width = self.out.in_features
        columns, gate = projection.split([projection.shape[2] - width, width], -1)
        size = 16 if self.options["complex_state"] else 8
        if state is None:
            dtype = working_dtype(projection.dtype)
            state = projection.new_zeros(len(projection), size * heads, dtype=dtype)
        start = state.unflatten(1, (size, heads))
        states = ops.ci8_scan(columns, start, self._parameters.get("angles"), *options)
        last = torch.cat([start.unsqueeze(1), states], 1)[:, -1]
        shown = self.readout(ops.readout(states, kind).flatten(2).to(projection.dtype))
        return shown * F.silu(gate), last.flatten(1)

    def run(
        self,
        x: Tensor,
        state: Optional[Tensor] = None,
        spec: Optional[str] = None,
        lengths: Lengths = None,
    ) -> tuple[Tensor, Tensor]:
        """(out, the last state [B, state_size], which is empty without a first one).

        lengths: of sequences that lie one behind another in x [1, R, d_model]; none sees another, and each has a state,
        [len(lengths), state_size]. The projections work in the dtype of their weights, or of autocast; what stands
        between them, and states, in float32 at least."""
        expect(self, "x", x, "B", "N", self.d_model)
        if state is not None and spec is None and lengths is None:
            arrays = self._arrays_for(x, state)
            if arrays is not None:
                return self._stepped(x, state, arrays)
        sizes = None if lengths is None else sizes_of(lengths)
        if state is None and "initial" in self._parameters:
            state = self.start_state(x, sizes)
        projection = cast(nn.Module, self._modules["in"])(self.norm(x))
        z, last = self._core(projection, state, spec or self.spec, sizes)
        return x + self.out(z.to(projection.dtype)), last

    def _arrays_for(self, x: Tensor, state: Tensor) -> Optional[dict[str, Any]]:
        """The parameters as the library's own step takes them, by which a call of few tokens is some times faster than by
        operators one after another; None where these have something to do for autograd, transforms, autocast, hooks,
        adapters or dtypes."""
        if (
            x.shape[0] * x.shape[1] > _FEW
            or torch.is_grad_enabled()
            or not ops.is_plain_call(x, state)
            or torch.is_autocast_enabled("cpu")
            or _has_any_global_hook()
            or not all(map(_calls_nothing, self._modules.values()))
        ):
            return None
        own = [self._parameters, *(cast(nn.Module, m)._parameters for m in self._modules.values())]
        tensors = [p for parameters in own for p in parameters.values() if p is not None]
        if not all(type(p) in (nn.Parameter, Tensor) and p.dtype == x.dtype for p in tensors):
            return None
        held = tuple(p.data_ptr() for p in tensors)
        if self._step_arrays is None or self._step_arrays[0] != held:
            self._step_arrays = held, self._views()
        return self._step_arrays[1]

    def _views(self) -> Optional[dict[str, Any]]:
        """Arrays on the parameters' memory; None where they are not all there, row-major."""
        named = dict(self.named_parameters())
        if named.keys() != self.description.shapes.keys() or any(
            not p.is_contiguous() or p.device.type != "cpu" for p in named.values()
        ):
            return None
        return {name: p.detach().numpy() for name, p in named.items()}

    def _stepped(self, x: Tensor, state: Tensor, arrays: dict[str, Any]) -> tuple[Tensor, Tensor]:
        expect(self, "state", state, len(x), self.state_sizes[x.dtype])
        x, after = x.contiguous(), state.clone(memory_format=torch.contiguous_format)
        out = torch.empty_like(x)
        ops.follow_threads()
        self.description.step(arrays, x.detach().numpy(), after.detach().numpy(), out=out.numpy())
        return out, after

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_step_arrays": None}

    def start_state(self, x: Tensor, lengths: Lengths = None) -> Tensor:
        """The state before the first token of x, [B, state_size], or of each of `lengths`: zeros, or each head's learned
        unit state."""
        count = len(x if lengths is None else lengths)
        dtype = working_dtype(x.dtype)
        if "initial" in self._parameters:
            return F.normalize(self.initial.to(dtype), dim=0).flatten().expand(count, -1)
        return x.new_zeros(count, self.state_sizes[dtype], dtype=dtype)

    def forward(self, x: Tensor, lengths: Lengths = None) -> Any:
        """out [B, N, d_model] of x [B, N, d_model], from the start of its sequences. lengths: as in run."""
        return self.run(x, lengths=lengths)[0]

    @torch.no_grad()
    def step(self, x: Tensor, state: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """(out, state) of x [B, n, d_model] that comes after what `state` (None: nothing) holds; any split of a sequence
        into steps gives forward's result. Time and memory of a step do not grow."""
        return self.run(x, self.start_state(x) if state is None else state)


class GeometricMamba(Layer):
    """x + W_o (W_q q * silu(W_g v)): v = RMSNorm(x), q what heads show of states that octonions turn.

    Options: those of lior.nn.MixerConfig. With a state [B, S, H] (its own second result of an earlier call) it goes on
    from there, and gradients reach that state."""

    def __init__(
        self,
        d_model: int,
        heads: int = 8,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
        **options: Any,
    ) -> None:
        super().__init__("geometric_mamba", d_model, dtype, device, heads=heads, **options)

    def initial_state(self, batch: int) -> Tensor:
        """The state before the first token, [B, S, H]: zero with gates, else the learned unit states."""
        size = 16 if self.options["complex_state"] else 8
        state = self.start_state(self.out.weight.new_empty(batch, 0))
        return state.view(batch, size, self.options["heads"])

    def forward(  # type: ignore[override]
        self, x: Tensor, state: Optional[Tensor] = None, lengths: Lengths = None
    ) -> tuple[Tensor, Tensor]:
        """The layer's output and its last state."""
        count = len(x if lengths is None else lengths)
        if state is None:
            state = self.initial_state(count)
        size = 16 if self.options["complex_state"] else 8
        expect(self, "state", state, count, size, self.options["heads"])
        out, last = self.run(x, state.flatten(1), lengths=lengths)
        return out, last.view(state.shape)


class CausalField(Layer):
    """x + W_o (m * silu(W_g v)), v = RMSNorm(x): m is the LIoR memory along time of the associator current of three
    complex octonions a head, turned by a learned unit octonion. From the start."""

    def __init__(
        self,
        d_model: int,
        heads: int = 8,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__("causal_field", d_model, dtype, device, heads=heads)


class GeometricAttention(Layer):
    """x + W_o attention(z, values): causal, by l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c of spinors z of RMSNorm(x).
    From the start. window: positions that are seen, 0: all."""

    def __init__(
        self,
        d_model: int,
        heads: int = 8,
        window: int = 0,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__("geometric_attention", d_model, dtype, device, heads=heads, window=window)

    @torch.no_grad()
    def step(self, x: Tensor, state: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """As Layer.step; with window 0 the state, and the time of a step, grow with all that came before."""
        options = self.options
        if options["window"] > 0:
            return super().step(x, state)
        # A window that nothing has left yet sees all: it is doubled before it is full. The state is a count of
        # positions and a row of keys and values for each of the window's.
        row = 2 * 16 * options["heads"]
        held = 0 if state is None else int(state[0, 0])
        window = 0 if state is None else (state.shape[1] - 1) // row
        if held + x.shape[1] > window:
            window = max(64, 2 * window, held + x.shape[1])
            grown = x.new_zeros(len(x), 1 + window * row, dtype=working_dtype(x.dtype))
            if state is not None:
                grown[:, : state.shape[1]] = state
            state = grown
        spec = ops.layer_spec(self.description.kind, x.shape[2], **{**options, "window": window})
        return self.run(x, state, spec)


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
