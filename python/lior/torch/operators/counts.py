# SPDX-License-Identifier: Apache-2.0
"""What the counts of a text say of the tokens to come."""

from typing import Optional, Tuple
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from lior.torch.operators.define import operator
from lior.torch.operators.tensors import dense
from lior.train import Counts

# Operators take tensors and numbers alone: counts go by a number of theirs.
_known: "WeakValueDictionary[int, Counts]" = WeakValueDictionary()


def key_of(counts: Counts) -> int:
    """The number by which count_logarithms knows these counts, as long as they live."""
    _known[id(counts)] = counts
    return id(counts)


def _shapes(
    tokens: Tensor, history: Tensor, places: Optional[Tensor], counts: int, wide: bool = False
) -> Tuple[Tensor, Tensor]:
    of, dtype = _known[counts], torch.float64 if wide else torch.float32
    return (
        tokens.new_empty(*tokens.shape, of.longest, of.vocabulary, dtype=dtype),
        tokens.new_empty(*tokens.shape, 2 * of.longest, dtype=torch.int32),
    )


def _by_the_processor(
    tokens: Tensor, history: Tensor, places: Optional[Tensor], counts: int, wide: bool = False
) -> Tuple[Tensor, ...]:
    """Counts are tables of the processor's memory: what they say is looked up there, and brought to the device."""
    begins = None if places is None else places.cpu()
    looked_up = _looked_up(tokens.cpu(), history.cpu(), begins, counts, wide)
    return tuple(part.to(tokens.device) for part in looked_up)


def _looked_up(
    tokens: Tensor, history: Tensor, places: Optional[Tensor], counts: int, wide: bool
) -> Tuple[Tensor, Tensor]:
    logarithms, rows = _shapes(tokens, history, places, counts, wide)
    dtype = torch.float64 if wide else torch.float32
    _known[counts].logarithms(
        dense(tokens),
        dense(history).to(dtype),
        None if places is None else dense(places).long(),
        dtype=str(dtype).removeprefix("torch."),
        out=(logarithms, rows),
    )
    return logarithms, rows


@operator(shapes=_shapes, silent=lambda *args: (0, 1), plain=_by_the_processor)
def count_logarithms(
    tokens: Tensor, history: Tensor, places: Optional[Tensor], counts: int, wide: bool = False
) -> Tuple[Tensor, Tensor]:
    """ln p_n(v | what tokens[b, :i + 1] end with) [B, N, K, V], and the rows of `counts.sureness` that belong to how sure
    the counts are there [B, N, 2 K] int32. tokens [B, N] whole numbers; history [B, H] whole numbers, x + 1 of the
    tokens before them, 0: none; places [B]: where in the counted text each row begins, which the counts then lack.
    counts: key_of some; wide: float64."""
    return _looked_up(tokens, history, places, counts, wide)
