# SPDX-License-Identifier: Apache-2.0
"""llama.cpp by its C interface (llama.h), from the library in xllamacpp's wheel: a model that goes on token by token,
and its training of a transformer. One float32 GGUF file a model, its vocabulary the 256 bytes, no tokenizer.

The structures below are those of the version in requirements-side-by-side.txt; that the defaults which llama.cpp
writes into them are read back where they belong is checked when the module is imported."""

import ctypes
import tempfile
from ctypes import CFUNCTYPE, POINTER, c_double, c_float, c_int32, c_int64, c_uint32, c_void_p
from pathlib import Path

import gguf
import numpy as np
import torch
import xllamacpp.xllamacpp

VOCABULARY = 256
FLOAT, TOKENS = 0, 26  # ggml_type
NO_MAPPING, NO_FLASH = 0, 0  # llama_load_mode, llama_flash_attn_type
BEHIND = ("behind", ctypes.c_char * 256)  # more than the members that are not named here


def members(kind, names):
    return [(name, kind) for name in names.split()]


class ModelSettings(ctypes.Structure):
    _fields_ = [
        *members(c_void_p, "devices buffers"),
        *members(c_int32, "gpu_layers split_mode load_mode lazy_mode"),
        BEHIND,
    ]


class ContextSettings(ctypes.Structure):
    _fields_ = [
        *members(c_uint32, "n_ctx n_batch n_ubatch n_seq_max n_rs_seq outputs outputs_of_one"),
        *members(c_int32, "threads threads_batch context_type rope pooling attention flash"),
        *members(c_float, "rope_base rope_scale extension factor fast slow"),
        *members(c_uint32, "original_ctx"),
        *members(c_float, "defragment"),
        *members(c_void_p, "callback callback_data"),
        *members(c_int32, "type_k type_v"),
        BEHIND,
    ]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        *members(c_void_p, "embedding pos n_seq_id seq_id logits"),
    ]


class AdamW(ctypes.Structure):
    _fields_ = members(c_float, "alpha beta1 beta2 eps decay sgd_alpha sgd_decay")


class TrainingSettings(ctypes.Structure):
    _fields_ = [
        ("n_ctx_train", c_uint32),
        *members(c_void_p, "filter filter_data optimizer optimizer_data"),
        ("kind", c_int32),
    ]


LIBRARY = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
quiet = CFUNCTYPE(None, c_int32, ctypes.c_char_p, c_void_p)(lambda *_: None)


def function(name, result, *arguments):
    found = getattr(LIBRARY, name)
    found.restype, found.argtypes = result, arguments
    return found


model_settings = function("llama_model_default_params", ModelSettings)
context_settings = function("llama_context_default_params", ContextSettings)
load = function("llama_model_load_from_file", c_void_p, ctypes.c_char_p, ModelSettings)
new_context = function("llama_init_from_model", c_void_p, c_void_p, ContextSettings)
decode = function("llama_decode", c_int32, c_void_p, Batch)
batch_of = function("llama_batch_get_one", Batch, POINTER(c_int32), c_int32)
scores_of = function("llama_get_logits_ith", POINTER(c_float), c_void_p, c_int32)
new_sampler = function("llama_sampler_init_greedy", c_void_p)
sample = function("llama_sampler_sample", c_int32, c_void_p, c_void_p, c_int32)
start_training = function("llama_opt_init", None, c_void_p, c_void_p, TrainingSettings)
train = function("llama_opt_epoch", None, *[c_void_p] * 4, c_int64, c_void_p, c_void_p)
new_dataset = function("ggml_opt_dataset_init", c_void_p, c_int32, c_int32, *[c_int64] * 4)
new_result = function("ggml_opt_result_init", c_void_p)
reset_result = function("ggml_opt_result_reset", None, c_void_p)
read_loss = function("ggml_opt_result_loss", None, c_void_p, POINTER(c_double), POINTER(c_double))
data_of = function("ggml_get_data", c_void_p, c_void_p)

function("llama_log_set", None, type(quiet), c_void_p)(quiet, None)
seen = context_settings()
got = [seen.n_ctx, seen.n_batch, seen.n_ubatch, seen.threads, seen.flash, seen.type_k, seen.type_v]
if got != [512, 2048, 512, 4, -1, 1, 1]:
    raise ImportError("xllamacpp is of another version than peer_llama_cpp.py")


def write(path, architecture, settings, tensors):
    """A GGUF file of float32 tensors; settings are names of gguf.GGUFWriter's add_* and their values."""
    writer = gguf.GGUFWriter(path, architecture)
    every = {"vocab_size": VOCABULARY, "tokenizer_model": "none", "file_type": FLOAT}
    for name, value in {**every, **settings}.items():
        getattr(writer, f"add_{name}")(value)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor.detach().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def opened(model, for_model, for_context):
    """llama.cpp's model and context of a model that has an architecture, settings and tensors of GGUF."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write(path, model.architecture, model.settings(), model.tensors())
        loaded = load(str(path).encode(), for_model)
    if not loaded:
        raise ValueError(f"llama.cpp does not load this {model.architecture}")
    for_context.threads = for_context.threads_batch = torch.get_num_threads()
    return loaded, new_context(loaded, for_context)


class Stream:
    """A model that reads and goes on, all settings llama.cpp's own except the threads."""

    def __init__(self, model):
        self.model, self.context = opened(model, model_settings(), context_settings())
        self.greedy = new_sampler()

    def read(self, tokens):
        """The scores of what follows int32 tokens [N]."""
        batch = batch_of(tokens.ctypes.data_as(POINTER(c_int32)), len(tokens))
        failed = decode(self.context, batch)
        if failed:
            raise ValueError(f"llama_decode returns {failed}")
        return self.scores()

    def scores(self):
        return np.ctypeslib.as_array(scores_of(self.context, -1), (VOCABULARY,)).copy()

    def go_on(self, count):
        """The `count` likeliest tokens, each after the ones before, and the scores of what follows them."""
        said, token = [], (c_int32 * 1)()
        batch = batch_of(token, 1)
        for _ in range(count):
            token[0] = sample(self.greedy, self.context, -1)
            said.append(token[0])
            decode(self.context, batch)
        return np.array(said), self.scores()


class Training:
    """Steps of AdamW on one sequence of N tokens, as llama.cpp's own example `finetune` takes them: keys and values in
    float32, no flash attention, weights in memory of their own. N is a multiple of 256, as its contexts are."""

    def __init__(self, model, tokens, targets):
        length = len(tokens)
        for_model, for_context = model_settings(), context_settings()
        for_model.load_mode = NO_MAPPING
        for_context.n_ctx = for_context.n_batch = for_context.n_ubatch = length
        for_context.flash, for_context.type_k, for_context.type_v = NO_FLASH, FLOAT, FLOAT
        self.model, self.context = opened(model, for_model, for_context)
        self.optimizer = AdamW(beta1=0.9, beta2=0.99, eps=1e-8, decay=0.1)
        pointer = lambda name: ctypes.cast(getattr(LIBRARY, name), c_void_p)
        settings = TrainingSettings(
            filter=pointer("llama_opt_param_filter_all"),
            optimizer=pointer("ggml_opt_get_constant_optimizer_params"),
            optimizer_data=ctypes.cast(ctypes.pointer(self.optimizer), c_void_p),
        )
        start_training(self.context, self.model, settings)
        self.data = new_dataset(TOKENS, TOKENS, length, length, 1, 1)
        for name, values in (("data", tokens), ("labels", targets)):
            tensor = function(f"ggml_opt_dataset_{name}", c_void_p, c_void_p)(self.data)
            ctypes.memmove(data_of(tensor), values.ctypes.data, values.nbytes)
        self.result = new_result()

    def step(self, rate):
        """The mean loss before the step."""
        self.optimizer.alpha = rate
        reset_result(self.result)
        train(self.context, self.data, self.result, None, 1, None, None)
        loss = c_double()
        read_loss(self.result, ctypes.byref(loss), None)
        return loss.value
