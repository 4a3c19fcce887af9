# SPDX-License-Identifier: Apache-2.0
"""Formulas and arrays that several tests use."""

import numpy


def layouts(array):
    """The same numbers in memory four ways: packed, every second element, reversed, column-major."""
    spread = numpy.zeros(tuple(2 * n for n in array.shape), array.dtype)
    second = spread[tuple(slice(None, None, 2) for _ in array.shape)]
    second[...] = array
    flip = tuple(slice(None, None, -1) for _ in array.shape)
    return [array, second, array[flip].copy()[flip], numpy.asfortranarray(array)]


def conjugate(x):
    return numpy.concatenate([x[:1], -x[1:]])


def doubled(x, y):
    """The product of planes [2^k, N] by (a, b)(c, d) = (a c - conj(d) b, d a + b conj(c))."""
    if len(x) == 1:
        return x * y
    (a, b), (c, d) = numpy.split(x, 2), numpy.split(y, 2)
    return numpy.concatenate(
        [doubled(a, c) - doubled(conjugate(d), b), doubled(d, a) + doubled(b, conjugate(c))]
    )


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def slope(loss, arrays, moves, step):
    """The derivative of loss(*arrays) along `moves`, by a central difference; None stays None."""
    ends = [
        loss(*(None if a is None else a + sign * step * m for a, m in zip(arrays, moves)))
        for sign in (1, -1)
    ]
    return (ends[0] - ends[1]) / (2 * step)


def along(gradients, moves):
    """The same from gradients."""
    return sum((g * m).sum() for g, m in zip(gradients, moves) if m is not None)


def assert_gradients(gradients, formula, arrays, draw):
    """Each array's gradient, in double, against differences of formula(*arrays) along a random direction;
    draw(dtype, *shape) gives it."""
    moves = [draw("float64", *a.shape) for a in arrays]
    assert len(gradients) == len(arrays)
    for i in range(len(arrays)):
        one = [move if i == j else 0 * move for j, move in enumerate(moves)]
        want = slope(formula, arrays, one, 1e-6)
        numpy.testing.assert_allclose(along(gradients, one), want, rtol=1e-6, atol=1e-8)
