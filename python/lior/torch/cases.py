# SPDX-License-Identifier: Apache-2.0
"""Small calls of every operator of lior.torch, which its tests and check_gpu go over, and how two results are compared.
Numbers are the same on every machine; all are of the processor."""

from typing import Any, Callable, NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from lior import nn
from lior.torch import ops


class Case(NamedTuple):
    """An operator, and what makes its arguments; tensors whose gradients are asked for require them."""

    op: Any
    inputs: Callable[[], tuple[Any, ...]]


def normal(
    *shape: int, dtype: torch.dtype = torch.float64, grad: bool = True, seed: int = 1
) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(grad)


def metric_parameters(
    d: int = 3, width: int = 4, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
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


def scan_inputs(
    batch: int = 2,
    length: int = 5,
    heads: int = 3,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> tuple[Any, ...]:
    mixer = nn.MixerConfig(heads=heads, **options)
    projection = normal(batch, length, mixer.projection_width, dtype=dtype)
    initial = normal(batch, mixer.state_width, heads, dtype=dtype)
    angles = normal(8, heads, dtype=dtype) if options.get("rotation") else None
    ordered = ("factors", "transition", "complex_state", "gates", "phase", "rotation")
    standard = (1, "right", False, True, False, False)
    return projection, initial, angles, *(options.get(n, v) for n, v in zip(ordered, standard))


def raw_kernels(heads: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    start = torch.tensor([0, 0, -1, 0, 0, -1, 1, 0, 0, 1, 0, 0], dtype=dtype)
    return (start + 0.1 * normal(heads, 12, dtype=dtype, grad=False)).requires_grad_()


SCANS: list[dict[str, Any]] = [
    dict(),
    dict(factors=2, transition="left"),
    dict(transition="two_sided", gates=False),
    dict(complex_state=True, phase=True, rotation=True),
]


def cases(dtype: torch.dtype = torch.float64) -> dict[str, Case]:
    """Of every operator that has gradients; complex numbers have parts of this dtype."""
    wide = dtype == torch.float64
    complex_dtype = torch.complex128 if wide else torch.complex64
    tolerances = (1e-12, 1e-13) if wide else (1e-5, 1e-6)

    def n(*shape: int, seed: int = 1) -> Tensor:
        return normal(*shape, dtype=dtype, seed=seed)

    def metric() -> list[Tensor]:
        return metric_parameters(dtype=dtype)

    def layer(
        kind: str,
        columns: int,
        own: Callable[[], list[Tensor]],
        state: int = 0,
        **options: Any,
    ) -> Case:
        def inputs() -> tuple[Any, ...]:
            first: Optional[Tensor] = n(2, state) if state else None
            # of half the size: geometric attention's scores grow with its exponential and fourth power
            projection = (n(2, 5, columns).detach() / 2).requires_grad_()
            return ops.layer_spec(kind, **options), projection, own(), first

        return Case(ops.layer_inner, inputs)

    def block(kind: str, state: int = 0, **options: Any) -> Case:
        spec = ops.layer_spec(kind, **options)

        def inputs() -> tuple[Any, ...]:
            shapes = ops.layer_of(spec).shapes.values()
            parameters = [n(*shape, seed=i) for i, shape in enumerate(shapes)]
            width = options["d_model"]
            # of half the size, as above
            parameters = [(p.detach() / 2).requires_grad_() for p in parameters]
            return spec, n(2, 5, width), parameters, n(2, state) if state else None

        return Case(ops.layer_block, inputs)

    def scan(options: dict[str, Any]) -> Case:
        return Case(ops.ci8_scan, lambda: scan_inputs(dtype=dtype, **options))

    return {
        "bilinears": Case(ops.bilinears, lambda: (n(5, 4), n(3, 4, 4))),
        "bilinears, packed": Case(ops.bilinears, lambda: (n(5, 4), n(3, 4, 4), True)),
        "bilinears, complex": Case(
            ops.bilinears,
            lambda: (
                normal(3, 2, dtype=complex_dtype),
                normal(2, 2, 2, dtype=complex_dtype),
                False,
                True,
            ),
        ),
        "learned_metric": Case(ops.learned_metric, lambda: (n(3, 5), metric(), True, False)),
        "learned_metric, g": Case(ops.learned_metric, lambda: (n(3, 5), metric(), False, True)),
        "christoffel": Case(ops.christoffel, lambda: (n(3, 2), metric(), True, False)),
        "christoffel, g": Case(ops.christoffel, lambda: (n(3, 2), metric(), False, True)),
        "geodesic": Case(
            ops.geodesic, lambda: (n(3, 2), n(3, 2, seed=2), metric(), True, False, 0.5, 0.2)
        ),
        "geodesic_distance": Case(
            ops.geodesic_distance,
            lambda: (n(3, 2), n(3, 2, seed=2), metric(), True, False, *tolerances),
        ),
        "lior_kernel": Case(
            ops.lior_kernel,
            lambda: (
                raw_kernels(1, dtype)[0].detach().requires_grad_(),
                n(6).detach().abs(),
            ),
        ),
        "memory": Case(ops.memory, lambda: (n(2, 9, 2, 3), raw_kernels(dtype=dtype), 1e-6, 4096.0)),
        "associator_current": Case(ops.associator_current, lambda: (n(2, 3, 96), n(2, 8))),
        "spinor_attention": Case(
            ops.spinor_attention, lambda: (n(2, 7, 32), n(2, 7, 32, seed=2), n(2, 4), 4)
        ),
        "layer_inner, attention": layer("attention", 24, list, d_model=8, heads=2, window=4),
        "layer_inner, from a state": layer(
            "geometric_mamba", 40, lambda: [n(6, 88)], 16, d_model=6, heads=2
        ),
        "layer_inner, linear attention": layer(
            "gated_linear_attention", 40, list, 32, d_model=8, heads=2
        ),
        "layer_inner, geometric attention": layer(
            "geometric_attention", 80, lambda: [n(2, 4)], d_model=6, heads=2
        ),
        "layer_inner, swiglu": layer("swiglu_mlp", 10, list, d_model=8, hidden=5),
        "layer_inner, causal field": layer(
            "causal_field", 64, lambda: [n(1, 8), raw_kernels(1, dtype)], d_model=6, heads=1
        ),
        "layer_block, from a state": block("geometric_mamba", 16, d_model=6, heads=2),
        "layer_block, attention": block("attention", d_model=8, heads=2, window=4),
        "readout": Case(ops.readout, lambda: (n(2, 3, 8, 2), "linear_quadratic")),
        "readout, complex": Case(ops.readout, lambda: (n(2, 3, 16, 2), "invariants")),
        **{f"ci8_scan {options}": scan(options) for options in SCANS},
    }


def cases_without_gradients(dtype: torch.dtype = torch.float64) -> dict[str, Case]:
    def n(*shape: int, seed: int = 1) -> Tensor:
        return normal(*shape, dtype=dtype, grad=False, seed=seed)

    def advance() -> tuple[Any, ...]:
        raw = raw_kernels(dtype=dtype).detach()
        rows = ops.memory_start(2, 3, raw, 1e-6, 4096.0)
        held = normal(*rows.shape, grad=False)
        return n(2, 5, 2, 3), raw, held, 1e-6, 4096.0

    def compat() -> list[Tensor]:
        shapes = [(8, 4), (8,), (8, 16), (16,), (16,), (8,), (8,), (8,)]
        shapes += [(8, 8), (8,), (8, 8), (8,), (4, 8), (4,), (4,), (4,)]
        return [n(*shape, seed=i) for i, shape in enumerate(shapes)]

    return {
        "memory_advance": Case(ops.memory_advance, advance),
        "compat_mamba": Case(ops.compat_mamba, lambda: (n(2, 5, 4), n(2, 16), compat())),
        "compat_recurrence": Case(
            ops.compat_recurrence,
            lambda: (n(2, 3, 16), n(2, 16), n(8), n(8, seed=2), 1 + n(8, seed=3)),
        ),
    }


#: Sums of up to a hundred products, divided by determinants of a few: some hundred roundings of the largest number.
ROUNDINGS = 300


def error(got: Sequence[Tensor], want: Sequence[Tensor]) -> float:
    """The largest difference, over the largest number of its tensor where that is above 1; NaN where one is."""
    worst = 0.0
    for a, b in zip(got, want, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise AssertionError(f"{a.dtype} {tuple(a.shape)} beside {b.dtype} {tuple(b.shape)}")
        if b.numel() > 0:
            off = (a - b).abs().max().item() / max(1.0, b.abs().max().item())
            worst = off if off > worst or off != off else worst
    return worst


def learned(given: Sequence[Any]) -> list[Tensor]:
    """The tensors among arguments that require a gradient."""
    flat = [part for a in given for part in (a if isinstance(a, list) else [a])]
    return [part for part in flat if isinstance(part, Tensor) and part.requires_grad]


def results(op: Any, given: Sequence[Any]) -> list[Tensor]:
    """The outputs that have a meaning of their own: what a layer keeps for its way back is a kernel's affair."""
    out = op(*given)
    outs = [out] if isinstance(out, Tensor) else list(out)
    return outs[:2] if op in (ops.layer_inner, ops.layer_block) else outs


def results_and_gradients(op: Any, given: Sequence[Any]) -> tuple[list[Tensor], list[Tensor]]:
    """The outputs, and the gradients of a fixed loss with respect to all that require one."""
    outs = results(op, given)
    loss = torch.zeros((), dtype=torch.float64, device=outs[0].device)
    silent = outs[1:] if op is ops.spinor_attention else []
    for out in outs:
        if out.requires_grad and out.numel() and not any(out is s for s in silent):
            weights = torch.linspace(-1, 2, out.numel(), dtype=torch.float64, device=out.device)
            loss = loss + (out.flatten() * weights.to(out.real.dtype)).abs().sum().double()
    asked = learned(given) if loss.requires_grad else []
    gradients = torch.autograd.grad(loss, asked) if asked else ()
    return [out.detach() for out in outs], list(gradients)
