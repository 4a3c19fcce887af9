# SPDX-License-Identifier: Apache-2.0
"""Every metric that ships as a file beside another one, or flat space, by a map between them; its field equations; and what
its geodesics keep. The table is docs/math/conventions.md, section 6.6."""

from pathlib import Path

import numpy as np
import pytest
from lior import geometry

RNG = np.random.default_rng(16)
N = 20
MASS, SPIN, CHARGE = 1.2, 0.8, 0.7
FLAT = np.array([-1.0, 1, 1, 1])


def points(*ranges):
    low, high = np.array(ranges).T[:, :, None]
    return RNG.uniform(low, high, (len(ranges), N))


TIME, ANGLES, ROOM = (-1, 1), ((0.5, 2.5), (-3, 3)), ((2, 4), (1, 3), (-3, 3))


def pulled_back(place, x, g):
    """g(place(x)) of a map's slopes, by complex steps of 1e-100: exact to rounding. `g`: a metric, or the signs of a flat
    one."""
    slopes = []
    for k in range(len(x)):
        moved = x.astype(complex)
        moved[k] += 1e-100j
        slopes.append(np.array(place(*moved)).imag / 1e-100)
    j = np.stack(slopes, axis=1)  # d place^a / d x^k at [a, k]
    if isinstance(g, np.ndarray):
        return np.einsum("akN,a,alN->klN", j, g, j)
    there = np.array(place(*x.astype(complex))).real
    return np.einsum("akN,abN,blN->klN", j, geometry.metric_values(g, there), j)


def spherical(t, x, y, z):
    """(t, r, theta, phi), where x > 0."""
    r = np.sqrt(x**2 + y**2 + z**2)
    return t, r, np.arccos(z / r), np.arctan(y / x)


def sphere(r, theta, phi):
    return r * np.sin(theta) * np.cos(phi), r * np.sin(theta) * np.sin(phi), r * np.cos(theta)


def isotropic(t, x, y, z):
    t, r, theta, phi = spherical(t, x, y, z)
    return t, r * (1 + MASS / (2 * r)) ** 2, theta, phi


def extreme(t, x, y, z):
    """Of charge = mass, where the metric is -dt^2 / H^2 + H^2 |dx|^2 with H = 1 + M / r."""
    t, r, theta, phi = spherical(t, x, y, z)
    return t, r + MASS, theta, phi


def majumdar_papapetrou(x):
    h = 1 + MASS / np.sqrt((x[1:] ** 2).sum(0))
    return np.einsum("mN,mn->mnN", [-1 / h**2, h**2, h**2, h**2], np.eye(4))


def ingoing(t, r, theta, phi):
    return t + r + 2 * MASS * np.log(r / (2 * MASS) - 1), r, theta, phi


def kerr_and_schild(t, r, theta, phi):
    """dt' = dt + 2 M r / D dr, dphi' = dphi + a / D dr, D = (r - r_+)(r - r_-)."""
    root = np.sqrt(MASS**2 - SPIN**2)
    outer, inner = np.log(r - MASS - root), np.log(r - MASS + root)
    t = t + MASS / root * ((MASS + root) * outer - (MASS - root) * inner)
    phi = phi + SPIN / (2 * root) * (outer - inner)
    x = (r * np.cos(phi) - SPIN * np.sin(phi)) * np.sin(theta)
    y = (r * np.sin(phi) + SPIN * np.cos(phi)) * np.sin(theta)
    return t, x, y, r * np.cos(theta)


def de_sitter(t, r, theta, phi):
    """In five dimensions, -X0^2 + X1^2 + ... = a^2 with a = 3."""
    root = np.sqrt(9 - r**2)
    return root * np.sinh(t / 3), root * np.cosh(t / 3), *sphere(r, theta, phi)


def anti_de_sitter(t, r, theta, phi):
    root = np.sqrt(9 + r**2)
    return root * np.sin(t / 3), root * np.cos(t / 3), *sphere(r, theta, phi)


def milne(t, r, theta, phi):
    return t * np.sqrt(1 + r**2), *sphere(t * r, theta, phi)


def hyperboloid(r, phi):
    """In three dimensions, x^2 + y^2 - z^2 = -a^2 with a = 1.5."""
    r = r / 1.5
    return (1.5 * np.cosh(r), 1.5 * np.sinh(r) * np.cos(phi), 1.5 * np.sinh(r) * np.sin(phi))


HOLE = (TIME, (4, 9), *ANGLES)
MAPS = {
    "schwarzschild_isotropic": (
        f"mass={MASS}",
        isotropic,
        f"schwarzschild:mass={MASS}",
        (TIME, *ROOM),
    ),
    "de_sitter": ("a=3", de_sitter, np.array([-1.0, 1, 1, 1, 1]), (TIME, (0.5, 2.5), *ANGLES)),
    "anti_de_sitter": (
        "a=3",
        anti_de_sitter,
        np.array([-1.0, -1, 1, 1, 1]),
        (TIME, (0.5, 6), *ANGLES),
    ),
    "flrw": ("power=1,k=-1", milne, FLAT, ((0.5, 2), (0.5, 2.5), *ANGLES)),
    "hyperboloid": ("a=1.5", hyperboloid, np.array([-1.0, 1, 1]), ((0.3, 3), (-3, 3))),
    # Bonnet's: without stretching, a catenoid becomes a helicoid.
    "catenoid": (
        "waist=1",
        lambda u, phi: (np.sinh(u), phi),
        "embedding:(u,v)->(u*cos(v),u*sin(v),v)",
        ((-2, 2), (-3, 3)),
    ),
    "alcubierre": ("speed=0", lambda *x: x, "minkowski", (TIME, *ROOM)),
    "minkowski": ("", lambda *x: x, FLAT, (TIME, *ROOM)),
}


@pytest.mark.parametrize("preset", MAPS)
def test_preset_is_another_metric_in_its_coordinates(preset):
    keys, place, there, ranges = MAPS[preset]
    x = points(*ranges)
    want = pulled_back(place, x, there)
    name = f"{preset}:{keys}" if keys else preset
    np.testing.assert_allclose(geometry.metric_values(name, x), want, atol=1e-13 * abs(want).max())


@pytest.mark.parametrize(
    "from_, place, to",
    [
        (f"schwarzschild:mass={MASS}", ingoing, f"eddington_finkelstein:mass={MASS}"),
        (f"kerr:mass={MASS},spin={SPIN}", kerr_and_schild, f"kerr_schild:mass={MASS},spin={SPIN}"),
        (
            f"kerr_newman:mass={MASS},spin={SPIN},charge=0",
            kerr_and_schild,
            f"kerr_schild:mass={MASS},spin={SPIN}",
        ),
    ],
)
def test_holes_are_one_in_other_coordinates(from_, place, to):
    x = points(*HOLE)
    want = geometry.metric_values(from_, x)
    np.testing.assert_allclose(pulled_back(place, x, to), want, atol=1e-12 * abs(want).max())


def test_a_hole_of_extreme_charge_is_majumdar_and_papapetrous():
    x = points(TIME, *ROOM)
    got = pulled_back(extreme, x, f"reissner_nordstroem:mass={MASS},charge={MASS}")
    want = majumdar_papapetrou(x)
    np.testing.assert_allclose(got, want, atol=1e-13 * abs(want).max())


def test_the_wormholes_equator_is_a_catenoid():
    """dl^2 + (l^2 + b^2) dphi^2 with l = b sinh(u / b)."""
    x = points((-2, 2), (-3, 3))
    half = np.pi / 2 + 0 * x[0]
    slice_ = pulled_back(
        lambda u, phi: (0 * u, 1.3 * np.sinh(u / 1.3), half + 0 * u, phi),
        x,
        "morris_thorne:throat=1.3",
    )
    want = geometry.metric_values("catenoid:waist=1.3", x)
    np.testing.assert_allclose(slice_, want, atol=1e-13 * want.max())


@pytest.mark.parametrize("spin", [0.0, SPIN])
def test_charge_makes_the_ricci_tensor_of_its_field(spin):
    """Rainich: R^m_n R^n_k = (Q^2 / S^2)^2 delta^m_k, S = r^2 + a^2 cos^2 theta, and R = 0."""
    name = "kerr_newman" if spin else "reissner_nordstroem"
    keys = f":mass={MASS},charge={CHARGE}" + (f",spin={spin}" if spin else "")
    x = points(*HOLE)
    found = geometry.curvature(name + keys, x)
    mixed = np.einsum(
        "maN,anN->mnN", np.linalg.inv(geometry.metric_values(name + keys, x).T).T, found.ricci
    )
    size = (CHARGE / (x[1] ** 2 + (spin * np.cos(x[2])) ** 2)) ** 2
    squared = np.einsum("maN,anN->mnN", mixed, mixed) / size**2
    np.testing.assert_allclose(squared, np.eye(4)[:, :, None] * np.ones(N), atol=1e-9)
    np.testing.assert_allclose(np.einsum("mmN->N", mixed) / size, 0, atol=1e-11)


def test_goedels_universe_is_dust_that_turns():
    """R_mn = u_m u_n / a^2, u = d_t / a; and x + s, y e^-s is the same place as x, y."""
    a, shift = 1.5, 0.7
    x = points(*[(-1, 1)] * 4)
    g = geometry.metric_values(f"goedel:a={a}", x)
    u = g[0] / a
    ricci = geometry.curvature(f"goedel:a={a}", x).ricci
    np.testing.assert_allclose(ricci, u[:, None] * u / a**2, atol=1e-13)
    moved = pulled_back(
        lambda t, x, y, z: (t, x + shift, y * np.exp(-shift), z), x, f"goedel:a={a}"
    )
    np.testing.assert_allclose(moved, g, atol=1e-13)


def test_who_rests_in_alcubierres_slices_falls_freely():
    """u = d_t + v f d_x, du^l/dt + Gamma^l_mn u^m u^n = 0; f as he wrote it."""
    v, radius, sharp = 0.5, 1.0, 3.0
    name = f"alcubierre:speed={v},radius={radius},sharpness={sharp}"

    def velocity(t, x, y, z):
        r = np.sqrt((x - v * t) ** 2 + y**2 + z**2)
        f = np.tanh(sharp * (r + radius)) - np.tanh(sharp * (r - radius))
        return v * f / (2 * np.tanh(sharp * radius))

    x = points((-0.2, 0.2), (-0.9, 0.9), (0.3, 0.8), (-0.8, -0.3))
    zero = np.zeros(N)
    u = np.array([zero + 1, velocity(*x), zero, zero])
    moved = (x + 1e-100j * u).astype(complex)
    change = np.array([zero, velocity(*moved).imag / 1e-100, zero, zero])
    gamma = geometry.christoffel(name, x)
    np.testing.assert_allclose(change + np.einsum("lmnN,mN,nN->lN", gamma, u, u), 0, atol=1e-13)


def turns(x, p, first, second):
    return x[:, first] * p[:, second] - x[:, second] * p[:, first]


#: From where, by which velocity, and what is kept beside g(v, v) and the momenta of coordinates that g does not contain.
PATHS = {
    "minkowski": ([0, 1, 2, 3], [1.2, 0.3, -0.4, 0.1], lambda x, p: turns(x, p, 1, 2)),
    "reissner_nordstroem": ([0, 9, 1.2, 0], [1.3, 0.05, 0.02, 0.04], None),
    "kerr_newman": ([0, 12, 1.2, 0], [1.3, 0.03, 0.02, 0.032], None),
    "kerr_schild": ([0, 10, 0, 2], [1.2, 0, 0.3, 0], lambda x, p: turns(x, p, 1, 2)),
    "schwarzschild_isotropic": ([0, 9, 1, 2], [1.3, 0, 0.3, 0.1], lambda x, p: turns(x, p, 3, 1)),
    "eddington_finkelstein": ([0, 9, 1.2, 0], [1.3, 0.05, 0.02, 0.04], None),
    "de_sitter": ([0, 2, 1.2, 0], [1.1, 0.05, 0.05, 0.1], None),
    "anti_de_sitter": ([0, 1, 1.2, 0], [0.9, 0.2, 0.1, 0.3], None),
    "flrw": ([2, 1, 1.2, 0], [1, 0.05, 0.1, 0.1], None),
    "goedel": ([0, 0.3, 0, 0], [1.2, 0.1, 0.2, 0.05], lambda x, p: p[:, 1] - x[:, 2] * p[:, 2]),
    "alcubierre": ([0, 0.5, 0.4, 0.3], [1.1, 0.2, 0.1, 0.05], lambda x, p: turns(x, p, 2, 3)),
    "morris_thorne": ([0, -3, 1.2, 0], [1, 0.4, 0.01, 0.02], None),
    "hyperboloid": ([1, 0], [0.3, 0.5], None),
    "catenoid": ([-1, 0], [0.5, 0.3], lambda x, p: p[:, 1]),
}


@pytest.mark.parametrize("preset", PATHS)
def test_paths_keep_what_symmetries_keep(preset):
    """Spheres keep |L|^2 = p_theta^2 + (p_phi / sin theta)^2, Kerr's family Carter's constant."""
    start, velocity, own = PATHS[preset]
    x, v = (np.array(a, float)[:, None] for a in (start, velocity))
    options = {"method": "dop853", "rtol": 1e-11, "atol": 1e-13}
    path = geometry.geodesics(preset, x, v, np.linspace(0, 8, 9), **options)
    assert path.status[0] == geometry.PathStatus.ok
    x, v = path.x[:, :, 0], path.v[:, :, 0]
    g = np.moveaxis(geometry.metric_values(preset, x.T), -1, 0)
    p = np.einsum("kmn,kn->km", g, v)
    kept = {"g(v,v)": np.einsum("km,km->k", p, v)}
    moved = np.stack([g_moved(preset, x, m) - g for m in range(x.shape[1])])
    for m in np.flatnonzero(abs(moved).max((1, 2, 3)) == 0):
        kept[f"p_{m}"] = p[:, m]
    if x.shape[1] == 4 and preset not in (
        "minkowski",
        "goedel",
        "alcubierre",
        "kerr_schild",
        "schwarzschild_isotropic",
    ):
        mass2, spin = -kept["g(v,v)"], 0.8 if preset == "kerr_newman" else 0
        cosine2 = np.cos(x[:, 2]) ** 2
        kept["Q"] = p[:, 2] ** 2 + cosine2 * (
            spin**2 * (mass2 - p[:, 0] ** 2) + p[:, 3] ** 2 / (1 - cosine2)
        )
    if own:
        kept["own"] = own(x, p)
    assert len(kept) > 1
    for name, values in kept.items():
        np.testing.assert_allclose(
            values, values[0], rtol=0, atol=3e-9 * max(1, abs(values[0])), err_msg=name
        )


def g_moved(preset, x, m):
    """g at places that differ by a little in the coordinate m."""
    return np.moveaxis(geometry.metric_values(preset, (x + 1e-3 * np.eye(x.shape[1])[m]).T), -1, 0)


def test_every_preset_is_here():
    files = Path(__file__).resolve().parents[2] / "src" / "geometry" / "presets"
    assert {file.stem for file in files.glob("*.toml")} == set(PATHS)
