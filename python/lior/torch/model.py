# SPDX-License-Identifier: Apache-2.0
"""Whole models of `lior train` as torch modules, and their way into a run's folder and out of it."""

import functools
import json
import os
import pathlib
from typing import Any, Iterator, Mapping, Optional, Sequence, Union, cast, overload

import torch
from torch import Tensor, nn
from torch.utils import checkpoint

from lior import Error, io
from lior import nn as lior_nn
from lior import train as lior_train
from lior._copies import flat_settings
from lior.torch import ops
from lior.torch.layers import Layer, RmsNorm
from lior.torch.modules import (
    Device,
    Lengths,
    expect,
    fresh_seed,
    sizes_of,
    working_dtype,
)


class ShortConvolution(nn.Module):
    """x_n + sum_k weight_k x_(n-k), channel by channel, of x [B, N, D]: docs/math/conventions.md, section 11.2."""

    def __init__(
        self,
        taps: int,
        d_model: int,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(taps, d_model, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.3)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, {self.weight.shape[1]}"

    def start_state(self, x: Tensor, lengths: Lengths = None) -> Tensor:
        """Zeros [B, (taps - 1) D], or a row for each of `lengths`: the rows before the first."""
        size = (len(self.weight) - 1) * self.weight.shape[1]
        count = len(x if lengths is None else lengths)
        return x.new_zeros(count, size, dtype=working_dtype(x.dtype))

    def forward(self, x: Tensor, lengths: Lengths = None) -> Tensor:
        return self.run(x, self.start_state(x, lengths), lengths=lengths)[0]

    def run(
        self, x: Tensor, state: Tensor, spec: None = None, lengths: Lengths = None
    ) -> tuple[Tensor, Tensor]:
        """(out, the last rows of x [B, state_size]) after those of `state`; lengths: as in Layer.run."""
        expect(self, "x", x, "B", "N", self.weight.shape[1])
        if lengths is not None:
            parts = zip(x.split(sizes_of(lengths), 1), state.split(1))
            outs, ends = zip(*(self.run(part, start) for part, start in parts))
            return torch.cat(outs, 1), torch.cat(ends)
        taps = len(self.weight)
        rows = torch.cat([state.unflatten(1, (taps - 1, x.shape[2])), x.to(state.dtype)], 1)
        length = x.shape[1]
        out = x
        for k, weight in enumerate(self.weight):
            begin = taps - 1 - k
            out = out + weight * rows[:, begin : begin + length]
        return out.to(x.dtype), rows[:, length:].flatten(1)


class Block(nn.Module):
    """Of a model: its short convolution, its mixer and its SwiGLU, those that it has."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        mixer: str,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        width, layers = settings["d_model"], settings["layers"]

        def layer(kind: str) -> Layer:
            keys = lior_nn.layer_option_keys(kind)
            options = {name: settings[key] for name, key in keys.items()}
            return Layer(kind, width, dtype, device, layers=layers, **options)

        if settings["convolution"]:
            self.convolution = ShortConvolution(settings["convolution"], width, dtype, device)
        self.mixer = layer(mixer)
        if settings["mlp_hidden"]:
            self.mlp = layer("swiglu_mlp")


Settings = Union[lior_train.Config, dict[str, Any]]


def _config_of(settings: Settings) -> lior_train.Config:
    return lior_train.Config(flat_settings(settings)) if isinstance(settings, dict) else settings


class Ngrams(nn.Module):
    """Rows that the last tokens choose, added up: docs/math/conventions.md, section 11.5."""

    def __init__(
        self,
        longest: int,
        bits: int,
        d_model: int,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        self.longest, self.bits = longest, bits
        rows = (longest - 1) << bits
        self.weight = nn.Parameter(torch.empty(rows, d_model, dtype=dtype, device=device))

    def rows(self, tokens: Tensor, history: Tensor, lengths: Lengths = None) -> Tensor:
        """[B, N, longest - 1] of tokens [B, N] behind history [B, longest - 1], which holds tokens + 1, 0: none. lengths:
        as in Layer.run, with a row of history each."""
        if lengths is not None:
            parts = zip(tokens.split(sizes_of(lengths), 1), history.split(1))
            return torch.cat([self.rows(part, before) for part, before in parts], 1)
        known = torch.cat([history.long(), tokens + 1], 1)
        length, rows = tokens.shape[1], []
        for n in range(2, self.longest + 1):
            hashed = torch.zeros_like(tokens, dtype=torch.int64)
            for i in range(n):
                begin = self.longest - n + i
                hashed = ((hashed ^ known[:, begin : begin + length]) * 2654435761) & 0xFFFFFFFF
                hashed = hashed ^ (hashed >> 15)
            rows.append(((n - 2) << self.bits) + (hashed & ((1 << self.bits) - 1)))
        return torch.stack(rows, 2)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        return x + nn.functional.embedding(rows, self.weight).sum(2).to(x.dtype)


class CountScores(nn.Module):
    """What the counts of a text add to the scores: docs/math/conventions.md, section 11.7.

    `text`: a lior.train.Counts. It is no parameter: from_run, export, copies, pickles and save_pretrained take it along,
    state_dict does not. The `recent` contexts are looked for in the last `window` tokens."""

    def __init__(
        self,
        longest: int,
        recent: int,
        window: int,
        d_model: int,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        levels = longest + recent
        empty = functools.partial(torch.empty, dtype=dtype, device=device)
        self.weight = nn.Parameter(empty(levels, d_model))
        self.sureness = nn.Parameter(empty(20 * levels, levels))
        self.bias = nn.Parameter(empty(levels))
        self.longest = longest
        self.window = window
        self.text = None

    @property
    def text(self) -> Optional[lior_train.Counts]:
        return self._text

    @text.setter
    def text(self, counts: Optional[lior_train.Counts]) -> None:
        if counts is not None and counts.longest != self.longest:
            raise Error(
                f"counts are of contexts of up to {counts.longest} tokens; the model has "
                f"count_orders = {self.longest}"
            )
        self._text = counts
        self._key = None if counts is None else ops.key_of(counts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.text = self._text  # of this process

    def extra_repr(self) -> str:
        recent = len(self.bias) - self.longest
        return f"{self.longest}, {recent}, {self.window}, {self.weight.shape[1]}, text={self._text}"

    def forward(
        self,
        x: Tensor,
        tokens: Tensor,
        history: Tensor,
        places: Optional[Tensor] = None,
        lengths: Lengths = None,
    ) -> Tensor:
        """[B, N, V] of x [B, N, D]; history [B, H]: x + 1 of the tokens before these, 0: none. lengths: as in Layer.run,
        with a row of history, and a place, each."""
        if lengths is not None:
            sizes = sizes_of(lengths)
            begins = [None] * len(sizes) if places is None else places.split(1)
            parts = zip(x.split(sizes, 1), tokens.split(sizes, 1), history.split(1), begins)
            return torch.cat([self(*part) for part in parts], 1)
        if self._key is None:
            raise Error(
                f"the model counts contexts of up to {self.longest} tokens, of a text that it does not have: set "
                "model.counts.text to a lior.train.Counts"
            )
        recent = len(self.bias) - self.longest
        logarithms, rows = ops.count_logarithms(
            *(tokens, history.long(), places, self._key, x.dtype == torch.float64),
            *(recent, self.window),
        )
        sure = nn.functional.embedding(rows, self.sureness).sum(2)
        weights = nn.functional.linear(x, self.weight, self.bias) + sure
        return torch.einsum("bnk,bnkv->bnv", weights.to(logarithms.dtype), logarithms)


class Model(nn.Module):
    """A model of `lior train`: tokens [B, N] to scores [B, N, classes].

    settings: a lior.train.Config, a dict of settings as it takes them, such as {"data": "builtin:a5",
    "model.d_model": 64, "model.vocabulary": 60, "model.classes": 60}, or what a run's config.json holds. Parameters have the names of model.safetensors and
    the start values of the program. Between calls stands a state of constant size, that of lior.train.Model. With
    `gradient_checkpointing` layers keep their inputs alone, and compute the rest again on the way back."""

    gradient_checkpointing = False
    _gradient_checkpointing_func = staticmethod(
        functools.partial(checkpoint.checkpoint, use_reentrant=False)
    )

    def __init__(
        self,
        settings: Settings,
        dtype: Optional[torch.dtype] = None,
        device: Device = None,
    ) -> None:
        super().__init__()
        config = _config_of(settings)
        #: every setting, as config.json has them
        self.settings: dict[str, Any] = json.loads(config.json)
        #: how generate reads a prompt: from_run takes that of the run
        self.tokenizer = lior_train.Tokenizer()
        model = self.settings["model"]
        mixers = [name.strip() for name in model["mixers"].split(",")]
        width = model["d_model"]
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        self.embedding = nn.Embedding(model["vocabulary"], width, **place)
        self.blocks = nn.ModuleList(
            Block(model, mixers[i % len(mixers)], **place) for i in range(model["layers"])
        )
        self.norm = RmsNorm(width, **place)
        self.output = nn.Linear(width, model["classes"], **place)
        if model["tied"]:
            self.output.weight = self.embedding.weight
        ngrams = (model["ngram_orders"], model["ngram_bits"], width)
        self.ngram = Ngrams(*ngrams, **place) if model["ngram_orders"] else None
        self.ngram_output = Ngrams(*ngrams, **place) if model["ngram_output"] else None
        counted, recent, window = (
            model[key] for key in ("count_orders", "recent_orders", "recent_window")
        )
        counts = (counted, recent, window, width)
        self.counts = CountScores(*counts, **place) if counted else None
        ngram = 1 if self.ngram is None else self.ngram.longest
        #: how many of the last tokens a state holds
        self.history_size = max(ngram, counted, recent, window, 1) - 1
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start values, by torch's generator."""
        start = lior_train.Model(_config_of(self.settings))
        start.initialize(fresh_seed())
        self.load_arrays(start.parameters)

    def layers(self) -> list[Union[ShortConvolution, Layer]]:
        """All layers in their order: of each block the convolution, the mixer, the SwiGLU."""
        return [cast(Layer, layer) for block in self.blocks for layer in block.children()]

    @torch.no_grad()
    def load_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Takes values by the names of model.safetensors; all of them, and no others."""
        own = dict(self.named_parameters())
        if own.keys() != arrays.keys():
            raise Error(f"tensors differ by {sorted(own.keys() ^ arrays.keys())}")
        for name, parameter in own.items():
            parameter.copy_(torch.from_numpy(arrays[name]))

    def _start_states(self, batch: int) -> list[Tensor]:
        like = self.norm.weight.new_empty(batch, 0)
        states = [layer.start_state(like) for layer in self.layers()]
        return [*states, like.new_zeros(batch, self.history_size, dtype=torch.float32)]

    def start_state(self, tokens: Tensor, lengths: Lengths = None) -> Tensor:
        """The state before the first token of tokens [B, N], or of each of `lengths`: [B, state_size]."""
        return torch.cat(self._start_states(len(tokens if lengths is None else lengths)), 1)

    def _embedded(
        self, tokens: Tensor, history: Tensor, lengths: Lengths
    ) -> tuple[Tensor, Optional[Tensor]]:
        """(x, the rows of its n-grams) of tokens behind history, which a model without n-grams does not read."""
        x = self.embedding(tokens)
        if self.ngram is None:
            return x, None
        begin = history.shape[1] + 1 - self.ngram.longest
        rows = self.ngram.rows(tokens, history[:, begin:], lengths)
        return self.ngram(x, rows), rows

    def _scores(
        self,
        x: Tensor,
        rows: Optional[Tensor],
        tokens: Tensor,
        history: Tensor,
        places: Optional[Tensor],
        lengths: Lengths,
    ) -> Tensor:
        x = self.norm(x if self.ngram_output is None else self.ngram_output(x, rows))
        scores: Tensor = self.output(x)
        if self.counts is None:
            return scores
        of_counts: Tensor = self.counts(x, tokens, history, places, lengths)
        return scores + of_counts.to(scores.dtype)

    def run(self, tokens: Tensor, state: Tensor, lengths: Lengths = None) -> tuple[Tensor, Tensor]:
        """(scores [B, N, classes], the last state) of tokens that come after what `state` holds; lengths: as in forward,
        with a state each. Gradients of states are those of the layers: most kinds have none."""
        self._check(tokens, lengths)
        sizes = [part.shape[1] for part in self._start_states(1)]
        count = len(tokens if lengths is None else lengths)
        expect(self, "state", state, count, sum(sizes))
        *parts, history = state.split(sizes, 1)
        (x, rows), ends = self._embedded(tokens, history, lengths), []
        packed = () if lengths is None else (lengths,)
        for layer, part in zip(self.layers(), parts):
            x, end = (
                layer.run(x, part, None, lengths) if part.shape[1] else (layer(x, *packed), part)
            )
            ends.append(end)
        ends.append(self._remembered(tokens, history, lengths))
        return self._scores(x, rows, tokens, history, None, lengths), torch.cat(ends, 1)

    def _check(self, tokens: Tensor, lengths: Lengths) -> None:
        if lengths is None:
            expect(self, "tokens", tokens, "B", "N")
        else:
            expect(self, "tokens", tokens, 1, sum(sizes_of(lengths)))

    def _remembered(self, tokens: Tensor, history: Tensor, lengths: Lengths) -> Tensor:
        """The history after these tokens."""
        if lengths is not None:
            parts = zip(tokens.split(sizes_of(lengths), 1), history.split(1))
            return torch.cat([self._remembered(part, before, None) for part, before in parts])
        return torch.cat([history, tokens + 1], 1)[:, tokens.shape[1] :]

    def forward(
        self, tokens: Tensor, places: Optional[Tensor] = None, lengths: Lengths = None
    ) -> Tensor:
        """lengths: of sequences that lie one behind another in tokens [1, R], R in all (of cu_seqlens: its diff()); each is
        scored as if it were alone. places [B]: of a model with counts that learns from the text that it counts, where each sequence begins there
        (lior.train.Data.training_places): its counts then lack that part of the text, as they will lack a new one."""
        self._check(tokens, lengths)
        count = len(tokens if lengths is None else lengths)
        history = tokens.new_zeros(count, self.history_size)
        x, rows = self._embedded(tokens, history, lengths)
        packed = () if lengths is None else (lengths,)
        for layer in self.layers():
            if self.gradient_checkpointing and self.training:
                x = self._gradient_checkpointing_func(layer, x, *packed)
            else:
                x = layer(x, *packed)
        return self._scores(x, rows, tokens, history, places, lengths)

    @torch.no_grad()
    def step(self, tokens: Tensor, state: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """(scores, state) of tokens [B, n] after what `state` (None: nothing) holds: any split of a sequence into steps
        gives forward's result, in time and memory that do not grow."""
        return self.run(tokens, self.start_state(tokens) if state is None else state)

    @overload
    def generate(
        self,
        prompt: str,
        *,
        max_tokens: int = ...,
        temperature: float = ...,
        top_k: int = ...,
        top_p: float = ...,
        generator: Optional[torch.Generator] = ...,
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
        generator: Optional[torch.Generator] = ...,
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
        generator: Optional[torch.Generator] = ...,
    ) -> Iterator[int]: ...
    def generate(
        self,
        prompt: Union[str, bytes, Sequence[int]],
        *,
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        generator: Optional[torch.Generator] = None,
    ) -> Union[Iterator[str], Iterator[bytes], Iterator[int]]:
        """Goes on from the prompt, as lior.load(folder).generate, with torch's random numbers (of `generator`)."""

        def drawn(tokens: Sequence[int]) -> Iterator[int]:
            if not tokens:
                raise Error("nothing to go on from: a prompt needs at least one token")
            place = self.norm.weight.device
            scores, state = self.step(torch.tensor([tokens], device=place))
            for _ in range(max_tokens):
                token = draw(scores[0, -1], temperature, top_k, top_p, generator)
                yield int(token)
                scores, state = self.step(token.view(1, 1), state)

        return lior_train.continued(prompt, self.tokenizer, max_tokens, drawn)


def draw(
    scores: Tensor,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: Optional[torch.Generator] = None,
) -> Tensor:
    """A token by its scores [classes]. temperature 0: the likeliest; top_k: of so many (0: all); top_p: of the
    likeliest that hold so much."""
    if temperature == 0:
        return scores.argmax()
    ordered, order = torch.sort(scores.double() / temperature, descending=True, stable=True)
    if top_k > 0:
        ordered = ordered[:top_k]
    weights = torch.softmax(ordered, 0)
    weights = weights * (weights.cumsum(0) - weights < top_p)
    return order[torch.multinomial(weights, 1, generator=generator)[0]]


Folder = Union[str, "os.PathLike[str]"]


def from_run(
    folder: Folder,
    weights: str = "best",
    dtype: Optional[torch.dtype] = None,
    device: Device = None,
) -> Model:
    """The model that `lior train --out FOLDER` made. weights: as in lior.load."""
    config, trained = lior_train.load_model(pathlib.Path(folder), weights)
    model = Model(config, dtype, device)
    model.load_arrays(trained.parameters)
    if model.counts is not None:
        model.counts.text = trained.counts
    model.tokenizer = lior_train.Tokenizer(config.tokenizer, folder)
    return model


def export(model: Model, folder: Folder) -> None:
    """Writes what from_run, lior.load and the program's `eval` and `generate` open: config.json, model.safetensors, in
    float32, and what the model has of tokenizer and counts. The folder is made, and may hold no run."""
    folder = pathlib.Path(folder)
    counts = None if model.counts is None else model.counts.text
    if model.counts is not None and counts is None:
        raise Error("the model has no counts of a text yet: set model.counts.text")
    for name in ("optimizer.safetensors", "best.safetensors", "metrics.jsonl"):
        if (folder / name).exists():
            raise Error(f"{folder} holds a run ({name}); export into a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.settings, indent=2) + "\n")
    model.tokenizer.write(folder)
    if counts is not None:
        counts.write(folder)
    tensors = {
        name: parameter.detach().float().cpu().contiguous().numpy()
        for name, parameter in model.named_parameters()
    }
    io.write_safetensors(str(folder / "model.safetensors"), tensors)
