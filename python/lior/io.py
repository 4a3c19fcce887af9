# SPDX-License-Identifier: Apache-2.0
"""Named arrays in safetensors files: read with every check, written whole."""

import os

from lior._lior.io import SafeTensors, write_safetensors
from lior.typing import NDArray

__all__ = ["SafeTensors", "read_safetensors", "write_safetensors"]


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, NDArray]:
    """All tensors of a file by name, each a new array. Raises as SafeTensors does."""
    file = SafeTensors(path)
    return {name: file.read(name) for name in file.names}
