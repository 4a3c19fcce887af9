# SPDX-License-Identifier: Apache-2.0
"""Spinor bilinears, by the kernels of bilinears.cu."""

import ctypes

import torch
from torch import Tensor

from lior.torch.cuda.launch import COMPLEX, Launch, definitions_of, expect
from lior.torch.operators.define import pullback

_ARRAYS = ("bra", "psi", "gamma", "k1", "k2", "dk1", "dk2", "d_left", "d_right")


class Arguments(ctypes.Structure):
    """struct Bilinears of bilinears.cuh."""

    _fields_ = [
        *((name, ctypes.c_longlong) for name in ("points", "dimensions", "size", "packed")),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


def _bra_of(psi: Tensor, gamma: Tensor, dirac: bool) -> Tensor:
    bra = psi.conj()
    return (bra @ gamma[0] if dirac else bra).resolve_conj().contiguous()


def _pairs(d: int, packed: bool) -> tuple[int, int]:
    """Of K1 and of K2."""
    return (d * (d - 1) // 2, d * (d + 1) // 2) if packed else (d * d, d * d)


def _run(launch: Launch, name: str, threads: int, packed: bool, **arrays: Tensor) -> None:
    psi, gamma = arrays["psi"], arrays["gamma"]
    arguments = Arguments(*psi.shape[:1], *gamma.shape[:2], packed)
    parts = {name: torch.view_as_real(a) if a.is_complex() else a for name, a in arrays.items()}
    for array, tensor in parts.items():
        setattr(arguments, array, tensor.data_ptr())
    if threads > 0:
        with torch.cuda.device_of(psi):
            size = 16 if psi.is_complex() else 8
            launch("bilinears.cu", definitions_of(parts["psi"], size), name, arguments, threads)


def _inputs(psi: Tensor, gamma: Tensor, dirac: bool) -> dict[str, Tensor]:
    psi = expect("bilinears: psi", psi, psi, *psi.shape, takes=COMPLEX)
    gamma = expect("bilinears: gamma", gamma, psi, len(gamma), *psi.shape[1:] * 2, takes=COMPLEX)
    return {"bra": _bra_of(psi, gamma, dirac), "psi": psi, "gamma": gamma}


def forward(
    launch: Launch, psi: Tensor, gamma: Tensor, packed: bool, dirac: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """lior.torch.ops.bilinears."""
    given, d = _inputs(psi, gamma, dirac), len(gamma)
    k1, k2 = (psi.new_empty(len(psi), pairs) for pairs in _pairs(d, packed))
    threads = len(psi) * d * (d + 1) // 2
    _run(launch, "bilinears_forward", threads, packed, **given, k1=k1, k2=k2)
    return (given["bra"] * given["psi"]).sum(-1), k1, k2


def backward(
    launch: Launch,
    psi: Tensor,
    gamma: Tensor,
    packed: bool,
    dirac: bool,
    dk0: Tensor,
    dk1: Tensor,
    dk2: Tensor,
) -> tuple[Tensor, Tensor]:
    """lior.torch.ops.bilinears_backward."""
    given = _inputs(psi, gamma, dirac)
    bra, psi, gamma = (given[name].conj() for name in ("bra", "psi", "gamma"))
    for name, grad, pairs in zip(("dk1", "dk2"), (dk1, dk2), _pairs(len(gamma), packed)):
        shape = len(psi), pairs
        given[name] = expect(f"bilinears: {name}", grad, given["psi"], *shape, takes=COMPLEX)
    left, right = (psi.new_empty(len(psi), *gamma.shape[:2]) for _ in range(2))
    _run(launch, "bilinears_backward", left.numel(), packed, **given, d_left=left, d_right=right)
    d_gamma = torch.einsum("pi,pmk->mik", bra, left) + torch.einsum("pnk,pj->nkj", right, psi)
    d_psi = torch.einsum("nkj,pnk->pj", gamma, right) + bra * dk0[:, None]
    d_bra = torch.einsum("mik,pmk->pi", gamma, left) + psi * dk0[:, None]
    through = pullback(_bra_of, (given["psi"], given["gamma"], dirac), (d_bra,))
    return d_psi + through[0], d_gamma + through[1]
