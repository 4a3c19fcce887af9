# SPDX-License-Identifier: Apache-2.0
"""Potentials by formulas, and fields that act on themselves."""

import lior
import numpy
import pytest
from lior import field


def test_formula_is_numpys():
    nx, ny, dx = 12, 9, 0.5
    x, y = numpy.meshgrid(
        (numpy.arange(nx) - nx / 2) * dx, (numpy.arange(ny) - ny / 2) * dx, indexing="ij"
    )
    got = field.formula("exp(-x^2) * cos(2*pi*y/Ly) + where(x < y, 1, abs(x))", nx, ny, dx=dx)
    want = numpy.exp(-(x**2)) * numpy.cos(2 * numpy.pi * y / (ny * dx))
    want += numpy.where(x < y, 1, abs(x))
    numpy.testing.assert_allclose(got, want, rtol=0, atol=1e-15)
    with pytest.raises(lior.Error, match="formula: unknown name 'q'"):
        field.formula("q", 2, 2)


def test_nonlinear_step_is_numpys_split_step():
    """A Strang step of i T' = -T''/2 + V T + g |T|^2 T, written out."""
    nx, ny, dx, dt, g = 32, 16, 0.5, 0.02, 0.7
    start = field.packet(nx, ny, dx=dx, width=1.5, k=(0.4, -0.2))
    v = field.formula("(x^2 + y^2)/8", nx, ny, dx=dx)
    got = field.evolve(
        start,
        "(x^2 + y^2)/8",
        steps=3,
        dx=dx,
        hbar=1.0,
        dt=dt,
        symbol="continuous",
        nonlinearity=g,
        progress=False,
    ).frames[-1, :, :, 0, 0]
    k2 = (2 * numpy.pi * numpy.fft.fftfreq(nx, dx))[:, None] ** 2 + (
        2 * numpy.pi * numpy.fft.fftfreq(ny, dx)
    ) ** 2
    t = start[:, :, 0, 0]

    def kick(t):
        return t * numpy.exp(-0.5j * dt * (v + g * abs(t) ** 2))

    for _ in range(3):
        t = numpy.fft.ifft2(numpy.exp(-0.5j * dt * k2) * numpy.fft.fft2(kick(t)))
        t = kick(t)
    numpy.testing.assert_allclose(got, t, rtol=0, atol=1e-14)


def test_absorption_is_numpys_split_step():
    nx, dx, dt = 64, 0.5, 0.05
    start = field.packet(nx, 1, dx=dx, width=1.5, k=(1.0, 0.0))
    w = field.formula("0.4*(abs(x)/16)^2", nx, 1, dx=dx)
    evolved = field.evolve(
        start,
        steps=2,
        dx=dx,
        hbar=1.0,
        dt=dt,
        symbol="continuous",
        absorption="0.4*(abs(x)/16)^2",
        progress=False,
    )
    k2 = (2 * numpy.pi * numpy.fft.fftfreq(nx, dx)) ** 2
    t = start[:, 0, 0, 0]
    for _ in range(2):
        t = t * numpy.exp(-0.5 * dt * w[:, 0])
        t = numpy.fft.ifft(numpy.exp(-0.5j * dt * k2) * numpy.fft.fft(t))
        t = t * numpy.exp(-0.5 * dt * w[:, 0])
    numpy.testing.assert_allclose(evolved.frames[-1, :, 0, 0, 0], t, rtol=0, atol=1e-14)
    assert evolved.diagnostics["norm"][-1] < evolved.diagnostics["norm"][0]


def test_a_complex_potential_absorbs():
    start = field.packet(12, 10, dx=0.5, width=1.5)
    v, w = field.formula("x^2", 12, 10, dx=0.5), field.formula("y^2", 12, 10, dx=0.5)
    settings = dict(steps=2, dx=0.5, dt=0.05, progress=False)
    one = field.evolve(start, v - 1j * w, absorption="0.5*y^2", **settings)
    other = field.evolve(start, v, absorption=1.5 * w, **settings)
    numpy.testing.assert_allclose(one.frames, other.frames, rtol=0, atol=1e-15)
    with pytest.raises(lior.Error, match="the absorption is -.* somewhere"):
        field.evolve(start, v + 1j * w, **settings)


def test_formulas_share_parameters_and_definitions():
    """The bits of the same formulas with the numbers written out, in all places that take them."""
    names = {
        "parameters": {"height": 0.3, "width": numpy.float32(1.5)},
        "definitions": {
            "bell": "exp(-r^2/(4*width^2))",
            "r": "sqrt(x^2 + y^2)",
            "ramp": "min(t, 1)",
        },
    }
    r = "sqrt(x^2 + y^2)"
    bell, ramp = f"exp(-{r}^2/(4*1.5^2))", "min(t, 1)"

    def evolved(start, bell, ramp, height, r, **names):
        return field.evolve(
            start,
            f"{height}*{ramp}*where({r} < 2, 1, 0)",
            steps=4,
            scheme="rk4",
            dt=0.02,
            dx=0.5,
            evidence=bell,
            lambda_qr=0.1,
            current=(f"0.01*{bell}", f"{height}*{ramp}"),
            gxx=f"1 + {height}*{bell}",
            progress=False,
            **names,
        ).frames

    def absorbed(height, **names):
        rim = f"{height}*where(abs(x) > 4, 1, 0)"
        return field.evolve(start, absorption=rim, steps=2, dx=0.5, progress=False, **names).frames

    named_start = field.polar("bell", "height*x", nx=24, ny=20, d=2, dx=0.5, **names)
    start = field.polar(bell, "0.3*x", nx=24, ny=20, d=2, dx=0.5)
    assert (named_start == start).all()
    named = evolved(start, "bell", "ramp", "height", "r", **names)
    assert (named == evolved(start, bell, ramp, "0.3", r)).all()
    assert (absorbed("height", **names) == absorbed("0.3")).all()
    values = field.formula("height*r*ramp", 24, 20, t=0.5, **names)
    assert (values == field.formula(f"0.3*{r}*min(t, 1)", 24, 20, t=0.5)).all()


@pytest.mark.parametrize(
    "names, words",
    [
        ({}, "formula: unknown name 'a'; expected one of x, y, z, Lx, Ly, Lz at column 1: ▶a*x"),
        ({"parameters": {"b": 1}}, "unknown name 'a'; expected one of x, y, z, Lx, Ly, Lz, b"),
        ({"parameters": {"a": numpy.nan}}, "parameters.a: is nan; expected a finite number"),
        ({"parameters": {"a": 1, "Lx": 2}}, "parameters.Lx: 'Lx' is there already"),
        (
            {"parameters": {"a": 1}, "definitions": {"a": "x"}},
            "definitions.a: 'a' is there already",
        ),
        ({"definitions": {"a": "b", "b": "a"}}, "refers to itself: a -> b -> a"),
        ({"definitions": {"a": "2 +"}}, "formula: definitions.a: expected a number"),
        ({"parameters": {"a b": 1}}, "parameters.a b: 'a b' is no name"),
    ],
)
def test_names_that_are_none_are_refused(names, words):
    with pytest.raises(lior.Error) as refusal:
        field.formula("a*x", 4, 4, **names)
    assert words in str(refusal.value)
