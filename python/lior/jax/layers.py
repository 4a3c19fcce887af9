# SPDX-License-Identifier: Apache-2.0
"""Layers, of every kind that lior.nn.Layer has."""

import functools
from typing import Any, Dict, Mapping, Tuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from lior import nn
from lior.jax.derivatives import along, differentiable, moves_of, refused
from lior.jax.operations import ArrayLike, Operation, array_of, options_of

#: Arrays by the names of Layer.shapes.
Parameters = Mapping[str, ArrayLike]

_VALUE = Operation("layer", inputs=(0,), outputs=(0,))
# What is saved for the way back belongs to a whole batch: under vmap one call after another.
_FORWARD = Operation("layer_forward", inputs=(0,), outputs=None)
_BACKWARD = Operation("layer_backward", inputs=(0, None, 0), outputs=None)
_STEP = Operation("layer_step", inputs=(0, 0), outputs=(0, 0))
_STEP_FORWARD = Operation("layer_step_forward", inputs=(0, 0), outputs=None)
_STEP_BACKWARD = Operation("layer_step_backward", inputs=(0, None, 0, 0), outputs=None)
_START = Operation("layer_start", inputs=(), outputs=None)


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


def _step_value(
    options: str, x: Array, state: Array, parameters: Tuple[Array, ...]
) -> Tuple[Array, Array]:
    out, after = _STEP(options, x, state, *parameters)
    return out, after


def _step_forward(options: str, x: Array, state: Array, parameters: Tuple[Array, ...]) -> Any:
    out, saved, after = _STEP_FORWARD(options, x, state, *parameters)
    return (out, after), (x, saved, parameters)


def _step_backward(options: str, kept: Any, grads: Tuple[Array, Array]) -> Any:
    x, saved, parameters = kept
    dx, *gradients, d_state = _STEP_BACKWARD(options, x, saved, *grads, *parameters)
    return dx, d_state, tuple(gradients)


def _no_derivative(options: str, arguments: Any, grads_or_moves: Any) -> Any:
    raise NotImplementedError(
        "lior.jax.Layer.step of this kind has no derivative, since its states have none; calling the layer on whole "
        "sequences has a gradient"
    )


_step = differentiable(_step_value, _step_forward, _step_backward, refused("Layer.step"))
_step_of_values = differentiable(
    _step_value,
    lambda options, *arguments: (_step_value(options, *arguments), ()),
    _no_derivative,
    _no_derivative,
)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _start(options: str, parameters: Tuple[Array, ...], initial: Array) -> Array:
    return _START(options, *parameters)[0]


def _start_moved(options: str, arguments: Any, tangents: Any) -> Tuple[Array, Array]:
    """The state is the parameter `initial` (S, H), each head's brought to unit length."""
    state = _start(options, *arguments)

    def formula(parameters: Tuple[Array, ...], initial: Array) -> Array:
        unit = initial / jnp.sqrt((initial**2).sum(0))
        return jnp.broadcast_to(unit.ravel(), state.shape)

    return state, cast(Array, along(formula, arguments, moves_of(tangents)))


_start.defjvp(_start_moved, symbolic_zeros=True)


class Layer:
    """One layer, out = x + W_o core(W_in RMSNorm(x) + bias), of a kind of lior.nn.layer_kinds().

    It holds no numbers: `init` gives its parameters, a dict, and calls take them.

        layer = lior.jax.Layer("geometric_mamba", 64, heads=8)
        parameters = layer.init(seed=0)
        out = layer(parameters, x)                                     # x, out (B, N, d_model)
        out, state = layer.step(parameters, x, state)                  # after what the state holds

    Calls have gradients with respect to parameters and x, steps of some kinds (has_step_gradients) with respect to the
    state, too. x has a batch axis of its own: it is faster than vmap, under which gradients take one example after
    another. options: those of the kind, as in a model's configuration, by their short names (heads, window, factors,
    ...); layers: of the model that it is for, which sets the size that W_o starts with. Formulas: docs/math/conventions.md, section 10.
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

    @property
    def has_step_gradients(self) -> bool:
        """Whether step has gradients: where states have them, or where there is no state."""
        return self._layer.inner_shape[2] or self._layer.state_size() == 0

    def init(self, seed: int = 0, dtype: str = "float32") -> Dict[str, Array]:
        """Start values: a function of the seed alone, the same as lior.nn.Layer.start's."""
        return {
            name: array_of(values) for name, values in self._layer.start(seed, dtype=dtype).items()
        }

    def __call__(self, parameters: Parameters, x: ArrayLike) -> Array:
        """out (B, N, d_model) of sequences x (B, N, d_model), each from the initial state."""
        return cast(Array, _layer(self._options, array_of(x), self._in_order(parameters)))

    def initial_state(self, parameters: Parameters, batch: int) -> Array:
        """The state before the first token: (batch, state_size), of the parameters' dtype."""
        arrays = self._in_order(parameters)
        options = options_of(**self._description, batch=batch, dtype=str(arrays[0].dtype))
        constant = jax.lax.stop_gradient(arrays)
        if "initial" not in parameters:
            return _START(options, *constant)[0]
        return _start(options, constant, array_of(parameters["initial"]))

    def step(self, parameters: Parameters, x: ArrayLike, state: ArrayLike) -> Tuple[Array, Array]:
        """(out (B, N, d_model), next state) of x (B, N, d_model) that comes after what state (B, state_size) holds. Any
        split of a sequence into steps gives one call's result. Has gradients, that of the state too, where
        has_step_gradients says so."""
        step = _step if self.has_step_gradients else _step_of_values
        arrays = self._in_order(parameters)
        if self._layer.state_size() == 0:
            return cast(Array, _layer(self._options, array_of(x), arrays)), array_of(state)
        return cast(Tuple[Array, Array], step(self._options, array_of(x), array_of(state), arrays))

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
