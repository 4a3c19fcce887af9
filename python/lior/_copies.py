# SPDX-License-Identifier: Apache-2.0
"""How copy and pickle make objects of the extension again: by what they were made from."""

import copyreg
import json
from typing import Any

from lior._lior import Error
from lior._lior.geometry import Metric
from lior._lior.nn import Layer
from lior._lior.train import Config


def flat_settings(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings as Config takes them, {"model.heads": 4, ...}, of config.json's nested ones; what is absent is left out."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        elif value is not None:
            flat[prefix + key] = value
    return flat


def _metric(metric: Metric) -> tuple[type[Metric], tuple[str]]:
    if not metric.text:
        raise Error("a metric that no text makes cannot be copied or pickled")
    return Metric, (metric.text,)


def _layer(kind: str, d_model: int, layers: int, options: dict[str, Any]) -> Layer:
    return Layer(kind, d_model, layers=layers, **options)


def register() -> None:
    copyreg.pickle(Metric, _metric)
    copyreg.pickle(Config, lambda config: (Config, (flat_settings(json.loads(config.json)),)))
    copyreg.pickle(
        Layer, lambda made: (_layer, (made.kind, made.d_model, made.layers, made.options))
    )
