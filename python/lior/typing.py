# SPDX-License-Identifier: Apache-2.0
"""The types of arguments in the signatures of lior."""

from typing import Any, Protocol, Sequence

import numpy.typing


class Array(Protocol):
    """An array in the CPU's memory that speaks DLPack: NumPy's, torch's, JAX's."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[Any, int]: ...


class MakesArray(Protocol):
    """Anything that NumPy makes an array of, such as a column of pandas or a DataArray of xarray."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


#: What is read: an array, or what makes one; the numbers of a list take the dtype that is wanted.
ArrayLike = Array | MakesArray | Sequence[Any]

#: What is returned.
NDArray = numpy.typing.NDArray[Any]

#: The argument `out`: arrays of yours that take the results, a tuple where there are several.
Out = Array | tuple[Array, ...] | None
