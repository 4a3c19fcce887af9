// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Byte-pair encoding: the tokens of a text are its bytes, of which pairs that often stand together
/// were made tokens, again and again.
///
/// A text is cut at its added tokens first, then into words (words.h), then each word is merged: of
/// the pairs of neighbours that some merge joins, the one of the earliest merge, and of these the
/// leftmost, becomes one token, until there is none.
///
/// Source: R. Sennrich, B. Haddow, A. Birch, ACL 2016 (arXiv 1508.07909); A. Radford et al.,
/// "Language models are unsupervised multitask learners", 2019, for bytes.

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lior/train/corpus.h"
#include "lior/train/tokenizer.h"
#include "lior/train/words.h"

namespace lior::train {

/// A token that stands for its text wherever that stands.
struct AddedToken {
  std::int32_t id = 0;
  bool is_special = false;  ///< kept for whoever reads the file
  bool is_late = false;     ///< looked for in what the others left ("normalized" in the file)
};

struct BytePairs {
  std::vector<std::string> bytes;  ///< of each token; every single byte is one
  /// The tokens that each merge joins, the earliest first; their bytes together are a token's.
  std::vector<std::pair<std::int32_t, std::int32_t>> merges;
  std::vector<AddedToken> added;
  std::vector<std::string> words = {std::string(kGpt2Words)};  ///< expressions (words.h)
  bool whole_words_first = false;    ///< a word that is a token is not merged ("ignore_merges")
  bool is_of_composed_text = false;  ///< kept for whoever reads the file ("normalizer": NFC)
};

/// Throws lior::Error where a byte has no token, or a merge gives none, or as Words does.
TokenizerPtr byte_pair_tokenizer(BytePairs pairs);

/// Up to `vocabulary` tokens, learnt from the words of parts of a text: its bytes by their values,
/// then again and again the pair that stands together most often, of equals the one whose tokens
/// are the smallest; pairs that stand together once are left. Of parts larger than kMostLearnt,
/// pieces spread evenly over them. A function of its arguments. About a second for 10 MB.
BytePairs learn_byte_pairs(const TextBytes& text, std::span<const Range> parts, Index vocabulary,
                           const std::function<bool()>& interrupted);
inline constexpr Index kMostLearnt = Index{1} << 25;

/// Hugging Face's tokenizer.json, as far as it is byte-level BPE:
/// - model BPE without dropout, prefixes and byte fallback;
/// - pre-tokenizer ByteLevel, with its words or without, alone or as the last of a Sequence behind
///   Split (behavior Isolated, or Removed with invert, of which nothing is removed here) and
///   Digits;
/// - no normalizer, or NFC: a text is taken as it stands, so that one that is not in this form has
///   other tokens than there, and comes back as it was;
/// - added tokens that strip nothing. What a post-processor adds around a text is not added.
/// Those of GPT-2, GPT-NeoX (also Pythia's and Mamba's), Llama 3, Qwen, DeepSeek, StarCoder and
/// SmolLM are of this kind. Anything else is a lior::Error that names it.
BytePairs read_tokenizer_json(const std::filesystem::path& path);
/// The same of its text; `name` is what errors call it.
BytePairs parse_tokenizer_json(std::string_view text, const std::string& name);
std::string to_tokenizer_json(const BytePairs& pairs);

}  // namespace lior::train
