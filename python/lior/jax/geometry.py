# SPDX-License-Identifier: Apache-2.0
"""Metrics, Christoffel symbols and geodesics.

Points lie in planes: x is (d, N), coordinates first. A metric is the text that names one, such as "sphere:n=3,r=2", a
lior.geometry.Metric made of one, or a LearnedMetric, whose functions have gradients.
"""

import dataclasses
import functools
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple, cast

import jax
import jax.numpy as jnp
import numpy
from jax import Array

from lior import geometry
from lior._names import LEARNED_METRIC
from lior.jax import formulas
from lior.jax.derivatives import differentiable, of_formula
from lior.jax.operations import ArrayLike, Operation, array_of, named, options_of
from lior.typing import NDArray


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["parameters"],
    meta_fields=["resilience", "spd_floor"],
)
@dataclasses.dataclass
class LearnedMetric:
    """R^2 g, or g without resilience, of a fixed matrix and nets: a pytree, whose leaves are the parameters.

    g(x) = L L^T + 0.1 tanh((h + h^T)/2) + 1e-4 I (+ 0.1 d I with spd_floor), h a GELU net of x;
    R = clamp(softplus(net of x), 0.1, 10). parameters: arrays by the names of lior.geometry.LearnedMetric.from_arrays.
    Source: docs/math/conventions.md, section 6.
    """

    parameters: Dict[str, ArrayLike]
    resilience: bool = True
    spd_floor: bool = False

    @classmethod
    def init(
        cls,
        d: int,
        seed: int = 0,
        *,
        resilience: bool = True,
        spd_floor: bool = False,
        dtype: str = "float32",
    ) -> "LearnedMetric":
        """Start values for d coordinates: L near I, small nets of widths 2 d and d. A function of the seed alone."""
        random = numpy.random.default_rng(seed)

        def net(name: str, *widths: int) -> Dict[str, NDArray]:
            weights = {}
            for layer, (before, after) in zip((0, 2), zip(widths, widths[1:])):
                bound = before**-0.5
                weights[f"{name}.{layer}.weight"] = random.uniform(-bound, bound, (after, before))
                weights[f"{name}.{layer}.bias"] = random.uniform(-bound, bound, after)
            return weights

        parameters = {"L": numpy.eye(d) + 0.1 * random.standard_normal((d, d))}
        parameters |= net("metric_net", d, 2 * d, d * d) | net("resilience_net", d, d, 1)
        return cls(
            {name: array_of(values.astype(dtype)) for name, values in parameters.items()},
            resilience,
            spd_floor,
        )


AnyMetric = str | geometry.Metric | LearnedMetric


class Paths(NamedTuple):
    """Result of `geodesics`: K samples of N paths."""

    x: Array  #: (K, d, N)
    v: Array  #: (K, d, N)
    status: Array  #: (N,) uint8, values of lior.geometry.PathStatus
    reached: Array  #: (N,), the parameter where each ended


def metric_of(metric: AnyMetric) -> Tuple[Dict[str, Any], List[Array]]:
    """Options that say what a metric is, and the arrays that it has."""
    if isinstance(metric, LearnedMetric):
        missing = [name for name in LEARNED_METRIC if name not in metric.parameters]
        if missing:
            raise ValueError(f"parameters lack '{missing[0]}'")
        kind = {"resilience": metric.resilience, "spd_floor": metric.spd_floor}
        return kind, [array_of(metric.parameters[name]) for name in LEARNED_METRIC]
    text = metric if isinstance(metric, str) else metric.text
    if not text:
        raise TypeError(f"{metric!r} has no text that names it; expected a lior.jax.LearnedMetric")
    return {"metric": text}, []


def _points(name: str, outputs: int, arrays: int = 1) -> Operation:
    """An operation of planes that has no gradient."""
    return Operation(
        name,
        inputs=(-1,) * arrays,
        outputs=(-1,) * outputs,
        refusal=f"lior.jax.{name} has no gradient for a metric that a text names; that of a LearnedMetric has",
    )


_VALUES = _points("metric_values", 1)
_CHRISTOFFEL = _points("christoffel", 1)
_EXP_MAP = Operation(
    "exp_map",
    inputs=(-1, -1),
    outputs=(-1, -1),
    refusal="lior.jax.exp_map has no gradient; lior.jax.geodesic of a LearnedMetric has",
)
_GEODESICS = Operation(
    "geodesics",
    inputs=(-1, -1),
    outputs=(-1, -1, -1, -1),
    refusal="lior.jax.geodesics has no gradient; lior.jax.geodesic of a LearnedMetric has",
)


class _OfPoints:
    """A function of (options, x, parameters) with a gradient by the operation NAME_backward."""

    def __init__(self, name: str, outputs: int, formula: Callable[..., Array]) -> None:
        forward = Operation(name, inputs=(-1,), outputs=(-1,) * outputs)
        backward = Operation(f"{name}_backward", inputs=(-1, -1), outputs=None)

        def value(options: str, x: Array, parameters: Sequence[Array]) -> Array:
            return forward(options, x, *parameters)[0]

        def value_and_saved(options: str, x: Array, parameters: Sequence[Array]) -> Any:
            return value(options, x, parameters), (x, parameters)

        def gradient(options: str, saved: Any, d_value: Array) -> Any:
            x, parameters = saved
            d_x, *d_parameters = backward(options, x, d_value, *parameters)
            return d_x, d_parameters

        def plain(options: str, x: Array, parameters: Sequence[Array]) -> Array:
            return formula(x, parameters, **named(options))

        self.call = differentiable(value, value_and_saved, gradient, of_formula(plain))


_learned_values = _OfPoints("learned_metric", 2, formulas.learned_metric).call
_learned_christoffel = _OfPoints("learned_christoffel", 1, formulas.christoffel).call


def metric_values(metric: AnyMetric, x: ArrayLike) -> Array:
    """g, (d, d, N), at x: (d, N); of a LearnedMetric with resilience R^2 g. JaxRuntimeError that names the first point
    outside the chart."""
    options, parameters = metric_of(metric)
    if parameters:
        return cast(Array, _learned_values(options_of(**options), array_of(x), parameters))
    return _VALUES(options_of(**options), array_of(x))[0]


def christoffel(metric: AnyMetric, x: ArrayLike) -> Array:
    """Gamma^l_mn = g^lr (d_m g_nr + d_n g_mr - d_r g_mn) / 2, from exact derivatives.

    x: (d, N) -> (d, d, d, N), the upper index first. JaxRuntimeError outside the chart, and where g cannot be inverted,
    with the point. Source: docs/math/conventions.md, section 6.
    """
    options, parameters = metric_of(metric)
    if parameters:
        return cast(Array, _learned_christoffel(options_of(**options), array_of(x), parameters))
    return _CHRISTOFFEL(options_of(**options), array_of(x))[0]


def checked(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of GeodesicOptions."""
    geometry.GeodesicOptions(**options)
    return options


def exp_map(metric: AnyMetric, x: ArrayLike, v: ArrayLike, **options: Any) -> Tuple[Array, Array]:
    """(exp_x(v) (d, N), status (N,)): the end of the geodesic from (x, v) at parameter 1. options: those of
    lior.geometry.GeodesicOptions. Has no gradient; `geodesic` has."""
    kind, parameters = metric_of(metric)
    points, status = _EXP_MAP(
        options_of(**kind, **checked(options)), array_of(x), array_of(v), *parameters
    )
    return points, status


def geodesics(
    metric: AnyMetric, x: ArrayLike, v: ArrayLike, times: Sequence[float] | NDArray, **options: Any
) -> Paths:
    """The geodesics from (x, v): (d, N) each, at the parameters `times` (>= 0, increasing), numbers that JAX does not
    trace. A lane that cannot go on stops: its status says why, its later samples repeat the last state inside the
    domain. options: those of lior.geometry.GeodesicOptions. Has no gradient; `geodesic` has."""
    kind, parameters = metric_of(metric)
    text = options_of(**kind, **checked(options), times=[float(time) for time in times])
    return Paths(*_GEODESICS(text, array_of(x), array_of(v), *parameters))


_GEODESIC_BACKWARD = Operation("learned_geodesic_backward", inputs=(-1, -1, -1, -1), outputs=None)


def _geodesic_value(
    kind: Tuple[bool, bool, float, float], x: Array, v: Array, parameters: Sequence[Array]
) -> Tuple[Array, Array]:
    resilience, spd_floor, time, step = kind
    options = options_of(
        resilience=resilience, spd_floor=spd_floor, times=[time], method="rk4", step=step
    )
    path_x, path_v, status, _ = _GEODESICS(options, x, v, *parameters)
    arrives = status == 0
    return jnp.where(arrives, path_x[0], jnp.nan), jnp.where(arrives, path_v[0], jnp.nan)


def _geodesic_forward(
    kind: Tuple[bool, bool, float, float], x: Array, v: Array, parameters: Sequence[Array]
) -> Any:
    return _geodesic_value(kind, x, v, parameters), (x, v, parameters)


def _geodesic_gradient(
    kind: Tuple[bool, bool, float, float], saved: Any, grads: Tuple[Array, Array]
) -> Any:
    resilience, spd_floor, time, step = kind
    options = options_of(resilience=resilience, spd_floor=spd_floor, time=time, step=step)
    x, v, parameters = saved
    d_x, d_v, *d_parameters = _GEODESIC_BACKWARD(options, x, v, *grads, *parameters)
    return d_x, d_v, d_parameters


def _geodesic_formula(
    kind: Tuple[bool, bool, float, float], x: Array, v: Array, parameters: Sequence[Array]
) -> Tuple[Array, Array]:
    resilience, spd_floor, time, step = kind
    return formulas.geodesic(
        x, v, parameters, time=time, step=step, resilience=resilience, spd_floor=spd_floor
    )


_geodesic = differentiable(
    _geodesic_value, _geodesic_forward, _geodesic_gradient, of_formula(_geodesic_formula)
)


def geodesic(
    metric: LearnedMetric, x: ArrayLike, v: ArrayLike, time: float = 1.0, step: float = 0.1
) -> Tuple[Array, Array]:
    """Points and velocities, (d, N) each, at parameter `time` of the geodesics from (x, v), by RK4 in steps of at most
    `step`; NaN where one cannot go that far. The gradient is that of the steps, with respect to x, v and the metric."""
    if not isinstance(metric, LearnedMetric):
        raise TypeError(
            f"metric is a {type(metric).__name__}; expected a lior.jax.LearnedMetric (lior.jax.geodesics takes any)"
        )
    _, parameters = metric_of(metric)
    kind = (metric.resilience, metric.spd_floor, float(time), float(step))
    return cast(Tuple[Array, Array], _geodesic(kind, array_of(x), array_of(v), parameters))
