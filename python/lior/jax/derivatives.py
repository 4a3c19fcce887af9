# SPDX-License-Identifier: Apache-2.0
"""First derivatives of operations, in both modes.

An operation's gradient is an operation too. In forward mode, tangents are those of its formula in plain jax.numpy
(formulas.py), or, where it is linear, the operation of the tangents. jax.custom_vjp forbids forward mode; jax.custom_jvp
makes gradients by transposing the computation of tangents, and a kernel is nothing that JAX could transpose. So tangents
are made by one primitive of our own, which has both directions.
"""

import functools
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence, Tuple, cast

import jax
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad as _ad
from jax.interpreters import batching as _batching
from jax.interpreters import mlir as _mlir

ad: Any = _ad  # these have no types
batching: Any = _batching
mlir: Any = _mlir

#: Tangents of those arguments that move, by their places among all leaves of the arguments.
Moves = Mapping[int, Array]

#: push(options, arguments, moves) -> tangents of the results.
Push = Callable[[Any, Sequence[Any], Moves], Any]


class _Type(NamedTuple):
    shape: Tuple[int, ...]
    dtype: Any


class _Maps(NamedTuple):
    """A linear map of tangents, and its transpose."""

    push: Callable[[Sequence[Array], Sequence[Array]], List[Array]]  # (residuals, tangents)
    pull: Callable[[Sequence[Array], Sequence[Array]], List[Array]]  # (residuals, gradients)
    results: Tuple[_Type, ...]


# Of `count` residuals (what was saved, and the arguments), and then the tangents that move.
_tangents: Any = Primitive("lior_tangents")
_tangents.multiple_results = True


def _run(*arrays: Array, maps: _Maps, count: int) -> List[Array]:
    return maps.push(arrays[:count], arrays[count:])


def _types(*arrays: Any, maps: _Maps, count: int) -> List[Any]:
    return [jax.core.ShapedArray(result.shape, result.dtype) for result in maps.results]


def _zeros(result: _Type) -> Array:
    return jax.numpy.zeros(result.shape, result.dtype)


def _transposed(grads: Sequence[Any], *arrays: Any, maps: _Maps, count: int) -> List[Any]:
    given = [_zeros(r) if type(g) is ad.Zero else g for g, r in zip(grads, maps.results)]
    gradients = maps.pull(arrays[:count], given)
    wanted = map(ad.is_undefined_primal, arrays[count:])
    return [None] * count + [g if want else None for g, want in zip(gradients, wanted)]


def _moved(
    arrays: Sequence[Array], tangents: Sequence[Any], maps: _Maps, count: int
) -> Tuple[List[Array], List[Array]]:
    if any(type(tangent) is not ad.Zero for tangent in tangents[:count]):
        raise NotImplementedError("lior.jax: tangents have no further derivatives")
    bind = functools.partial(_tangents.bind, *arrays[:count], maps=maps, count=count)
    moves = [ad.instantiate_zeros(tangent) for tangent in tangents[count:]]
    return bind(*arrays[count:]), bind(*moves)


def _batched(
    arrays: Sequence[Array], axes: Sequence[int | None], maps: _Maps, count: int
) -> Tuple[List[Array], List[int]]:
    """vmap's rule. The new axis comes in front; tangents that have none are copied along it."""
    size = next(a.shape[axis] for a, axis in zip(arrays, axes) if axis is not None)
    front = [
        array if axis is None else jax.numpy.moveaxis(array, axis, 0)
        for array, axis in zip(arrays, axes)
    ]
    for i in range(count, len(front)):
        if axes[i] is None:
            front[i] = jax.numpy.broadcast_to(front[i], (size, *front[i].shape))
    residuals = [None if axis is None else 0 for axis in axes[:count]]

    def over(one: Callable[..., List[Array]]) -> Callable[..., List[Array]]:
        many = jax.vmap(one, in_axes=(residuals, 0), axis_size=size)
        return lambda kept, linear: many(list(kept), list(linear))

    results = [_Type((size, *r.shape), r.dtype) for r in maps.results]
    many = _Maps(over(maps.push), over(maps.pull), tuple(results))
    return _tangents.bind(*front, maps=many, count=count), [0] * len(results)


_tangents.def_impl(_run)
_tangents.def_abstract_eval(_types)
mlir.register_lowering(_tangents, mlir.lower_fun(_run, multiple_results=True))
ad.primitive_transposes[_tangents] = _transposed
ad.primitive_jvps[_tangents] = _moved
batching.primitive_batchers[_tangents] = _batched


def moves_of(tangents: Sequence[Any]) -> Moves:
    """Of what a rule with symbolic_zeros is given."""
    leaves = enumerate(jax.tree.leaves(tangents))
    return {place: leaf for place, leaf in leaves if type(leaf) is not SymbolicZero}


def along(function: Callable[..., Any], arguments: Sequence[Any], moves: Moves) -> Any:
    """The derivative of function(arguments ...)."""
    leaves, tree = jax.tree.flatten(arguments)

    def of_moving(*moving: Array) -> Any:
        given = list(leaves)
        for place, array in zip(moves, moving):
            given[place] = array
        return function(*jax.tree.unflatten(tree, given))

    return jax.jvp(of_moving, [leaves[place] for place in moves], list(moves.values()))[1]


def of_formula(formula: Callable[..., Any]) -> Push:
    """The derivative of formula(options, arguments ...)."""

    def push(options: Any, arguments: Sequence[Any], moves: Moves) -> Any:
        return along(functools.partial(formula, options), arguments, moves)

    return push


def refused(name: str) -> Push:
    """That of an operation without one."""

    def push(options: Any, arguments: Sequence[Any], moves: Moves) -> Any:
        raise NotImplementedError(
            f"lior.jax.{name} has no derivative in forward mode; reverse mode (jax.grad, jax.vjp, jax.jacrev) has it"
        )

    return push


def differentiable(
    value: Callable[..., Any],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    push: Push,
    constant: Mapping[int, str] | None = None,
) -> Callable[..., Any]:
    """A function of (options, arguments ...), compiled once for each options, with derivatives.

    forward(options, arguments ...) -> (results, saved); backward(options, saved, gradients of results) -> those of the
    arguments, all of them. constant: arguments without a gradient, by their places, and what to say where one is asked for.
    """
    made = jax.custom_jvp(value, nondiff_argnums=(0,))

    def rule(options: Any, arguments: Sequence[Any], tangents: Sequence[Any]) -> Any:
        results, saved = forward(options, *arguments)
        moves = moves_of(tangents)
        result_leaves, results_tree = jax.tree.flatten(results)
        residuals, residuals_tree = jax.tree.flatten((saved, arguments))

        def pushed(residuals: Sequence[Array], moving: Sequence[Array]) -> List[Array]:
            _, arguments = jax.tree.unflatten(residuals_tree, residuals)
            return jax.tree.leaves(push(options, arguments, dict(zip(moves, moving))))

        def pulled(residuals: Sequence[Array], grads: Sequence[Array]) -> List[Array]:
            for place in moves:
                if constant and place in constant:
                    raise NotImplementedError(constant[place])
            saved, _ = jax.tree.unflatten(residuals_tree, residuals)
            gradients = backward(options, saved, jax.tree.unflatten(results_tree, grads))
            leaves = jax.tree.leaves(gradients)
            return [leaves[place] for place in moves]

        maps = _Maps(
            pushed,
            pulled,
            tuple(_Type(leaf.shape, leaf.dtype) for leaf in result_leaves),
        )
        out = _tangents.bind(*residuals, *moves.values(), maps=maps, count=len(residuals))
        return results, jax.tree.unflatten(results_tree, out)

    made.defjvp(rule, symbolic_zeros=True)
    return cast(Callable[..., Any], jax.jit(made, static_argnums=0, inline=True))
