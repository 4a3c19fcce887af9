# SPDX-License-Identifier: Apache-2.0
"""Rows of side_by_side.py: symbols and geodesics of Kerr's and Schwarzschild's metrics."""

from beside import measure

SPIN = 0.9
PATHS, STEPS, STEP = 1 << 14, 20, 0.05
CACHED = 1 << 12  # points of a block that NumPy's temporaries fit into the cache with
PATH_SPAN, PATH_ERROR = 5.0, 1e-6


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


def lambdified(symbols, entries, count):
    """A call of sympy's NumPy code for all entries at x: (symbols, count) planes, as (entries, count). Common parts are
    computed once, and points go in blocks whose temporaries stay in the cache: 2 to 3 times as fast as all at once."""
    import numpy as np
    import sympy

    function = sympy.lambdify(symbols, entries, "numpy", cse=True)
    out = np.empty((len(entries), count))

    def run(*x):
        for first in range(0, count, CACHED):
            block = slice(first, first + CACHED)
            for row, value in zip(out, function(*(plane[block] for plane in x))):
                row[block] = value
        return out

    return run


def einsteinpy_kerr():
    """The coordinates, and all 64 symbols of Kerr's metric."""
    import sympy
    from einsteinpy.symbolic import ChristoffelSymbols
    from einsteinpy.symbolic.predefined import Kerr

    hole = Kerr(c=1, sch=sympy.Integer(2), a=sympy.Rational(str(SPIN)))
    return hole.symbols(), sympy.flatten(ChristoffelSymbols.from_metric(hole).tensor().tolist())


def einsteinpy_slopes():
    """Coordinates and velocities, and what both grow by along a geodesic of Kerr's."""
    import sympy

    coordinates, symbols = einsteinpy_kerr()
    rates = sympy.symbols("u:4")
    products = [a * b for a in rates for b in rates]
    accelerations = [
        -sum(g * p for g, p in zip(symbols[16 * i : 16 * i + 16], products)) for i in range(4)
    ]
    return [*coordinates, *rates], [*rates, *accelerations]


def sympy_schwarzschild():
    """The same of Schwarzschild's, simplified, which has ten entries that are not 0."""
    import sympy

    x = t, r, theta, phi = sympy.symbols("t r theta phi")
    f = 1 - 2 / r
    g = sympy.diag(-f, 1 / f, r**2, (r * sympy.sin(theta)) ** 2)
    entries = [
        sympy.simplify(
            (g[i, j].diff(x[k]) + g[i, k].diff(x[j]) - g[j, k].diff(x[i])) / (2 * g[i, i])
        )
        for i in range(4)
        for j in range(4)
        for k in range(4)
    ]
    return x, entries


def symbols_rows(points, samples):
    import numpy as np
    from lior import geometry

    x = kerr_points(points)
    out = np.empty((4, 4, 4, points))

    def with_jax():
        jax, jnp, symbols = jax_kerr()
        run = jax.jit(jax.vmap(lambda p: symbols(p).reshape(4, 4, 4)))
        places = jnp.asarray(x.T)
        return lambda: jax.block_until_ready(run(places)), lambda a: np.moveaxis(
            np.asarray(a), 0, -1
        )

    def with_numpy(formulas):
        run = lambdified(*formulas(), points)
        return lambda: run(*x), lambda a: a.reshape(4, 4, 4, points)

    for name, text, peers in (
        (
            "Kerr",
            f"kerr_newman:spin={SPIN},charge=0",
            [
                ("jax: jit, vmap, jacfwd", 1e-12, with_jax),
                ("einsteinpy, lambdified", 1e-12, lambda: with_numpy(einsteinpy_kerr)),
            ],
        ),
        (
            "Schwarzschild",
            "reissner_nordstroem:charge=0",
            [("sympy, lambdified", 1e-12, lambda: with_numpy(sympy_schwarzschild))],
        ),
    ):
        metric = geometry.Metric(text)
        measure(
            f"Christoffel symbols of {name}",
            f"{points} points",
            lambda metric=metric: geometry.christoffel(metric, x, out=out),
            peers,
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

    def step(slope, s):
        k1 = slope(s)
        k2 = slope(s + STEP / 2 * k1)
        k3 = slope(s + STEP / 2 * k2)
        k4 = slope(s + STEP * k3)
        return s + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def with_jax():
        jax, jnp, symbols = jax_kerr()

        def slope(state):
            a = -jnp.einsum("lmn,m,n->l", symbols(state[:4]).reshape(4, 4, 4), state[4:], state[4:])
            return jnp.concatenate([state[4:], a])

        run = jax.jit(
            jax.vmap(lambda s: jax.lax.fori_loop(0, STEPS, lambda _, s: step(slope, s), s))
        )
        start = jnp.asarray(np.concatenate([x, v]).T)
        return lambda: jax.block_until_ready(run(start)), lambda a: np.asarray(a)[:, :4].T

    def with_einsteinpy():
        evaluate = lambdified(*einsteinpy_slopes(), PATHS)

        def run():
            state = np.concatenate([x, v])
            for _ in range(STEPS):
                state = step(lambda s: evaluate(*s).copy(), state)
            return state

        return run, lambda a: a[:4]

    measure(
        "Geodesics of Kerr",
        f"{PATHS} paths, {STEPS} steps of RK4",
        ours,
        [
            ("jax: jit, vmap, jacfwd", 1e-10, with_jax),
            ("einsteinpy's, lambdified", 1e-10, with_einsteinpy),
        ],
        samples,
    )


def path_row(samples):
    """einsteinpy follows one path by splittings of its own, SciPy by lambdified formulas; what is exact is ours to 1e-13."""
    import numpy as np
    from lior import geometry

    place, momentum = [20.0, np.pi / 2, 0.0], [-0.1, 0.2, 3.5]
    x = np.array([[0.0], *([p] for p in place)])
    metric = geometry.Metric(f"kerr:spin={SPIN}")
    raised = np.linalg.inv(geometry.metric_values(metric, x)[:, :, 0])
    p = np.array([0.0, *momentum])
    a, b = raised[0, 0], raised[0] @ p
    p[0] = (-b + np.sqrt(b**2 - a * (p @ raised @ p + 1))) / a
    v = (raised @ p)[:, None]

    def ours(**options):
        return geometry.geodesics(metric, x, v, [PATH_SPAN], **options).x[0, :, 0]

    def with_einsteinpy(order, steps):
        from einsteinpy.geodesic import Timelike

        def run():
            return Timelike(
                "Kerr",
                (SPIN,),
                place,
                momentum,
                steps=steps,
                delta=PATH_SPAN / steps,
                order=order,
                return_cartesian=False,
                suppress_warnings=True,
            )

        return run, lambda path: path.trajectory[1][-1][:4]

    def with_scipy():
        import sympy
        from scipy.integrate import solve_ivp

        state, slopes = einsteinpy_slopes()
        slope = sympy.lambdify([state], slopes, "math", cse=True)
        start = np.concatenate([x, v])[:, 0]

        def run():
            return solve_ivp(lambda _, s: slope(s), (0, PATH_SPAN), start, "DOP853", rtol=1e-6)

        return run, lambda path: path.y[:4, -1]

    measure(
        "A geodesic of Kerr at equal error",
        f"to proper time {PATH_SPAN:g} within {PATH_ERROR:g} of its largest coordinate",
        lambda: ours(rtol=1e-6, atol=1e-6),
        [
            ("einsteinpy, order 2", PATH_ERROR, lambda: with_einsteinpy(2, 10)),
            ("einsteinpy, order 4", PATH_ERROR, lambda: with_einsteinpy(4, 5)),
            ("SciPy DOP853, lambdified", PATH_ERROR, with_scipy),
        ],
        samples,
        exact=(ours(method="dop853", rtol=1e-13, atol=1e-14), PATH_ERROR),
    )
