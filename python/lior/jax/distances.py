# SPDX-License-Identifier: Apache-2.0
"""Logarithms and distances: what changes with their ends, and with a learned metric."""

import functools
from typing import Any, NamedTuple, Sequence, Tuple, cast

import jax
import jax.numpy as jnp
import numpy
from jax import Array

from lior._names import LEARNED_METRIC
from lior.jax.derivatives import along, moves_of
from lior.jax.geometry import (
    AnyMetric,
    LearnedMetric,
    checked,
    geodesic,
    geodesics,
    metric_of,
    metric_values,
)
from lior.jax.operations import ArrayLike, Operation, array_of, named, options_of

_LOG_MAP = Operation("log_map", inputs=(-1, -1), outputs=(-1, -1, -1, -1))
_DISTANCE = Operation("distance", inputs=(-1, -1), outputs=(-1,))


class Logarithm(NamedTuple):
    """Result of `log_map`."""

    v: Array  #: (d, N), exp_x(v) = y, up to the periods of coordinates
    converged: Array  #: (N,) bool
    error: Array  #: (N,), estimate of |v - exact v| in the norm of g(x); has no derivative
    shortest: Array  #: (N,) bool; False: a shorter geodesic is not excluded


def _split(options: str, parameters: Sequence[Array]) -> Tuple[AnyMetric, dict[str, Any]]:
    """The metric of an operation, and the options of the geodesics that were found: samples take steps of their own."""
    kind = named(options)
    kind.pop("most_steps", None)
    if not parameters:
        return kind.pop("metric"), kind
    tensors = dict(zip(LEARNED_METRIC, parameters))
    return LearnedMetric(tensors, kind.pop("resilience"), kind.pop("spd_floor")), kind


# Of the geodesics behind derivatives of logarithms: RK4 ends 3e-8 off where |v| is about 1.
_STEP = 0.02


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _log_map(options: str, x: Array, y: Array, parameters: Sequence[Array]) -> Tuple[Array, ...]:
    return _LOG_MAP(options, x, y, *parameters)


def _log_map_moved(options: str, arguments: Any, tangents: Any) -> Any:
    """exp_x(v) = y holds along any change: dv = (d exp/d v)^-1 (dy - d exp/d(x, metric))."""
    results = _log_map(options, *arguments)
    x, _, parameters = arguments
    if not parameters:
        raise NotImplementedError(
            "lior.jax.log_map has no derivative for a metric that a text names; that of a LearnedMetric has"
        )
    converged = results[1]
    v = jnp.where(converged, results[0], 0)

    def end(x: Array, v: Array, parameters: Sequence[Array]) -> Array:
        metric = cast(LearnedMetric, _split(options, parameters)[0])
        return geodesic(metric, x, v, step=_STEP)[0]

    def missed(x: Array, y: Array, parameters: Sequence[Array]) -> Array:
        return y - end(x, v, parameters)

    _, pull = jax.vjp(lambda v: end(x, v, parameters), v)
    units = jnp.broadcast_to(jnp.eye(len(x), dtype=x.dtype)[..., None], (len(x), *x.shape))
    slopes = jax.vmap(pull)(units)[0]  # [k, m, N]: d end_k/d v_m
    rest = along(missed, arguments, moves_of(tangents))
    moved = jnp.linalg.solve(slopes.transpose(2, 0, 1), rest.T[..., None])[..., 0].T
    none = numpy.zeros(converged.shape, jax.dtypes.float0)
    return results, (jnp.where(converged, moved, 0), none, jnp.zeros_like(results[2]), none)


_log_map.defjvp(_log_map_moved, symbolic_zeros=True)


def log_map(metric: AnyMetric, x: ArrayLike, y: ArrayLike, **options: Any) -> Logarithm:
    """v with exp_x(v) = y, points x and y (d, N): in closed form where the metric has one, else by shooting.

    As lior.geometry.log_map. Of a LearnedMetric v has derivatives with respect to x, y and the metric; 0 where shooting
    does not converge, which `converged` says, and where v is y - x.
    """
    kind, parameters = metric_of(metric)
    text = options_of(**kind, **checked(options))
    return Logarithm(*_log_map(text, array_of(x), array_of(y), parameters))


# Gauss and Legendre's rule on [0, 1].
_NODES, _WEIGHTS = cast(Any, numpy.polynomial.legendre.leggauss)(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _distance(options: str, x: Array, y: Array, parameters: Sequence[Array]) -> Array:
    return _DISTANCE(options, x, y, *parameters)[0]


def _distance_moved(options: str, arguments: Any, tangents: Any) -> Tuple[Array, Array]:
    """The first variation: with v along the geodesic and L its length, a change of the ends adds g(v, dy)/L at the end
    less g(v, dx)/L at the start, and one of the metric the integral of dg(v, v)/2L along it."""
    length = _distance(options, *arguments)
    x, y, parameters = arguments
    found = length > 0
    weight = jnp.where(found, 1 / jnp.where(found, length, 1), 0)
    v = jnp.where(found, _LOG_MAP(options, x, y, *parameters)[0], 0)
    metric, how = _split(options, parameters)
    path = geodesics(metric, x, v, [0.0, *_NODES, 1.0], **how)
    start, end = (
        weight * jnp.einsum("mnk,nk->mk", metric_values(metric, path.x[i]), path.v[i])
        for i in (0, -1)
    )
    points = jnp.concatenate(list(path.x[1:-1]), -1)
    speeds = jnp.concatenate(list(path.v[1:-1]), -1)

    def varied(x: Array, y: Array, parameters: Sequence[Array]) -> Array:
        ends = (end * y - start * x).sum(0)
        if not parameters:
            return ends
        g = metric_values(_split(options, parameters)[0], points)
        squares = jnp.einsum("mnk,mk,nk->k", g, speeds, speeds).reshape(len(_NODES), -1)
        return ends + weight / 2 * (jnp.asarray(_WEIGHTS, squares.dtype) @ squares)

    return length, cast(Array, along(varied, arguments, moves_of(tangents)))


_distance.defjvp(_distance_moved, symbolic_zeros=True)


def distance(metric: AnyMetric, x: ArrayLike, y: ArrayLike, **options: Any) -> Array:
    """sqrt(g(v, v)), v = log_x(y): (N,), of points x and y (d, N); NaN where log does not converge, and only there.

    As lior.geometry.distance. Has derivatives with respect to x and y, and to a LearnedMetric, by the first variation; 0
    where points are equal and where the distance is NaN.
    """
    kind, parameters = metric_of(metric)
    text = options_of(**kind, **checked(options))
    return _distance(text, array_of(x), array_of(y), parameters)
