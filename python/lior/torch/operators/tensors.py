# SPDX-License-Identifier: Apache-2.0
"""Tensors and threads as the kernels take them."""

from typing import List, Sequence, cast

import numpy
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


class _Memory:
    """A tensor's, as NumPy's array interface describes it."""

    __slots__ = ("__array_interface__", "tensor")

    def __init__(self, tensor: Tensor, place: int, typestr: str) -> None:
        self.tensor = tensor  # which holds it
        self.__array_interface__ = {
            "data": (place, False),
            "shape": tuple(tensor.shape),
            "typestr": typestr,
            "version": 3,
        }


_TYPES = {
    getattr(torch, name): numpy.dtype(name).str
    for name in ("float32", "float64", "complex64", "complex128", "int32", "int64")
}


def array(tensor: Tensor) -> NDArray:
    """On the memory of a tensor that dense() gave, or a new one. The extension takes it faster than a tensor. After
    Tensor.numpy() torch would not free the memory of a parameter for a while, as FSDP does."""
    place, typestr = tensor.data_ptr(), _TYPES.get(tensor.dtype)
    lazy = tensor.is_neg() or tensor.is_conj()
    if typestr is None or lazy or not tensor.is_cpu or place == 0:
        return cast(NDArray, tensor.numpy())  # an empty one, or the reason why there is none
    return numpy.asarray(_Memory(tensor, place, typestr))


def arrays_like(flat: Tensor, tensors: Sequence[Tensor]) -> List[NDArray]:
    """Parts of a new `flat`, one behind the other, in the shapes of tensors."""
    whole, begin, parts = array(flat), 0, []
    for tensor in tensors:
        end = begin + tensor.numel()
        parts.append(whole[begin:end].reshape(tensor.shape))
        begin = end
    return parts
