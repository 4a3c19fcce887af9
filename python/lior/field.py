# SPDX-License-Identifier: Apache-2.0
"""The cognitive tensor field: i hbar dT/dt = H[T] + U T + g |T|^2 T + Lambda_QR - Lambda_F + J on a grid that is periodic
or has walls.

A field is an array (Nx, Ny, D, D) of complex numbers; x is axis 0.
"""

from typing import Any, Iterable, NamedTuple, Sequence

import numpy

from lior._lior import Error, RunError
from lior._lior import field as _field
from lior._lior.field import (
    Evolution,
    Hamiltonian,
    collapse,
    entropy,
    formula,
    plane_wave,
    polar,
    posterior,
    potential,
    spots,
    variable_order_entropy,
)
from lior.typing import ArrayLike, NDArray

__all__ = [
    "Evolution",
    "Evolved",
    "Hamiltonian",
    "collapse",
    "entropy",
    "evolve",
    "formula",
    "packet",
    "plane_wave",
    "polar",
    "posterior",
    "potential",
    "spots",
    "variable_order_entropy",
]


#: A word for both axes, or one each.
Boundary = str | tuple[str, str]


class Evolved(NamedTuple):
    """Result of `evolve`: F frames."""

    time: NDArray  #: (F,)
    frames: NDArray  #: (F, Nx, Ny, D, D), the start first
    #: (F,) each: norm, energy, entropy and those of Hamiltonian.expectations
    diagnostics: dict[str, NDArray]


def packet(
    nx: int,
    ny: int,
    *,
    d: int = 1,
    dx: float = 1.0,
    dy: float | None = None,
    boundary: Boundary = "periodic",
    width: float = 5.0,
    centre: tuple[float, float] = (0.0, 0.0),
    k: tuple[float, float] = (0.5, 0.0),
    norm: float | None = None,
    dtype: str = "complex128",
) -> NDArray:
    """A Gaussian packet, (nx, ny, d, d): exp(-|r - centre|^2 / (4 width^2) + i k.r).

    On the diagonal of T; half of it off the diagonal: the program's packet. r is the distance from
    the middle of the grid, (nx/2, ny/2), times dx and dy (None: dx), or from the middle between
    walls; k in radians a unit of length; width > 0.
    norm: what sum |T|^2 is scaled to; None: the packet's height is 1.
    """
    field = _field.packet(nx, ny, d, dx, dy, boundary, width, centre, k)
    if norm is not None:
        field *= numpy.sqrt(norm) / numpy.linalg.norm(field)
    return field.astype(dtype, copy=False)


def evolve(
    start: ArrayLike,
    v: ArrayLike | str | None = None,
    *,
    steps: int,
    every: int = 1,
    evidence: ArrayLike | str | tuple[str, str] | None = None,
    current: ArrayLike | str | tuple[str, str] | None = None,
    dx: float = 1.0,
    dy: float | None = None,
    boundary: Boundary = "periodic",
    hbar: float = 0.1,
    mass: float = 1.0,
    gxx: float | ArrayLike | str = 1.0,
    gyy: float | ArrayLike | str = 1.0,
    absorption: ArrayLike | str | None = None,
    progress: bool = True,
    **settings: Any,
) -> Evolved:
    """Evolves `start`: (Nx, Ny, D, D) for `steps` steps; a frame every `every` steps and of the last.

    Cells are dx by dy (None: dx); of an array (Nx, 1, D, D) the grid has one dimension. boundary:
    'periodic', 'dirichlet' or 'neumann', or a pair of these, of x and y.

    v: the potential (Nx, Ny) float64 (None: 0), complex v - i W, or a formula of x, y and the time t;
    absorption: an array or a formula of x and y for W >= 0, which makes v - i W of v, so that norm
    falls. gxx, gyy: the inverse metric, numbers, arrays (Nx, Ny) or formulas of x and y. evidence,
    current: (Nx, Ny, D, D), None, or a formula of x, y, i, j, or two, of modulus and phase
    (`polar`); those of the current may read t. `settings`: those of Evolution (scheme, dt,
    lambda_qr, tau, lambda_f, alpha, ...). `progress`: a bar where tqdm is installed and somebody
    looks. Ctrl-C stops between steps. Raises lior.Error for settings that cannot run and
    lior.RunError where the field stops being finite.
    """
    if steps < 0 or every < 1:
        raise Error(f"steps is {steps}, every is {every}; expected at least 0 and 1")
    first = numpy.asarray(start)
    cells: dict[str, Any] = {"dx": dx, "dy": dy, "boundary": boundary}
    potential, absorbed = _potential(v, absorption, first.shape, cells, settings)
    hamiltonian = Hamiltonian(
        potential,
        d=first.shape[2],
        hbar=hbar,
        mass=mass,
        dtype=first.dtype.name,
        **cells,
        **_metric(gxx, gyy, first.shape, cells),
    )
    entries = _entries(evidence, first, cells), _current(current, first, cells, settings)
    evolution = Evolution(hamiltonian, first, *entries, absorption=absorbed, **settings)
    return _recorded(evolution, hamiltonian, first, steps, every, progress)


def _recorded(
    evolution: Evolution,
    hamiltonian: Hamiltonian,
    start: NDArray,
    steps: int,
    every: int,
    progress: bool,
) -> Evolved:
    """Runs it, and keeps a frame and its numbers every `every` steps."""
    count = 1 + -(-steps // every)
    frames = numpy.empty((count, *start.shape), start.dtype)
    numbers: dict[str, list[float]] = {}
    time = numpy.empty(count)
    for frame in _shown(range(count), progress):
        if frame > 0:
            evolution.run(min(every, steps - evolution.step))
        if evolution.broken_cell is not None:
            raise RunError(
                f"the field is not finite at step {evolution.step}, cell {evolution.broken_cell}; "
                "a smaller dt may help"
            )
        now = evolution.field(out=frames[frame])
        time[frame] = evolution.time
        found = {
            "norm": hamiltonian.norm(now),
            "energy": evolution.energy(now),
            "entropy": entropy(now),
            **hamiltonian.expectations(now),
        }
        for name, number in found.items():
            numbers.setdefault(name, []).append(number)
    return Evolved(time, frames, {name: numpy.array(all) for name, all in numbers.items()})


def _values(given: Any, shape: tuple[int, ...], cells: dict[str, Any]) -> Any:
    """The array (Nx, Ny) of a formula; anything else as it is."""
    return formula(given, *shape[:2], **cells) if isinstance(given, str) else given


def _potential(
    v: Any, absorption: Any, shape: tuple[int, ...], cells: dict[str, Any], settings: dict[str, Any]
) -> tuple[NDArray, NDArray | None]:
    """v and W as arrays; a formula that reads t goes into the settings."""
    absorption = _values(absorption, shape, cells)
    if isinstance(v, str) and _field._reads_time(v):
        settings["potential"], v = v, None
    v = numpy.zeros(shape[:2]) if v is None else numpy.asarray(_values(v, shape, cells))
    if numpy.iscomplexobj(v):
        v = v.astype("complex128")
        absorbed = -v.imag
        if absorbed.any():
            absorption = absorbed if absorption is None else absorption + absorbed
        v = numpy.ascontiguousarray(v.real)
    return v, absorption


def _metric(gxx: Any, gyy: Any, shape: tuple[int, ...], cells: dict[str, Any]) -> dict[str, Any]:
    gxx, gyy = _values(gxx, shape, cells), _values(gyy, shape, cells)
    if numpy.ndim(gxx) or numpy.ndim(gyy):
        ones = numpy.ones(shape[:2])
        return {"gxx_field": gxx * ones, "gyy_field": gyy * ones}
    return {"gxx": gxx, "gyy": gyy}


def _formulas(given: Any) -> tuple[str, str] | None:
    """(modulus, phase) of a formula or of two; None of anything else."""
    if isinstance(given, str):
        return given, ""
    if isinstance(given, tuple):
        modulus, phase = given
        return modulus, phase
    return None


def _entries(given: Any, start: NDArray, cells: dict[str, Any]) -> Any:
    """The field of formulas; anything else as it is."""
    texts = _formulas(given)
    if texts is None:
        return given
    nx, ny, d = start.shape[:3]
    return polar(*texts, nx=nx, ny=ny, d=d, **cells).astype(start.dtype, copy=False)


def _current(given: Any, start: NDArray, cells: dict[str, Any], settings: dict[str, Any]) -> Any:
    """J as an array; formulas that read t go into the settings."""
    texts = _formulas(given)
    if texts is None or not any(text and _field._reads_time(text) for text in texts):
        return _entries(given, start, cells)
    settings["current_modulus"], settings["current_phase"] = texts
    return None


def _shown(items: Sequence[int], progress: bool) -> Iterable[int]:
    if not progress:
        return items
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return items
    shown: Iterable[int] = tqdm(items, disable=None, unit="frame")
    return shown
