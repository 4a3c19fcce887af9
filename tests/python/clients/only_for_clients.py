# SPDX-License-Identifier: Apache-2.0
"""Tests in this folder use lior.torch as other packages do; these are large, so `make clients` alone runs them."""

import os

import pytest

if "LIOR_CLIENTS" not in os.environ:
    pytest.skip("make clients runs it", allow_module_level=True)

SIZES = {
    "d_model": 16,
    "layers": 2,
    "heads": 2,
    "convolution": 3,
    "mlp_hidden": 12,
    "vocabulary": 32,
    "classes": 32,
    "mixers": "geometric_mamba,attention",
    "attention_heads": 2,
    "attention_window": 6,
}
SETTINGS = {"data": "text.txt", **{f"model.{key}": value for key, value in SIZES.items()}}


def small_model(seed=1, **more):
    """A model of both kinds of state, whose scores are not all zero."""
    import lior.torch as lt
    import torch

    torch.manual_seed(seed)
    model = lt.Model({**SETTINGS, **more})
    torch.nn.init.normal_(model.output.weight, std=0.3)
    return model


def tokens_of(batch=2, length=10):
    """Sequences that count up from random starts: the next token follows from the last."""
    import torch

    starts = torch.randint(32, (batch, 1), generator=torch.Generator().manual_seed(3))
    return (starts + torch.arange(length)) % 32
