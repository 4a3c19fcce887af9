# SPDX-License-Identifier: Apache-2.0
"""examples/torchrun/train.py in two processes is what it is in one."""

import importlib.util
from pathlib import Path

import torch
import torch.distributed as dist

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "torchrun" / "train.py"
STEPS = 4


def example():
    spec = importlib.util.spec_from_file_location("torchrun_train", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def worker(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{folder}/meet")
    model, losses = example().train(STEPS, rank, 2)
    torch.save((model.state_dict(), losses), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_train_as_one(tmp_path):
    torch.multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    (first, losses), (second, others) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    model, whole = example().train(STEPS)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    means = [(a + b) / 2 for a, b in zip(losses, others, strict=True)]
    torch.testing.assert_close(torch.tensor(means), torch.tensor(whole), rtol=1e-5, atol=1e-5)
