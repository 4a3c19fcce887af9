# SPDX-License-Identifier: Apache-2.0
"""Light rays and pictures, beside closed forms by SciPy."""

import math

import lior
import numpy as np
import pytest
from lior.geometry import RayEnd, camera_rays, disk_redshift, image, trace_rays
from scipy.special import ellipk, ellipkinc


def deflection(nearest):
    """Of light that passes a hole of mass 1 at that r (C. Darwin, Proc. R. Soc. A 249, 1959)."""
    q = math.sqrt((nearest - 2) * (nearest + 6))
    m = (q - nearest + 6) / (2 * q)
    start = math.asin(math.sqrt((q - nearest + 2) / (q - nearest + 6)))
    return 4 * math.sqrt(nearest / q) * (ellipk(m) - ellipkinc(start, m)) - math.pi


def traced_deflection(impact):
    """From r = far to r = far again, past a hole of mass 1, in the equator's plane."""
    far = 1e6
    x = np.array([[0.0], [far], [math.pi / 2], [0.0]])
    lapse = 1 - 2 / far
    v = np.array([[1 / lapse], [0.0], [0.0], [impact / far**2]])
    v[1] = -math.sqrt(1 - lapse * impact**2 / far**2)
    rays = trace_rays("schwarzschild", x, v, sky_radius=1.001 * far, rtol=1e-11, atol=1e-15)
    assert rays.end[0] == RayEnd.sky
    # Angles between the ray and the radius, at both ends: those of flat space, but for mass / far.
    before = math.asin(impact / far)
    after = math.asin(impact / rays.x[1, 0])
    return rays.x[3, 0] + before + after - math.pi


@pytest.mark.parametrize("nearest", [3.05, 4, 10, 100, 1000])
def test_light_is_deflected_as_the_elliptic_integral_says(nearest):
    impact = nearest / math.sqrt(1 - 2 / nearest)
    # The rest of the way, beyond a million masses, bends it by less than 4e-6 more, of which most
    # is 2 b / far^2 at each end; near the orbit of light errors grow by 1 / (1 - 3 / nearest).
    assert traced_deflection(impact) == pytest.approx(deflection(nearest), abs=3e-8, rel=1e-7)


def test_weak_deflection_is_four_masses_over_the_impact_parameter():
    impact = 1e4
    second = 15 * math.pi / 4 / impact**2
    assert traced_deflection(impact) == pytest.approx(4 / impact + second, abs=3e-8)


def test_redshift_of_a_disk_seen_from_the_side_is_that_of_its_velocities():
    # Schwarzschild: g = sqrt(1 - 3 / r) / (1 - W l) / sqrt(1 - 2 / R), l = L / E of the photon.
    rng = np.random.default_rng(5)
    pixels = rng.uniform([[0], [0]], [[100], [100]], (2, 60))
    radius = 40
    x, v = camera_rays("schwarzschild", pixels, radius, 1.2, size=(100, 100), view=1.0)
    rays = trace_rays("schwarzschild", x, v, disk=(6, 20), rtol=1e-9, atol=1e-12)
    met = rays.end == RayEnd.disk
    assert met.sum() > 10
    x, v = rays.x[:, met], rays.v[:, met]
    r = x[1]
    photon = -(r**2) * v[3] / ((1 - 2 / r) * v[0])  # -l, of the ray traced backwards
    want = np.sqrt(1 - 3 / r) / (1 + r**-1.5 * photon) / math.sqrt(1 - 2 / radius)
    np.testing.assert_allclose(disk_redshift("schwarzschild", x, v), want, rtol=1e-7)


def test_picture_has_a_shadow_a_disk_and_a_sky():
    picture = image("kerr:spin=.9", 30, 1.4, size=(96, 54), disk=(5, 18), samples=2)
    assert picture.shape == (54, 96, 3) and picture.dtype == np.uint8
    dark = (picture == 0).all(axis=2)
    rows, columns = np.nonzero(dark)
    assert 20 < dark.sum() < 500
    assert 40 < columns.mean() < 56 and 15 < rows.mean() < 30
    left, right = picture[:, :48].astype(float).sum(), picture[:, 48:].astype(float).sum()
    assert left > 1.2 * right  # the disk comes towards the observer there


def test_sky_of_the_caller_is_seen():
    sky = np.zeros((16, 32, 3), np.uint8)
    sky[:, :, 1] = 180
    picture = image("minkowski", 10, 1.0, size=(8, 4), view=0.5, sky=sky)
    assert (picture == [0, 180, 0]).all()


def test_metric_of_the_caller_is_seen():
    text = (
        "expr:t, r, theta, phi; f = 1 - 2/r; -f*dt^2 + dr^2/f + r^2*(dtheta^2 + sin(theta)^2*dphi^2);"
        "signature = - + + +; domain.horizon = r > 2; domain.edge = 0 < theta < pi"
    )
    mine = image(text, 30, 1.3, size=(48, 27), view=0.8)
    ours = image("schwarzschild", 30, 1.3, size=(48, 27), view=0.8)
    assert (np.abs(mine.astype(int) - ours) <= 1).mean() > 0.99


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"radius": 1.5}, "horizon"),
        ({"radius": 30, "disk": (2, 9)}, "no circular orbit"),
        ({"radius": 30, "samples": 0}, "samples is 0"),
        ({"radius": 30, "view": 4.0}, "view's angle"),
        ({"radius": 30, "size": (0, 9)}, "size is (0, 9)"),
        ({"radius": 30, "observer": "falling"}, "static, zamo"),
    ],
)
def test_refuses_what_cannot_be_seen(keys, words):
    with pytest.raises(lior.Error) as error:
        image("schwarzschild", **{"size": (8, 4), **keys})
    assert words in str(error.value)
