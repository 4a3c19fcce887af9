# SPDX-License-Identifier: Apache-2.0
"""A step of the cognitive tensor field: explicit, with Bayes' term and a constant source."""

import jax_sides
import lior.field
import torch
from harness import row

HBAR, MASS, DT, LAMBDA, TAU, STRENGTH = 0.1, 1.0, 0.1, 0.01, 4.0, 1e-6


def hamiltonian(t, v):
    """H[T] = -(hbar^2/2m) Laplacian T + V T on a periodic grid of spacing 1."""
    neighbours = (
        torch.roll(t, 1, 0) + torch.roll(t, -1, 0) + torch.roll(t, 1, 1) + torch.roll(t, -1, 1)
    )
    return -(HBAR**2) / (2 * MASS) * (neighbours - 4 * t) + v * t


def posterior(t, evidence):
    """B = sqrt(w) T sqrt(S / S_w), w = exp(-|T - E|^2 / tau)."""
    square = lambda a: torch.view_as_real(a).square().sum(-1)
    exponent = square(t - evidence) / TAU
    w = torch.exp(exponent.min() - exponent)
    sizes = square(t)
    return torch.sqrt(w * (sizes.sum() / (w * sizes).sum())) * t


def step(t, evidence, current, v):
    """Runge-Kutta of order 4, the source held: for a linear H it is Taylor's sum, innermost first."""
    source = LAMBDA * (posterior(t, evidence) - t) + current
    stage = t
    for j in (4, 3, 2, 1):
        stage = t - (1j * DT / (j * HBAR)) * (hamiltonian(stage, v) + source)
    return stage


def split_step(re, im, e_re, e_im, j_re, j_im, v):
    """The same on real and imaginary parts: Inductor has no complex code."""
    exponent = ((re - e_re).square() + (im - e_im).square()) / TAU
    w = torch.exp(exponent.min() - exponent)
    sizes = re.square() + im.square()
    scale = torch.sqrt(w * (sizes.sum() / (w * sizes).sum())) - 1
    s_re, s_im = LAMBDA * scale * re + j_re, LAMBDA * scale * im + j_im
    a, b = re, im
    for j in (4, 3, 2, 1):
        rate = DT / (j * HBAR)
        a, b = re + rate * (hamiltonian(b, v) + s_im), im - rate * (hamiltonian(a, v) + s_re)
    return a, b


@row(
    "field.step",
    shape="RK4, Bayes, source; 1,024 x 1,024, D=4",
    dtype="c64",
    at_least={"torch eager": 20, "torch compiled, re/im split": 5},
)
def field_step(r):
    torch.manual_seed(8)
    n, d = 1024, 4
    t, evidence, current = (torch.randn(n, n, d, d, dtype=torch.complex64) for _ in range(3))
    v = lior.field.potential("harmonic", STRENGTH, n, n)
    evolution = lior.field.Evolution(
        lior.field.Hamiltonian(v, d=d, hbar=HBAR, mass=MASS, dtype="complex64"),
        t,
        evidence,
        current,
        scheme="rk4",
        dt=DT,
        lambda_qr=LAMBDA,
        tau=TAU,
        update_every=1,
    )
    once = []  # the field after the first step: later steps are timed, and go on

    def ours():
        evolution.run(1)
        if not once:
            once.append(torch.from_numpy(evolution.field()))
        return once[0]

    potential = torch.from_numpy(v).float()[:, :, None, None]
    parts = [part.contiguous() for a in (t, evidence, current) for part in (a.real, a.imag)]
    tolerance = 1e-4  # weights are exponentials of numbers of size 10
    r.ours(ours)
    r.peer("torch eager", lambda: step(t, evidence, current, potential), tolerance)

    def build():
        fast = torch.compile(split_step, dynamic=False, fullgraph=True)
        fast(*parts, potential)
        return lambda: Split(fast(*parts, potential))

    r.attempt("torch compiled, re/im split", build, tolerance)
    constants = (HBAR, MASS, DT, LAMBDA, TAU)
    jax_sides.add(
        r,
        "jax",
        lambda *a: jax_sides.field_step(*a, *constants),
        t,
        evidence,
        current,
        potential,
        tolerance=tolerance,
    )


class Split(tuple):
    """Real and imaginary parts; an array for the comparison alone, so that joining them is not timed."""

    def __array__(self, dtype=None, copy=None):
        return torch.complex(*self).numpy()
