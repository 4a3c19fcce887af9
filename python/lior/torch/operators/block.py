# SPDX-License-Identifier: Apache-2.0
"""A whole layer, in its residual block: one operator for every kind."""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lior.torch.operators.define import Args, Call, has_kernels, operator, pullback
from lior.torch.operators.layer import (
    by_formula,
    check_state_gradient,
    is_smooth,
    layer_of,
    split_like,
)
from lior.torch.operators.tensors import all_dense, array, arrays_like, dense
from lior.typing import NDArray


@functools.lru_cache(maxsize=None)
def layer_names(spec: str) -> Tuple[str, ...]:
    """The parameters of a layer, in the order of layer_block's."""
    return tuple(layer_of(spec).shapes)


def _named(spec: str, parameters: Sequence[Tensor]) -> Dict[str, NDArray]:
    return dict(zip(layer_names(spec), map(array, all_dense(parameters))))


def _formula(
    spec: str,
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Optional[Tensor],
    by_operators: bool = False,
) -> Tuple[Tensor, Tensor, Tensor]:
    """The outputs of layer_block, with anything for the one that has no derivatives."""
    named = dict(zip(layer_names(spec), parameters))
    v = F.rms_norm(x, x.shape[2:], named["norm.weight"], 1e-6)
    projection = F.linear(v, named["in.weight"], named.get("in.bias"))
    own = [named[name] for name in layer_of(spec).inner_names]
    z, last = by_formula(spec, projection, own, state, by_operators=by_operators)
    return x + F.linear(z, named["out.weight"]), z if last is None else last, z


def _gradient_formula(
    spec: str,
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Optional[Tensor],
    saved: Tensor,
    d_out: Tensor,
    d_last: Optional[Tensor],
    by_operators: bool = False,
) -> Tuple[Tensor, Tensor, Tensor]:
    def of_outputs(x: Tensor, parameters: List[Tensor], state: Optional[Tensor]) -> Any:
        out, last, _ = _formula(spec, x, parameters, state, by_operators)
        return out if d_last is None else (out, last)

    grads = [d_out] if d_last is None else [d_out, d_last]
    dx, *rest = pullback(of_outputs, (x, parameters, state), grads)
    d_state = x.new_zeros(0) if d_last is None else rest.pop()
    return dx, torch.cat([part.reshape(-1) for part in rest[: len(parameters)]]), d_state


@operator(
    shapes=lambda spec, x, parameters, state, saved, d_out, d_last: (
        x.new_empty(x.shape),
        x.new_empty(sum(p.numel() for p in parameters)),
        x.new_empty(0) if d_last is None else d_last.new_empty(d_last.shape),
    ),
    formula=_gradient_formula,
    plain=functools.partial(_gradient_formula, by_operators=True),
)
def layer_block_backward(
    spec: str,
    x: Tensor,
    parameters: List[Tensor],
    state: Optional[Tensor],
    saved: Tensor,
    d_out: Tensor,
    d_last: Optional[Tensor],
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to x, to all parameters one behind the other, and to the first state, where d_last says
    that of the last one."""
    x, saved, d_out = all_dense((x, saved, d_out))
    dx, flat = torch.empty_like(x), x.new_empty(sum(p.numel() for p in parameters))
    d_state = x.new_empty(0) if d_last is None else dense(d_last).clone()
    layer_of(spec).backward(
        _named(spec, parameters),
        array(x),
        array(saved),
        array(d_out),
        None if d_last is None else array(d_state),
        out=(array(dx), *arrays_like(flat, parameters)),
    )
    return dx, flat, d_state


def _gradient(call: Call) -> Args:
    spec, x, parameters, state = call.args
    (_, _, saved), (d_out, d_last, _) = call.outputs, call.grads
    check_state_gradient(spec, state)
    smooth = is_smooth(spec, state)
    dx, flat, d_state = layer_block_backward(
        spec, x, parameters, state, saved, d_out, d_last if smooth else None
    )
    return None, dx, split_like(flat, parameters), d_state if smooth else None


def _plain(
    spec: str, x: Tensor, parameters: Sequence[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor]:
    out, last, _ = _formula(spec, x, parameters, state, by_operators=True)
    if state is None:
        last = x.new_empty(0)
    return (
        out,
        state.clone() if state is not None and not is_smooth(spec, state) else last,
        x.new_empty(0),
    )


def _shapes(
    spec: str, x: Tensor, parameters: Sequence[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor]:
    size = layer_of(spec).saved_size(*x.shape[:2]) if has_kernels(x) else 0
    last = x.new_empty(0) if state is None else state.new_empty(state.shape)
    return x.new_empty(x.shape), last, x.new_empty(size)


@operator(
    shapes=_shapes,
    gradient=_gradient,
    formula=_formula,
    plain=_plain,
    silent=lambda spec, x, parameters, state: (2,) if is_smooth(spec, state) else (1, 2),
)
def layer_block(
    spec: str, x: Tensor, parameters: List[Tensor], state: Optional[Tensor]
) -> Tuple[Tensor, Tensor, Tensor]:
    """out [B, N, d_model] of x [B, N, d_model] and the parameters layer_names(spec); the last state [B, state_size], empty
    without a first one; and what the way back needs. spec: layer_spec()."""
    x = dense(x)
    out, last, saved = _shapes(spec, x, parameters, state)
    saved.zero_()  # arrays in it begin at cache lines, and nothing writes what lies between them
    if state is not None:
        last = dense(state).clone()
    layer_of(spec).forward(
        _named(spec, parameters),
        array(x),
        None if state is None else array(last),
        out=(array(out), array(saved)),
    )
    return out, last, saved
