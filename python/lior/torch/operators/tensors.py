# SPDX-License-Identifier: Apache-2.0
"""Tensors and threads as the kernels take them."""

from typing import List, Sequence, cast

import torch
from torch import Tensor

from lior._threads import Follower
from lior.typing import NDArray

#: Before a kernel: torch.set_num_threads holds for it too.
_follow = Follower(torch.get_num_threads)


def follow_threads() -> None:
    """Takes over torch's number of threads whenever that changes; lior.set_threads holds in between."""
    _follow()


def dense(tensor: Tensor) -> Tensor:
    """Outside autograd, and row-major."""
    tensor = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    return tensor if tensor.is_contiguous() else tensor.contiguous()


def all_dense(tensors: Sequence[Tensor]) -> List[Tensor]:
    return [dense(tensor) for tensor in tensors]


def array(tensor: Tensor) -> NDArray:
    """On the memory of a tensor that dense() gave, or a new one. The extension takes it faster than a tensor."""
    return cast(NDArray, tensor.numpy())


def arrays_like(flat: Tensor, tensors: Sequence[Tensor]) -> List[NDArray]:
    """Parts of a new `flat`, one behind the other, in the shapes of tensors."""
    whole, begin, parts = array(flat), 0, []
    for tensor in tensors:
        end = begin + tensor.numel()
        parts.append(whole[begin:end].reshape(tensor.shape))
        begin = end
    return parts
