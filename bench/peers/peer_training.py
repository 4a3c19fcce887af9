# SPDX-License-Identifier: Apache-2.0
"""Data, training and evaluation of the torch models: as `lior train` and `lior eval` do it."""

import math
import time

import numpy as np
import torch
from peer_machines import NO_TARGET
from torch.nn import functional as F


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


class Curriculum:
    """The curriculum of `lior train` for machines (lior/train/schedule.h): lengths 2, 4, 8, ... each until three
    batches in a row are 90 % right, where there are generators over these up to length 16, then from 2 again over all
    letters; a length that has been lost again is halved."""

    START, ACCURACY, PATIENCE, GENERATORS, MOST = 2, 0.9, 3, 16, 256
    LOST, LOST_PATIENCE = 0.3, 50

    def __init__(self, full, has_generators=True):
        self.full, self.over_generators = full, has_generators
        self.go_to(self.START)

    def go_to(self, length):
        self.length, self.streak, self.lost = length, 0, 0

    def batch(self, batch):
        return min(self.MOST, batch * self.full // self.length)

    def observe(self, accuracy):
        self.streak = self.streak + 1 if accuracy >= self.ACCURACY else 0
        self.lost = self.lost + 1 if accuracy < self.LOST else 0
        learnt = self.streak >= self.PATIENCE
        if learnt and self.over_generators and self.length >= min(self.GENERATORS, self.full):
            self.over_generators = False
            self.go_to(self.START)
        elif learnt and self.length < self.full:
            self.go_to(min(2 * self.length, self.full))
        elif self.length > self.START and self.lost >= self.LOST_PATIENCE:
            self.go_to(max(self.length // 2, self.START))


def schedule(progress, warmup=0.02, floor=0.1):
    if progress < warmup:
        return progress / warmup
    return floor + (1 - floor) * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def warm_up(model, data, shapes):
    """Gradients of each of the shapes, twice, which change nothing: torch's first calls are slow."""
    generator = torch.Generator().manual_seed(1 << 41)
    for batch, length in 2 * shapes:
        tokens, targets = data.batch(generator, batch, length)
        scores, _ = model(tokens)
        F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET).backward()
    model.zero_grad(set_to_none=True)


def train(
    model,
    data,
    *,
    seconds,
    rate,
    batch,
    length,
    seed,
    curriculum=None,
    decay=0.1,
    clip=1.0,
    floor=0.1,
    most_tokens=None,
):
    """For `seconds` of wall time, which begin when torch has made its threads and primitives, or for `most_tokens`
    where they are given. Returns steps and tokens."""
    model.train()
    shapes = [(batch, length)]
    if curriculum:
        shapes.append((curriculum.batch(batch), curriculum.length))
    warm_up(model, data, shapes)
    generator = torch.Generator().manual_seed(seed)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)
    steps = tokens_seen = 0
    start = time.monotonic()

    def progress_now():
        if most_tokens is not None:
            return tokens_seen / most_tokens
        return (time.monotonic() - start) / seconds

    while (progress := progress_now()) < 1:
        if curriculum:
            size, width = curriculum.batch(batch), curriculum.length
            tokens, targets = data.batch(generator, size, width, curriculum.over_generators)
        else:
            tokens, targets = data.batch(generator, batch, length)
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule(progress, floor=floor)
        scores, _ = model(tokens)
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if curriculum:
            right = scores.argmax(-1) == targets
            curriculum.observe(right[targets != NO_TARGET].float().mean().item())
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
def task_accuracy(model, data, length, count, first=1):
    """Accuracy over positions first .. length, from 1, of sequences that training never drew."""
    model.eval()
    generator = torch.Generator().manual_seed(1 << 40)
    tokens, targets = data.batch(generator, count, length)
    right = labels_seen = 0
    together = max(1, (1 << 12) // length)  # scores of one call: [together, N, classes]
    for part, labels in zip(tokens.split(together), targets.split(together)):
        scores, _ = model(part)
        counts = (labels != NO_TARGET)[:, first - 1 :]
        right += ((scores.argmax(-1) == labels)[:, first - 1 :] & counts).sum().item()
        labels_seen += counts.sum().item()
    return right / labels_seen
