# SPDX-License-Identifier: Apache-2.0
"""The core of a layer, between its two projections: one operator for every kind."""

import functools
import json
from typing import List, Optional, Tuple

import torch
from torch import Tensor

from lior import nn
from lior.torch.operators.tensors import all_dense, dense


def layer_spec(kind: str, d_model: int, **options) -> str:
    """A layer in a string, as operators take it."""
    return json.dumps([kind, d_model, options])


@functools.lru_cache(maxsize=None)
def layer_of(spec: str) -> nn.Layer:
    kind, d_model, options = json.loads(spec)
    return nn.Layer(kind, d_model, **options)


def _named(layer: nn.Layer, own: List[Tensor]) -> dict:
    return dict(zip(layer.inner_names, all_dense(own)))


def _fakes(spec, projection):
    """z, y and what is saved, of a projection [B, N, P]."""
    layer = layer_of(spec)
    width, gated, _ = layer.inner_shape
    batch, length = projection.shape[:2]
    return (
        projection.new_empty(batch, length, width),
        projection.new_empty(batch, length if gated else 0, width),
        projection.new_empty(layer.inner_saved_size(batch, length)),
    )


@torch.library.custom_op("lior::layer_inner", mutates_args=())
def layer_inner(
    spec: str, projection: Tensor, own: List[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """z [B, N, out], which W_o reads, of a projection W_in v + bias [B, N, P] and the parameters of its own that the
    layer has between the two (nn.Layer.inner_names); the last state [B, state_size], empty without a first one; and y
    and what else the way back needs. spec: layer_spec()."""
    layer, projection = layer_of(spec), dense(projection)
    outputs = _fakes(spec, projection)
    last = projection.new_empty(0) if state is None else dense(state).clone()
    layer.inner_forward(
        _named(layer, own), projection, None if state is None else last, out=outputs
    )
    z, y, saved = outputs
    return z, last, y, saved


@layer_inner.register_fake
def _(spec, projection, own, state):
    z, y, saved = _fakes(spec, projection)
    last = projection.new_empty(0) if state is None else state.new_empty(state.shape)
    return z, last, y, saved


@torch.library.custom_op("lior::layer_inner_backward", mutates_args=())
def layer_inner_backward(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    y: Tensor,
    saved: Tensor,
    dz: Tensor,
    d_last: Optional[Tensor],
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to projection, to all of `own` one behind the other, and to the first state. y: forward's,
    or z where that is empty."""
    layer, (projection, y, saved, dz) = layer_of(spec), all_dense((projection, y, saved, dz))
    d_projection = torch.empty_like(projection)
    d_own = projection.new_empty(sum(p.numel() for p in own))
    views = [flat.view(p.shape) for flat, p in zip(d_own.split([p.numel() for p in own]), own)]
    d_state = projection.new_empty(0) if d_last is None else dense(d_last).clone()
    layer.inner_backward(
        _named(layer, own),
        projection,
        y,
        saved,
        dz,
        None if d_last is None else d_state,
        out=(d_projection, *views),
    )
    return d_projection, d_own, d_state


@layer_inner_backward.register_fake
def _(spec, projection, own, y, saved, dz, d_last):
    return (
        projection.new_empty(projection.shape),
        projection.new_empty(sum(p.numel() for p in own)),
        projection.new_empty(0) if d_last is None else d_last.new_empty(d_last.shape),
    )


def _setup(ctx, inputs, output):
    ctx.spec, projection, own, state = inputs
    z, last, y, saved = output
    _, gated, smooth = layer_of(ctx.spec).inner_shape
    ctx.with_state = state is not None
    ctx.count = len(own)
    ctx.mark_non_differentiable(y, saved, *(() if smooth and ctx.with_state else (last,)))
    ctx.smooth = smooth and ctx.with_state
    ctx.save_for_backward(projection, y if gated else z, saved, *own)


def _gradient(ctx, dz, d_last, *_):
    projection, y, saved, *own = ctx.saved_tensors
    if ctx.with_state and not ctx.smooth:
        raise RuntimeError(
            "lior: a layer of this kind has no gradient from a given state; run whole sequences"
        )
    d_projection, d_own, d_state = layer_inner_backward(
        ctx.spec, projection, own, y, saved, dz, d_last if ctx.smooth else None
    )
    sizes = [p.numel() for p in own]
    gradients = [flat.view(p.shape) for flat, p in zip(d_own.split(sizes), own)]
    return None, d_projection, gradients, d_state if ctx.smooth else None


layer_inner.register_autograd(_gradient, setup_context=_setup)
