# SPDX-License-Identifier: Apache-2.0
"""Layers, of every kind that lior.nn.Layer has."""

from typing import Any, Dict, Mapping, Tuple, cast

from jax import Array

from lior import nn
from lior.jax.derivatives import differentiable, refused
from lior.jax.operations import ArrayLike, Operation, array_of, options_of

#: Arrays by the names of Layer.shapes.
Parameters = Mapping[str, ArrayLike]

_VALUE = Operation("layer", inputs=(0,), outputs=(0,))
# What is saved for the way back belongs to a whole batch: under vmap one call after another.
_FORWARD = Operation("layer_forward", inputs=(0,), outputs=None)
_BACKWARD = Operation("layer_backward", inputs=(0, None, 0), outputs=None)
_STEP = Operation(
    "layer_step",
    inputs=(0, 0),
    outputs=(0, 0),
    refusal="lior.jax.Layer.step has no gradient; calling the layer on whole sequences has",
)
_START = Operation(
    "layer_start", inputs=(), outputs=None, refusal="lior.jax.Layer.initial_state has no gradient"
)


def _value(options: str, x: Array, parameters: Tuple[Array, ...]) -> Array:
    return _VALUE(options, x, *parameters)[0]


def _forward(options: str, x: Array, parameters: Tuple[Array, ...]) -> Any:
    out, saved = _FORWARD(options, x, *parameters)
    return out, (x, saved, parameters)


def _backward(options: str, kept: Any, d_out: Array) -> Any:
    x, saved, parameters = kept
    dx, *gradients = _BACKWARD(options, x, saved, d_out, *parameters)
    return dx, tuple(gradients)


_layer = differentiable(_value, _forward, _backward, refused("Layer"))


class Layer:
    """One layer, out = x + W_o core(W_in RMSNorm(x) + bias), of a kind of lior.nn.layer_kinds().

    It holds no numbers: `init` gives its parameters, a dict, and calls take them.

        layer = lior.jax.Layer("geometric_mamba", 64, heads=8)
        parameters = layer.init(seed=0)
        out = layer(parameters, x)                                     # x, out (B, N, d_model)
        out, state = layer.step(parameters, x, state)                  # after what the state holds

    Calls have gradients with respect to parameters and x. x has a batch axis of its own: it is faster than vmap, under
    which gradients take one example after another. options: those of the kind, as in a model's configuration, by their
    short names (heads, window, factors, ...); layers: of the model that it is for, which sets the size that W_o starts
    with. Formulas: docs/math/conventions.md, section 10.
    """

    def __init__(self, kind: str, d_model: int, *, layers: int = 1, **options: Any) -> None:
        self._layer = nn.Layer(kind, d_model, layers=layers, **options)
        self._description = {"kind": kind, "d_model": d_model, "options": self._layer.options}
        self._options = options_of(**self._description)

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"lior.jax.Layer({self.kind!r}, {self.d_model}{options})"

    @property
    def kind(self) -> str:
        return self._layer.kind

    @property
    def d_model(self) -> int:
        return self._layer.d_model

    @property
    def options(self) -> Dict[str, Any]:
        """All options of the kind, by name."""
        return self._layer.options

    @property
    def shapes(self) -> Dict[str, Tuple[int, ...]]:
        """The shape of each parameter, by name."""
        return self._layer.shapes

    def init(self, seed: int = 0, dtype: str = "float32") -> Dict[str, Array]:
        """Start values: a function of the seed alone, the same as lior.nn.Layer.start's."""
        return {
            name: array_of(values) for name, values in self._layer.start(seed, dtype=dtype).items()
        }

    def __call__(self, parameters: Parameters, x: ArrayLike) -> Array:
        """out (B, N, d_model) of sequences x (B, N, d_model), each from the initial state."""
        return cast(Array, _layer(self._options, array_of(x), self._in_order(parameters)))

    def initial_state(self, parameters: Parameters, batch: int) -> Array:
        """The state before the first token: (batch, state_size), of the parameters' dtype. Has no gradient."""
        arrays = self._in_order(parameters)
        options = options_of(**self._description, batch=batch, dtype=str(arrays[0].dtype))
        return _START(options, *arrays)[0]

    def step(self, parameters: Parameters, x: ArrayLike, state: ArrayLike) -> Tuple[Array, Array]:
        """(out (B, N, d_model), next state) of x (B, N, d_model) that comes after what state (B, state_size) holds. Any
        split of a sequence into steps gives one call's result. Has no gradient."""
        out, after = _STEP(self._options, array_of(x), array_of(state), *self._in_order(parameters))
        return out, after

    def _in_order(self, parameters: Parameters) -> Tuple[Array, ...]:
        names = self._layer.shapes
        unknown = [name for name in parameters if name not in names]
        if unknown:
            raise ValueError(
                f"parameters have '{unknown[0]}', which this {self.kind} layer does not use"
            )
        missing = [name for name in names if name not in parameters]
        if missing:
            raise ValueError(f"parameters lack '{missing[0]}'")
        return tuple(array_of(parameters[name]) for name in names)
