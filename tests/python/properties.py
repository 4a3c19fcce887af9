# SPDX-License-Identifier: Apache-2.0
"""Settings shared by the tests with hypothesis: few cases, the same ones each time, and arrays of any layout."""

import numpy as np
from formulas import layouts
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

#: Cases of one test; all tests by hypothesis together take less than a minute of one core.
few = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # not made smaller: they are small
)

REAL = st.sampled_from([np.dtype("f4"), np.dtype("f8")])
WIDE = {"f": np.longdouble, "c": np.clongdouble}


def wide(array):
    """The same numbers in long double."""
    return array.astype(WIDE[array.dtype.kind])


@st.composite
def arrays(draw, shape, dtype, spread=1.0):
    """Normal numbers times powers of ten up to 10^+-spread, one power for each last index, in one of
    four layouts, now and then read-only."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    numbers = random.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        numbers = numbers + 1j * random.standard_normal(shape)
    numbers = numbers * 10.0 ** random.uniform(-spread, spread, shape[-1:])
    array = layouts(numbers.astype(dtype))[draw(st.integers(0, 3))]
    array.flags.writeable = draw(st.booleans())
    return array


def out_like(draw_index, shape, dtype):
    """An array to write into, in one of four layouts."""
    return layouts(np.zeros(shape, dtype))[draw_index]


#: Any array: of few axes, few entries, any dtype that NumPy has a name for.
ANY_DTYPE = st.sampled_from("f2 f4 f8 >f8 c8 c16 i1 i4 i8 u2 b1 O".split())


@st.composite
def any_array(draw):
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 8, 16]), max_size=4)))
    array = np.ones(shape, draw(ANY_DTYPE))
    return array.T if draw(st.booleans()) else array
