// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tokenizers by their names, the values of the setting `tokenizer`:
/// - byte;
/// - bpe:N, byte pairs learnt from the text that is trained on, N tokens at most (byte_pairs.h);
/// - FILE.json, byte pairs of a Hugging Face tokenizer.json.

#include <functional>
#include <string>

#include "lior/train/corpus.h"
#include "lior/train/tokenizer.h"

namespace lior::train {

/// A new one for a text, of which `training` is trained on. Throws lior::Error that says what names
/// there are, or as read_tokenizer_json. `interrupted` is asked again and again; the tokenizer is
/// then of no use.
TokenizerPtr make_tokenizer(const std::string& name, const TextBytes& text,
                            std::span<const Range> training,
                            const std::function<bool()>& interrupted);

/// The one of that name that a run keeps in `folder`: of bytes, or in its tokenizer.json.
TokenizerPtr read_tokenizer(const std::string& name, const std::filesystem::path& folder);
/// Writes what read_tokenizer reads there: of bytes nothing.
void keep_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace lior::train
