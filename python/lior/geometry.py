# SPDX-License-Identifier: Apache-2.0
"""Metrics, Christoffel symbols, curvature, geodesics, parallel transport.

Points lie in planes: x is (d, N), coordinates first. A metric is a Metric, a LearnedMetric, or the
text that names one, such as "sphere:n=3,r=2". Ctrl-C ends a call within a moment; arrays given as
`out` then hold no result.
"""

import math
from typing import (
    Any,
    Callable,
    Literal,
    Mapping,
    NamedTuple,
    Sequence,
    overload,
)

import numpy

from lior import _trace
from lior._lior import geometry as _geometry
from lior._lior.geometry import (
    GeodesicOptions,
    LearnedMetric,
    Metric,
    PathStatus,
    RayEnd,
    antisymmetry_residual,
    christoffel,
    christoffel_differences,
    christoffel_packed,
    compatibility_residual,
    complete_velocities,
    curvature_parts,
    curve_length,
    disk_redshift,
    eigenvalue_residual,
    first_bianchi_residual,
    metric_texts,
    metric_values,
    observed_velocities,
    orbit_velocities,
    positive_definite,
    second_bianchi_residual,
    sectional_curvature,
    symmetry_residual,
    torsion_residual,
)
from lior.typing import ArrayLike, NDArray, Out

__all__ = [
    "ConjugatePoints",
    "Curvature",
    "Distance",
    "Events",
    "FrechetMean",
    "GeodesicOptions",
    "JacobiFields",
    "LearnedMetric",
    "Logarithm",
    "Metric",
    "PathStatus",
    "Paths",
    "RayEnd",
    "Rays",
    "Regression",
    "antisymmetry_residual",
    "camera_rays",
    "christoffel",
    "christoffel_differences",
    "christoffel_packed",
    "compatibility_residual",
    "complete_velocities",
    "conjugate_points",
    "curvature",
    "curvature_parts",
    "curve_length",
    "disk_redshift",
    "distance",
    "eigenvalue_residual",
    "exp_map",
    "find_events",
    "first_bianchi_residual",
    "frechet_mean",
    "geodesic_regression",
    "geodesics",
    "image",
    "jacobi_fields",
    "log_map",
    "metric_texts",
    "metric_values",
    "observed_velocities",
    "orbit_velocities",
    "positive_definite",
    "second_bianchi_residual",
    "sectional_curvature",
    "symmetry_residual",
    "torsion_residual",
    "trace_rays",
    "traced_metric",
    "transport",
]

AnyMetric = Metric | str


class Curvature(NamedTuple):
    """Result of `curvature`."""

    riemann: NDArray  #: (d, d, d, d, N), R^r_smn at [r, s, m, n]
    ricci: NDArray  #: (d, d, N)
    scalar: NDArray  #: (N,), positive on spheres
    kretschmann: NDArray  #: (N,), R_rsmn R^rsmn
    scalar_error: NDArray  #: (N,), what rounding may make of it
    kretschmann_error: NDArray  #: (N,)


class Paths(NamedTuple):
    """Result of `geodesics`: K samples of N paths."""

    x: NDArray  #: (K, d, N)
    v: NDArray  #: (K, d, N)
    status: NDArray  #: (N,) uint8, values of PathStatus
    reached: NDArray  #: (N,), the parameter where each ended


class JacobiFields(NamedTuple):
    """Result of `jacobi_fields`: K samples of N paths."""

    x: NDArray  #: (K, d, N)
    v: NDArray  #: (K, d, N)
    field: NDArray  #: (K, d, N), J
    rate: NDArray  #: (K, d, N), its covariant derivative along the path
    status: NDArray  #: (N,) uint8, values of PathStatus
    reached: NDArray  #: (N,), the parameter where each ended


class ConjugatePoints(NamedTuple):
    """What `conjugate_points` returns: C points, in the order of paths and then parameters."""

    path: NDArray  #: (C,) int64, which of the N geodesics
    parameter: NDArray  #: (C,)
    multiplicity: NDArray  #: (C,) int64, d - 1 on spheres


class Events(NamedTuple):
    """What `find_events` returns: E zeros, in the order of paths and then parameters."""

    path: NDArray  #: (E,) int64, which of the N paths
    parameter: NDArray  #: (E,)
    rising: NDArray  #: (E,) bool, the formula goes from - to +
    x: NDArray  #: (d, E)
    v: NDArray  #: (d, E)


class Rays(NamedTuple):
    """Result of `trace_rays`."""

    x: NDArray  #: (4, N), where each ended
    v: NDArray  #: (4, N), its velocity there
    end: NDArray  #: (N,) uint8, values of RayEnd


class FrechetMean(NamedTuple):
    """Result of `frechet_mean`."""

    x: NDArray  #: (d,), the mean
    variance: float  #: the mean of distance(x, y)**2
    error: float  #: the size of the mean of log_x(y), which is 0 at the mean
    iterations: int  #: sets of N logarithms that were found
    converged: bool


class Regression(NamedTuple):
    """Result of `geodesic_regression`."""

    x: NDArray  #: (d,), the point at the origin
    v: NDArray  #: (d,), its velocity; (d, K) of K variables
    r_squared: float  #: 1 - variance / variance about the Frechet mean
    variance: float  #: the mean of residuals**2
    fitted: NDArray  #: (d, N)
    residuals: NDArray  #: (N,), distances from the fitted points to y
    error: float  #: how far the next step would move the fitted points, root mean square
    iterations: int  #: sets of N logarithms that were found
    converged: bool


class Logarithm(NamedTuple):
    """Result of `log_map`."""

    v: NDArray  #: (d, N), exp_x(v) = y, up to the periods of coordinates
    converged: NDArray  #: (N,) bool
    error: NDArray  #: (N,), estimate of |v - exact v| in the norm of g(x)
    shortest: NDArray  #: (N,) bool; False: a shorter geodesic is not excluded


class Distance(NamedTuple):
    """Result of `distance` with details=True."""

    length: NDArray  #: (N,), NaN where no geodesic was found, and only there
    error: NDArray  #: (N,), estimate of |length - exact length|
    shortest: NDArray  #: (N,) bool; False: a shorter geodesic is not excluded


def traced_metric(
    function: Callable[[Any], Any],
    coordinates: str,
    *,
    signature: str = "",
    periods: Mapping[str, float] | None = None,
    edge: str = "",
    horizon: str = "",
) -> Metric:
    """The metric that a Python function computes, as a Metric that needs Python no more.

    `function` is called once, with the coordinates as an array of symbols, and returns g, (d, d): nested lists or an
    array of what +, -, *, /, **, comparisons and NumPy's functions make of them. `coordinates`: their names between
    commas, "t, r". signature: "- + + +"; all + without it. periods: {"phi": 2 * numpy.pi}. edge, horizon: conditions
    in words of formulas that hold inside, such as "r > 0". Raises TypeError that names an operation that cannot be
    traced (branches, functions of `math`), lior.Error for a metric that is not symmetric.

        traced_metric(lambda x: [[1, 0], [0, numpy.sinh(x[0]) ** 2]], "r, phi", periods={"phi": 2 * numpy.pi})
    """
    keys = {"signature": signature, "domain.edge": edge, "domain.horizon": horizon}
    for name, period in (periods or {}).items():
        keys[f"periods.{name}"] = repr(float(period))
    statements = [f"{key} = {value}" for key, value in keys.items() if value]
    return Metric("; ".join(["expr:" + _trace.trace(function, coordinates), *statements]))


def curvature(metric: AnyMetric, x: ArrayLike, *, out: Out = None) -> Curvature:
    """Curvature at x: (d, N), from exact second derivatives.

    R^r_smn = d_m Gamma^r_ns - d_n Gamma^r_ms + Gamma^r_ml Gamma^l_ns - Gamma^r_nl Gamma^l_ms,
    Ricci_sn = R^r_srn. Next to a coordinate singularity, such as a pole of the sphere, rounding takes digits; the
    errors say how many are left. `out`: six arrays. Raises as christoffel does.
    Source: docs/math/conventions.md, section 6.
    """
    return Curvature(*_geometry.curvature(metric, x, out=out))


def geodesics(
    metric: AnyMetric,
    x: ArrayLike,
    v: ArrayLike,
    times: Sequence[float] | NDArray,
    *,
    out: Out = None,
    **options: Any,
) -> Paths:
    """The geodesics from (x, v): (d, N) each, at the parameters `times` (>= 0, increasing).

    A lane that cannot go on stops: its status says why, its later samples repeat the last state
    inside the domain. `options`: those of GeodesicOptions; `out`: four arrays.
    """
    return Paths(*_geometry.geodesics(metric, x, v, list(times), _options(options), out=out))


def jacobi_fields(
    metric: AnyMetric,
    x: ArrayLike,
    v: ArrayLike,
    field: ArrayLike,
    rate: ArrayLike,
    times: Sequence[float] | NDArray,
    *,
    out: Out = None,
    **options: Any,
) -> JacobiFields:
    """How neighbours of the geodesics from (x, v) part: J with D^2 J / dt^2 = -R(J, v) v, in float64.

    field, rate: J and its covariant derivative at the start, (d, N) as x and v. With field 0, J is the derivative of
    exp_x(t v) along `rate`, and where it is 0 again lies a conjugate point. `times`, `options` and lanes that end: as
    in `geodesics`; `out`: six arrays. Source: docs/math/conventions.md, 6.8.
    """
    return JacobiFields(
        *_geometry.jacobi_fields(metric, x, v, field, rate, list(times), _options(options), out=out)
    )


def conjugate_points(
    metric: AnyMetric,
    x: ArrayLike,
    v: ArrayLike,
    length: float,
    *,
    samples: int = 100,
    **options: Any,
) -> ConjugatePoints:
    """Where neighbours of the geodesics from (x, v): (d, N) each come together, at parameters in (0, length).

    Zeros of the smallest singular value of d exp_x(t v), found between `samples` equal steps (two within one are taken
    for one) and located to about 1e-7 of a step. Beyond the first one a geodesic of a Riemannian metric is no shortest
    way. `options`: those of GeodesicOptions.
    """
    return ConjugatePoints(
        *_geometry.conjugate_points(metric, x, v, length, samples, _options(options))
    )


def find_events(
    metric: AnyMetric, formula: str, paths: Paths, times: Sequence[float] | NDArray, **options: Any
) -> Events:
    """Where a formula of coordinates and velocities is 0 along paths, in float64.

    "theta - pi/2" is the equator's plane, "r = 6" a radius, "dr" an apsis. `paths`, `times`: what `geodesics` returned
    and was given, and `options` the same again. A zero is found where the formula changes its sign between two samples,
    and located to rounding of the parameter. Raises lior.Error that shows the place where the text is no formula.
    """
    return Events(
        *_geometry.find_events(
            metric, formula, paths.x, paths.v, list(times), paths.reached, _options(options)
        )
    )


def exp_map(
    metric: AnyMetric, x: ArrayLike, v: ArrayLike, *, out: Out = None, **options: Any
) -> tuple[NDArray, NDArray]:
    """(exp_x(v) (d, N), status (N,)): the end of the geodesic from (x, v) at parameter 1.

    In closed form, to a few roundings of x and v, where the metric has one (euclidean, sphere, half_plane, ball,
    hyperbolic, spd): an end that numbers do not hold has the status edge, and is x; one that a rounding of v moves by 1 %
    of the path's length, as after 35 and more in hyperbolic space, is saturated. On a sphere it crosses the poles of the
    angles.
    """
    return _geometry.exp_map(metric, x, v, _options(options), out=out)


def log_map(
    metric: AnyMetric, x: ArrayLike, y: ArrayLike, *, out: Out = None, **options: Any
) -> Logarithm:
    """v with exp_x(v) = y: in closed form where the metric has one, else by shooting.

    Shooting finds a geodesic to 10 rtol |v|, the shorter way round for coordinates with a period (Metric.periods), but
    not always the shortest one: `shortest` says where that is certain. A lane that does not converge says so and holds
    y - x: next to an edge, as that of the ball, where one rounding of the coordinates changes the metric by 1e-8 or more
    of itself, that is because they lack the digits. `options`: those of GeodesicOptions; `out`: four arrays.
    """
    return Logarithm(*_geometry.log_map(metric, x, y, _options(options), out=out))


def frechet_mean(
    metric: AnyMetric, y: ArrayLike, weights: ArrayLike | None = None, **options: Any
) -> FrechetMean:
    """The point whose sum of squared distances to y: (d, N) is least nearby, in float64.

    weights: (N,) >= 0, or None for equal ones. It starts at the heaviest point and goes along the mean of log_x(y). One
    of several local means where positive curvature allows these. `options`: those of GeodesicOptions. Raises lior.Error
    unless the metric is Riemannian, and where log_map finds no geodesic from the start.
    """
    return FrechetMean(*_geometry.frechet_mean(metric, y, weights, _options(options)))


def geodesic_regression(
    metric: AnyMetric,
    t: ArrayLike,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    origin: ArrayLike | float = 0.0,
    **options: Any,
) -> Regression:
    """The geodesic exp_x((t - origin) v) whose sum of squared distances to y: (d, N) is least nearby, in float64.

    t: (N,), or (K, N) for exp_x(sum_k (t_k - origin_k) v_k) of several variables, whose model depends on the origin: a
    number or (K,). weights: (N,) >= 0, or None for equal ones. In flat space it is linear regression. It starts at the
    Frechet mean and goes by Gauss's and Newton's steps with damping; `converged` says whether it came to an end.
    `options`: those of GeodesicOptions. Raises lior.Error as frechet_mean does and for variables that are the same at
    all points, lior.RunError where the geodesic leaves the chart before the origin.
    """
    times = numpy.asarray(t, dtype=numpy.float64)
    one = times.ndim == 1
    table = times[None] if one else times
    start = numpy.asarray(origin, dtype=numpy.float64)
    if start.ndim == 0:
        start = numpy.full(table.shape[:1], start)
    fit = Regression(
        *_geometry._geodesic_regression(metric, table, y, weights, start, _options(options))
    )
    return fit._replace(v=fit.v[:, 0]) if one else fit


@overload
def distance(
    metric: AnyMetric,
    x: ArrayLike,
    y: ArrayLike,
    *,
    details: Literal[False] = False,
    out: Out = None,
    **options: Any,
) -> NDArray: ...


@overload
def distance(
    metric: AnyMetric,
    x: ArrayLike,
    y: ArrayLike,
    *,
    details: Literal[True],
    out: Out = None,
    **options: Any,
) -> Distance: ...


def distance(
    metric: AnyMetric,
    x: ArrayLike,
    y: ArrayLike,
    *,
    details: bool = False,
    out: Out = None,
    **options: Any,
) -> NDArray | Distance:
    """sqrt(g(v, v)), v = log_x(y): (N,); NaN where log does not converge, and only there.

    Exact to a few roundings where the metric has a closed form (euclidean, sphere, half_plane, ball, hyperbolic, spd),
    else within 10 rtol, and what roundings of the coordinates leave open; by shooting a shorter way is not excluded. details=True returns a Distance, which says both for each pair
    (`out`: three arrays then). Raises lior.Error unless the metric is Riemannian, and one that names a point where it is
    singular or too large for numbers.
    """
    if details:
        return Distance(*_geometry._distance_details(metric, x, y, _options(options), out=out))
    return _geometry.distance(metric, x, y, _options(options), out=out)


def transport(
    metric: AnyMetric, x: ArrayLike, v: ArrayLike, w: ArrayLike, *, out: Out = None, **options: Any
) -> tuple[NDArray, NDArray]:
    """(w carried (d, N), status (N,)): w: (d, N) kept parallel along the geodesic from (x, v) to parameter 1.

    In closed form where the metric has one, as exp_map.
    """
    return _geometry.transport(metric, x, v, w, _options(options), out=out)


def image(
    metric: AnyMetric,
    radius: float,
    theta: float = math.pi / 2,
    phi: float = 0.0,
    *,
    size: tuple[int, int] = (1280, 720),
    view: float | None = None,
    disk: tuple[float, float] | None = None,
    sky: ArrayLike | None = None,
    sky_radius: float | None = None,
    observer: str = "static",
    samples: int = 1,
    temperature: float = 4500.0,
    rtol: float = 1e-6,
    out: Out = None,
) -> NDArray:
    """What an observer at (radius, theta, phi) sees who looks at the centre: uint8 (height, width, 3), sRGB.

    The metric has the coordinates (t, r, theta, phi), whatever the names of t and r, or (t, x, y, z), one minus sign,
    and formulas without t. size: (width, height). view: the angle that the picture is wide; a third more than the disk
    without it. disk: (inner, outer), coordinate radii of a thin disk of circular orbits in the equator's plane, whose
    hottest ring has that temperature in kelvin; redshift and beaming are drawn. sky: equirectangular uint8 (h, w, 3)
    whose middle is behind the hole, or a grid of 10 degrees; painted on the sphere of sky_radius (1000, or 30 times the
    camera's). observer: "static" or "zamo". samples: n x n rays a pixel. Source: docs/math/conventions.md, section 6.7.
    """
    across = disk[1] if disk is not None else 12
    return _geometry._image(
        metric,
        _geometry._scene_place(metric, radius, theta, phi),
        observer,
        2 * math.atan(1.3 * across / abs(radius)) if view is None else view,
        (size[0], size[1]),
        max(1000, 30 * abs(radius)) if sky_radius is None else sky_radius,
        None if disk is None else (disk[0], disk[1]),
        samples,
        temperature,
        sky,
        rtol,
        out=out,
    )


def camera_rays(
    metric: AnyMetric,
    pixels: ArrayLike,
    radius: float,
    theta: float = math.pi / 2,
    phi: float = 0.0,
    *,
    size: tuple[int, int],
    view: float,
    observer: str = "static",
    out: Out = None,
) -> tuple[NDArray, NDArray]:
    """(x, v), (4, N) each: the rays that reach the camera of `image` at pixels (2, N), traced backwards.

    pixels: column and row, the top left corner at (0, 0), edges at whole numbers. With u the observer's velocity,
    g(v, u) = 1: in units of the energy that it measures.
    """
    place = _geometry._scene_place(metric, radius, theta, phi)
    return _geometry._camera_rays(
        metric, place, observer, view, (size[0], size[1]), pixels, out=out
    )


def trace_rays(
    metric: AnyMetric,
    x: ArrayLike,
    v: ArrayLike,
    *,
    sky_radius: float = 1000.0,
    disk: tuple[float, float] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    out: Out = None,
) -> Rays:
    """Follows light rays from (x, v): (4, N) until each meets the disk (inner, outer), the sky or a horizon."""
    ring = None if disk is None else (disk[0], disk[1])
    return Rays(*_geometry._trace_rays(metric, x, v, sky_radius, ring, rtol, atol, out=out))


def _options(options: Mapping[str, Any]) -> GeodesicOptions:
    return GeodesicOptions(**options)
