# SPDX-License-Identifier: Apache-2.0
"""The cognitive tensor field: i hbar dT/dt = H[T] + U T + g |T|^2 T + Lambda_QR - Lambda_F + J on a grid that is periodic
or has walls.

A field is an array (Nx, Ny, D, D) of complex numbers, or (Nx, Ny, Nz, D, D) in three dimensions; x is axis 0.
"""

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

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


#: A word for all axes, or one each.
Boundary = str | tuple[str, str] | tuple[str, str, str]
#: A place or a wave's vector; two parts have none along z.
Vector = tuple[float, float] | tuple[float, float, float]


class Evolved(NamedTuple):
    """Result of `evolve`: F frames."""

    time: NDArray  #: (F,)
    frames: NDArray  #: (F, Nx, Ny, D, D) or (F, Nx, Ny, Nz, D, D), the start first
    #: (F,) each: norm, energy, entropy and those of Hamiltonian.expectations
    diagnostics: dict[str, NDArray]


def packet(
    nx: int,
    ny: int,
    *,
    nz: int | None = None,
    d: int = 1,
    dx: float = 1.0,
    dy: float | None = None,
    dz: float | None = None,
    boundary: Boundary = "periodic",
    width: float = 5.0,
    centre: Vector = (0.0, 0.0),
    k: Vector = (0.5, 0.0),
    norm: float | None = None,
    dtype: str = "complex128",
) -> NDArray:
    """A Gaussian packet, (nx, ny, d, d): exp(-|r - centre|^2 / (4 width^2) + i k.r).

    With nz it has three dimensions, (nx, ny, nz, d, d). On the diagonal of T; half of it off the
    diagonal: the program's packet. r is the distance from the middle of the grid, (nx/2, ny/2,
    nz/2), times dx, dy and dz (None: dx), or from the middle between walls; k in radians a unit of
    length; width > 0.
    norm: what sum |T|^2 is scaled to; None: the packet's height is 1.
    """
    field = _field.packet(nx, ny, nz, d, dx, dy, dz, boundary, width, centre, k)
    if norm is not None:
        if not 0 <= norm < numpy.inf:
            raise Error(f"a packet's norm is {norm}; expected a finite number >= 0")
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
    dz: float | None = None,
    boundary: Boundary = "periodic",
    hbar: float = 0.1,
    mass: float = 1.0,
    gxx: float | ArrayLike | str = 1.0,
    gyy: float | ArrayLike | str = 1.0,
    gzz: float | ArrayLike | str = 1.0,
    gxy: float | ArrayLike | str = 0.0,
    gxz: float | ArrayLike | str = 0.0,
    gyz: float | ArrayLike | str = 0.0,
    absorption: ArrayLike | str | None = None,
    parameters: Mapping[str, float] | None = None,
    definitions: Mapping[str, str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Evolved:
    """Evolves `start`, (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D), for `steps` steps.

    A frame is kept every `every` steps and of the last. Cells are dx by dy by dz (None: dx); axes of
    one cell are none, so that of an array (Nx, 1, D, D) the grid has one dimension. boundary:
    'periodic', 'dirichlet' or 'neumann', or one of these an axis.

    v: the potential, float64 of the grid's shape (None: 0), complex v - i W, or a formula of x, y, z
    and the time t; absorption: an array or a formula of x, y and z for W >= 0, which makes v - i W of
    v, so that norm falls. gxx, gyy, gzz: the inverse metric, numbers, arrays or formulas of x, y and
    z; gxy, gxz, gyz: off its diagonal, for periodic axes. evidence, current: an array of the start's shape, None, or a formula of x, y, z, i, j, or two,
    of modulus and phase (`polar`); those of the current may read t. parameters, definitions: names of all these
    formulas, such as {'depth': 0.5} and {'r': 'sqrt(x^2 + y^2)'} (`formula`). `settings`: those of Evolution
    (scheme, dt, lambda_qr, tau, lambda_f, alpha, ...). `progress`: a bar where tqdm is installed and
    somebody looks. Ctrl-C stops between steps. Raises lior.Error for settings that cannot run and
    lior.RunError where the field stops being finite.
    """
    if steps < 0 or every < 1:
        raise Error(f"steps is {steps}, every is {every}; expected at least 0 and 1")
    first = numpy.asarray(start)
    if first.ndim not in (4, 5):
        raise Error(f"start has shape {first.shape}; expected (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D)")
    cells: dict[str, Any] = {"dx": dx, "dy": dy, "dz": dz, "boundary": boundary}
    names: dict[str, Any] = {"parameters": parameters, "definitions": definitions}
    formulas = _Formulas(first, cells, names)
    potential, absorbed = _potential(v, absorption, formulas, settings)
    hamiltonian = Hamiltonian(
        potential,
        d=first.shape[-1],
        hbar=hbar,
        mass=mass,
        dtype=first.dtype.name,
        **cells,
        **_metric(
            {"gxx": gxx, "gyy": gyy, "gzz": gzz, "gxy": gxy, "gxz": gxz, "gyz": gyz}, formulas
        ),
    )
    entries = formulas.entries(evidence), _current(current, formulas, settings)
    settings |= names
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


class _Formulas:
    """Formulas on the grid of a field, with the names that they share."""

    def __init__(self, start: NDArray, cells: dict[str, Any], names: dict[str, Any]) -> None:
        self.start = start
        self.shape = start.shape[:-2]
        self.names = names
        counts = zip(("nx", "ny", "nz"), self.shape)
        self._where: dict[str, Any] = {**dict(counts), **cells, **names}

    def reads_time(self, text: str) -> bool:
        return _field._reads_time(text, **self.names)

    def values(self, given: Any) -> Any:
        """The array of a formula; anything else as it is."""
        return formula(given, **self._where) if isinstance(given, str) else given

    def entries(self, given: Any) -> Any:
        """The field of formulas; anything else as it is."""
        texts = _texts(given)
        if texts is None:
            return given
        field = polar(*texts, d=self.start.shape[-1], **self._where)
        return field.astype(self.start.dtype, copy=False)


def _texts(given: Any) -> tuple[str, str] | None:
    """(modulus, phase) of a formula or of two; None of anything else."""
    if isinstance(given, str):
        return given, ""
    if isinstance(given, tuple):
        modulus, phase = given
        return modulus, phase
    return None


def _potential(
    v: Any, absorption: Any, formulas: _Formulas, settings: dict[str, Any]
) -> tuple[NDArray, NDArray | None]:
    """v and W as arrays; a formula that reads t goes into the settings."""
    absorption = formulas.values(absorption)
    if isinstance(v, str) and formulas.reads_time(v):
        settings["potential"], v = v, None
    v = numpy.zeros(formulas.shape) if v is None else numpy.asarray(formulas.values(v))
    if numpy.iscomplexobj(v):
        v = v.astype("complex128")
        absorbed = -v.imag
        if absorbed.any():
            absorption = absorbed if absorption is None else absorption + absorbed
        v = numpy.ascontiguousarray(v.real)
    return v, absorption


def _metric(given: dict[str, Any], formulas: _Formulas) -> dict[str, Any]:
    """All components; where one varies, arrays of those that the grid has and that are not 0."""
    values = {name: formulas.values(value) for name, value in given.items()}
    if not any(numpy.ndim(value) for value in values.values()):
        return values
    has_z = numpy.ndim(values["gzz"]) or formulas.shape[2:] not in ((), (1,))
    ones = numpy.ones(formulas.shape)
    own = ["gxx", "gyy", "gzz"] if has_z else ["gxx", "gyy"]
    own += [name for name in ("gxy", "gxz", "gyz") if numpy.any(values[name])]
    return {f"{name}_field": values[name] * ones for name in own}


def _current(given: Any, formulas: _Formulas, settings: dict[str, Any]) -> Any:
    """J as an array; formulas that read t go into the settings."""
    texts = _texts(given)
    if texts is None or not any(text and formulas.reads_time(text) for text in texts):
        return formulas.entries(given)
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
