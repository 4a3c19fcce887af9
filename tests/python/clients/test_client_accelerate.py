# SPDX-License-Identifier: Apache-2.0
"""Accelerate: prepare, empty weights, checkpoints that are dispatched."""

from only_for_clients import SETTINGS, small_model, tokens_of

import accelerate  # isort: skip
import pytest

import torch  # isort: skip
import lior.torch as lt  # isort: skip
from accelerate.hooks import ModelHook, add_hook_to_module  # isort: skip


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_prepared_model_learns(precision):
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    worker = accelerate.Accelerator(cpu=True, mixed_precision=precision)
    plain = small_model()
    model, optimizer = worker.prepare(plain, lt.LIoROptimizer(plain.parameters(), lr=0.3))
    tokens, losses = tokens_of(16, 12), []
    for _ in range(20):
        with worker.accumulate(model):
            scores = model(tokens[:, :-1])
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())
            worker.backward(loss)
            worker.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_weights_come_into_an_empty_model(tmp_path):
    plain, tokens = small_model(), tokens_of()
    accelerate.Accelerator(cpu=True).save_model(plain, tmp_path)
    with accelerate.init_empty_weights():
        empty = lt.Model(SETTINGS)
    assert all(p.is_meta for p in empty.parameters())
    model = accelerate.load_checkpoint_and_dispatch(empty, tmp_path, device_map={"": "cpu"})
    assert torch.equal(model(tokens), plain(tokens))


def test_hooks_on_every_module_run():
    """As dispatching to several devices puts them: they replace forward."""

    class Counted(ModelHook):
        calls = 0

        def pre_forward(self, module, *args, **options):
            self.calls += 1
            return args, options

    model, tokens = small_model(), tokens_of()
    want, hooks = model(tokens), {}
    for name, module in model.named_modules():
        if not list(module.children()) and list(module.parameters(recurse=False)):
            hooks[name] = Counted()
            add_hook_to_module(module, hooks[name])
    torch.testing.assert_close(model(tokens), want)
    assert {name: hook.calls for name, hook in hooks.items()} == dict.fromkeys(hooks, 1)
