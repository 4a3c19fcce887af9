"""The learned metric, its Christoffel symbols and geodesics."""

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
    return [torch.from_numpy(d_x), *(torch.from_numpy(named[name]) for name in METRIC_NAMES)]


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
    """Gamma [d, d, d, N], upper index first, at planes of points x [d, N], by exact derivatives. Has no
    gradient."""
    x = dense(x)
    d, count = x.shape
    gamma = x.new_empty(d, d, d, count)
    geometry.christoffel(_metric_of(parameters, resilience, spd_floor), x, out=gamma)
    return gamma


@christoffel.register_fake
def _(x, parameters, resilience, spd_floor):
    d, count = x.shape
    return x.new_empty(d, d, d, count)


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
    of at most `step`. Has no gradient."""
    metric = _metric_of(parameters, resilience, spd_floor)
    ends = geometry.geodesics(metric, dense(x), dense(v), [time], method="rk4", step=step)
    return torch.from_numpy(ends.x)[0], torch.from_numpy(ends.v)[0]


@geodesic.register_fake
def _(x, v, parameters, resilience, spd_floor, time, step):
    return x.new_empty(x.shape), v.new_empty(v.shape)
