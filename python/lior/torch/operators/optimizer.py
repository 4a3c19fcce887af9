# SPDX-License-Identifier: Apache-2.0
"""A step of the LIoR optimiser."""

import functools
from typing import Any, List

import torch
from torch import Tensor

from lior._lior import optimizer as _kernels
from lior.torch import formulas
from lior.torch.operators.define import plain_forms_hold, refuse, without_autocast
from lior.torch.operators.tensors import all_dense, follow_threads


def _step(
    values: List[Tensor],
    gradients: List[Tensor],
    memories: List[Tensor],
    net: List[Tensor],
    form: str,
    power: int,
    kappa: float,
    rate: float,
) -> None:
    """p <- p - rate kappa R^-q g of each of `values`, of one dtype, where they lie. form: exact (q = power), compat or
    manifold, whose R is the net's, (V1 [k, d], c1 [k], w2 [k], c2 [1]), and whose `memories`, if any, are updated
    too."""

    if plain_forms_hold():
        _plain_step(values, gradients, memories, net, form, power, kappa, rate)
        return
    follow_threads()

    def flat(tensor: Tensor) -> Tensor:
        return tensor.detach().view(-1)  # an error where the tensor is not row-major

    _kernels.lior_step(
        form,
        power,
        kappa,
        rate,
        all_dense(net),
        [flat(p) for p in values],
        [g.reshape(-1) for g in all_dense(gradients)],
        [flat(m) for m in memories],
    )


_operator = torch.library.custom_op(
    "lior::lior_step", _step, mutates_args=("values", "memories"), device_types="cpu"
)


@functools.wraps(_step)  # what help() shows
def lior_step(*args: Any, **named: Any) -> None:
    _operator(*args, **named)


lior_step.__name__ = lior_step.__qualname__ = "lior_step"


@_operator.register_kernel("cuda")
def _plain_step(*args: Any) -> None:
    without_autocast(formulas.lior_step, *args)


@_operator.register_kernel(("xpu", "mps"))
def _refused(*args: Any) -> None:
    refuse("lior_step", *args)


@_operator.register_fake
def _(*args: Any) -> None: ...
