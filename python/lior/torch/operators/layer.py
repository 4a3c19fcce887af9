# SPDX-License-Identifier: Apache-2.0
"""The core of a layer, between its two projections: one operator for every kind."""

import functools
import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from lior import nn
from lior.torch.operators import formulas
from lior.torch.operators.define import Args, Call, operator, pullback
from lior.torch.operators.tensors import all_dense, dense


def layer_spec(kind: str, d_model: int, **options: Any) -> str:
    """A layer in a string, as operators take it."""
    return json.dumps([kind, d_model, options])


@functools.lru_cache(maxsize=None)
def layer_of(spec: str) -> nn.Layer:
    kind, d_model, options = json.loads(spec)
    return nn.Layer(kind, d_model, **options)


def _named(layer: nn.Layer, own: Sequence[Tensor]) -> Dict[str, Any]:
    return dict(zip(layer.inner_names, all_dense(own)))


def _fakes(spec: str, projection: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    """z, y and what is saved, of a projection [B, N, P]."""
    layer = layer_of(spec)
    width, gated, _ = layer.inner_shape
    batch, length = projection.shape[:2]
    return (
        projection.new_empty(batch, length, width),
        projection.new_empty(batch, length if gated else 0, width),
        projection.new_empty(layer.inner_saved_size(batch, length)),
    )


def _gradient_shapes(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    state: Optional[Tensor],
    y: Tensor,
    saved: Tensor,
    dz: Tensor,
    d_last: Optional[Tensor],
) -> Tuple[Tensor, Tensor, Tensor]:
    return (
        projection.new_empty(projection.shape),
        projection.new_empty(sum(p.numel() for p in own)),
        projection.new_empty(0) if d_last is None else d_last.new_empty(d_last.shape),
    )


def _core(
    spec: str, projection: Tensor, own: Sequence[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Optional[Tensor]]:
    """z and the last state by the formula of the layer's kind."""
    layer = layer_of(spec)
    core = formulas.CORES.get(layer.kind)
    if core is None:
        raise NotImplementedError(
            f"layer {layer.kind} has no formula in lior/torch/operators/formulas.py, which "
            "forward mode and derivatives of derivatives take"
        )
    return core(projection, own, state, **layer.options)


def _inner_formula(
    spec: str, projection: Tensor, own: Sequence[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """The outputs of layer_inner, with anything for those that have no derivatives."""
    z, last = _core(spec, projection, own, state)
    return z, z if last is None else last, z, z


def _gradient_formula(
    spec: str,
    projection: Tensor,
    own: Sequence[Tensor],
    state: Optional[Tensor],
    y: Tensor,
    saved: Tensor,
    dz: Tensor,
    d_last: Optional[Tensor],
) -> Tuple[Tensor, Tensor, Tensor]:
    def of_outputs(*args: Any) -> Any:
        return _core(spec, *args) if d_last is not None else _core(spec, *args)[0]

    grads = [dz] if d_last is None else [dz, d_last]
    d_projection, *rest = pullback(of_outputs, (projection, own, state), grads)
    d_state = projection.new_zeros(0) if d_last is None else rest.pop()
    d_own = [part.reshape(-1) for part in rest[: len(own)]]
    return d_projection, torch.cat(d_own) if own else projection.new_zeros(0), d_state


@operator(shapes=_gradient_shapes, formula=_gradient_formula)
def layer_inner_backward(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    state: Optional[Tensor],
    y: Tensor,
    saved: Tensor,
    dz: Tensor,
    d_last: Optional[Tensor],
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to projection, to all of `own` one behind the other, and to the first state, where d_last
    says that of the last one. y: forward's, or z where that is empty."""
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


def _is_smooth(spec: str, state: Optional[Tensor]) -> bool:
    return state is not None and layer_of(spec).inner_shape[2]


def _inner_gradient(call: Call) -> Args:
    spec, projection, own, state = call.args
    z, _, y, saved = call.outputs
    dz, d_last, *_ = call.grads
    smooth = _is_smooth(spec, state)
    if state is not None and not smooth:
        raise RuntimeError(
            "lior: a layer of this kind has no gradient from a given state; run whole sequences"
        )
    gated = layer_of(spec).inner_shape[1]
    d_projection, d_own, d_state = layer_inner_backward(
        spec, projection, own, state, y if gated else z, saved, dz, d_last if smooth else None
    )
    sizes = [p.numel() for p in own]
    gradients = [flat.view(p.shape) for flat, p in zip(d_own.split(sizes), own)]
    return None, d_projection, gradients, d_state if smooth else None


def _inner_shapes(
    spec: str, projection: Tensor, own: List[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    z, y, saved = _fakes(spec, projection)
    last = projection.new_empty(0) if state is None else state.new_empty(state.shape)
    return z, last, y, saved


@operator(
    shapes=_inner_shapes,
    gradient=_inner_gradient,
    formula=_inner_formula,
    silent=lambda spec, projection, own, state: (2, 3) if _is_smooth(spec, state) else (1, 2, 3),
)
def layer_inner(
    spec: str, projection: Tensor, own: List[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """z [B, N, out], which W_o reads, of a projection W_in v + bias [B, N, P] and the parameters of its own that the
    layer has between the two (nn.Layer.inner_names); the last state [B, state_size], empty without a first one; and y
    and what else the way back needs. spec: layer_spec()."""
    layer, projection = layer_of(spec), dense(projection)
    outputs = _fakes(spec, projection)
    outputs[
        2
    ].zero_()  # arrays in it begin at cache lines, and nothing writes what lies between them
    last = projection.new_empty(0) if state is None else dense(state).clone()
    layer.inner_forward(
        _named(layer, own), projection, None if state is None else last, out=outputs
    )
    z, y, saved = outputs
    return z, last, y, saved
