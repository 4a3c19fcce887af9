# SPDX-License-Identifier: Apache-2.0
"""PEFT: LoRA on every projection."""

import pytest
from only_for_clients import small_model, tokens_of

import peft  # isort: skip
import torch  # isort: skip
import lior.torch as lt  # isort: skip
from lior.torch.pretrained import LiorConfig, LiorForCausalLM  # isort: skip

TARGETS = ["in", "readout", "out", "output"]


def trained(model, call, tokens):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(25):
        scores = call(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def adapted(plain, **options):
    return peft.get_peft_model(
        plain, peft.LoraConfig(r=4, lora_alpha=16, target_modules=TARGETS, **options)
    )


def test_every_target_learns_and_the_base_stays():
    plain = small_model()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    model, tokens = adapted(plain), tokens_of(16, 12)
    losses = trained(model, lambda t: model(t), tokens)
    assert losses[-1] < 0.8 * losses[0]
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero before
            assert parameter.abs().max() > 0, name
    layers = {
        name.split(".lora_")[0].split(".")[-1]
        for name, _ in model.named_parameters()
        if "lora_" in name
    }
    assert layers == set(TARGETS)
    for name, value in model.named_parameters():
        if "base_layer" in name:
            assert torch.equal(
                value, before[name.removeprefix("base_model.model.").replace("base_layer.", "")]
            )


def test_merged_adapters_give_the_same(tmp_path):
    model, tokens = adapted(small_model()), tokens_of(16, 12)
    trained(model, lambda t: model(t), tokens)
    model.eval()
    with torch.no_grad():
        want = model(tokens)
        model.save_pretrained(tmp_path / "adapter")
        again = peft.PeftModel.from_pretrained(small_model(), tmp_path / "adapter").eval()
        torch.testing.assert_close(again(tokens), want)
        merged = model.merge_and_unload()
        torch.testing.assert_close(merged(tokens), want, rtol=1e-4, atol=1e-5)
    assert isinstance(merged, lt.Model)
    lt.export(merged, tmp_path / "run")
    with torch.no_grad():
        torch.testing.assert_close(lt.from_run(tmp_path / "run")(tokens), merged(tokens))


def test_adapters_of_a_causal_model_generate():
    plain = LiorForCausalLM(LiorConfig(small_model().settings))
    model, tokens = adapted(plain, task_type="CAUSAL_LM"), tokens_of(16, 12)
    trained(model, lambda t: model(input_ids=t).logits, tokens)
    model.eval()
    got = model.generate(
        input_ids=tokens[:2, :4], max_new_tokens=4, do_sample=False, pad_token_id=0
    )
    assert got.shape == (2, 8)


def test_a_metric_refuses_adapters_until_they_are_merged():
    metric = lt.LearnedMetric(3)
    model = peft.get_peft_model(metric, peft.LoraConfig(target_modules=["0"]))
    with pytest.raises(RuntimeError, match="merge"):
        model(torch.ones(2, 3))
    assert model.merge_and_unload()(torch.ones(2, 3)).shape == (2, 3, 3)
