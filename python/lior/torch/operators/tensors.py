# SPDX-License-Identifier: Apache-2.0
"""Tensors and threads as the kernels take them."""

from typing import List, Sequence

import torch
from torch import Tensor

from lior._threads import Follower

#: Before a kernel: torch.set_num_threads holds for it too.
follow_threads = Follower(torch.get_num_threads)


def dense(tensor: Tensor) -> Tensor:
    """Outside autograd, and row-major."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


def all_dense(tensors: Sequence[Tensor]) -> List[Tensor]:
    return [dense(tensor) for tensor in tensors]
