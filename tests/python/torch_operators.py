# SPDX-License-Identifier: Apache-2.0
"""Calls of every operator of lior.torch that has gradients, for the tests that go over all."""

import lior.torch as lt
import torch

ops = lt.ops
DOUBLE = torch.float64


def normal(*shape, dtype=DOUBLE, grad=True, seed=1):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(grad)


def metric_parameters(d=3, width=4, dtype=DOUBLE):
    """Near the unit matrix, so that g is positive definite."""
    shapes = [
        (d, d),
        (width, d),
        (width,),
        (d * d, width),
        (d * d,),
        (width, d),
        (width,),
        (1, width),
        (1,),
    ]
    parameters = [
        0.3 * normal(*shape, dtype=dtype, grad=False, seed=7 + i) for i, shape in enumerate(shapes)
    ]
    parameters[0] += 2 * torch.eye(d, dtype=dtype)
    return [p.requires_grad_() for p in parameters]


def scan_inputs(batch=2, length=5, heads=3, **options):
    from lior import nn

    mixer = nn.MixerConfig(heads=heads, **options)
    projection = normal(batch, length, mixer.projection_width)
    initial = normal(batch, mixer.state_width, heads)
    angles = normal(8, heads) if options.get("rotation") else None
    ordered = ("factors", "transition", "complex_state", "gates", "phase", "rotation")
    standard = (1, "right", False, True, False, False)
    return projection, initial, angles, *(options.get(n, v) for n, v in zip(ordered, standard))


def raw_kernels(heads=2):
    start = torch.tensor([0, 0, -1, 0, 0, -1, 1, 0, 0, 1, 0, 0], dtype=DOUBLE)
    return (start + 0.1 * normal(heads, 12, grad=False)).requires_grad_()


SCANS = [
    dict(),
    dict(factors=2, transition="left"),
    dict(transition="two_sided", gates=False),
    dict(complex_state=True, phase=True, rotation=True),
]

CASES = {
    "bilinears": (ops.bilinears, lambda: (normal(5, 4), normal(3, 4, 4))),
    "bilinears, packed": (ops.bilinears, lambda: (normal(5, 4), normal(3, 4, 4), True)),
    "bilinears, complex": (
        ops.bilinears,
        lambda: (
            normal(3, 2, dtype=torch.complex128),
            normal(2, 2, 2, dtype=torch.complex128),
            False,
            True,
        ),
    ),
    "learned_metric": (
        ops.learned_metric,
        lambda: (normal(3, 5), metric_parameters(), True, False),
    ),
    "learned_metric, g": (
        ops.learned_metric,
        lambda: (normal(3, 5), metric_parameters(), False, True),
    ),
    "christoffel": (ops.christoffel, lambda: (normal(3, 2), metric_parameters(), True, False)),
    "christoffel, g": (ops.christoffel, lambda: (normal(3, 2), metric_parameters(), False, True)),
    "geodesic": (
        ops.geodesic,
        lambda: (normal(3, 2), normal(3, 2, seed=2), metric_parameters(), True, False, 0.5, 0.2),
    ),
    "geodesic_distance": (
        ops.geodesic_distance,
        lambda: (
            normal(3, 2),
            normal(3, 2, seed=2),
            metric_parameters(),
            True,
            False,
            1e-12,
            1e-13,
        ),
    ),
    "lior_kernel": (
        ops.lior_kernel,
        lambda: (raw_kernels(1)[0].detach().requires_grad_(), normal(6, grad=False).abs()),
    ),
    "memory": (ops.memory, lambda: (normal(2, 9, 2, 3), raw_kernels(), 1e-6, 4096.0)),
    "associator_current": (ops.associator_current, lambda: (normal(2, 3, 96), normal(2, 8))),
    "spinor_attention": (
        ops.spinor_attention,
        lambda: (normal(2, 7, 32), normal(2, 7, 32, seed=2), normal(2, 4), 4),
    ),
    "layer_inner, attention": (
        ops.layer_inner,
        lambda: (ops.layer_spec("attention", 8, heads=2, window=4), normal(2, 5, 24), [], None),
    ),
    "layer_inner, from a state": (
        ops.layer_inner,
        lambda: (
            ops.layer_spec("geometric_mamba", 6, heads=2),
            normal(2, 4, 40),
            [normal(6, 88)],
            normal(2, 16),
        ),
    ),
    "layer_inner, causal field": (
        ops.layer_inner,
        lambda: (
            ops.layer_spec("causal_field", 6, heads=1),
            normal(2, 4, 64),
            [normal(1, 8), raw_kernels(1)],
            None,
        ),
    ),
    "readout": (ops.readout, lambda: (normal(2, 3, 8, 2), "linear_quadratic")),
    "readout, complex": (ops.readout, lambda: (normal(2, 3, 16, 2), "invariants")),
    **{
        f"ci8_scan {options}": (ops.ci8_scan, lambda o=options: scan_inputs(**o))
        for options in SCANS
    },
}
