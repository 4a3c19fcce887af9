# SPDX-License-Identifier: Apache-2.0
"""The learned metric, its Christoffel symbols, geodesics and distances."""

import functools
from typing import Any, Callable, Dict, List, Sequence, Tuple

import torch
from torch import Tensor

from lior import geometry
from lior._names import LEARNED_METRIC
from lior.torch import formulas
from lior.torch.cuda import symbols as cuda_symbols
from lior.torch.operators.define import Args, Call, Function, operator, pullback, vjp
from lior.torch.operators.tensors import all_dense, dense
from lior.typing import NDArray


def _metric_of(
    parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> geometry.LearnedMetric:
    named: Dict[str, Any] = dict(zip(LEARNED_METRIC, all_dense(parameters)))
    return geometry.LearnedMetric.from_arrays(named, resilience=resilience, spd_floor=spd_floor)


def _in_order(named: Dict[str, NDArray]) -> List[Tensor]:
    return [torch.from_numpy(named[name]) for name in LEARNED_METRIC]


def _like(*tensors: Tensor) -> List[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in tensors]


@operator(
    shapes=lambda x, parameters, *rest: _like(x, *parameters),
    formula=lambda *args: pullback(formulas.learned_metric, args[:4], args[4:]),
)
def learned_metric_backward(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool, dg: Tensor
) -> List[Tensor]:
    """Gradients with respect to x and to each of the parameters."""
    d_x, named = _metric_of(parameters, resilience, spd_floor).backward(dense(x), dense(dg))
    return [torch.from_numpy(d_x), *_in_order(named)]


def _of_points(backward: Function) -> Callable[[Call], Args]:
    """The gradient of an operator of (x, parameters, resilience, spd_floor)."""

    def gradient(call: Call) -> Args:
        d_x, *d_parameters = backward(*call.args, *call.grads)
        return d_x, d_parameters, None, None

    return gradient


@operator(
    shapes=lambda x, *rest: x.new_empty(len(x), *x.shape),
    gradient=_of_points(learned_metric_backward),
    formula=formulas.learned_metric,
)
def learned_metric(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    """g, or R^2 g with `resilience`, at planes of points: x [d, N] -> [d, d, N]. `parameters` are those of
    LEARNED_METRIC, in that order."""
    x = dense(x)
    d, count = x.shape
    g = x.new_empty(d, d, count)
    _metric_of(parameters, resilience, spd_floor).values(x, out=(g, x.new_empty(count)))
    return g


@operator(
    shapes=lambda x, parameters, *rest: _like(x, *parameters),
    formula=lambda *args: pullback(formulas.christoffel, args[:4], args[4:]),
    cuda=cuda_symbols.backward,
)
def christoffel_backward(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool, d_gamma: Tensor
) -> List[Tensor]:
    """Gradients with respect to x and to each of the parameters."""
    metric = _metric_of(parameters, resilience, spd_floor)
    d_x, named = metric.christoffel_backward(dense(x), dense(d_gamma))
    return [torch.from_numpy(d_x), *_in_order(named)]


@operator(
    shapes=lambda x, *rest: x.new_empty(len(x), len(x), *x.shape),
    gradient=_of_points(christoffel_backward),
    formula=formulas.christoffel,
    cuda=cuda_symbols.forward,
)
def christoffel(x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool) -> Tensor:
    """Gamma [d, d, d, N], upper index first, at planes of points x [d, N], by exact derivatives."""
    x = dense(x)
    d, count = x.shape
    gamma = x.new_empty(d, d, d, count)
    geometry.christoffel(_metric_of(parameters, resilience, spd_floor), x, out=gamma)
    return gamma


#: Where a device has kernels of the symbols, they are taken.
_geodesic_by_operators = functools.partial(formulas.geodesic, symbols=christoffel)


@operator(
    shapes=lambda x, v, parameters, *rest: _like(x, v, *parameters),
    formula=lambda *args: pullback(formulas.geodesic, args[:7], args[7:]),
    plain=lambda *args: pullback(_geodesic_by_operators, args[:7], args[7:]),
)
def geodesic_backward(
    x: Tensor,
    v: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    time: float,
    step: float,
    d_x_end: Tensor,
    d_v_end: Tensor,
) -> List[Tensor]:
    """Gradients with respect to x, v and each of the parameters."""
    metric = _metric_of(parameters, resilience, spd_floor)
    start, named = metric.geodesic_backward(
        dense(x), dense(v), time, step, dense(d_x_end), dense(d_v_end)
    )
    return [*map(torch.from_numpy, start), *_in_order(named)]


def _of_pairs(backward: Function) -> Callable[[Call], Args]:
    """The gradient of an operator of two planes, the parameters and four numbers."""

    def gradient(call: Call) -> Args:
        first, second, *d_parameters = backward(*call.args, *call.grads)
        return first, second, d_parameters, *(None,) * 4

    return gradient


@operator(
    shapes=lambda x, v, *rest: tuple(_like(x, v)),
    gradient=_of_pairs(geodesic_backward),
    formula=formulas.geodesic,
    plain=_geodesic_by_operators,
)
def geodesic(
    x: Tensor,
    v: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    time: float,
    step: float,
) -> Tuple[Tensor, Tensor]:
    """Points and velocities, planes [d, N], at parameter `time` of the geodesics from (x, v), by RK4 in steps
    of at most `step`. ValueError where one cannot go that far. The gradient is that of the steps."""
    metric = _metric_of(parameters, resilience, spd_floor)
    ends = geometry.geodesics(metric, dense(x), dense(v), [time], method="rk4", step=step)
    for n in ends.status.nonzero()[0][:1]:
        raise ValueError(
            f"geodesic {n} stops at parameter {ends.reached[n]:g} of {time:g}: "
            f"{geometry.PathStatus(ends.status[n]).name}"
        )
    return torch.from_numpy(ends.x)[0], torch.from_numpy(ends.v)[0]


def _logarithm_gradient(call: Call) -> Args:
    """exp_x(v) = y holds along any change: dv = (d exp/d v)^-1 (dy - d exp/d(x, parameters))."""
    x, y, parameters, resilience, spd_floor, *_ = call.args
    (v,), (dv,) = call.outputs, call.grads

    def end(x: Tensor, v: Tensor, *parameters: Tensor) -> Tensor:
        return geodesic(x, v, list(parameters), resilience, spd_floor, 1.0, _STEP)[0]

    _, pull = vjp(end, x, v, *parameters)
    rows = []
    for k in range(len(x)):
        unit = torch.zeros_like(x)
        unit[k] = 1
        rows.append(pull(unit)[1])
    jacobian = torch.stack(rows).permute(2, 1, 0)  # [N, k of v, l of y]: transposed
    d_y = torch.linalg.solve(jacobian, dv.T).T
    d_x, _, *d_parameters = pull(-d_y)
    return d_x, d_y, d_parameters, *(None,) * 4


_STEP = 0.02  # of the geodesics behind second derivatives of distances: RK4 ends 3e-8 off where |v| is about 1


@operator(shapes=lambda x, *rest: x.new_empty(x.shape), gradient=_logarithm_gradient)
def geodesic_log(
    x: Tensor,
    y: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    rtol: float,
    atol: float,
) -> Tensor:
    """The velocity v [d, N] at x of the geodesic that is at y at parameter 1, found by shooting to those tolerances;
    NaN where shooting does not converge."""
    metric = _metric_of(parameters, resilience, spd_floor)
    shot = geometry.log_map(metric, dense(x), dense(y), rtol=rtol, atol=atol)
    v = torch.from_numpy(shot.v)
    return torch.where(torch.from_numpy(shot.converged), v, torch.nan)


def _distance_gradient(
    x: Tensor,
    y: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    rtol: float,
    atol: float,
    d_distance: Tensor,
) -> List[Tensor]:
    """The first variation: with v = log_x(y), L = |v|, the gradient of y is the momentum p = g(y) v_end/L, that of x
    is -g(x) v/L, and that of the parameters d|v| - p . d exp_x(v), both at fixed v."""
    kind = (resilience, spd_floor)
    v = geodesic_log(x, y, parameters, *kind, rtol, atol)
    end_v = geodesic(x, v, parameters, *kind, 1.0, _STEP)[1]

    def lowered(at: Tensor, v: Tensor) -> Tensor:
        return torch.einsum("mni,ni->mi", learned_metric(at, parameters, *kind), v)

    start = lowered(x, v)
    weight = d_distance / (v * start).sum(0).sqrt()
    end = weight * lowered(y, end_v)
    fixed = learned_metric_backward(x, parameters, *kind, weight / 2 * v[:, None] * v)[1:]
    rest = torch.zeros_like(end)
    moved = geodesic_backward(x, v, parameters, *kind, 1.0, _STEP, end, rest)[2:]
    return [-weight * start, end, *(a - b for a, b in zip(fixed, moved))]


@operator(
    shapes=lambda x, y, parameters, *rest: _like(x, y, *parameters),
    formula=_distance_gradient,
)
def geodesic_distance_backward(
    x: Tensor,
    y: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    rtol: float,
    atol: float,
    d_distance: Tensor,
) -> List[Tensor]:
    """Gradients with respect to x, y and each of the parameters, by the first variation: a geodesic's length
    changes by g(v, .)/|v| at its end, less the same at its start."""
    metric = _metric_of(parameters, resilience, spd_floor)
    x, y, d_distance = all_dense((x, y, d_distance))
    options = geometry.GeodesicOptions(rtol=rtol, atol=atol)
    distance, named = metric.distance_with_gradient(x, y, d_distance, options)
    shot = geometry.log_map(metric, x, y, rtol=rtol, atol=atol)
    ends = geometry.geodesics(metric, x, shot.v, [1.0], rtol=rtol, atol=atol)

    weight = torch.where(torch.from_numpy(distance > 0), d_distance / torch.from_numpy(distance), 0)

    def lowered(at: Tensor, v: NDArray) -> Tensor:
        g = torch.from_numpy(metric.values(at)[0])
        return weight * torch.einsum("mnk,nk->mk", g, torch.from_numpy(v))

    return [-lowered(x, shot.v), lowered(y, ends.v[0]), *_in_order(named)]


@operator(
    shapes=lambda x, *rest: x.new_empty(x.shape[1]),
    gradient=_of_pairs(geodesic_distance_backward),
)
def geodesic_distance(
    x: Tensor,
    y: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    rtol: float,
    atol: float,
) -> Tensor:
    """The length [N] of the geodesic between points x and y, planes [d, N], found by shooting to those
    tolerances; NaN, without a gradient, where shooting does not converge."""
    metric = _metric_of(parameters, resilience, spd_floor)
    return torch.from_numpy(geometry.distance(metric, dense(x), dense(y), rtol=rtol, atol=atol))
