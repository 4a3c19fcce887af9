# SPDX-License-Identifier: Apache-2.0
"""Names of attributes that are keywords of Python, in the programs that torch.fx writes.

A layer's first projection is called `in`, as in model.safetensors. torch.fx writes it as `self.in`, which Python does
not read: torch.export's .module(), unflatten, run_decompositions and AOTInductor raised SyntaxError. The fault is
torch's (pytorch/pytorch#188538, open). Importing lior.torch mends the function that writes such a name, where it has
the fault; every other name is written by torch's own. What torch writes for a name that is no identifier, it writes for
a keyword then: `getattr(self, "in")`."""

import keyword
from functools import wraps
from typing import Any, Callable, cast

from torch.fx import graph


def _reads_keywords(write: Callable[[str, str], str]) -> Callable[[str, str], str]:
    @wraps(write)
    def written(base: str, target: str) -> str:
        for name in target.split("."):
            is_keyword = keyword.iskeyword(name)
            base = f'getattr({base}, "{name}")' if is_keyword else write(base, name)
        return base

    return written


def mend() -> None:
    """Mends torch.fx in this process, if it writes a keyword as an attribute. Twice is once."""
    write = getattr(graph, "_format_target", None)
    if write is not None and write("self", "in") == "self.in":
        cast(Any, graph)._format_target = _reads_keywords(write)
