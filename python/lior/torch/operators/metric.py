# SPDX-License-Identifier: Apache-2.0
"""The learned metric, its Christoffel symbols, geodesics and distances."""

from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from lior import geometry
from lior.torch.operators.tensors import all_dense, dense

METRIC_NAMES = (
    "L",
    "metric_net.0.weight",
    "metric_net.0.bias",
    "metric_net.2.weight",
    "metric_net.2.bias",
    "resilience_net.0.weight",
    "resilience_net.0.bias",
    "resilience_net.2.weight",
    "resilience_net.2.bias",
)


def _metric_of(
    parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> geometry.LearnedMetric:
    named = dict(zip(METRIC_NAMES, all_dense(parameters)))
    return geometry.LearnedMetric.from_arrays(named, resilience=resilience, spd_floor=spd_floor)


def _in_order(named) -> List[Tensor]:
    return [torch.from_numpy(named[name]) for name in METRIC_NAMES]


@torch.library.custom_op("lior::learned_metric", mutates_args=())
def learned_metric(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    """g, or R^2 g with `resilience`, at planes of points: x [d, N] -> [d, d, N]. `parameters` are those of
    METRIC_NAMES, in that order."""
    x = dense(x)
    d, count = x.shape
    g = x.new_empty(d, d, count)
    _metric_of(parameters, resilience, spd_floor).values(x, out=(g, x.new_empty(count)))
    return g


@learned_metric.register_fake
def _(x, parameters, resilience, spd_floor):
    d, count = x.shape
    return x.new_empty(d, d, count)


@torch.library.custom_op("lior::learned_metric_backward", mutates_args=())
def learned_metric_backward(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool, dg: Tensor
) -> List[Tensor]:
    """Gradients with respect to x and to each of the parameters."""
    d_x, named = _metric_of(parameters, resilience, spd_floor).backward(dense(x), dense(dg))
    return [torch.from_numpy(d_x), *_in_order(named)]


@learned_metric_backward.register_fake
def _(x, parameters, resilience, spd_floor, dg):
    return [tensor.new_empty(tensor.shape) for tensor in (x, *parameters)]


def _learned_metric_setup(ctx, inputs, output):
    x, parameters, ctx.resilience, ctx.spd_floor = inputs
    ctx.save_for_backward(x, *parameters)


def _learned_metric_gradient(ctx, dg):
    x, *parameters = ctx.saved_tensors
    d_x, *d_parameters = learned_metric_backward(x, parameters, ctx.resilience, ctx.spd_floor, dg)
    return d_x, d_parameters, None, None


learned_metric.register_autograd(_learned_metric_gradient, setup_context=_learned_metric_setup)


@torch.library.custom_op("lior::christoffel", mutates_args=())
def christoffel(x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool) -> Tensor:
    """Gamma [d, d, d, N], upper index first, at planes of points x [d, N], by exact derivatives."""
    x = dense(x)
    d, count = x.shape
    gamma = x.new_empty(d, d, d, count)
    geometry.christoffel(_metric_of(parameters, resilience, spd_floor), x, out=gamma)
    return gamma


@christoffel.register_fake
def _(x, parameters, resilience, spd_floor):
    d, count = x.shape
    return x.new_empty(d, d, d, count)


@torch.library.custom_op("lior::christoffel_backward", mutates_args=())
def christoffel_backward(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool, d_gamma: Tensor
) -> List[Tensor]:
    """Gradients with respect to x and to each of the parameters."""
    metric = _metric_of(parameters, resilience, spd_floor)
    d_x, named = metric.christoffel_backward(dense(x), dense(d_gamma))
    return [torch.from_numpy(d_x), *_in_order(named)]


@christoffel_backward.register_fake
def _(x, parameters, resilience, spd_floor, d_gamma):
    return [tensor.new_empty(tensor.shape) for tensor in (x, *parameters)]


def _christoffel_gradient(ctx, d_gamma):
    x, *parameters = ctx.saved_tensors
    d_x, *d_parameters = christoffel_backward(x, parameters, ctx.resilience, ctx.spd_floor, d_gamma)
    return d_x, d_parameters, None, None


christoffel.register_autograd(_christoffel_gradient, setup_context=_learned_metric_setup)


@torch.library.custom_op("lior::geodesic", mutates_args=())
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


@geodesic.register_fake
def _(x, v, parameters, resilience, spd_floor, time, step):
    return x.new_empty(x.shape), v.new_empty(v.shape)


@torch.library.custom_op("lior::geodesic_backward", mutates_args=())
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


@geodesic_backward.register_fake
def _(x, v, parameters, *rest):
    return [tensor.new_empty(tensor.shape) for tensor in (x, v, *parameters)]


def _geodesic_setup(ctx, inputs, output):
    x, v, parameters, *ctx.settings = inputs
    ctx.save_for_backward(x, v, *parameters)


def _geodesic_gradient(ctx, d_x_end, d_v_end):
    x, v, *parameters = ctx.saved_tensors
    d_x, d_v, *d_parameters = geodesic_backward(x, v, parameters, *ctx.settings, d_x_end, d_v_end)
    return d_x, d_v, d_parameters, *(None,) * 4


geodesic.register_autograd(_geodesic_gradient, setup_context=_geodesic_setup)


@torch.library.custom_op("lior::geodesic_distance", mutates_args=())
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


@geodesic_distance.register_fake
def _(x, y, parameters, resilience, spd_floor, rtol, atol):
    return x.new_empty(x.shape[1])


@torch.library.custom_op("lior::geodesic_distance_backward", mutates_args=())
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

    def lowered(at, v):
        return weight * torch.einsum(
            "mnk,nk->mk", *map(torch.from_numpy, (metric.values(at)[0], v))
        )

    return [-lowered(x, shot.v), lowered(y, ends.v[0]), *_in_order(named)]


@geodesic_distance_backward.register_fake
def _(x, y, parameters, *rest):
    return [tensor.new_empty(tensor.shape) for tensor in (x, y, *parameters)]


def _geodesic_distance_gradient(ctx, d_distance):
    x, y, *parameters = ctx.saved_tensors
    d_x, d_y, *d_parameters = geodesic_distance_backward(
        x, y, parameters, *ctx.settings, d_distance
    )
    return d_x, d_y, d_parameters, *(None,) * 4


geodesic_distance.register_autograd(_geodesic_distance_gradient, setup_context=_geodesic_setup)
