# SPDX-License-Identifier: Apache-2.0
"""Models that the program trained, and the parts of its training loop.

model = lior.load("run")
print("".join(model.generate("In the beginning ", max_tokens=200)))
"""

import json
import os
import pathlib
from typing import Any, Callable, Iterator, Sequence, overload

import numpy

from lior._lior import Error
from lior._lior.train import (
    Config,
    Counts,
    Curriculum,
    Data,
    Decoder,
    Generator,
    LossResult,
    Model,
    Optimizer,
    Tokenizer,
    crystallise,
    encode,
    evaluate,
    learn_longer_words,
    load_model,
    schedule_factor,
)
from lior.typing import ArrayLike, NDArray

__all__ = [
    "Config",
    "Counts",
    "Curriculum",
    "Data",
    "Decoder",
    "Generator",
    "LossResult",
    "Model",
    "Optimizer",
    "Tokenizer",
    "TrainedModel",
    "crystallise",
    "encode",
    "evaluate",
    "learn_longer_words",
    "load_model",
    "schedule_factor",
]


class TrainedModel:
    """The model in a run's folder, with the settings of its run.

    weights: "best", those of the best val (where a run on a text has them), or "last". Its numbers
    are the program's to the last bit, for equal threads, batch and SIMD level.
    """

    def __init__(self, folder: str | os.PathLike[str], weights: str = "best") -> None:
        self.config, self.model = load_model(pathlib.Path(folder), weights)
        #: every setting, as config.json has them
        self.settings: dict[str, Any] = json.loads(
            (pathlib.Path(folder) / "config.json").read_text()
        )
        self.tokenizer = Tokenizer(self.config.tokenizer, folder)
        self._folder = folder

    def __repr__(self) -> str:
        return f"TrainedModel({self.config!r}, {self.model!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the settings and the parameters, and need no folder."""
        return _trained, (
            self.config,
            self.settings,
            self.tokenizer,
            dict(self.model.parameters),
            self.model.counts,
        )

    def logits(
        self,
        tokens: ArrayLike,
        state: NDArray | None = None,
        *,
        lengths: ArrayLike | None = None,
    ) -> NDArray:
        """Scores after the last token (B, classes) of tokens: (B, N), as Model.logits."""
        return self.model.logits(tokens, state, lengths=lengths)

    def evaluate(self, data: Any, **options: Any) -> dict[str, Any]:
        """The numbers that `lior eval` prints: `data` is a Data, or what one takes, read as the run's own was; options
        are train.evaluate's."""
        if not isinstance(data, Data):
            config = self.config
            how = {"pattern": config.pattern, "field": config.field, "separator": config.separator}
            data = Data(data, config.val_fraction, self.tokenizer, cache=self._folder, **how)
        return evaluate(self.model, data, **{"length": self.config.length, **options})

    @overload
    def generate(
        self,
        prompt: str,
        *,
        max_tokens: int = ...,
        temperature: float = ...,
        top_k: int = ...,
        top_p: float = ...,
        min_p: float = ...,
        repetition_penalty: float = ...,
        seed: int = ...,
    ) -> Iterator[str]: ...
    @overload
    def generate(  # type: ignore[overload-overlap]
        self,
        prompt: bytes,
        *,
        max_tokens: int = ...,
        temperature: float = ...,
        top_k: int = ...,
        top_p: float = ...,
        min_p: float = ...,
        repetition_penalty: float = ...,
        seed: int = ...,
    ) -> Iterator[bytes]: ...
    @overload
    def generate(
        self,
        prompt: Sequence[int],
        *,
        max_tokens: int = ...,
        temperature: float = ...,
        top_k: int = ...,
        top_p: float = ...,
        min_p: float = ...,
        repetition_penalty: float = ...,
        seed: int = ...,
    ) -> Iterator[int]: ...
    def generate(
        self,
        prompt: str | bytes | Sequence[int],
        *,
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
    ) -> Iterator[str] | Iterator[bytes] | Iterator[int]:
        """Goes on from the prompt, piece by piece, in memory that does not grow.

        A str gives str (bytes that are no UTF-8 become U+FFFD), bytes give bytes, a sequence of
        token numbers gives numbers. The bytes are those of `lior generate --raw` with the
        same options.
        """

        def drawn(tokens: Sequence[int]) -> Iterator[int]:
            generator = Generator(
                self.model,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                min_p=min_p,
                repetition_penalty=repetition_penalty,
                seed=seed,
            )
            generator.read(numpy.array(tokens, numpy.int32))
            return (generator.next() for _ in range(max_tokens))

        return continued(prompt, self.tokenizer, max_tokens, drawn)


def _trained(
    config: Config,
    settings: dict[str, Any],
    tokenizer: Tokenizer,
    parameters: dict[str, NDArray],
    counts: Counts | None,
) -> TrainedModel:
    made = TrainedModel.__new__(TrainedModel)
    made.config, made.settings, made.model = config, settings, Model(config)
    made.tokenizer, made._folder = tokenizer, ""
    for name, array in made.model.parameters.items():
        array[...] = parameters[name]
    if counts is not None:
        made.model.counts = counts
    return made


def continued(
    prompt: str | bytes | Sequence[int],
    tokenizer: Tokenizer,
    max_tokens: int,
    drawn: Callable[[Sequence[int]], Iterator[int]],
) -> Iterator[str] | Iterator[bytes] | Iterator[int]:
    """The pieces of drawn(tokens of the prompt), an iterator of tokens, in the prompt's own form."""
    if max_tokens < 0:
        raise Error(f"max_tokens is {max_tokens}; it must be at least 0")
    if not isinstance(prompt, (str, bytes)):
        return drawn(list(prompt))
    text = prompt.encode() if isinstance(prompt, str) else prompt
    decoder = Decoder(tokenizer, raw=isinstance(prompt, bytes))
    pieces = _pieces(drawn(encode(tokenizer, text)), decoder)
    return pieces if isinstance(prompt, bytes) else (piece.decode() for piece in pieces)


def _pieces(tokens: Iterator[int], decoder: Decoder) -> Iterator[bytes]:
    for token in tokens:
        if piece := decoder.push(token):
            yield piece
    if piece := decoder.finish():
        yield piece
