# SPDX-License-Identifier: Apache-2.0
"""Trains a small model of lior.torch in several processes, each on its part of every batch.

torchrun --nproc-per-node 2 examples/torchrun/train.py

DistributedDataParallel averages the gradients, so the weights are those of one process on whole batches, to
rounding. torchrun gives each process one thread, unless OMP_NUM_THREADS says more.
With `lior train` ranks are bit for bit one process: docs/guides/ranks.md.
"""

import lior.torch as lt
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

VOCABULARY, BATCH, LENGTH = 32, 8, 24


class Model(torch.nn.Module):
    """Tokens to scores of the next one, through one layer."""

    def __init__(self, d_model=16):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, d_model)
        self.layer = lt.GeometricMamba(d_model=d_model, heads=2)
        self.scores = torch.nn.Linear(d_model, VOCABULARY)

    def forward(self, tokens):
        hidden, _ = self.layer(self.embedding(tokens))
        return self.scores(hidden)


def batch(step):
    """Sequences that count upwards from anywhere: functions of the step, the same in every process."""
    first = torch.randint(VOCABULARY, (BATCH, 1), generator=torch.Generator().manual_seed(step))
    return (first + torch.arange(LENGTH + 1)) % VOCABULARY


def train(steps=30, rank=0, processes=1):
    """The model after so many steps, and the losses of this process's part of each batch."""
    torch.manual_seed(0)  # the same start values everywhere
    model = Model()
    parallel = DistributedDataParallel(model) if processes > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for step in range(steps):
        tokens = batch(step).chunk(processes)[rank]
        scores = parallel(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def main():
    dist.init_process_group("gloo")
    _, losses = train(rank=dist.get_rank(), processes=dist.get_world_size())
    if dist.get_rank() == 0:
        print(f"loss {losses[0]:.3f}, after {len(losses)} steps {losses[-1]:.3f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
