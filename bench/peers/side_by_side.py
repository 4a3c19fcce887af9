#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kerr's symbols and geodesics, and a field in a potential, beside what people use for them elsewhere.

    python bench/peers/side_by_side.py [--threads 2] [--filter REGEX]

Every peer computes the same numbers as ours, which is checked before anything is timed; then calls go round in turn,
and the line has the median of each side, in seconds, and how many times ours it is. Sides that step in time by methods
of their own are compared at equal error: each takes the fewest steps, a power of two, that come within a bound of what
is exact. A peer that is not installed is left out, and said so. All in double precision. In the build tree, after `make test`:

    build/venv/bin/python -m pip install -r bench/peers/requirements-side-by-side.txt
    PYTHONPATH=build/release/python build/venv/bin/python bench/peers/side_by_side.py
"""

import argparse
import importlib.metadata
import re
import statistics
import time

from environment import settle

SPIN = 0.9
POINTS, PATHS, STEPS, STEP = 1 << 16, 1 << 14, 20, 0.05
GRID, FIELD_STEPS, FIELD_DT = 512, 20, 0.05
# Of the same field to this time, within this error of its largest entry: steps that do, by powers of two.
EQUAL_TIME, EQUAL_ERROR = 4.0, 1e-6
STRANG_STEPS, YOSHIDA_STEPS, RUNGE_KUTTA_STEPS = 4, 2, 16
TRAP, TRAP_STEPS, TRAP_DT, TRAP_G = 256, 50, 0.01, 200.0


def measure(name, shape, ours, peers, samples, exact=None):
    """One row. Peers are (name, tolerance, make), and make() is a call and what makes our array of its result, which is
    compared with `exact`, an array and the tolerance of ours, or with our result."""
    import numpy as np

    print(f"{name}, {shape}", flush=True)
    want = ours()
    if exact is not None:
        got, (want, tolerance) = want, exact
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= tolerance:
            raise SystemExit(f"ours is off by {error:.2g}, more than {tolerance:.2g}")
        print(f"  {'lior':<28} differs by {error:.1g}", flush=True)
    sides = [("lior", ours)]
    for peer, tolerance, make in peers:
        try:
            call, result_of = make()
            got = result_of(call())
        except ImportError as missing:
            print(f"  {peer:<28} left out: {missing}")
            continue
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= tolerance:
            raise SystemExit(f"{peer} differs by {error:.2g}, more than {tolerance:.2g}")
        sides.append((peer, call))
        print(f"  {peer:<28} differs by {error:.1g}", flush=True)
    times = {side: [] for side, _ in sides}
    for _ in range(samples):
        for side, call in sides:
            start = time.perf_counter()
            call()
            times[side].append(time.perf_counter() - start)
    least = statistics.median(times["lior"])
    for side, _ in sides:
        middle = statistics.median(times[side])
        spread = (max(times[side]) - min(times[side])) / middle
        print(
            f"  {side:<28} {middle:10.4f} s  spread {spread:4.0%}  {middle / least:8.1f} times ours"
        )


# ---- Kerr ----------------------------------------------------------------------------------------


def kerr_points(count):
    import numpy as np

    rng = np.random.default_rng(1)
    return np.stack(
        [
            np.zeros(count),
            rng.uniform(4, 30, count),
            rng.uniform(0.4, 2.7, count),
            rng.uniform(0, 6, count),
        ]
    )


def jax_kerr():
    """jax, and Kerr's metric g(x) of one point in Boyer's and Lindquist's coordinates."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")

    def metric(x):
        r, theta = x[1], x[2]
        sigma = r**2 + SPIN**2 * jnp.cos(theta) ** 2
        delta = r**2 - 2 * r + SPIN**2
        sine2 = jnp.sin(theta) ** 2
        drag = 2 * r / sigma
        g = jnp.zeros((4, 4))
        g = g.at[0, 0].set(drag - 1)
        g = g.at[0, 3].set(-SPIN * drag * sine2).at[3, 0].set(-SPIN * drag * sine2)
        g = g.at[1, 1].set(sigma / delta).at[2, 2].set(sigma)
        return g.at[3, 3].set((r**2 + SPIN**2 + SPIN**2 * drag * sine2) * sine2)

    def symbols(x):
        dg = jnp.moveaxis(jax.jacfwd(metric)(x), -1, 0)  # d_m g_nr at [m, n, r]
        lower = (dg.transpose(2, 0, 1) + dg.transpose(2, 1, 0) - dg) / 2
        return jnp.linalg.inv(metric(x)) @ lower.reshape(4, 16)

    return jax, jnp, symbols


def symbols_row(samples):
    import numpy as np
    from lior import geometry

    x = kerr_points(POINTS)
    metric = geometry.Metric(f"kerr_newman:spin={SPIN},charge=0")
    out = np.empty((4, 4, 4, POINTS))

    def with_jax():
        jax, jnp, symbols = jax_kerr()
        run = jax.jit(jax.vmap(lambda p: symbols(p).reshape(4, 4, 4)))
        points = jnp.asarray(x.T)
        return lambda: jax.block_until_ready(run(points)), lambda a: np.moveaxis(
            np.asarray(a), 0, -1
        )

    def with_einsteinpy():
        import sympy
        from einsteinpy.symbolic import ChristoffelSymbols
        from einsteinpy.symbolic.predefined import Kerr

        hole = Kerr(c=1, sch=sympy.Integer(2), a=sympy.Rational(str(SPIN)))
        entries = sympy.flatten(ChristoffelSymbols.from_metric(hole).tensor().tolist())
        function = sympy.lambdify(hole.symbols(), entries, "numpy", cse=True)

        def run():
            return [np.broadcast_to(e, POINTS) for e in function(*x)]

        return run, lambda a: np.stack(a).reshape(4, 4, 4, POINTS)

    measure(
        "Christoffel symbols of Kerr",
        f"{POINTS} points",
        lambda: geometry.christoffel(metric, x, out=out),
        [
            ("jax: jit, vmap, jacfwd", 1e-12, with_jax),
            ("einsteinpy, lambdified", 1e-12, with_einsteinpy),
        ],
        samples,
    )


def geodesics_row(samples):
    import numpy as np
    from lior import geometry

    x = kerr_points(PATHS)
    metric = geometry.Metric(f"kerr_newman:spin={SPIN},charge=0")
    rng = np.random.default_rng(2)
    v = np.stack([np.ones(PATHS), *(0.02 * rng.standard_normal((3, PATHS)))])
    v[1] *= 5
    v = geometry.complete_velocities(metric, x, v, -1.0)
    span = STEPS * STEP

    def ours():
        return geometry.geodesics(metric, x, v, [span], method="rk4", step=STEP).x[0]

    def with_jax():
        jax, jnp, symbols = jax_kerr()

        def slope(state):
            a = -jnp.einsum("lmn,m,n->l", symbols(state[:4]).reshape(4, 4, 4), state[4:], state[4:])
            return jnp.concatenate([state[4:], a])

        def step(_, s):
            k1 = slope(s)
            k2 = slope(s + STEP / 2 * k1)
            k3 = slope(s + STEP / 2 * k2)
            k4 = slope(s + STEP * k3)
            return s + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

        run = jax.jit(jax.vmap(lambda s: jax.lax.fori_loop(0, STEPS, step, s)))
        start = jnp.asarray(np.concatenate([x, v]).T)
        return lambda: jax.block_until_ready(run(start)), lambda a: np.asarray(a)[:, :4].T

    measure(
        "Geodesics of Kerr",
        f"{PATHS} paths, {STEPS} steps of RK4",
        ours,
        [("jax: jit, vmap, jacfwd", 1e-10, with_jax)],
        samples,
    )


# ---- a field in a potential --------------------------------------------------------------------------


def field_start(n):
    import numpy as np

    i = np.arange(n) - n / 2
    x, y = np.meshgrid(i, i, indexing="ij")
    width = n / 16
    wave = np.exp(-((x - n / 8) ** 2 + y**2) / (4 * width**2)) * np.exp(0.3j * y)
    return wave, 0.5 * 1e-3 * (x**2 + y**2) / (n / 16)


def propagators(n, v):
    """exp(-i V dt / 2) and exp(-i k^2 dt / 2), hbar = mass = 1, cells of 1."""
    import numpy as np

    k = 2 * np.pi * np.fft.fftfreq(n)
    kinetic = (k[:, None] ** 2 + k[None, :] ** 2) / 2
    return np.exp(-0.5j * v * FIELD_DT), np.exp(-1j * kinetic * FIELD_DT)


def field_row(samples, threads):
    import numpy as np
    from lior import field

    wave, v = field_start(GRID)
    half, kinetic = propagators(GRID, v)
    start = wave[:, :, None, None]
    hamiltonian = field.Hamiltonian(v, d=1, hbar=1.0, mass=1.0, dtype="complex128")

    def ours():
        evolution = field.Evolution(
            hamiltonian, start, scheme="strang", dt=FIELD_DT, symbol="continuous"
        )
        evolution.run(FIELD_STEPS)
        return evolution.field()[:, :, 0, 0]

    def with_numpy():
        def run():
            psi = wave.copy()
            for _ in range(FIELD_STEPS):
                psi *= half
                psi = np.fft.ifft2(np.fft.fft2(psi) * kinetic)
                psi *= half
            return psi

        return run, lambda a: a

    def with_pyfftw():
        import pyfftw

        psi = pyfftw.empty_aligned((GRID, GRID), dtype="complex128")
        options = dict(axes=(0, 1), threads=threads, flags=("FFTW_MEASURE",))
        forward = pyfftw.FFTW(psi, psi, **options)
        backward = pyfftw.FFTW(psi, psi, direction="FFTW_BACKWARD", **options)

        def run():
            psi[:] = wave
            for _ in range(FIELD_STEPS):
                psi[:] *= half
                forward()
                psi[:] *= kinetic
                backward()
                psi[:] *= half
            return psi

        return run, lambda a: a.copy()

    measure(
        "Strang's steps in a potential",
        f"{GRID} x {GRID}, {FIELD_STEPS} steps",
        ours,
        [("numpy.fft", 1e-11, with_numpy), ("pyFFTW", 1e-11, with_pyfftw)],
        samples,
    )


def equal_error_row(samples):
    """py-pde steps the equation of second differences by Runge and Kutta's method of order 4, compiled by numba; ours
    splits it. What is exact is one step of Chebyshev's."""
    from lior import field

    wave, v = field_start(GRID)
    hamiltonian = field.Hamiltonian(v, d=1, hbar=1.0, mass=1.0, dtype="complex128")

    def ours(scheme, steps):
        evolution = field.Evolution(
            hamiltonian, wave[:, :, None, None], scheme=scheme, dt=EQUAL_TIME / steps
        )
        evolution.run(steps)
        return evolution.field()[:, :, 0, 0]

    def with_py_pde():
        import pde

        grid = pde.UnitGrid([GRID, GRID], periodic=True)
        equation = pde.PDE(
            {"psi": "I * (0.5 * laplace(psi) - V * psi)"}, consts={"V": pde.ScalarField(grid, v)}
        )
        state = pde.ScalarField(grid, wave)
        solver = pde.solvers.RungeKuttaSolver(equation, backend="numba")
        # Made once, since making it compiles it.
        step = solver.make_stepper(state.copy(), EQUAL_TIME / RUNGE_KUTTA_STEPS)

        def run():
            psi = state.copy()
            step(psi, 0, EQUAL_TIME)
            return psi

        return run, lambda psi: psi.data

    measure(
        "Second differences in a potential at equal error",
        f"{GRID} x {GRID} to time {EQUAL_TIME:g} within {EQUAL_ERROR:g}: Strang {STRANG_STEPS} steps, "
        f"Yoshida {YOSHIDA_STEPS}, Runge and Kutta {RUNGE_KUTTA_STEPS}",
        lambda: ours("strang", STRANG_STEPS),
        [
            (
                "lior, yoshida4",
                EQUAL_ERROR,
                lambda: (lambda: ours("yoshida4", YOSHIDA_STEPS), lambda a: a),
            ),
            ("py-pde, numba", EQUAL_ERROR, with_py_pde),
        ],
        samples,
        exact=(ours("chebyshev", 1), EQUAL_ERROR),
    )


def ground_state_row(samples, threads):
    """The equation of Gross and Pitaevskii in a trap by imaginary time: Strang's steps, whose two kicks take |psi|^2 from
    the step's start, each scaled to the start's norm."""
    import numpy as np
    from lior import field

    spacing = 24 / TRAP
    place = (np.arange(TRAP) - TRAP / 2) * spacing
    x, y = np.meshgrid(place, place, indexing="ij")
    v = (x**2 + 1.5 * y**2) / 2
    start = (np.exp(-(x**2 + y**2) / 8) / np.sqrt(4 * np.pi)).astype(complex)
    k = 2 * np.pi * np.fft.fftfreq(TRAP, spacing)
    decay = np.exp(-(k[:, None] ** 2 + k[None, :] ** 2) / 2 * TRAP_DT)
    norm = np.sum(np.abs(start) ** 2)
    hamiltonian = field.Hamiltonian(v, d=1, dx=spacing, hbar=1.0, mass=1.0, dtype="complex128")

    def ours():
        evolution = field.Evolution(
            hamiltonian,
            start[:, :, None, None],
            scheme="strang",
            dt=TRAP_DT,
            symbol="continuous",
            time="imaginary",
            nonlinearity=TRAP_G,
        )
        evolution.run(TRAP_STEPS)
        return evolution.field()[:, :, 0, 0]

    def steps(forward, backward):
        def run():
            psi = start.copy()
            for _ in range(TRAP_STEPS):
                kick = np.exp(-(v + TRAP_G * np.abs(psi) ** 2) * (TRAP_DT / 2))
                psi = backward(forward(psi * kick) * decay) * kick
                psi *= np.sqrt(norm / np.sum(np.abs(psi) ** 2))
            return psi

        return run, lambda a: a

    def with_numpy():
        return steps(np.fft.fft2, np.fft.ifft2)

    def with_pyfftw():
        from pyfftw.interfaces import cache, numpy_fft

        cache.enable()
        return steps(
            lambda a: numpy_fft.fft2(a, threads=threads),
            lambda a: numpy_fft.ifft2(a, threads=threads),
        )

    measure(
        "Ground state of Gross and Pitaevskii",
        f"{TRAP} x {TRAP}, {TRAP_STEPS} steps of imaginary time",
        ours,
        [("numpy.fft", 1e-11, with_numpy), ("pyFFTW", 1e-11, with_pyfftw)],
        samples,
    )


def stencil_row(samples):
    """QuTiP solves the equation of second differences to a tolerance; ours does by one step of Chebyshev's."""
    from lior import field

    n, span = 64, FIELD_STEPS * FIELD_DT
    wave, v = field_start(n)
    hamiltonian = field.Hamiltonian(v, d=1, hbar=1.0, mass=1.0, dtype="complex128")

    def ours():
        evolution = field.Evolution(
            hamiltonian, wave[:, :, None, None], scheme="chebyshev", dt=span
        )
        evolution.run(1)
        return evolution.field()[:, :, 0, 0]

    def with_qutip():
        import qutip
        import scipy.sparse as sparse

        ring = sparse.lil_matrix((n, n))
        for i in range(n):
            ring[i, i], ring[i, (i + 1) % n], ring[i, (i - 1) % n] = -2, 1, 1
        one = sparse.identity(n)
        laplacian = sparse.kron(ring, one) + sparse.kron(one, ring)
        h = qutip.Qobj((-0.5 * laplacian + sparse.diags(v.ravel())).tocsr().astype(complex))
        psi = qutip.Qobj(wave.reshape(-1, 1))
        options = {
            "atol": 1e-9,
            "rtol": 1e-7,
            "nsteps": 100_000,
            "normalize_output": False,
            "progress_bar": "",
        }

        def run():
            return qutip.sesolve(h, psi, [0, span], options=options).states[-1]

        return run, lambda a: a.full().reshape(n, n)

    measure(
        "Schroedinger's equation by second differences",
        f"{n} x {n}, time {span:g}",
        ours,
        [("QuTiP sesolve", 1e-5, with_qutip)],
        samples,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=7)
    parser.add_argument(
        "--filter", default="", metavar="REGEX", help="only the rows whose name matches"
    )
    options = parser.parse_args()
    settle(
        OMP_NUM_THREADS=str(options.threads),
        XLA_FLAGS=f"--xla_cpu_multi_thread_eigen={str(options.threads > 1).lower()}",
    )
    import lior

    lior.set_threads(options.threads)
    versions = []
    for package in ("numpy", "jax", "einsteinpy", "pyfftw", "qutip", "py-pde"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    print(f"lior {lior.__version__}, {', '.join(versions)}; {options.threads} threads")
    rows = {
        "symbols": lambda: symbols_row(options.samples),
        "geodesics": lambda: geodesics_row(options.samples),
        "field": lambda: field_row(options.samples, options.threads),
        "ground": lambda: ground_state_row(options.samples, options.threads),
        "equal": lambda: equal_error_row(options.samples),
        "differences": lambda: stencil_row(options.samples),
    }
    for name, run in rows.items():
        if re.search(options.filter, name):
            run()


if __name__ == "__main__":
    main()
