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
    tokens: Tensor,
    history: Tensor,
    places: Optional[Tensor],
    counts: int,
    wide: bool = False,
    recent_orders: int = 0,
    recent_window: int = 0,
) -> Tuple[Tensor, Tensor]:
    of, dtype = _known[counts], torch.float64 if wide else torch.float32
    levels = of.longest + recent_orders
    return (
        tokens.new_empty(*tokens.shape, levels, of.vocabulary, dtype=dtype),
        tokens.new_empty(*tokens.shape, 2 * levels, dtype=torch.int32),
    )


def _by_the_processor(
    tokens: Tensor,
    history: Tensor,
    places: Optional[Tensor],
    counts: int,
    wide: bool = False,
    recent_orders: int = 0,
    recent_window: int = 0,
) -> Tuple[Tensor, ...]:
    """Counts are tables of the processor's memory: what they say is looked up there, and brought to the device."""
    begins = None if places is None else places.cpu()
    recent = (recent_orders, recent_window)
    looked_up = _looked_up(tokens.cpu(), history.cpu(), begins, counts, wide, *recent)
    return tuple(part.to(tokens.device) for part in looked_up)


def _looked_up(
    tokens: Tensor,
    history: Tensor,
    places: Optional[Tensor],
    counts: int,
    wide: bool,
    recent_orders: int,
    recent_window: int,
) -> Tuple[Tensor, Tensor]:
    recent = (recent_orders, recent_window)
    logarithms, rows = _shapes(tokens, history, places, counts, wide, *recent)
    dtype = torch.float64 if wide else torch.float32
    _known[counts].logarithms(
        dense(tokens),
        dense(history).to(dtype),
        None if places is None else dense(places).long(),
        recent_orders=recent_orders,
        recent_window=recent_window,
        dtype=str(dtype).removeprefix("torch."),
        out=(logarithms, rows),
    )
    return logarithms, rows


@operator(shapes=_shapes, silent=lambda *args: (0, 1), plain=_by_the_processor)
def count_logarithms(
    tokens: Tensor,
    history: Tensor,
    places: Optional[Tensor],
    counts: int,
    wide: bool = False,
    recent_orders: int = 0,
    recent_window: int = 0,
) -> Tuple[Tensor, Tensor]:
    """ln p_n(v | what tokens[b, :i + 1] end with) [B, N, L, V], and the rows of `counts.sureness` that belong to how sure
    the counts are there [B, N, 2 L] int32; L is K, the counts' longest context, and recent_orders more: contexts that are
    looked for in the last recent_window tokens. tokens [B, N] whole numbers; history [B, H] whole numbers, x + 1 of the
    tokens before them, 0: none; places [B]: where in the counted text each row begins, which the counts then lack.
    counts: key_of some; wide: float64."""
    return _looked_up(tokens, history, places, counts, wide, recent_orders, recent_window)
