# SPDX-License-Identifier: Apache-2.0
"""How a function of the library becomes one of JAX.

An *operation* is a function of arrays in the extension, with options in a text. XLA calls it inside compiled programs
through one handler, without Python. While JAX traces, the same function says what its results are, or what is wrong
with its arguments. vmap puts the new axis into the axis that the operation runs over anyway.
"""

import functools
import json
from typing import Any, Callable, Sequence, cast

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap

from lior._lior import xla

#: What functions here take: arrays of JAX or NumPy, numbers, lists of them.
ArrayLike = Any

#: For each array the axis that its operation runs over point by point, or None for what all points share.
Axes = Sequence[int | None]

_TARGET = "lior"


def _register() -> None:
    jax.ffi.register_ffi_target(_TARGET, xla.handler(), platform="cpu")
    for platform in ("CUDA", "ROCM"):
        jax.ffi.register_ffi_target(_TARGET, xla.refusal(), platform=platform)


_register()


def options_of(**options: Any) -> str:
    """Options as operations take them; equal ones give equal texts."""
    return json.dumps(options, sort_keys=True)


def named(options: str) -> dict[str, Any]:
    """What options_of was given."""
    return cast(dict[str, Any], json.loads(options))


class Operation:
    """The operation `name`: call it with options and arrays; it returns a tuple of arrays.

    inputs, outputs: the axes of arrays that vmap may fill, `outputs` None where the operation sums over its points, so
    that vmap must run it once for each. `inputs` may be shorter than the arrays: the rest is shared. refusal: why it
    cannot be differentiated.
    """

    def __init__(
        self, name: str, inputs: Axes, outputs: Axes | None, refusal: str | None = None
    ) -> None:
        self.name, self.inputs, self.outputs = name, tuple(inputs), outputs
        self.refusal = refusal or (
            f"lior.jax: {name} has no further derivatives; first ones (jax.grad, jax.vjp, jax.jvp) are what there is"
        )

    def __call__(self, options: str, *arrays: Array) -> tuple[Array, ...]:
        return _compiled(self, options)(*arrays)

    def run(self, options: str, *arrays: Array) -> tuple[Array, ...]:
        types = xla.result_types(
            self.name, options, [(str(a.dtype), [int(n) for n in a.shape]) for a in arrays]
        )
        made = cast(Any, jax.ShapeDtypeStruct)
        call = jax.ffi.ffi_call(_TARGET, [made(tuple(shape), dtype) for dtype, shape in types])
        return tuple(cast(Any, call)(*arrays, operation=self.name, options=options))

    def batched(
        self, options: str, size: int, is_batched: Sequence[bool], arrays: Sequence[Array]
    ) -> tuple[tuple[Array, ...], tuple[bool, ...]]:
        """vmap's rule: arrays that are batched have the new axis of that size in front."""
        axes = [*self.inputs, *[None] * (len(arrays) - len(self.inputs))]
        shared = [b for axis, b in zip(axes, is_batched) if axis is None]
        if self.outputs is None or any(shared) or size == 0:
            results = self._one_by_one(options, is_batched, arrays)
        else:
            folded = [
                array if axis is None else _folded(array, axis, size, b)
                for array, axis, b in zip(arrays, axes, is_batched)
            ]
            together = self(options, *folded)
            results = tuple(
                _unfolded(array, cast(int, axis), size)
                for array, axis in zip(together, self.outputs)
            )
        return results, (True,) * len(results)

    def _one_by_one(
        self, options: str, is_batched: Sequence[bool], arrays: Sequence[Array]
    ) -> tuple[Array, ...]:
        def one(rows: Sequence[Array]) -> tuple[Array, ...]:
            row = iter(rows)
            return self(
                options, *(next(row) if b else array for array, b in zip(arrays, is_batched))
            )

        return cast(
            tuple[Array, ...],
            jax.lax.map(one, [array for array, b in zip(arrays, is_batched) if b]),
        )


def _folded(array: Array, axis: int, size: int, is_batched: bool) -> Array:
    """The axis in front, or `size` copies, as part of `axis`."""
    if not is_batched:
        array = jnp.broadcast_to(array, (size, *array.shape))
    at = axis % (array.ndim - 1)
    moved = jnp.moveaxis(array, 0, at)
    shape = moved.shape
    return moved.reshape(*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :])


def _unfolded(array: Array, axis: int, size: int) -> Array:
    at = axis % array.ndim
    shape = array.shape
    apart = array.reshape(*shape[:at], size, shape[at] // size, *shape[at + 1 :])
    return jnp.moveaxis(apart, at, 0)


@functools.lru_cache(maxsize=None)
def _compiled(operation: Operation, options: str) -> Callable[..., tuple[Array, ...]]:
    def run(*arrays: Array) -> tuple[Array, ...]:
        return operation.run(options, *arrays)

    def rule(size: int, is_batched: Sequence[bool], *arrays: Array) -> Any:
        return operation.batched(options, size, is_batched, arrays)

    def refuse(primals: Any, tangents: Any) -> Any:
        raise NotImplementedError(operation.refusal)

    batched = custom_vmap(run)
    batched.def_vmap(rule)
    whole = jax.custom_jvp(batched)
    whole.defjvp(refuse)
    return cast(Callable[..., tuple[Array, ...]], jax.jit(whole, inline=True))


def given(*arrays: Array | None) -> list[Array]:
    """Those that are not None."""
    return [array for array in arrays if array is not None]


def array_of(values: ArrayLike) -> Array:
    """As jax.numpy makes it. Its dtype is not changed: numpy's float64 stays where JAX has it at all."""
    return jnp.asarray(values)


def extent(name: str, array: Array, axis: int, expected: Sequence[str | int]) -> int:
    """array.shape[axis] of an array with the axes `expected`, which also stand in the error."""
    if array.ndim != len(expected):
        shape = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ValueError(f"{name} has shape {array.shape}; expected ({shape})")
    return int(array.shape[axis])
