# SPDX-License-Identifier: Apache-2.0
"""How copy and pickle make objects of the extension again: by what they were made from."""

import copyreg
import json
import pathlib
import tempfile
from typing import Any

from lior._lior import Error
from lior._lior.geometry import Metric
from lior._lior.nn import Layer
from lior._lior.train import Config, Counts


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


def _counts(longest: int, vocabulary: int, file: bytes) -> Counts:
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "counts.safetensors").write_bytes(file)
        return Counts.read(folder, longest, vocabulary)


def _counts_as_file(made: Counts) -> tuple[Any, ...]:
    with tempfile.TemporaryDirectory() as folder:
        made.write(folder)
        file = (pathlib.Path(folder) / "counts.safetensors").read_bytes()
    return _counts, (made.longest, made.vocabulary, file)


def register() -> None:
    copyreg.pickle(Metric, _metric)
    copyreg.pickle(Config, lambda config: (Config, (flat_settings(json.loads(config.json)),)))
    copyreg.pickle(Counts, _counts_as_file)
    copyreg.pickle(
        Layer, lambda made: (_layer, (made.kind, made.d_model, made.layers, made.options))
    )
