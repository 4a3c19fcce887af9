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
