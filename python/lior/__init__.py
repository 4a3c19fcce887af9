# SPDX-License-Identifier: Apache-2.0
"""Geometric state-space models, differential geometry, LIoR memory and the cognitive tensor field.

The modules are those of the C++ library: `algebra`, `geometry`, `memory`, `field`, `nn`, `train`,
`io`; `plot` draws (with matplotlib), `load` opens a model that the program trained.

Arrays are NumPy's or any that speak DLPack (torch and JAX on the CPU): they are read where they lie
if they are row-major without gaps, and copied first if they are not. Lists, and what NumPy makes an
array of (pandas, xarray), are copied too. Results are new NumPy arrays,
or arrays of yours given as `out=` (a tuple where there are several results).

Errors: TypeError (no array, wrong dtype), `lior.Error` (a ValueError: wrong shape or value),
`lior.RunError` (a RuntimeError: a run that failed with right arguments).
"""

import os as _os

from lior import _waiting

with _waiting.chosen():
    from lior import _lior  # noqa: F401
from lior import _copies, _threads, algebra, field, geometry, io, memory, nn, plot, train
from lior._lior import Error, RunError, info, level, set_level, set_threads, threads

_threads.start()
_copies.register()
__version__ = info()["version"]
__all__ = [
    "Error",
    "RunError",
    "algebra",
    "field",
    "geometry",
    "info",
    "io",
    "level",
    "load",
    "memory",
    "nn",
    "plot",
    "set_level",
    "set_threads",
    "threads",
    "train",
]


def load(folder: str | _os.PathLike[str], weights: str = "best") -> train.TrainedModel:
    """The model that `lior train --out FOLDER` made.

    weights: "best", those of its best val (where a run on a text has them), or "last".
    Raises lior.Error that names the file that is missing, damaged or of another model.
    """
    return train.TrainedModel(folder, weights)
