# SPDX-License-Identifier: Apache-2.0
"""Whether a GPU computes what the processor does, and how fast: one JSON object on standard output.

    python -m lior.torch.check_gpu                 # the GPU, in a few minutes
    python -m lior.torch.check_gpu --kernels       # by the kernels of lior.torch.cuda, where there are
    python -m lior.torch.check_gpu --device cpu    # the same, what a GPU would compute on the processor (ops.plain_forms)

Status 0: all within its tolerance; 1: not, or there is no GPU, which one line says; 2: wrong arguments.
"""

import argparse
import contextlib
import functools
import json
import math
import statistics
import sys
import time
from typing import Any, Callable, ContextManager, NamedTuple, Sequence

import torch
from torch import Tensor

import lior
from lior.torch import cuda, ops
from lior.torch.cases import (
    ROUNDINGS,
    Case,
    cases,
    cases_without_gradients,
    error,
    metric_parameters,
    normal,
    raw_kernels,
    results_and_gradients,
    scan_inputs,
)
from lior.torch.model import Model
from lior.torch.optim import LIoROptimizer

_PATIENCE = 150.0  # seconds; what has not begun to be timed by then is left out


class Place(NamedTuple):
    """Where what is checked is computed."""

    device: str
    name: str
    forms: Callable[[], ContextManager[None]]  # what operators are, while it is computed

    def take(self, value: Any) -> Any:
        """Arguments there, which require the gradients that these do."""
        if isinstance(value, (list, tuple)):
            return type(value)(self.take(item) for item in value)
        if not isinstance(value, Tensor):
            return value
        return value.detach().clone().to(self.device).requires_grad_(value.requires_grad)

    def wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


PROCESSOR = Place("cpu", "cpu, kernels", contextlib.nullcontext)


def place_of(device: str, by_kernels: bool) -> Place:
    if device == "cpu":
        return Place("cpu", "cpu, plain forms", ops.plain_forms)
    forms = cuda.kernels if by_kernels else contextlib.nullcontext
    return Place("cuda", torch.cuda.get_device_name(), forms)


def _number(value: float) -> float | str:
    """JSON has no NaN."""
    return value if math.isfinite(value) else str(value)


def compared(case: Case, place: Place, dtype: torch.dtype) -> dict[str, Any]:
    """How far values and gradients there are from the processor's."""
    given = case.inputs()
    values, gradients = results_and_gradients(case.op, given)
    with place.forms():
        got = results_and_gradients(case.op, place.take(given))
    off = [
        error([part.cpu() for part in there], here)
        for there, here in zip(got, (values, gradients), strict=True)
    ]
    tolerance = ROUNDINGS * torch.finfo(dtype).eps
    return {
        "value_error": _number(off[0]),
        "gradient_error": _number(off[1]) if gradients else None,
        "tolerance": tolerance,
        "ok": all(part <= tolerance for part in off),
    }


def refused(case: Case, place: Place) -> dict[str, Any]:
    """What has no plain form must say so."""
    try:
        with place.forms():
            case.op(*place.take(case.inputs()))
    except RuntimeError as refusal:
        return {"refused": str(refusal), "ok": "runs on the processor" in str(refusal)}
    return {"refused": None, "ok": False}


def operators(place: Place, quick: bool) -> list[dict[str, Any]]:
    rows = []
    for dtype in (torch.float32,) if quick else (torch.float32, torch.float64):
        for name, case in {**cases(dtype), **cases_without_gradients(dtype)}.items():
            row = refused(case, place) if case.op.plain is None else compared(case, place, dtype)
            rows.append({"name": name, "dtype": str(dtype).removeprefix("torch."), **row})
    return rows


MIXERS = "geometric_mamba,causal_field,geometric_attention,attention,gated_linear_attention"


def tiny_model() -> Model:
    """A layer of every kind."""
    model = {"d_model": 16, "layers": 5, "mlp_hidden": 12, "vocabulary": 11, "classes": 11}
    heads = {"heads": 2, "attention_window": 6, "mixers": MIXERS}
    for kind in ("causal_field", "geometric_attention", "attention", "linear_attention"):
        heads[f"{kind}_heads"] = 2
    torch.manual_seed(1)
    settings = {f"model.{key}": value for key, value in {**model, **heads}.items()}
    return Model({"data": "builtin:a5", **settings})


def losses_of(place: Place, steps: int) -> list[float]:
    """Of a training on one small batch, half of its steps by AdamW and half by LIoR."""
    model = tiny_model().to(place.device)
    tokens = place.take(torch.arange(128).remainder(11).view(4, 32))
    parameters = list(model.parameters())
    optimizers = torch.optim.AdamW(parameters, 1e-2), LIoROptimizer(parameters, 1e-1)
    losses = []
    with place.forms():
        for step in range(steps):
            scores = model(tokens)
            loss = torch.nn.functional.cross_entropy(
                scores[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
            )
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            optimizers[step % 2].step()
            losses.append(loss.item())
    return losses


_PER_STEP = 1e-4


def training(place: Place, steps: int) -> dict[str, Any]:
    """A tiny model's losses there beside the processor's. Steps multiply what rounding leaves; 20 of them
    were 1e-6 apart on the processor."""
    here, there = (losses_of(at, steps) for at in (PROCESSOR, place))
    off = [abs(a - b) / abs(a) for a, b in zip(here, there)]
    return {
        "cpu": list(map(_number, here)),
        "device": list(map(_number, there)),
        "error": list(map(_number, off)),
        "tolerance": _PER_STEP,
        "ok": all(error <= _PER_STEP for error in off),
    }


def work(quick: bool) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """What is timed: forward and backward of calls of the size of real ones."""
    n = 8 if quick else 1
    real = torch.float32

    def of(*shape: int) -> Tensor:
        return normal(*shape, dtype=real)

    return {
        "ci8_scan [8, 1024], 12 heads": (
            ops.ci8_scan,
            scan_inputs(8 // n, 1024 // n, 12, dtype=real),
        ),
        "readout [8, 1024], 12 heads": (ops.readout, (of(8 // n, 1024 // n, 8, 12),)),
        "memory [8, 4096], 8 heads of 16": (
            ops.memory,
            (of(8 // n, 4096 // n, 8, 16), raw_kernels(8, real)),
        ),
        "spinor_attention [8, 1024], 8 heads": (
            ops.spinor_attention,
            (of(8 // n, 1024 // n, 128), of(8 // n, 1024 // n, 128), of(8, 4).mul(0.1)),
        ),
        "bilinears, 65,536 spinors of 8, d = 4": (
            ops.bilinears,
            (of(65536 // n, 8), of(4, 8, 8)),
        ),
        "christoffel, 16,384 points, d = 8": (
            ops.christoffel,
            (of(8, 16384 // n), metric_parameters(8, 16, real), True, False),
        ),
    }


def milliseconds(call: Callable[[], Any], place: Place, repeats: int) -> float:
    """The median; a call before them is not counted."""
    took = []
    with place.forms():
        for _ in range(1 + repeats):
            place.wait()
            begin = time.perf_counter()
            call()
            place.wait()
            took.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(took[1:])


def times(place: Place, quick: bool, until: float) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, (op, given) in work(quick).items():
        if time.monotonic() > until:
            rows.append({"name": name, "left_out": "time was up"})
            continue
        took = []
        for at in (PROCESSOR, place):
            call = functools.partial(results_and_gradients, op, at.take(given))
            took.append(milliseconds(call, at, 1 if quick else 5))
        rows.append({"name": name, "cpu_ms": took[0], "device_ms": took[1]})
    return rows


def report(place: Place, quick: bool) -> dict[str, Any]:
    begin = time.monotonic()
    found: dict[str, Any] = {
        "device": place.name,
        "kernels": place.forms is cuda.kernels,
        "lior": lior.__version__,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "processor_threads": torch.get_num_threads(),
        "operators": operators(place, quick),
        "training": training(place, 4 if quick else 20),
    }
    found["times_of"] = (
        "forward and backward, milliseconds; " + ("a 64th" if quick else "all") + " of the numbers"
    )
    found["times"] = times(place, quick, begin + _PATIENCE)
    found["seconds"] = time.monotonic() - begin
    found["ok"] = found["training"]["ok"] and all(row["ok"] for row in found["operators"])
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lior.torch.check_gpu", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--device",
        choices=["cuda", "cpu"],
        default="cuda",
        help="cpu: what a GPU would compute, on the processor",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, few steps")
    parser.add_argument("--kernels", action="store_true", help="by lior.torch.cuda's, of a GPU")
    asked = parser.parse_args(arguments)
    if asked.kernels and asked.device == "cpu":
        parser.error(
            "--kernels run on a GPU alone; tests/python/test_torch_cuda.py has them on the processor"
        )
    if asked.device == "cuda" and not torch.cuda.is_available():
        print(
            f"check_gpu: torch {torch.__version__} sees no CUDA device; --device cpu checks what one would compute",
            file=sys.stderr,
        )
        return 1
    found = report(place_of(asked.device, asked.kernels), asked.quick)
    json.dump(found, sys.stdout, indent=1)
    print()
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
