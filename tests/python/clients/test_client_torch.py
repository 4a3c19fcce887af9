# SPDX-License-Identifier: Apache-2.0
"""What takes a while in torch itself: inductor, FSDP2 in two processes, distributed checkpoints."""

import pytest
from only_for_clients import small_model, tokens_of

import torch  # isort: skip
import lior.torch as lt  # isort: skip
import torch.distributed as dist  # isort: skip
import torch.distributed.checkpoint as dcp  # isort: skip
from torch.distributed.fsdp import fully_shard  # isort: skip


def test_inductor_keeps_one_graph():
    model, tokens = small_model(), tokens_of()
    compiled = torch.compile(model, fullgraph=True)
    want = model(tokens)
    torch.testing.assert_close(compiled(tokens), want, rtol=1e-4, atol=1e-5)
    slopes = [
        torch.autograd.grad(f(tokens).square().sum(), list(model.parameters()))
        for f in (model, compiled)
    ]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-4)


def test_inductor_packages_what_is_exported(tmp_path):
    model, tokens = small_model(), tokens_of(2, 10)
    shapes = ({1: torch.export.Dim("length", min=2, max=4096)},)
    program = torch.export.export(model, (tokens,), dynamic_shapes=shapes)
    path = str(tmp_path / "model.pt2")
    torch._inductor.aoti_compile_and_package(program, package_path=path)
    packaged = torch._inductor.aoti_load_package(path)
    for length in (3, 10, 40):
        tokens = tokens_of(2, length)
        torch.testing.assert_close(packaged(tokens), model(tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [lt.GeometricMamba, lt.CausalField, lt.GeometricAttention])
def test_linears_are_quantized(make):
    """What a layer adds, with weights and factors of 8 bits, is near what it adds with 24."""
    layer, x = make(64), torch.randn(2, 9, 64)
    narrow = torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear})
    assert "DynamicQuantizedLinear" in repr(narrow)
    out, want = (f(x)[0] if make is lt.GeometricMamba else f(x) for f in (narrow, layer))
    assert 0 < (out - want).norm() < 0.15 * (want - x).norm()


def steps(model, optimizer, tokens, count=3):
    for _ in range(count):
        scores = model(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def worker(rank, folder, form):
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{folder}/meet")
    model, tokens = small_model(), tokens_of(8, 12)
    for layer in model.layers():
        for module in layer.children():
            if isinstance(module, torch.nn.Linear):
                fully_shard(module)
        fully_shard(layer)
    fully_shard(model)
    optimizer = lt.LIoROptimizer(model.parameters(), lr=0.1, form=form, weight_decay=0.01)
    steps(model, optimizer, tokens[4 * rank : 4 * rank + 4])
    dcp.save({"model": model.state_dict()}, checkpoint_id=f"{folder}/checkpoint")
    whole = {name: value.full_tensor() for name, value in model.state_dict().items()}
    if rank == 0:
        torch.save(whole, f"{folder}/whole.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("form", ["exact", "compat"])
def test_two_shards_train_as_one(tmp_path, form):
    torch.multiprocessing.spawn(worker, (str(tmp_path), form), nprocs=2)
    got = torch.load(tmp_path / "whole.pt")
    model, tokens = small_model(), tokens_of(8, 12)
    steps(model, lt.LIoROptimizer(model.parameters(), lr=0.1, form=form, weight_decay=0.01), tokens)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(got[name], value, rtol=1e-4, atol=1e-5)
    empty = small_model(seed=9)
    state = {"model": empty.state_dict()}
    dcp.load(state, checkpoint_id=str(tmp_path / "checkpoint"))
    torch.testing.assert_close(empty.state_dict(), dict(got), rtol=0, atol=0)


def worker_of_fsdp1(rank, folder):
    from torch.distributed.fsdp import FullyShardedDataParallel, StateDictType

    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{folder}/meet")
    tokens = tokens_of(8, 12)[4 * rank : 4 * rank + 4]
    device = torch.device("cpu")
    model = FullyShardedDataParallel(small_model(), use_orig_params=True, device_id=device)
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1), tokens)
    with pytest.raises(RuntimeError, match="fully_shard"):
        lt.LIoROptimizer(model.parameters()).step()
    with FullyShardedDataParallel.state_dict_type(model, StateDictType.FULL_STATE_DICT):
        whole = model.state_dict()
        if rank == 0:
            torch.save(whole, f"{folder}/whole.pt")
        model.load_state_dict(small_model(seed=9).state_dict())
        loaded = model.state_dict()
    torch.testing.assert_close(dict(loaded), dict(small_model(seed=9).state_dict()), rtol=0, atol=0)
    dist.destroy_process_group()


def test_two_shards_of_fsdp1_train_as_one(tmp_path):
    torch.multiprocessing.spawn(worker_of_fsdp1, (str(tmp_path),), nprocs=2)
    got = torch.load(tmp_path / "whole.pt")
    model, tokens = small_model(), tokens_of(8, 12)
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1), tokens)
    torch.testing.assert_close(dict(got), dict(model.state_dict()), rtol=1e-4, atol=1e-5)


def test_the_manifold_form_refuses_shards(tmp_path):
    dist.init_process_group("gloo", rank=0, world_size=1, init_method=f"file://{tmp_path}/meet")
    try:
        p = torch.nn.Linear(4, 4)
        fully_shard(p)
        optimizer = lt.LIoROptimizer(
            p.parameters(), form="manifold", resilience=lt.LearnedMetric(4)
        )
        p(torch.ones(2, 4)).sum().backward()
        with pytest.raises(RuntimeError, match="takes no sharded tensors"):
            optimizer.step()
    finally:
        dist.destroy_process_group()
