# SPDX-License-Identifier: Apache-2.0
"""The recurrence alone; training steps and generation of whole models, from the same start values."""

import copy
import functools
import itertools
import math
import tempfile
from pathlib import Path

import jax_sides
import lior.torch as lt
import lior.train
import torch
import torch_model
from harness import row
from torch.nn import functional as F


@row("ci8_scan", shape="B=4, N=2,048, 32 real heads, forward")
def scan(r):
    torch.manual_seed(7)
    shape = torch_model.Shape(d_model=512, heads=32)
    mixer, (batch, length) = torch_model.Mixer(shape), (4, 2048)
    projection = torch.randn(batch, length, mixer.planes * shape.heads)
    initial = torch.randn(batch, 8, shape.heads)
    h = initial.mT.contiguous()  # [B, H, 8]
    with torch.no_grad():
        matrices, offsets = (tensor.contiguous() for tensor in mixer.coefficients(projection))
    tolerance = 1e-4  # 2,048 steps of rounding

    @torch.inference_mode()
    def whole():
        return mixer.scan(*mixer.coefficients(projection), h)

    @torch.inference_mode()
    def loop():
        return mixer.scan(matrices, offsets, h)

    r.ours(lambda: lt.ops.ci8_scan(projection, initial).mT)
    r.peer("torch loop, from the projection", whole, tolerance)
    r.peer("torch loop, matrices given", loop, tolerance)
    given = (matrices, offsets, h)
    jax_sides.add(
        r,
        "jax associative_scan, matrices given",
        jax_sides.scan_associative,
        *given,
        tolerance=tolerance,
    )
    jax_sides.add(
        r, "jax lax.scan, matrices given", jax_sides.scan_sequential, *given, tolerance=tolerance
    )


@row("layer.step", shape="B=1, N=1, d_model=64, 4 heads: one token, from Python")
def token(r):
    """What a call costs: the step in one call, and by an operator for each of its parts."""
    torch.manual_seed(7)
    layer, x = lt.GeometricMamba(64, heads=4), torch.randn(1, 1, 64)
    by_parts = copy.deepcopy(layer)
    by_parts.norm.register_forward_hook(lambda *args: None)  # hooks are called: part by part
    state = layer.step(x)[1]
    r.ours(lambda: layer.step(x, state)[0])
    r.peer("torch, part by part", lambda: by_parts.step(x, state)[0], 1e-5)


def our_model(preset):
    """The program's model of a preset for bytes, its start values, and an output matrix that is not zero."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        text.write_bytes(bytes(range(256)) * 16)
        config = lior.train.Config({"data": str(text), "preset": preset})
        config.fit(lior.train.Data(str(text)))
    model = lior.train.Model(config)
    model.initialize(1)
    output = model.parameters["output.weight"]
    output[...] = 0.05 * torch.randn(output.shape).numpy()
    return config, model


def torch_twin(preset, ours):
    twin = torch_model.Model(torch_model.PRESETS[preset])
    twin.load_state_dict(
        {
            name.replace(".in.", ".into."): torch.from_numpy(array.copy())
            for name, array in ours.parameters.items()
        }
    )
    return twin


def torch_step(loss_of, model, rate):
    """One step of AdamW, as `lior train` takes it; the loss and the gradient's norm."""
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach(), norm

    return step


def program_step(config, model, tokens, targets, rate):
    """One step of the program's: the loss and the gradient's norm."""
    optimizer = lior.train.Optimizer(config, model)
    small_tokens, small_targets = tokens.int().numpy(), targets.int().numpy()

    def step():
        loss = model.loss_and_gradients(small_tokens, small_targets).loss
        norm = optimizer.measure()
        optimizer.step(rate, min(1.0, 1.0 / norm))
        return loss, norm

    return step


def training_row(r, preset, batch, length):
    torch.manual_seed(9)
    rate = 1e-6  # small: every side takes its own steps, many times
    config, ours = our_model(preset)
    tokens, targets = (torch.randint(0, 256, (batch, length)) for _ in range(2))

    def loss_of(model):
        return lambda: F.cross_entropy(model(tokens)[0].flatten(0, 1), targets.flatten())

    def compiled_step():
        twin = torch_twin(preset, ours)
        step = torch_step(torch.compile(loss_of(twin), dynamic=False), twin, rate)
        return itertools.chain(
            [step()], (step() for _ in itertools.count())
        ).__next__  # compared: the one that compiled

    eager = torch_twin(preset, ours)
    r.ours(program_step(config, ours, tokens, targets, rate))
    r.peer("torch eager", torch_step(loss_of(eager), eager, rate), 1e-4)
    r.attempt("torch compiled", compiled_step, 1e-4)


@row("train_step.tiny", shape="0.6 M parameters, B=24, N=64", at_least={"torch eager": 8})
def _(r):
    training_row(r, "tiny", 24, 64)


@row("train_step.small", shape="5 M parameters, B=16, N=256", at_least={"torch eager": 2})
def _(r):
    training_row(r, "small", 16, 256)


class SmallLanguageModel(torch.nn.Module):
    """Two layers from bytes to bytes, as one writes it in torch."""

    def __init__(self, width, layer):
        super().__init__()
        self.embedding, self.output = torch.nn.Embedding(256, width), torch.nn.Linear(width, 256)
        self.layers = torch.nn.ModuleList(layer() for _ in range(2))

    def forward(self, tokens, **options):
        x = self.embedding(tokens)
        for layer in self.layers:
            out = layer(x, **options)
            x = out[0] if isinstance(out, tuple) else out
        return self.output(x)


def mamba_layer(width, parallel):
    """A layer of mambapy with its own defaults: 16 states a channel, twice the width inside, four taps."""
    from mambapy.mamba import MambaConfig, ResidualBlock

    return ResidualBlock(MambaConfig(d_model=width, n_layers=2, pscan=parallel))


def small_language_model_row(r, width, length, batch=8):
    """A training loop in Python of our layers, of torch's transformer layer, and of mambapy's, which are other models:
    equal work is that of as many layers, and losses are not compared."""
    torch.manual_seed(9)
    tokens, targets = (torch.randint(0, 256, (batch, length)) for _ in range(2))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(length)

    def step(layer, **options):
        model = SmallLanguageModel(width, layer)
        loss = lambda: F.cross_entropy(model(tokens, **options).flatten(0, 1), targets.flatten())
        return torch_step(loss, model, 1e-6)

    def transformer():
        return torch.nn.TransformerEncoderLayer(
            width, width // 32, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )

    r.ours(step(lambda: lt.GeometricMamba(width, heads=width // 16)))
    r.peer("torch transformer layers", step(transformer, src_mask=mask, is_causal=True), math.inf)
    for scan, parallel in (("parallel", True), ("sequential", False)):
        layer = functools.partial(mamba_layer, width, parallel)
        r.attempt(f"mambapy layers, {scan} scan", functools.partial(step, layer), math.inf)


# Asked at one thread: run.py --threads 1.
@row("small_lm.64", shape="2 layers, D=64, B=8, N=64", at_least={"torch transformer layers": 2})
def _(r):
    small_language_model_row(r, 64, 64)


@row(
    "small_lm.128", shape="2 layers, D=128, B=8, N=256", at_least={"torch transformer layers": 1.5}
)
def _(r):
    small_language_model_row(r, 128, 256)


def stream(model, prompt, count):
    """`count` tokens a call by `model`, the likeliest each time; each call goes on from the last."""
    with torch.inference_mode():
        scores, states = model(prompt)
        now = [scores[:, -1:].argmax(-1), states]

    @torch.inference_mode()
    def run():
        said = []
        for _ in range(count):
            said.append(int(now[0]))
            scores, now[1] = model(*now)
            now[0] = scores.argmax(-1)
        return torch.tensor(said)

    return run


def generation_row(r, preset, count=32):
    torch.manual_seed(10)
    _, ours = our_model(preset)
    prompt = torch.randint(0, 256, (1, 16))
    generator = lior.train.Generator(ours, temperature=0.0)
    generator.read(prompt[0].int().numpy())
    twin = torch_twin(preset, ours)

    def compiled():
        fast = torch.compile(twin, dynamic=False, fullgraph=True)
        one_token = lambda tokens, states=None: (twin if states is None else fast)(tokens, states)
        run = stream(one_token, prompt, count)
        return itertools.chain(
            [run()], (run() for _ in itertools.count())
        ).__next__  # compared: the one that compiled

    r.ours(lambda: torch.tensor([generator.next() for _ in range(count)]))
    r.peer("torch eager", stream(twin, prompt, count), 0.0)
    r.attempt("torch compiled", compiled, 0.0)


@row("generate.tiny", shape="32 tokens, one stream, 0.6 M parameters", at_least={"torch eager": 15})
def _(r):
    generation_row(r, "tiny")


@row("generate.small", shape="32 tokens, one stream, 5 M parameters", at_least={"torch eager": 3})
def _(r):
    generation_row(r, "small")
