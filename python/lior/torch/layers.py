# SPDX-License-Identifier: Apache-2.0
"""Layers of every kind as modules. Parameter names are those of `lior train`'s checkpoints, so that a state dict of
theirs loads."""

from typing import Any, Mapping, Optional, Union, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook

from lior import nn as lior_nn
from lior.torch import ops
from lior.torch.modules import (
    Device,
    Lengths,
    expect,
    fresh_seed,
    is_plain,
    sizes_of,
    working_dtype,
)
from lior.torch.operators.tensors import array


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


# Tokens of a call without a gradient whose time is that of calls and not of products.
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
        # Where a kind has none, one without numbers: programs of AOTInductor give None for an empty list.
        own = self._own() or [projection.new_empty(0)]
        z, last, *_ = ops.layer_inner(spec, projection, own, state, lengths)
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
        if spec is None and lengths is None:
            tensors = self._tensors_for(x, state)
            if tensors is not None:
                return self._as_one(x, state, tensors)
        sizes = None if lengths is None else sizes_of(lengths)
        if state is None and "initial" in self._parameters:
            state = self.start_state(x, sizes)
        projection = cast(nn.Module, self._modules["in"])(self.norm(x))
        z, last = self._core(projection, state, spec or self.spec, sizes)
        return x + self.out(z.to(projection.dtype)), last

    def _tensors_for(self, x: Tensor, state: Optional[Tensor]) -> Optional[list[Tensor]]:
        """The parameters in the order of the description, where the library may compute the layer as one, which takes less
        time and memory than its parts one after another; None where compilers, transforms, autocast, hooks, adapters or
        dtypes want to see these."""
        if (
            not ops.is_plain_call(x, *(() if state is None else (state,)))
            or torch.is_autocast_enabled("cpu")
            or _has_any_global_hook()
            or not all(map(_calls_nothing, self._modules.values()))
        ):
            return None
        tensors = []
        for name in ops.layer_names(self.spec):
            module, _, leaf = name.rpartition(".")
            of = self._modules[module] if module else self
            tensors.append(cast(nn.Module, of)._parameters[leaf])
        plain = all(
            type(p) in (nn.Parameter, Tensor) and p.dtype == x.dtype and p.device == x.device
            for p in cast(list[Tensor], tensors)
        )
        return cast(list[Tensor], tensors) if plain else None

    def _as_one(
        self, x: Tensor, state: Optional[Tensor], tensors: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        if state is None and "initial" in self._parameters:
            state = self.start_state(x)
        if state is not None and not torch.is_grad_enabled() and x.shape[0] * x.shape[1] <= _FEW:
            arrays = self._arrays_on(tensors)
            if arrays is not None:
                return self._stepped(x, state, arrays)
        out, last, _ = ops.layer_block(self.spec, x, tensors, state)
        return out, last

    def _arrays_on(self, tensors: list[Tensor]) -> Optional[dict[str, Any]]:
        """Arrays on the parameters' memory, which are made once; None where that is not row-major."""
        held = tuple(p.data_ptr() for p in tensors)
        if self._step_arrays is None or self._step_arrays[0] != held:
            arrays = None
            if all(p.is_contiguous() for p in tensors):
                names = ops.layer_names(self.spec)
                arrays = {name: array(p.detach()) for name, p in zip(names, tensors)}
            self._step_arrays = held, arrays
        return self._step_arrays[1]

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
        state = self.start_state(self.norm.weight.new_empty(batch, 0))
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
