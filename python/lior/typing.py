"""What the signatures of lior say of their arguments."""

from typing import Any, Protocol


class Array(Protocol):
    """An array in the CPU's memory that speaks DLPack: NumPy's, torch's, JAX's."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[Any, int]: ...
