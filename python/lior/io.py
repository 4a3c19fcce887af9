# SPDX-License-Identifier: Apache-2.0
"""Named arrays in safetensors files: read with every check, written whole."""

from typing import Dict

import numpy

from lior._lior.io import SafeTensors, write_safetensors

__all__ = ["SafeTensors", "read_safetensors", "write_safetensors"]


def read_safetensors(path) -> Dict[str, numpy.ndarray]:
    """All tensors of a file by name, each a new array. Raises as SafeTensors does."""
    file = SafeTensors(path)
    return {name: file.read(name) for name in file.names}
