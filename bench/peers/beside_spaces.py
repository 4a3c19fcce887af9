# SPDX-License-Identifier: Apache-2.0
"""Rows of side_by_side.py: distances and means on spaces of constant curvature and of positive definite matrices."""

from beside import measure

PAIRS, POINTS, SIZE = 16384, 256, 3


def symmetric_matrices(coordinates):
    """[d, N] of lior's upper triangles, row by row, as [N, SIZE, SIZE]."""
    import numpy as np

    rows, columns = np.triu_indices(SIZE)
    matrices = np.empty((coordinates.shape[1], SIZE, SIZE))
    matrices[:, rows, columns] = matrices[:, columns, rows] = coordinates.T
    return matrices


def draw_positive_definite(count, seed):
    """Coordinates [d, count] of A A^T + I / 10."""
    import numpy as np

    factors = np.random.default_rng(seed).normal(size=(count, SIZE, SIZE))
    matrices = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(SIZE)
    return np.ascontiguousarray(matrices[(slice(None), *np.triu_indices(SIZE))].T)


def affine_space():
    from geomstats.geometry.spd_matrices import SPDAffineMetric, SPDMatrices

    space = SPDMatrices(SIZE, equip=False)
    space.equip_with_metric(SPDAffineMetric)
    return space


def hyperbolic_row(samples):
    import numpy as np
    from lior import geometry

    x, y = np.random.default_rng(1).normal(size=(2, SIZE, PAIRS))

    def with_geomstats():
        from geomstats.geometry.hyperboloid import Hyperboloid

        metric = Hyperboloid(SIZE).metric
        on_sheet = lambda p: np.concatenate([np.sqrt(1 + (p**2).sum(0, keepdims=True)), p]).T
        a, b = on_sheet(x), on_sheet(y)
        return lambda: metric.dist(a, b), lambda a: a

    measure(
        "distances in hyperbolic space",
        f"{SIZE} dimensions, {PAIRS} pairs",
        lambda: geometry.distance(f"hyperbolic:n={SIZE}", x, y),
        [("geomstats", 1e-9, with_geomstats)],
        samples,
    )


def affine_row(samples):
    from lior import geometry

    x, y = draw_positive_definite(PAIRS, 1), draw_positive_definite(PAIRS, 2)

    def with_geomstats():
        metric = affine_space().metric
        a, b = symmetric_matrices(x), symmetric_matrices(y)
        return lambda: metric.dist(a, b), lambda a: a

    def with_scipy():
        import numpy as np
        from scipy import linalg

        a, b = symmetric_matrices(x), symmetric_matrices(y)

        def run():
            values = (linalg.eigh(q, p, eigvals_only=True) for p, q in zip(a, b, strict=True))
            return np.array([np.sqrt((np.log(v) ** 2).sum()) for v in values])

        return run, lambda a: a

    measure(
        "distances of positive definite matrices",
        f"{SIZE} x {SIZE}, affine-invariant, {PAIRS} pairs",
        lambda: geometry.distance(f"spd:n={SIZE}", x, y),
        [("geomstats", 1e-9, with_geomstats), ("scipy.linalg.eigh", 1e-9, with_scipy)],
        samples,
    )


def mean_row(samples):
    import numpy as np
    from lior import geometry

    points = draw_positive_definite(POINTS, 3)

    def with_geomstats():
        from geomstats.learning.frechet_mean import FrechetMean

        space = affine_space()
        mean = FrechetMean(space)
        mean.set(max_iter=64, epsilon=1e-16)
        matrices = symmetric_matrices(points)
        upper = np.triu_indices(SIZE)
        return lambda: mean.fit(matrices).estimate_, lambda a: a[upper]

    measure(
        "mean of positive definite matrices",
        f"{SIZE} x {SIZE}, affine-invariant, {POINTS} points",
        lambda: geometry.frechet_mean(f"spd:n={SIZE}", points).x,
        [("geomstats", 1e-6, with_geomstats)],
        samples,
    )
