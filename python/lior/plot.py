# SPDX-License-Identifier: Apache-2.0
"""Pictures of fields, geodesics and kernels; needs matplotlib, which is imported at the first one.

Each function draws into `axes` (new ones without) and returns them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from lior import memory as _memory
from lior.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lior.geometry import Paths

__all__ = ["field", "geodesics", "kernel", "phase_colours"]


def phase_colours(t: ArrayLike) -> NDArray:
    """RGB in [0, 1], (..., 3), of complex numbers: the phase as hue (red at 0, cyan at pi), the
    modulus as brightness, 1 at the largest."""
    t = numpy.asarray(t)
    modulus = numpy.abs(t)
    brightest = modulus.max(initial=0)
    value = modulus / brightest if brightest > 0 else modulus
    hue = 6 * (numpy.angle(t) / (2 * numpy.pi) % 1)
    channels = [numpy.abs(hue - 3) - 1, 2 - numpy.abs(hue - 2), 2 - numpy.abs(hue - 4)]
    return numpy.stack([value * numpy.clip(channel, 0, 1) for channel in channels], -1)


def field(
    t: ArrayLike,
    component: tuple[int, int] = (0, 0),
    *,
    plane: int | None = None,
    dx: float = 1.0,
    axes: Axes | None = None,
) -> Axes:
    """One component of a field (Nx, Ny, D, D), or a plane (Nx, Ny): phase as hue, modulus as
    brightness; x to the right, y up, in units of dx. Of (Nx, Ny, Nz, D, D) the plane of that index
    along z (None: Nz/2)."""
    axes = _axes(axes)
    t = numpy.asarray(t)
    if t.ndim == 5:
        t = t[:, :, t.shape[2] // 2 if plane is None else plane]
    shown = t[:, :, component[0], component[1]] if t.ndim == 4 else t
    extent = (0, dx * shown.shape[0], 0, dx * shown.shape[1])
    axes.imshow(phase_colours(shown).swapaxes(0, 1), origin="lower", extent=extent)
    axes.set(xlabel="x", ylabel="y")
    return axes


def geodesics(
    paths: Paths | ArrayLike, coordinates: tuple[int, int] = (0, 1), *, axes: Axes | None = None
) -> Axes:
    """Two coordinates of geometry.Paths, or of points (K, d, N): a line each, a dot at its start, a
    cross where it stopped early."""
    axes = _axes(axes)
    x = numpy.asarray(getattr(paths, "x", paths))
    status = getattr(paths, "status", numpy.zeros(x.shape[2]))
    across, up = coordinates
    for lane in range(x.shape[2]):
        (line,) = axes.plot(x[:, across, lane], x[:, up, lane])
        axes.plot(x[0, across, lane], x[0, up, lane], "o", color=line.get_color())
        if status[lane] != 0:
            axes.plot(x[-1, across, lane], x[-1, up, lane], "x", color=line.get_color())
    axes.set(xlabel=f"$x^{across}$", ylabel=f"$x^{up}$")
    return axes


def kernel(
    raw: ArrayLike, *, until: float = 50.0, tolerance: float = 1e-6, axes: Any = None
) -> Any:
    """The LIoR kernel of raw: (12,) over (0, until], and the exponents -s of its poles in the
    complex plane, sized by weight: two axes."""
    raw = numpy.asarray(raw, float)
    if axes is None:
        _, axes = _pyplot().subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    t = numpy.geomspace(1e-2, until, 400)
    k = _memory.kernel_forward(raw, t)
    axes[0].plot(t, k)
    axes[0].set(xlabel="t", ylabel="K(t)", xscale="log")
    convolution = _memory.CausalConvolution(1, _memory.PowerLawRule(tolerance, max(until, 2.0)))
    convolution.set(raw[None])
    poles = convolution.poles()
    size = 10 + 100 * numpy.abs(poles["b"]) / numpy.abs(poles["b"]).max()
    axes[1].scatter(-poles["s"].real, -poles["s"].imag, size, alpha=0.6)
    axes[1].set(xlabel="Re(-s)", ylabel="Im(-s)", xscale="symlog")
    return axes


def _pyplot() -> Any:
    from matplotlib import pyplot

    return pyplot


def _axes(axes: Axes | None) -> Axes:
    return _pyplot().figure(layout="constrained").gca() if axes is None else axes
