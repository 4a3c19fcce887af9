# SPDX-License-Identifier: Apache-2.0
"""Models that the program trained, and the parts of its training loop.

model = lior.load("run")
print("".join(model.generate("In the beginning ", max_tokens=200)))
"""

import json
import pathlib
from typing import Iterator, Union

import numpy

from lior._lior import Error
from lior._lior.train import (
    Config,
    Curriculum,
    Data,
    Decoder,
    Generator,
    LossResult,
    Model,
    Optimizer,
    crystallise,
    encode,
    evaluate,
    load_model,
    schedule_factor,
)

__all__ = [
    "Config",
    "Curriculum",
    "Data",
    "Decoder",
    "Generator",
    "LossResult",
    "Model",
    "Optimizer",
    "TrainedModel",
    "crystallise",
    "encode",
    "evaluate",
    "load_model",
    "schedule_factor",
]


class TrainedModel:
    """The model in a run's folder, with the settings of its run.

    weights: "best", those of the best val (where a run on a text has them), or "last". Its numbers
    are the program's to the last bit, for equal threads, batch and SIMD level.
    """

    def __init__(self, folder, weights="best"):
        self.config, self.model = load_model(pathlib.Path(folder), weights)
        #: every setting, as config.json has them
        self.settings = json.loads((pathlib.Path(folder) / "config.json").read_text())

    def __reduce__(self):
        """Copies and pickles hold the settings and the parameters, and need no folder."""
        return _trained, (self.config, self.settings, dict(self.model.parameters))

    def logits(self, tokens, state=None) -> numpy.ndarray:
        """Scores after the last token (B, classes) of tokens: (B, N), as Model.logits."""
        return self.model.logits(tokens, state)

    def evaluate(self, data, **options) -> dict:
        """The numbers that `lior eval` prints: `data` is a name or a Data; options are train.evaluate's."""
        if not isinstance(data, Data):
            data = Data(str(data), self.config.val_fraction, self.config.tokenizer)
        return evaluate(self.model, data, **{"length": self.config.length, **options})

    def generate(
        self,
        prompt,
        *,
        max_tokens=256,
        temperature=0.8,
        top_k=0,
        top_p=1.0,
        min_p=0.0,
        repetition_penalty=1.0,
        seed=0,
    ) -> Iterator[Union[str, bytes, int]]:
        """Goes on from the prompt, piece by piece, in memory that does not grow.

        A str gives str (bytes that are no UTF-8 become U+FFFD), bytes give bytes, a sequence of
        token numbers gives numbers. The bytes are those of `lior generate --raw` with the
        same options.
        """
        sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        sampling["repetition_penalty"] = repetition_penalty

        def drawn(tokens):
            generator = Generator(self.model, **sampling, seed=seed)
            generator.read(numpy.array(tokens, numpy.int32))
            return (generator.next() for _ in range(max_tokens))

        return continued(prompt, self.config.tokenizer, max_tokens, drawn)


def _trained(config, settings, parameters) -> TrainedModel:
    made = TrainedModel.__new__(TrainedModel)
    made.config, made.settings, made.model = config, settings, Model(config)
    for name, array in made.model.parameters.items():
        array[...] = parameters[name]
    return made


def continued(prompt, tokenizer, max_tokens, drawn) -> Iterator[Union[str, bytes, int]]:
    """The pieces of drawn(tokens of the prompt), an iterator of tokens, in the prompt's own form."""
    if max_tokens < 0:
        raise Error(f"max_tokens is {max_tokens}; it must be at least 0")
    if not isinstance(prompt, (str, bytes)):
        return drawn(list(prompt))
    text = prompt.encode() if isinstance(prompt, str) else prompt
    decoder = Decoder(tokenizer, raw=isinstance(prompt, bytes))
    pieces = _pieces(drawn(encode(tokenizer, text)), decoder)
    return pieces if isinstance(prompt, bytes) else (piece.decode() for piece in pieces)


def _pieces(tokens, decoder) -> Iterator[bytes]:
    for token in tokens:
        if piece := decoder.push(token):
            yield piece
    if piece := decoder.finish():
        yield piece
