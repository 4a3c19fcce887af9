"""Geometric state-space models, differential geometry, LIoR memory and the cognitive tensor field.

The modules are those of the C++ library: `algebra`, `geometry`, `memory`, `nn`. Arrays are NumPy's or any that speak DLPack
(torch and JAX on the CPU): they are read where they lie if they are row-major without gaps, and
copied first if they are not. Results are new NumPy arrays, or arrays of yours given as `out=`.

Errors: TypeError (no array, wrong dtype), `lior.Error` (a ValueError: wrong shape or value),
`lior.RunError` (a RuntimeError: a run that failed with right arguments).
"""

from lior._lior import Error, RunError, info, level, set_level, set_threads, threads
from lior import algebra, geometry, memory, nn

__version__ = info()["version"]
__all__ = [
    "Error",
    "RunError",
    "algebra",
    "geometry",
    "info",
    "level",
    "memory",
    "nn",
    "set_level",
    "set_threads",
    "threads",
]
