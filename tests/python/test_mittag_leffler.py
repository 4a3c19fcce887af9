# SPDX-License-Identifier: Apache-2.0
"""The Mittag-Leffler function beside mpmath: its series in as many digits as cancel, and far out its
asymptotic series with exponentials. `python test_mittag_leffler.py SEED COUNT` sweeps further."""

import cmath
import math
import random
import sys

import mpmath
import numpy as np
import pytest

DIGITS = 30
FAR = 150  # of |z|^(1/alpha): what the asymptotic series leaves out is e^-150


def series(alpha, beta, z, size):
    """sum_k z^k / Gamma(alpha k + beta); terms grow to e^size, so twice that many digits may cancel."""
    with mpmath.workdps(int(2 * DIGITS + size)):
        total, power, k = mpmath.mpf(0), mpmath.mpf(1), 0
        while True:
            term = power * mpmath.rgamma(alpha * k + beta)
            total += term
            if k * alpha > 2 * size + 3 and abs(term) < abs(total) * mpmath.mpf(10) ** -DIGITS:
                return total
            k, power = k + 1, power * z


def asymptotic(alpha, beta, z):
    """-sum_k z^-k / Gamma(beta - alpha k), and (1/alpha) s^(1-beta) e^s for each s^alpha = z."""
    with mpmath.workdps(3 * DIGITS):
        total, k = mpmath.mpf(0), 1
        while True:
            total -= mpmath.rgamma(beta - alpha * k) / z**k
            bound = mpmath.gamma(abs(1 + alpha * k - beta) + 1) * abs(z) ** -k
            if bound < abs(total) * mpmath.mpf(10) ** -DIGITS or k > 60 + 300 / alpha:
                break
            k += 1
        for m in (-1, 0, 1):
            log_s = mpmath.mpc(mpmath.log(abs(z)), mpmath.arg(z) + 2 * mpmath.pi * m) / alpha
            if abs(log_s.imag) < mpmath.pi:
                total += mpmath.exp(mpmath.exp(log_s) + log_s * (1 - beta)) / alpha
        return total


def judge(alpha, beta, z):
    with mpmath.workdps(DIGITS):
        alpha, beta, z = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpmathify(z)
        if z == 0:
            return mpmath.rgamma(beta)
        size = mpmath.log(abs(z)) / alpha
        if size < math.log(FAR):
            return series(alpha, beta, z, float(mpmath.exp(size)))
        return asymptotic(alpha, beta, z)


def cases(seed, count):
    """alpha and beta in all of their ranges and at their edges, z real or in the sector."""
    draw = random.Random(seed)
    near = lambda at, least: at + draw.choice([-1, 1]) * 10 ** draw.uniform(least, -1)
    while count > 0:
        alpha = draw.choice([
            draw.uniform(0.02, 2), draw.uniform(0.3, 1.99), near(1, -15), 2 - 10 ** draw.uniform(-15, -1),
            10 ** draw.uniform(-1.5, -0.3), 1.0,
        ])  # fmt: skip
        beta = draw.choice([
            draw.uniform(0, 3), 1.0, alpha, 2.0, near(1, -15), 10 ** draw.uniform(-12, 0),
            3 - 10 ** draw.uniform(-14, -1), abs(alpha - 1), min(alpha + 1, 2.9999),
        ])  # fmt: skip
        z = -(10 ** draw.uniform(-6, 6))
        kind = draw.random()
        if kind < 0.1:
            z = draw.uniform(0, 10)
        elif kind < 0.35:
            z = -z * cmath.exp(1j * draw.choice([-1, 1]) * draw.uniform(3 * math.pi / 4, math.pi))
        # alpha small and |z| just below 1 takes mpmath's series many seconds.
        slow = alpha < 0.1 and abs(math.log(abs(z))) < 5 * alpha
        if slow or not 1e-15 <= beta < 3:
            continue
        count -= 1
        yield alpha, beta, z


def relative_error(alpha, beta, z):
    from lior import memory

    exact = judge(alpha, beta, z)
    if not 1e-290 < abs(exact) < 1e305:
        return 0.0
    return float(abs(mpmath.mpmathify(memory.mittag_leffler(alpha, z, beta)) - exact) / abs(exact))


def test_sweep():
    for case in cases(seed=7, count=250):
        assert relative_error(*case) <= 1e-12, case


def test_of_arrays_and_numbers():
    from lior import memory

    z = np.array([-5.0, -0.5, 0.0, 2.0])
    values = memory.mittag_leffler(0.5, z, 1.5)
    assert values.dtype == float and values.tolist() == [
        memory.mittag_leffler(0.5, x, 1.5) for x in z
    ]
    turned = memory.mittag_leffler(0.5, z[:2].astype(complex), beta=1.5)
    assert turned.dtype == complex and np.allclose(turned, values[:2], rtol=1e-14, atol=0)
    assert isinstance(memory.mittag_leffler(0.5, -1 + 0.5j), complex)
    assert memory.mittag_leffler(1, -2) == pytest.approx(math.exp(-2), rel=1e-14)


@pytest.mark.parametrize(
    "alpha, beta, z, message",
    [
        (2.0, 1.0, -1.0, r"alpha = 2 is no order.*\(0, 2\)"),
        (0.5, 3.0, -1.0, r"beta = 3 .*\(0, 3\)"),
        (0.5, 1.0, 11.0, "z = 11 .* -1e6 <= z <= 10"),
        (0.5, 1.0, 1j, "arg z"),
        (0.5, 1.0, math.nan, "z = nan"),
    ],
)
def test_out_of_its_domain(alpha, beta, z, message):
    import lior

    with pytest.raises(lior.Error, match=message):
        lior.memory.mittag_leffler(alpha, z, beta)


if __name__ == "__main__":
    seed, count = map(int, sys.argv[1:])
    worst = max((relative_error(*case), case) for case in cases(seed, count))
    print(f"{count} cases, worst relative error {worst[0]:.2g} at (alpha, beta, z) = {worst[1]}")
