// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The counts of a run's text (nn/counts.h), and the file that keeps them.
///
/// counts.safetensors of a run's folder, its metadata {"format": "1", "vocabulary": V, "text": the
/// fingerprint of the run's text}: for contexts of n = 0 .. K tokens
///   n.keys       U64 [C]  the contexts' hashes, rising
///   n.followers  U32 [C]  how many tokens follow each, at least one
///   n.tokens     U16 [F], above a vocabulary of 65,536 U32  these tokens, rising for each context
///   n.counts     U32 [F]  n_c of each, at least 1

#include <filesystem>
#include <functional>
#include <optional>

#include "lior/nn/counts.h"
#include "lior/train/source.h"

namespace lior::train {

/// Parts of a text that are left out one at a time while a model learns from it: about as much of
/// it as is held out.
inline constexpr Index kCountParts = 8;

/// What of a text is counted.
struct CountChoice {
  Index tokens = 0;         ///< so many of the training part, spread over it evenly; 0: all
  Index recent_orders = 0;  ///< above 0 also the text is kept, as what a model reads in training
};

/// The stretches of a training part that are counted: the first tokens of each million, as many as
/// make up what is asked, to rounding. All that is there where that is less.
std::vector<Range> counted_stretches(const std::vector<Range>& training, Index tokens);

/// The counts of the training part of a text on top of `before`, which may be of nothing, and what
/// they lose by each of kCountParts parts of it. Asks `interrupted` between pieces, and ends early
/// where it says so; the counts are then of no use. Throws lior::Error where they take more than
/// half of the memory that is available. Cost: some .8 us a token, and 20 (of 100 MB) to 107
/// bytes (of one).
nn::TextCounts count_text(const Source& data, nn::Counts before, const CountChoice& choice,
                          const std::function<bool()>& interrupted);
/// Of counts that have the text already: what they lose by each part, and the text.
nn::TextCounts count_parts(const Source& data, nn::Counts all, const CountChoice& choice,
                           const std::function<bool()>& interrupted);

/// The mean of -ln p_K (nn/counts.h) over some 20,000 tokens, spread evenly over the training part,
/// each by the counts that lack its part; 0 of a text without contexts of K tokens. Some 5 us a
/// token.
double count_loss(const Source& data, const nn::TextCounts& counts);

/// `text`: the fingerprint of the text that a run counts (text.h).
void save_counts(const std::filesystem::path& folder, const nn::Counts& counts, Index vocabulary,
                 std::uint64_t text);
bool has_counts(const std::filesystem::path& folder);
/// Throws lior::Error that names the file where it is missing, damaged, of another format, of
/// another text (where one is given), or not for a model with these numbers.
nn::Counts load_counts(const std::filesystem::path& folder, Index longest, Index vocabulary,
                       std::optional<std::uint64_t> text = {});

}  // namespace lior::train
