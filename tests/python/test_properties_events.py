# SPDX-License-Identifier: Apache-2.0
"""Events along geodesics beside SciPy's, and completed velocities, at drawn points."""

import lior
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from lior import geometry
from properties import few

EXACT = {"method": "dop853", "rtol": 1e-12, "atol": 1e-13}


@few
@given(st.integers(0, 2**32), st.sampled_from(["theta - 1.5", "dtheta", "sin(phi) - cos(theta)/2"]))
def test_events_beside_scipy(seed, text):
    """On the sphere, whose symbols are written out here."""
    random = np.random.default_rng(seed)
    x, v = random.uniform([[1], [0]], [[2], [6]], (2, 3)), random.uniform(0.5, 1, (2, 3))
    times = np.linspace(0, 4, 41)
    paths = geometry.geodesics("sphere", x, v, times, **EXACT)
    events = geometry.find_events("sphere", text, paths, times, **EXACT)

    def slope(_, state):
        theta, _, dtheta, dphi = state
        turn = np.sin(theta) * np.cos(theta) * dphi**2
        return [dtheta, dphi, turn, -2 * dtheta * dphi / np.tan(theta)]

    def crossed(_, state):
        theta, phi, dtheta, _ = state
        values = [theta - 1.5, dtheta, np.sin(phi) - np.cos(theta) / 2]
        return values[["theta - 1.5", "dtheta", "sin(phi) - cos(theta)/2"].index(text)]

    for n in range(x.shape[1]):
        start = np.concatenate([x[:, n], v[:, n]])
        judge = scipy.integrate.solve_ivp(
            slope, (0, 4), start, "DOP853", rtol=1e-11, atol=1e-12, events=crossed, max_step=0.1
        )
        of_path = events.path == n
        np.testing.assert_allclose(events.parameter[of_path], judge.t_events[0], atol=1e-8)
        states = np.concatenate([events.x, events.v])[:, of_path].T
        np.testing.assert_allclose(states, judge.y_events[0].reshape(-1, 4), atol=1e-8)


@few
@given(
    st.integers(0, 2**32),
    st.sampled_from(["schwarzschild", "kerr:spin=0.5", "minkowski", "anti_de_sitter"]),
    st.sampled_from([-1.0, 0.0]),
    st.sampled_from(["f4", "f8"]),
)
def test_completed_velocities_have_their_square(seed, name, square, dtype):
    random = np.random.default_rng(seed)
    x = random.uniform([[-5], [4], [1], [-3]], [[5], [9], [2], [3]], (4, 5)).astype(dtype)
    v = random.uniform(-0.2, 0.2, (4, 5)).astype(dtype)
    done = geometry.complete_velocities(name, x, v, square)
    assert done.dtype == dtype and (done[1:] == v[1:]).all() and (done[0] > 0).all()
    terms = geometry.metric_values(name, x) * done[:, None] * done[None, :]
    # The sum of d^2 terms, each of a few roundings; the root doubles what it is given.
    slack = 64 * np.finfo(dtype).eps * abs(terms).sum((0, 1))
    assert (abs(terms.sum((0, 1)) - square) <= slack).all()


@pytest.mark.parametrize("square", [np.nan, np.inf])
def test_no_velocity_has_a_square_that_is_no_number(square):
    x = np.array([[0.0], [6], [1], [0]])
    with pytest.raises(lior.Error, match=f"no first component makes g.v,v. = {square}"):
        geometry.complete_velocities("schwarzschild", x, 0 * x, square)
