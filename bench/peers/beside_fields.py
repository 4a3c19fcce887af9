# SPDX-License-Identifier: Apache-2.0
"""Rows of side_by_side.py: fields in potentials."""

from beside import measure

GRID, FIELD_STEPS, FIELD_DT = 512, 20, 0.05
# Of the same field to this time, within this error of its largest entry: steps that do, by powers of two.
EQUAL_TIME, EQUAL_ERROR = 4.0, 1e-6
STRANG_STEPS, YOSHIDA_STEPS, RUNGE_KUTTA_STEPS = 4, 2, 16
TRAP, TRAP_STEPS, TRAP_DT, TRAP_G = 256, 50, 0.01, 200.0
# trottersuzuki's steps are so much shorter: it is off by .7 % then, by 1.4 at 50, and by half at 1.
TRAP_FINER = 100


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
    place = (np.arange(TRAP) + 0.5 - TRAP / 2) * spacing  # where trottersuzuki has its cells

    def potential(x, y):
        return (x**2 + 1.5 * y**2) / 2

    def bell(x, y):
        return np.exp(-(x**2 + y**2) / 8) / np.sqrt(4 * np.pi) + 0j

    x, y = np.meshgrid(place, place, indexing="ij")
    v, start = potential(x, y), bell(x, y)
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

    def with_trottersuzuki():
        """Second differences, turned pair by pair: its steps have to be far below the square of a cell."""
        import trottersuzuki as ts

        lattice = ts.Lattice2D(TRAP, TRAP * spacing)
        trap, state = ts.Potential(lattice), ts.State(lattice)
        trap.init_potential(potential)
        state.init_state(lambda x, y: complex(bell(x, y)))
        model = ts.Hamiltonian(lattice, trap, 1.0, TRAP_G)
        solver = ts.Solver(lattice, state, model, TRAP_DT / TRAP_FINER)

        def run(_held=(lattice, trap, model)):  # the solver points at them, and does not hold them
            # It goes on from call to call; the first result is compared.
            solver.evolve(TRAP_STEPS * TRAP_FINER, True)
            return state

        return run, lambda state: np.sqrt(state.get_particle_density()).T

    measure(
        "Ground state of Gross and Pitaevskii",
        f"{TRAP} x {TRAP}, {TRAP_STEPS} steps of imaginary time",
        ours,
        [
            ("numpy.fft", 1e-11, with_numpy),
            ("pyFFTW", 1e-11, with_pyfftw),
            ("trottersuzuki", 1e-2, with_trottersuzuki),
        ],
        samples,
    )


def stencil_row(n, samples):
    """QuTiP solves the equation of second differences to a tolerance, with a sparse H and the fastest of its methods
    here (of adams, bdf, lsoda, dop853, vern7, vern9, krylov); ours does by one step of Chebyshev's."""
    from lior import field

    span = FIELD_STEPS * FIELD_DT
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

        ring = sparse.diags([1, -2, 1], [-1, 0, 1], (n, n)).tolil()
        ring[0, -1] = ring[-1, 0] = 1
        laplacian = sparse.kronsum(ring.tocsr(), ring.tocsr())
        h = qutip.Qobj((-0.5 * laplacian + sparse.diags(v.ravel())).tocsr().astype(complex))
        psi = qutip.Qobj(wave.reshape(-1, 1))
        options = {
            "method": "dop853",
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
