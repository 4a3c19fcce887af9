"""Data, training and evaluation of the torch models: as `lior train` and `lior eval` do it."""

import itertools
import math
import time

import numpy as np
import torch
from torch.nn import functional as F

NO_TARGET = -1


class Text:
    """A file's bytes; the last tenth is never trained on."""

    def __init__(self, path, held_out=0.1):
        data = np.fromfile(path, dtype=np.uint8)
        first = data.size - int(data.size * held_out)
        self.training = torch.from_numpy(data[:first].astype(np.int64))
        self.held_out = torch.from_numpy(data[first:].astype(np.int64))
        self.vocabulary = self.classes = 256

    def batch(self, generator, batch, length):
        starts = torch.randint(0, self.training.numel() - length, (batch, 1), generator=generator)
        windows = self.training[starts + torch.arange(length + 1)]
        return windows[:, :-1], windows[:, 1:]


class Group:
    """Words of permutations of five: the label at t is P_t = P_{t-1} g_t, (g h)(i) = g(h(i))."""

    def __init__(self, name):
        every = list(itertools.permutations(range(5)))
        even = lambda p: sum(p[i] > p[j] for i in range(5) for j in range(i + 1, 5)) % 2 == 0
        elements = [p for p in every if name == "s5" or even(p)]
        number = {p: i for i, p in enumerate(elements)}
        self.table = torch.tensor(
            [[number[tuple(g[h[i]] for i in range(5))] for h in elements] for g in elements]
        )
        self.identity = number[tuple(range(5))]
        self.vocabulary = self.classes = len(elements)

    def batch(self, generator, batch, length):
        tokens = torch.randint(0, self.vocabulary, (batch, length), generator=generator)
        labels, product = [], torch.full((batch,), self.identity)
        for step in tokens.unbind(1):
            product = self.table[product, step]
            labels.append(product)
        return tokens, torch.stack(labels, 1)


class Curriculum:
    """Lengths 2, 4, 8, ... each until three batches in a row are 90 % right: the tracking preset's."""

    def __init__(self, full, start=2, accuracy=0.9, patience=3, most=256):
        self.full, self.length, self.accuracy, self.patience, self.most = (
            full,
            start,
            accuracy,
            patience,
            most,
        )
        self.streak = 0

    def batch(self, batch):
        return min(self.most, batch * self.full // self.length)

    def observe(self, accuracy):
        self.streak = self.streak + 1 if accuracy >= self.accuracy else 0
        if self.streak >= self.patience and self.length < self.full:
            self.length, self.streak = min(2 * self.length, self.full), 0


def schedule(progress, warmup=0.02, floor=0.1):
    if progress < warmup:
        return progress / warmup
    return floor + (1 - floor) * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def train(
    model,
    data,
    *,
    minutes,
    rate,
    batch,
    length,
    seed,
    curriculum=None,
    decay=0.1,
    clip=1.0,
    floor=0.1,
):
    """For `minutes` of wall time. Returns steps and tokens."""
    generator = torch.Generator().manual_seed(seed)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)
    model.train()
    steps = tokens_seen = 0
    start = time.monotonic()
    while (progress := (time.monotonic() - start) / (60 * minutes)) < 1:
        size, width = (
            (curriculum.batch(batch), curriculum.length) if curriculum else (batch, length)
        )
        tokens, targets = data.batch(generator, size, width)
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule(progress, floor=floor)
        scores, _ = model(tokens)
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if curriculum:
            curriculum.observe((scores.argmax(-1) == targets).float().mean().item())
        steps += 1
        tokens_seen += tokens.numel()
    return steps, tokens_seen


@torch.inference_mode()
def text_bits(model, data, *, rows, count, window):
    """Bits a byte over the same bytes as `lior eval --split val`: `rows` stretches side by side. A state goes on
    from window to window; a model without one sees at least half a window before each byte that counts.
    """
    model.eval()
    predictions = min(data.held_out.numel() - 1, count * window)
    rows = min(rows, predictions)
    stretch = predictions // rows
    stretches = data.held_out[torch.arange(rows)[:, None] * stretch + torch.arange(stretch + 1)]
    nats, state = 0.0, None
    step = window if model.carries_state else window // 2
    for begin in range(0, stretch, step):
        end = min(begin + step, stretch)
        first = begin if model.carries_state else max(0, end - window)
        scores, state = model(stretches[:, first:end], state)
        scores = scores[:, begin - first :]
        nats += F.cross_entropy(
            scores.flatten(0, 1), stretches[:, begin + 1 : end + 1].flatten(), reduction="sum"
        ).item()
    return nats / (rows * stretch) / math.log(2)


@torch.inference_mode()
def task_accuracy(model, data, length, count=64):
    """Accuracy over all positions of sequences that training never drew."""
    model.eval()
    generator = torch.Generator().manual_seed(1 << 40)
    tokens, targets = data.batch(generator, count, length)
    right = 0
    together = max(1, (1 << 14) // length)  # scores of one call: [together, N, classes]
    for part, labels in zip(tokens.split(together), targets.split(together)):
        scores, _ = model(part)
        right += (scores.argmax(-1) == labels).sum().item()
    return right / targets.numel()
