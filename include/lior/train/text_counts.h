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

/// The counts of the training part of a text on top of `before`, which may be of nothing, and what
/// they lose by each of kCountParts parts of it; with recent_orders > 0 also the text, as what a
/// model reads in training. Asks `interrupted` between pieces, and ends early where it says so; the
/// counts are then of no use. Throws lior::Error where they take more than half of the memory that
/// is available.
nn::TextCounts count_text(const Source& data, nn::Counts before, Index recent_orders,
                          const std::function<bool()>& interrupted);
/// Of counts that have the text already: what they lose by each part, and the text.
nn::TextCounts count_parts(const Source& data, nn::Counts all, Index recent_orders,
                           const std::function<bool()>& interrupted);

/// `text`: the fingerprint of the text that a run counts (text.h).
void save_counts(const std::filesystem::path& folder, const nn::Counts& counts, Index vocabulary,
                 std::uint64_t text);
bool has_counts(const std::filesystem::path& folder);
/// Throws lior::Error that names the file where it is missing, damaged, of another format, of
/// another text (where one is given), or not for a model with these numbers.
nn::Counts load_counts(const std::filesystem::path& folder, Index longest, Index vocabulary,
                       std::optional<std::uint64_t> text = {});

}  // namespace lior::train
