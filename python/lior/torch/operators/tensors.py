# SPDX-License-Identifier: Apache-2.0
"""Tensors as the kernels take them."""

from typing import List, Sequence

from torch import Tensor


def dense(tensor: Tensor) -> Tensor:
    """Outside autograd, and row-major."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


def all_dense(tensors: Sequence[Tensor]) -> List[Tensor]:
    return [dense(tensor) for tensor in tensors]
