# SPDX-License-Identifier: Apache-2.0
"""Models of `lior train` for Hugging Face Transformers; `lior.torch` itself does not import this file.

from lior.torch.pretrained import LiorForCausalLM
model = LiorForCausalLM.from_run("run")          # what lior train wrote
model.save_pretrained("shared")                  # with this file, and a model card
AutoModelForCausalLM.from_pretrained("shared", trust_remote_code=True)
"""

# What the methods of transformers take differs between its versions.
# pyright: reportIncompatibleMethodOverride=false, reportPrivateImportUsage=false, reportAttributeAccessIssue=false
import inspect
import pathlib
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.configuration_utils import PretrainedConfig
from transformers.utils import ModelOutput, cached_file

from lior import Error
from lior import train as lior_train
from lior.torch.model import Folder, Model, export, from_run
from lior.torch.modules import Lengths, pack, sizes_of, unpack

# generate's name of what a model keeps between calls differs between versions.
_INPUTS = inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
CACHE = "cache" if "cache" in _INPUTS else "past_key_values"

# Of from_pretrained, those by which a file of the hub is found.
_HUB_OPTIONS = (
    "cache_dir",
    "force_download",
    "local_files_only",
    "proxies",
    "revision",
    "subfolder",
    "token",
)

CARD = """---
library_name: transformers
pipeline_tag: text-generation
tags: [lior]
---
# A model of lior

A sequence model of the package [lior](https://pypi.org/project/lior/), trained on `{data}`: {count:,} parameters,
mixers {mixers}, tokens by `{tokenizer}`. Its state has {state:,} numbers a sequence, however long.

    import torch
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER", trust_remote_code=True)   # needs lior and torch
    tokens = torch.tensor([list(b"In the ")])                                             # of a text: bytes
    print(bytes(model.generate(tokens, max_new_tokens=100, do_sample=True)[0].tolist()))

What it was trained on bounds what it is good for; nothing was done against bias or for safety.
"""


class LiorConfig(PretrainedConfig):
    """settings: every setting of the run, as the program's config.json has them."""

    model_type = "lior"

    def __init__(self, settings: Optional[dict[str, Any]] = None, **options: Any) -> None:
        self.settings = settings
        model = settings["model"] if settings else {}
        self.vocab_size = model.get("vocabulary", 0)
        self.hidden_size = model.get("d_model", 0)
        self.num_hidden_layers = model.get("layers", 0)
        options["tie_word_embeddings"] = model.get("tied", False)
        super().__init__(**options)


class LiorCache:
    """generate's cache: the state of constant size, and how many tokens it has seen."""

    is_compileable = False
    is_linear = (True,)

    def __init__(self, state: torch.Tensor, seen: int) -> None:
        self.state, self.seen = state, seen

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.seen

    def get_max_cache_shape(self, layer_idx: int = 0) -> int:
        return -1

    def reorder_cache(self, beams: torch.Tensor) -> None:
        self.state = self.state.index_select(0, beams.to(self.state.device))

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.state = self.state.repeat_interleave(repeats, 0)


@dataclass
class LiorOutput(ModelOutput):
    loss: Optional[torch.Tensor] = None
    logits: Optional[torch.Tensor] = None
    cache: Optional[LiorCache] = None
    past_key_values: Optional[LiorCache] = None


class _Rows(NamedTuple):
    """The sequences of input_ids [B, N], as lior.torch.Model takes them."""

    tokens: torch.Tensor
    lengths: Optional[list[int]]
    visible: torch.Tensor  # [B, N]
    begins: torch.Tensor  # [B, N]: where sequences begin
    several: bool  # in a row


def _rows(
    input_ids: torch.Tensor,
    attention_mask: Optional[torch.Tensor],
    position_ids: Optional[torch.Tensor],
    ends: Optional[torch.Tensor],
) -> _Rows:
    """attention_mask hides places; a sequence begins where position_ids do not go on by one, or at `ends` (cu_seqlens)."""
    visible = torch.ones_like(input_ids, dtype=torch.bool)
    if attention_mask is not None:
        visible = attention_mask[:, -input_ids.shape[1] :].bool()
    first = visible & (visible.cumsum(1) == 1)
    begins = first.clone()
    if position_ids is not None:
        positions = position_ids.expand_as(visible)[visible]
        begins[visible] |= positions.diff(prepend=positions[:1] - 1) != 1
    if ends is not None:
        count, length = visible.shape
        if count != 1 or ends[0] != 0 or ends[-1] != length or (ends.diff() < 0).any():
            raise Error(
                f"cu_seq_lens_q, of lengths or given, is {ends.tolist()}; input_ids is {list(visible.shape)}: expected ends "
                "of sequences in one row, which rise from 0 to its length"
            )
        begins[0, ends[:-1][ends[:-1] < length].long()] = True
    if not torch.equal(begins, first):
        starts = begins[visible].nonzero()[:, 0]
        tokens = input_ids[visible][None]
        lengths = starts.diff(append=starts.new_tensor([tokens.shape[1]]))
        return _Rows(tokens, lengths.tolist(), visible, begins, True)
    if attention_mask is None or bool(visible.all()):
        return _Rows(input_ids, None, visible, begins, False)
    return _Rows(*pack(input_ids, visible), visible, begins, False)


class LiorForCausalLM(PreTrainedModel, GenerationMixin):
    """lior.torch.Model under Transformers' names. What attention_mask hides is left out, on either side: every sequence
    has the scores, and the state, that it has alone; hidden places have scores of 0. A row may hold several sequences one
    behind another, as DataCollatorWithFlattening makes it: each begins where position_ids do not go on by one, or at
    cu_seq_lens_q, or by our `lengths`, has the scores that it has alone, and is not asked for by what is before it."""

    config_class = LiorConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _is_stateful = True
    _tied_weights_keys = {"model.output.weight": "model.embedding.weight"}

    def __init__(self, config: LiorConfig) -> None:
        super().__init__(config)
        self.model = Model(config.settings or {})
        self.post_init()

    @classmethod
    def from_run(cls, folder: Folder, weights: str = "best") -> "LiorForCausalLM":
        """The model that `lior train --out FOLDER` made."""
        trained = from_run(folder, weights)
        made = cls(LiorConfig(trained.settings))
        made.model.load_state_dict(trained.state_dict())
        made.model.tokenizer = trained.tokenizer
        if made.model.counts is not None and trained.counts is not None:
            made.model.counts.text = trained.counts.text
        return made

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Folder, *arguments: Any, **options: Any
    ) -> Any:
        """As Transformers' own, with the tokenizer and the counts that lie beside the weights."""
        hub = {name: options[name] for name in _HUB_OPTIONS if name in options}
        loaded = super().from_pretrained(pretrained_model_name_or_path, *arguments, **options)
        model = (loaded[0] if isinstance(loaded, tuple) else loaded).model

        def folder_of(name: str) -> pathlib.Path:
            path: Any = cached_file(pretrained_model_name_or_path, name, **hub)
            return pathlib.Path(path).parent

        if (tokenizer := model.settings["tokenizer"]) != "byte":
            model.tokenizer = lior_train.Tokenizer(tokenizer, folder_of("tokenizer.json"))
        if model.counts is not None:
            sizes = model.settings["model"]["count_orders"], model.settings["model"]["vocabulary"]
            model.counts.text = lior_train.Counts.read(folder_of("counts.safetensors"), *sizes)
        return loaded

    def export(self, folder: Folder) -> None:
        """Writes what `lior generate`, `lior eval` and lior.load open."""
        export(self.model, folder)

    def save_pretrained(self, save_directory: Folder, **options: Any) -> None:
        super().save_pretrained(save_directory, **options)
        if options.get("is_main_process", True):
            self.model.tokenizer.write(save_directory)
            counts = None if self.model.counts is None else self.model.counts.text
            if counts is not None:
                counts.write(save_directory)
        card = pathlib.Path(save_directory) / "README.md"
        if options.get("is_main_process", True) and not card.exists():
            settings, model = self.model.settings, self.model.settings["model"]
            card.write_text(
                CARD.format(
                    data=settings["data"],
                    tokenizer=settings["tokenizer"],
                    mixers=model["mixers"],
                    count=self.num_parameters(),
                    state=self.model.start_state(torch.zeros(1, 0)).shape[1],
                )
            )

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Nothing: Model has its start values."""

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.model.embedding

    def set_input_embeddings(self, value: torch.nn.Embedding) -> None:
        self.model.embedding = value

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.model.output

    def set_output_embeddings(self, value: torch.nn.Linear) -> None:
        self.model.output = value

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: Optional[torch.Tensor] = None,
        labels: Optional[torch.Tensor] = None,
        cache: Optional[LiorCache] = None,
        past_key_values: Optional[LiorCache] = None,
        use_cache: Optional[bool] = None,
        return_dict: Optional[bool] = None,
        logits_to_keep: int = 0,
        places: Optional[torch.Tensor] = None,
        position_ids: Optional[torch.Tensor] = None,
        cu_seq_lens_q: Optional[torch.Tensor] = None,
        lengths: Lengths = None,
        **options: Any,
    ) -> Any:
        """places: those of lior.torch.Model, of training on the text that the model counts."""
        before = cache if cache is not None else past_key_values
        if lengths is not None:
            cu_seq_lens_q = torch.tensor([0, *sizes_of(lengths)]).cumsum(0)
        rows, after = _rows(input_ids, attention_mask, position_ids, cu_seq_lens_q), None
        if rows.several and (before is not None or use_cache):
            raise Error(
                "a row holds several sequences, which end with the call: expected use_cache=False and no cache"
            )
        if before is None and not use_cache:
            logits = self.model(rows.tokens, places, rows.lengths)
        else:
            if before is None:
                before = LiorCache(self.model.start_state(rows.tokens, rows.lengths), 0)
            logits, state = self.model.run(rows.tokens, before.state, rows.lengths)
            after = LiorCache(state, input_ids.shape[1] + before.seen)
        logits = logits if rows.lengths is None else unpack(logits, rows.visible)
        loss = None
        if labels is not None:
            labels = labels.masked_fill(rows.begins, -100)
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size, **options)
        logits = logits[:, -logits_to_keep:] if logits_to_keep else logits
        if return_dict is False:
            return tuple(part for part in (loss, logits, after) if part is not None)
        return LiorOutput(loss=loss, logits=logits, **{CACHE: after})

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        attention_mask: Optional[torch.Tensor] = None,
        **options: Any,
    ) -> dict[str, Any]:
        before = options.get(CACHE)
        seen = 0 if before is None else before.seen
        return {
            "input_ids": input_ids[:, seen:],
            "attention_mask": attention_mask,
            "position_ids": options.get("position_ids") if seen == 0 else None,
            CACHE: before,
            "use_cache": options.get("use_cache", True),
        }

    def _prepare_cache_for_generation(self, *args: Any, **options: Any) -> None:
        """None is made: the first call starts one."""


LiorConfig.register_for_auto_class()
LiorForCausalLM.register_for_auto_class("AutoModelForCausalLM")
AutoConfig.register("lior", LiorConfig, exist_ok=True)
AutoModelForCausalLM.register(LiorConfig, LiorForCausalLM, exist_ok=True)
