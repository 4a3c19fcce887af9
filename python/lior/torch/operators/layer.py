# SPDX-License-Identifier: Apache-2.0
"""The core of a layer, between its two projections: one operator for every kind."""

import functools
import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from lior import nn
from lior.torch import formulas
from lior.torch.operators.define import Args, Call, has_kernels, operator, pullback
from lior.torch.operators.memory import memory, memory_advance
from lior.torch.operators.mixers import spinor_attention
from lior.torch.operators.scan import ci8_scan, readout
from lior.torch.operators.tensors import all_dense, array, arrays_like, dense


def layer_spec(kind: str, d_model: int, **options: Any) -> str:
    """A layer in a string, as operators take it."""
    return json.dumps([kind, d_model, options])


@functools.lru_cache(maxsize=None)
def layer_of(spec: str) -> nn.Layer:
    """The layer that layer_spec put into a string."""
    kind, d_model, options = json.loads(spec)
    return nn.Layer(kind, d_model, **options)


def _named(layer: nn.Layer, own: Sequence[Tensor]) -> Dict[str, Any]:
    return dict(zip(layer.inner_names, map(array, all_dense(own))))


def split_like(flat: Tensor, tensors: Sequence[Tensor]) -> List[Tensor]:
    """The parts of `flat` in the shapes of tensors that lie in it one behind the other."""
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors)]


#: Of sequences that lie one behind another in one row; None: each row is one.
Lengths = Optional[List[int]]


def _fakes(spec: str, projection: Tensor, lengths: Lengths) -> Tuple[Tensor, Tensor, Tensor]:
    """z, y and what is saved, of a projection [B, N, P]; the last two empty where the formula is computed again on the way
    back."""
    layer = layer_of(spec)
    width, gated, _ = layer.inner_shape
    batch, length = projection.shape[:2]
    kernel = has_kernels(projection)
    if not kernel:
        saved = 0
    elif isinstance(batch, int) and isinstance(length, int):
        saved = layer.inner_saved_size(batch, length, lengths)
    else:  # of a compiler, for all lengths: the kernel will say
        saved = torch.library.get_ctx().new_dynamic_size()
    return (
        projection.new_empty(batch, length, width),
        projection.new_empty(batch, length if gated and kernel else 0, width),
        projection.new_empty(saved),
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
    lengths: Lengths = None,
) -> Tuple[Tensor, Tensor, Tensor]:
    return (
        projection.new_empty(projection.shape),
        projection.new_empty(sum(p.numel() for p in own)),
        projection.new_empty(0) if d_last is None else d_last.new_empty(d_last.shape),
    )


#: Parts of a core that are operators themselves, of which a device may have kernels.
_OPERATORS: Dict[str, Dict[str, Any]] = {
    "causal_field": {"remember": memory, "go_on": memory_advance},
    "geometric_mamba": {"scan": ci8_scan, "shown_by": readout},
    "geometric_attention": {"attend": spinor_attention},
}


def by_formula(
    spec: str,
    projection: Tensor,
    own: Sequence[Tensor],
    state: Optional[Tensor],
    lengths: Lengths = None,
    by_operators: bool = False,
) -> Tuple[Tensor, Optional[Tensor]]:
    """z and the last state by the formula of the layer's kind."""
    layer = layer_of(spec)
    core = formulas.CORES.get(layer.kind)
    if core is None:
        raise NotImplementedError(
            f"layer {layer.kind} has no formula in lior/torch/formulas, which "
            "forward mode and derivatives of derivatives take"
        )
    options = {**layer.options, **(_OPERATORS.get(layer.kind, {}) if by_operators else {})}
    if lengths is None:
        return core(projection, own, state, **options)
    states = [None] * len(lengths) if state is None else state.split(1)
    parts = zip(projection.split(lengths, 1), states)
    z, last = zip(*(core(part, own, start, **options) for part, start in parts))
    return torch.cat(z, 1), None if last[0] is None else torch.cat(last)


def _inner_formula(
    spec: str,
    projection: Tensor,
    own: Sequence[Tensor],
    state: Optional[Tensor],
    lengths: Lengths = None,
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """The outputs of layer_inner, with anything for those that have no derivatives."""
    z, last = by_formula(spec, projection, own, state, lengths)
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
    lengths: Lengths = None,
    by_operators: bool = False,
) -> Tuple[Tensor, Tensor, Tensor]:
    def of_outputs(projection: Tensor, own: List[Tensor], state: Optional[Tensor]) -> Any:
        z, last = by_formula(spec, projection, own, state, lengths, by_operators)
        return z if d_last is None else (z, last)

    grads = [dz] if d_last is None else [dz, d_last]
    d_projection, *rest = pullback(of_outputs, (projection, own, state), grads)
    d_state = projection.new_zeros(0) if d_last is None else rest.pop()
    d_own = [part.reshape(-1) for part in rest[: len(own)]]
    return d_projection, torch.cat(d_own) if own else projection.new_zeros(0), d_state


@operator(
    shapes=_gradient_shapes,
    formula=_gradient_formula,
    plain=functools.partial(_gradient_formula, by_operators=True),
)
def layer_inner_backward(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    state: Optional[Tensor],
    y: Tensor,
    saved: Tensor,
    dz: Tensor,
    d_last: Optional[Tensor],
    lengths: Optional[List[int]] = None,
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to projection, to all of `own` one behind the other, and to the first state, where d_last
    says that of the last one. y: forward's, or z where that is empty."""
    layer, (projection, y, saved, dz) = layer_of(spec), all_dense((projection, y, saved, dz))
    d_projection = torch.empty_like(projection)
    d_own = projection.new_empty(sum(p.numel() for p in own))
    d_state = projection.new_empty(0) if d_last is None else dense(d_last).clone()
    layer.inner_backward(
        _named(layer, own),
        array(projection),
        array(y),
        array(saved),
        array(dz),
        None if d_last is None else array(d_state),
        lengths=lengths,
        out=(array(d_projection), *arrays_like(d_own, own[: len(layer.inner_names)])),
    )
    return d_projection, d_own, d_state


def is_smooth(spec: str, state: Optional[Tensor]) -> bool:
    return state is not None and layer_of(spec).inner_shape[2]


def check_state_gradient(spec: str, state: Optional[Tensor]) -> None:
    if state is not None and not is_smooth(spec, state):
        raise RuntimeError(
            "lior: a layer of this kind has no gradient from a given state; run whole sequences"
        )


def _inner_gradient(call: Call) -> Args:
    spec, projection, own, state, lengths = call.args
    z, _, y, saved = call.outputs
    dz, d_last, *_ = call.grads
    smooth = is_smooth(spec, state)
    check_state_gradient(spec, state)
    gated = layer_of(spec).inner_shape[1]
    d_projection, d_own, d_state = layer_inner_backward(
        spec,
        projection,
        own,
        state,
        y if gated else z,
        saved,
        dz,
        d_last if smooth else None,
        lengths,
    )
    no_lengths = None if lengths is None else [None] * len(lengths)
    return None, d_projection, split_like(d_own, own), d_state if smooth else None, no_lengths


def _inner_shapes(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    state: Optional[Tensor],
    lengths: Lengths = None,
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    z, y, saved = _fakes(spec, projection, lengths)
    last = projection.new_empty(0) if state is None else state.new_empty(state.shape)
    return z, last, y, saved


def _inner_plain(
    spec: str,
    projection: Tensor,
    own: Sequence[Tensor],
    state: Optional[Tensor],
    lengths: Lengths = None,
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    z, last = by_formula(spec, projection, own, state, lengths, by_operators=True)
    if last is None or state is None:
        last = projection.new_empty(0) if state is None else state.clone()
    return z, last, z.new_empty(len(z), 0, z.shape[2]), z.new_empty(0)


@operator(
    shapes=_inner_shapes,
    gradient=_inner_gradient,
    formula=_inner_formula,
    plain=_inner_plain,
    silent=lambda spec, projection, own, state, lengths: (
        (2, 3) if is_smooth(spec, state) else (1, 2, 3)
    ),
)
def layer_inner(
    spec: str,
    projection: Tensor,
    own: List[Tensor],
    state: Optional[Tensor],
    lengths: Optional[List[int]] = None,
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """z [B, N, out], which W_o reads, of a projection W_in v + bias [B, N, P] and the parameters of its own that the
    layer has between the two (nn.Layer.inner_names), or more, which count for nothing; the last state [B, state_size], empty without a first one; and y
    and what else the way back needs. spec: layer_spec(). lengths: of sequences that lie one behind another in one row,
    B = 1, with a state each; none sees another."""
    layer, projection = layer_of(spec), dense(projection)
    outputs = _fakes(spec, projection, lengths)
    outputs[
        2
    ].zero_()  # arrays in it begin at cache lines, and nothing writes what lies between them
    last = projection.new_empty(0) if state is None else dense(state).clone()
    layer.inner_forward(
        _named(layer, own),
        array(projection),
        None if state is None else array(last),
        lengths=lengths,
        out=tuple(map(array, outputs)),
    )
    z, y, saved = outputs
    return z, last, y, saved
