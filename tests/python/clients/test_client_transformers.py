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
from transformers import DataCollatorWithFlattening  # isort: skip


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
        positions = (mask.cumsum(1) - 1).masked_fill(mask == 0, 1)
        given = model.generate(tokens, attention_mask=mask, position_ids=positions, **options)
        assert torch.equal(given, model.generate(tokens, attention_mask=mask, **options))
        for more in ({}, {"num_beams": 3}):
            got = model.generate(tokens, attention_mask=mask, **options, **more)
            for i, part in enumerate(alone):
                want = model.generate(part, **options, **more)
                assert torch.equal(got[i, 5:], want[0, part.shape[1] :])


DOCUMENTS = [5, 1, 9, 3]


def documents_alone(model, tokens):
    """Scores of each, and the mean of -ln p over all that a document's own tokens foretell."""
    parts = tokens.split(DOCUMENTS, 1)
    scores = [model(part).logits for part in parts]
    pairs = [(s[0, :-1], part[0, 1:]) for s, part in zip(scores, parts)]
    logits, targets = (torch.cat(several) for several in zip(*pairs))
    return torch.cat(scores, 1), torch.nn.functional.cross_entropy(logits, targets)


def test_documents_in_one_row_are_those_alone(model):
    """However the row says where they begin: scores, loss and gradients."""
    tokens, ends = tokens_of(1, 18), torch.tensor([0, *DOCUMENTS]).cumsum(0)
    positions = torch.cat([torch.arange(n) for n in DOCUMENTS])[None]
    parameters = list(model.parameters())
    scores, loss = documents_alone(model, tokens)
    slopes = torch.autograd.grad(loss, parameters)
    given = [{"position_ids": positions}, {"cu_seq_lens_q": ends}, {"lengths": DOCUMENTS}]
    for how in [*given, {**given[0], **given[1], "attention_mask": torch.ones_like(tokens)}]:
        got = model(tokens, labels=tokens, **how)
        torch.testing.assert_close(got.logits, scores)
        torch.testing.assert_close(got.loss, loss)
        torch.testing.assert_close(torch.autograd.grad(got.loss, parameters), slopes)
    assert not torch.allclose(model(tokens).logits, scores)
    with pytest.raises(lior.Error, match="use_cache=False"):
        model(tokens, position_ids=positions, use_cache=True)
    with pytest.raises(lior.Error, match="several sequences"):
        model.generate(tokens, position_ids=positions, max_new_tokens=2, pad_token_id=0)
    for ends in ([0, 5, 17], [1, 18], [0, 9, 5, 18]):
        with pytest.raises(lior.Error, match="cu_seq_lens_q"):
            model(tokens, cu_seq_lens_q=torch.tensor(ends))


def test_documents_in_padded_rows(model):
    """Two rows, padded on either side, of two documents each."""
    tokens, mask = tokens_of(2, 7), torch.ones(2, 7, dtype=torch.long)
    mask[0, :2] = mask[1, 5:] = 0
    positions = torch.tensor([[1, 1, 0, 1, 2, 0, 1], [0, 0, 1, 2, 3, 1, 1]])
    parts = [tokens[:1, 2:5], tokens[:1, 5:], tokens[1:, :1], tokens[1:, 1:5]]
    with torch.no_grad():
        got = model(tokens, attention_mask=mask, position_ids=positions).logits[mask.bool()]
        torch.testing.assert_close(got, torch.cat([model(part).logits[0] for part in parts]))


def test_a_padded_row_is_not_asked_for_its_first_token(model):
    tokens, mask = tokens_of(1, 7), torch.ones(1, 7, dtype=torch.long)
    mask[0, :2] = 0
    labels = tokens.masked_fill(mask == 0, -100)
    got = model(tokens, attention_mask=mask, labels=labels).loss
    torch.testing.assert_close(got, model(tokens[:, 2:], labels=tokens[:, 2:]).loss)


def test_the_collator_of_flattened_documents(model):
    tokens = tokens_of(1, 18)
    rows = [{"input_ids": part[0].tolist()} for part in tokens.split(DOCUMENTS, 1)]
    for flash in (False, True):
        batch = DataCollatorWithFlattening(return_tensors="pt", return_flash_attn_kwargs=flash)(
            rows
        )
        with torch.no_grad():
            torch.testing.assert_close(model(**batch).loss, documents_alone(model, tokens)[1])


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
