# SPDX-License-Identifier: Apache-2.0
"""Small models of every kind, for the tests that go over all."""

import lior
import lior.torch as lt
import torch

SIZES = {"d_model": 16, "layers": 2, "mlp_hidden": 12, "vocabulary": 11, "classes": 11}
BYTES = {"vocabulary": 256, "classes": 256}  # counts are of a text
MODELS = {
    "defaults": {"heads": 2},
    "convolution, tied": {"heads": 2, "convolution": 3, "tied": True},
    "complex": {
        "heads": 2,
        "complex_state": True,
        "phase": True,
        "rotation": True,
        "transition": "two_sided",
        "readout": "invariants",
    },
    "n-grams": {"heads": 2, "ngram_orders": 4, "ngram_bits": 5, "ngram_output": True},
    "counts": {"heads": 2, "count_orders": 3, **BYTES},
    "counts, recent": {"heads": 2, "count_orders": 3, "recent_orders": 5, **BYTES},
    "counts, window": {
        "heads": 2,
        "count_orders": 3,
        "recent_orders": 3,
        "recent_window": 3,  # of 9 tokens: those that come again do so in it and before it
        **BYTES,
    },
    "counts, n-grams": {"heads": 2, "count_orders": 3, "ngram_orders": 6, "ngram_bits": 5, **BYTES},
    "no gates": {"heads": 2, "gates": False, "mlp_hidden": 0},
    "every mixer": {
        "layers": 5,
        "mixers": "geometric_mamba,causal_field,geometric_attention,attention,gated_linear_attention",
        "heads": 2,
        "causal_field_heads": 2,
        "geometric_attention_heads": 2,
        "attention_heads": 2,
        "linear_attention_heads": 2,
        "attention_window": 6,
    },
}

#: A layer of each kind, of width 16: its options.
LAYERS = {
    "geometric_mamba": {"heads": 2},
    "causal_field": {"heads": 2},
    "geometric_attention": {"heads": 2, "window": 4},
    "attention": {"heads": 2, "window": 4},
    "gated_linear_attention": {"heads": 2},
    "swiglu_mlp": {"hidden": 12},
}


def settings_of(name, **more):
    model = {**SIZES, **MODELS[name]}
    return {"data": "text.txt", **{f"model.{k}": v for k, v in model.items()}, **more}


def model_of(name, data):
    """Parameters that start as 0 are random; counts are of `data`."""
    torch.manual_seed(1)
    made = lt.Model(settings_of(name))
    torch.nn.init.normal_(made.output.weight, std=0.3)
    for name, parameter in made.named_parameters():
        if name.startswith(("ngram", "counts")):
            torch.nn.init.normal_(parameter, std=0.3)
    if made.counts is not None:
        made.counts.text = lior.train.Counts(data, 3)
    return made
