# SPDX-License-Identifier: Apache-2.0
"""Transformers: AutoModelForCausalLM, generate, Trainer."""

import json

import pytest
from only_for_clients import SETTINGS, small_model, tokens_of

import torch  # isort: skip
import lior  # isort: skip
import lior.torch as lt  # isort: skip
from lior.torch.pretrained import LiorConfig, LiorForCausalLM  # isort: skip
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments  # isort: skip


@pytest.fixture(params=[False, True], ids=["", "tied"])
def model(request):
    plain = small_model(**{"model.tied": request.param})
    made = LiorForCausalLM(LiorConfig(plain.settings))
    made.model.load_state_dict(plain.state_dict())
    return made.eval()


def test_scores_are_the_modules(model):
    tokens = tokens_of()
    with torch.no_grad():
        assert torch.equal(model(tokens).logits, model.model(tokens))
        assert torch.equal(model(tokens, logits_to_keep=1).logits, model.model(tokens)[:, -1:])


def test_a_saved_folder_opens_with_remote_code(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert "geometric_mamba,attention" in (tmp_path / "README.md").read_text().replace(", ", ",")
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "model.safetensors", "pretrained.py"} <= names
    assert "auto_map" in json.loads((tmp_path / "config.json").read_text())
    again = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True).eval()
    tokens = tokens_of()
    with torch.no_grad():
        assert torch.equal(again(tokens).logits, model(tokens).logits)
    narrow = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {p.dtype for p in narrow.parameters()} == {torch.bfloat16}
    assert narrow.num_parameters() == model.num_parameters()


def greedy(model, tokens, count):
    """By whole sequences."""
    with torch.no_grad():
        for _ in range(count):
            tokens = torch.cat([tokens, model.model(tokens)[:, -1:].argmax(-1)], 1)
    return tokens


def test_generate_goes_by_the_state(model):
    """Past the window of attention, as whole sequences do."""
    prompt, calls = tokens_of(2, 5), []
    handle = model.model.embedding.register_forward_hook(
        lambda module, given, out: calls.append(given[0].shape[1])
    )
    got = model.generate(prompt, max_new_tokens=9, do_sample=False, pad_token_id=0)
    handle.remove()
    assert torch.equal(got, greedy(model, prompt, 9))
    assert calls == [5] + [1] * 8
    without = model.generate(
        prompt, max_new_tokens=9, do_sample=False, pad_token_id=0, use_cache=False
    )
    assert torch.equal(without, got)


def test_formulas_of_cuda_give_the_same_losses_gradients_and_texts(model):
    tokens = tokens_of(2, 9)
    prompt = dict(max_new_tokens=9, do_sample=False, pad_token_id=0)

    def of():
        loss = model(tokens, labels=tokens).loss
        return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))

    want, text = of(), model.generate(tokens, **prompt)
    with lt.ops.plain_forms():
        got = of()
        assert torch.equal(model.generate(tokens, **prompt), text)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_beams_take_their_states_along(model):
    prompt = tokens_of(2, 4)
    options = dict(max_new_tokens=7, num_beams=3, do_sample=False, pad_token_id=0)
    assert torch.equal(
        model.generate(prompt, **options), model.generate(prompt, use_cache=False, **options)
    )


def test_sampling_and_several_answers(model):
    torch.manual_seed(5)
    got = model.generate(
        tokens_of(1, 4), max_new_tokens=6, do_sample=True, num_return_sequences=3, pad_token_id=0
    )
    assert got.shape == (3, 10) and (got < 32).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_prompts_are_those_alone(model, side):
    """Scores, and what generate writes behind prompts of different lengths (padded on the left, as it asks)."""
    tokens, mask = tokens_of(3, 5), torch.ones(3, 5, dtype=torch.long)
    for i, n in enumerate((5, 2, 4)):
        mask[i, slice(0, 5 - n) if side == "left" else slice(n, 5)] = 0
    alone = [row[keep.bool()][None] for row, keep in zip(tokens, mask)]
    with torch.no_grad():
        scores = model(tokens, attention_mask=mask).logits
        for i, part in enumerate(alone):
            torch.testing.assert_close(scores[i, mask[i].bool()], model(part).logits[0])
    if side == "left":
        options = dict(max_new_tokens=8, do_sample=False, pad_token_id=0)
        for more in ({}, {"num_beams": 3}):
            got = model.generate(tokens, attention_mask=mask, **options, **more)
            for i, part in enumerate(alone):
                want = model.generate(part, **options, **more)
                assert torch.equal(got[i, 5:], want[0, part.shape[1] :])


@pytest.mark.parametrize("options", [{}, {"bf16": True}, {"gradient_checkpointing": True}])
def test_trainer_fits(tmp_path, options):
    torch.manual_seed(6)
    model = LiorForCausalLM(LiorConfig(small_model().settings))
    rows = [{"input_ids": row, "labels": row} for row in tokens_of(64, 12)]
    arguments = TrainingArguments(
        tmp_path / "out",
        per_device_train_batch_size=16,
        max_steps=40,
        learning_rate=1e-2,
        report_to=[],
        logging_steps=10,
        save_steps=20,
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    resumed = Trainer(model=model, args=arguments, train_dataset=rows)
    resumed.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-20"))
    assert resumed.state.global_step == 40


def test_to_the_program_and_back(model, tmp_path):
    model.export(tmp_path / "run")
    tokens = tokens_of()
    scores = lior.load(tmp_path / "run").model.logits(tokens.numpy())
    with torch.no_grad():
        torch.testing.assert_close(
            torch.from_numpy(scores), model(tokens).logits[:, -1], rtol=1e-5, atol=1e-5
        )
    again = LiorForCausalLM.from_run(tmp_path / "run").eval()
    with torch.no_grad():
        assert torch.equal(again(tokens).logits, model(tokens).logits)
    assert (
        again.model.settings["model"]
        == lt.Model(SETTINGS | {"model.tied": again.config.tie_word_embeddings}).settings["model"]
    )


def test_counts_of_a_text_travel_along(tmp_path):
    (tmp_path / "text.txt").write_text("In the beginning was the word. " * 60)
    data = lior.train.Data(tmp_path / "text.txt", tokenizer="bpe:300")
    sizes = {"model.vocabulary": data.vocabulary, "model.classes": data.vocabulary}
    plain = small_model(**sizes, **{"model.count_orders": 4, "tokenizer": "bpe:300"})
    model = LiorForCausalLM(LiorConfig(plain.settings)).eval()
    model.model.load_state_dict(plain.state_dict())
    model.model.counts.text = lior.train.Counts(data, 4)
    model.model.tokenizer = data.tokenizer
    model.save_pretrained(tmp_path / "shared")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "shared", trust_remote_code=True).eval()
    tokens = torch.tensor([lior.train.encode(data.tokenizer, b"In the beginning ")])
    with torch.no_grad():
        assert torch.equal(again(tokens).logits, model(tokens).logits)
    options = dict(max_new_tokens=9, do_sample=False, pad_token_id=0)
    assert torch.equal(model.generate(tokens, **options), greedy(model, tokens, 9))
    again.export(tmp_path / "run")
    text = "".join(lior.load(tmp_path / "run").generate("In the ", max_tokens=9, temperature=0))
    assert text == "".join(again.model.generate("In the ", max_tokens=9, temperature=0))
