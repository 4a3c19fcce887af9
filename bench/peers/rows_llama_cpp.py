# SPDX-License-Identifier: Apache-2.0
"""Beside llama.cpp on the processor: state-space models that read and go on, a transformer that learns.

They are other models than ours, so scores and losses are not compared with ours but with the formula in torch, token by
token. Equal are parameters (within 5 %), layers, bytes as tokens, float32, threads, the likeliest token each time. Not
equal: a token costs llama.cpp a graph of operators and a choice among candidates; its wheel is built for AVX2."""

import functools
import math

import lior.train
import numpy as np
import peer_mamba
import peer_models
import torch
from harness import row
from rows_model import our_model, program_step, torch_step
from torch.nn import functional as F

SHAPES = {"tiny": (192, 2), "small": (448, 4)}  # width and layers of as many parameters
NAMES = {"mamba": "llama.cpp, Mamba", "mamba2": "llama.cpp, Mamba-2"}
PROMPT = np.random.default_rng(10).integers(0, 256, 512, dtype=np.int32)  # llama.cpp's own context
TOLERANCE = 1e-5  # of scores, and of tokens: the same ones


class Loop:
    """A model in torch, a token a step."""

    def __init__(self, model):
        self.model, self.states, self.scores = model, model.start(), None

    @torch.inference_mode()
    def read(self, tokens):
        for token in tokens:
            self.scores, self.states = self.model.step(int(token), self.states)
        return self.scores

    def go_on(self, count):
        said = []
        for _ in range(count):
            said.append(int(self.scores.argmax()))
            self.read(said[-1:])
        return torch.tensor(said), self.scores


def as_large(architecture, preset, ours):
    """A state-space model of as many parameters as ours, always of the same start values."""
    torch.manual_seed(1)
    made = peer_mamba.Model(architecture, *SHAPES[preset])
    parameters, wanted = peer_models.count(made), sum(p.size for p in ours.parameters.values())
    if abs(parameters / wanted - 1) > 0.05:
        raise ValueError(f"{architecture} has {parameters} parameters, ours {wanted}")
    return made


def llama_cpp_sides(r, preset, ours, work):
    """llama.cpp's two architectures: `work(machine)` of its stream, compared with that of the loop."""

    def stream(architecture):
        from peer_llama_cpp import Stream

        return work(Stream(as_large(architecture, preset, ours)))

    def loop(architecture):
        return work(Loop(as_large(architecture, preset, ours)))()

    for architecture, name in NAMES.items():
        build, reference = (functools.partial(f, architecture) for f in (stream, loop))
        r.attempt(name, build, TOLERANCE, reference)


def generation_row(r, preset, count=32):
    _, ours = our_model(preset)
    generator = lior.train.Generator(ours, temperature=0.0)
    generator.read(PROMPT[:16])

    def work(machine):
        machine.read(PROMPT[:16])
        return lambda: machine.go_on(count)

    loop = lambda: work(Loop(as_large("mamba", preset, ours)))
    r.ours(lambda: torch.tensor([generator.next() for _ in range(count)]))
    llama_cpp_sides(r, preset, ours, work)
    r.attempt("mambapy, a token a step", loop, TOLERANCE, lambda: loop()())


def reading_row(r, preset):
    """A prompt at once, after what was read before; mambapy's, which has no state for that, from the start."""
    _, ours = our_model(preset)
    generator = lior.train.Generator(ours, temperature=0.0)

    def read():
        generator.read(PROMPT)
        return torch.zeros(256)  # the program's generator keeps its scores

    def at_once():
        model = as_large("mamba", preset, ours)
        return torch.inference_mode()(lambda: model.at_once(torch.from_numpy(PROMPT)))

    loop = lambda: Loop(as_large("mamba", preset, ours)).read(PROMPT)
    r.ours(read)
    llama_cpp_sides(r, preset, ours, lambda machine: lambda: machine.read(PROMPT))
    r.attempt("mambapy, parallel scan", at_once, TOLERANCE, loop)


# Asked at one thread: run.py --threads 1.
@row("mamba.generate.tiny", shape="32 tokens, one stream, 0.6 M parameters")
def _(r):
    generation_row(r, "tiny")


@row("mamba.generate.small", shape="32 tokens, one stream, 5 M parameters")
def _(r):
    generation_row(r, "small")


@row("mamba.read.tiny", shape="512 tokens of a prompt, 0.6 M parameters")
def _(r):
    reading_row(r, "tiny")


@row("mamba.read.small", shape="512 tokens of a prompt, 5 M parameters")
def _(r):
    reading_row(r, "small")


class Transformer(peer_models.Transformer):
    """quality.py's transformer without the last bias, which llama.cpp's architecture `llama` has not, and its GGUF."""

    architecture = "llama"

    def __init__(self, width, hidden, layers, heads=4):
        super().__init__(256, 256, width, hidden, layers, heads)
        self.width, self.hidden, self.heads = width, hidden, heads
        self.output = torch.nn.Linear(width, 256, bias=False)

    def settings(self):
        return {
            "context_length": 4096,
            "embedding_length": self.width,
            "feed_forward_length": self.hidden,
            "block_count": len(self.blocks) // 2,
            "head_count": self.heads,
            "layer_norm_rms_eps": 1e-6,
            "rope_dimension_count": self.width // self.heads,
        }

    def tensors(self):
        def paired(rows):
            """Rows of each head so that numbers that turn together, here d/2 apart, are neighbours."""
            return rows.view(self.heads, 2, -1, self.width).transpose(1, 2).reshape(rows.shape)

        named = {
            "token_embd.weight": self.embedding.weight,
            "output_norm.weight": self.norm.weight,
            "output.weight": self.output.weight,
        }
        for i, (attention, mlp) in enumerate(zip(self.blocks[::2], self.blocks[1::2])):
            queries, keys, values = attention.into.weight.chunk(3)
            gate, up = mlp.into.weight.chunk(2)
            for name, tensor in {
                "attn_norm": attention.norm.weight,
                "attn_q": paired(queries),
                "attn_k": paired(keys),
                "attn_v": values,
                "attn_output": attention.out.weight,
                "ffn_norm": mlp.norm.weight,
                "ffn_gate": gate,
                "ffn_up": up,
                "ffn_down": mlp.out.weight,
            }.items():
                named[f"blk.{i}.{name}.weight"] = tensor
        return named


@row("train_sequence.tiny", shape="0.6 M parameters, B=1, N=256")
def _(r, length=256, rate=1e-6, warm=(1e-3, 1e-3)):
    """A step on one sequence, which is what llama.cpp's takes: the program's, and of a transformer of as many parameters
    llama.cpp's and torch's. llama.cpp keeps its embedding as it is, clips nothing, and adds the gradients of all steps up
    (nothing resets them where a step is one batch): with that, its loss after two steps is torch's."""
    torch.manual_seed(9)
    config, ours = our_model("tiny")
    tokens, targets = (torch.randint(0, 256, (1, length)) for _ in range(2))
    transformer = lambda: (torch.manual_seed(2), Transformer(128, 496, 2))[1]
    loss_of = lambda model: F.cross_entropy(model(tokens)[0].flatten(0, 1), targets.flatten())

    def training():
        from peer_llama_cpp import Training

        run = Training(transformer(), *(t[0].int().numpy() for t in (tokens, targets)))
        for warming in warm:
            run.step(warming)
        return lambda: run.step(rate)

    def reference():
        model = transformer()
        model.embedding.requires_grad_(False)
        optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0.1)
        for optimizer.param_groups[0]["lr"] in warm:
            loss_of(model).backward()  # without zero_grad
            optimizer.step()
        return loss_of(model)

    eager = transformer()
    r.ours(program_step(config, ours, tokens, targets, rate))
    r.attempt("llama.cpp, a transformer", training, 1e-5, reference)
    r.peer(
        "torch eager, that transformer",
        torch_step(functools.partial(loss_of, eager), eager, rate),
        math.inf,
    )
