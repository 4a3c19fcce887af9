// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The preset "auto", the one of a text without a preset: settings by what was measured of texts of
/// such a size (docs/decisions/032-auto.md).

#include <string>

#include "lior/train/config.h"

namespace lior::train {

/// The facts that it goes by. All are the same on all ranks of a run.
struct AutoFacts {
  Index training_bytes = 0;
  double bytes_per_token = 1;  ///< there
  double entropy = 0;          ///< of the text's bytes, in bits (text.h)
  Index documents = 1;         ///< of the text
  bool holds_out = true;       ///< whether anything of the text is held out
};

/// Whether these settings leave the choice: they name a text, no preset but "auto" (or that of the
/// run which init_from names, the only one it can have), and no part of the model (a key "model.*",
/// which is of `tiny` then).
bool leaves_preset(std::span<const settings::Setting> settings);

/// The settings that stand for the preset. `asked`: the settings of the run, with those of `tiny`
/// for what they leave open.
///   a run to begin with (init_from): its preset and model, with counts at a third of the rate;
///   bytes that look compressed: tiny;
///   else counts of the text: tiny-counts, which is ahead of small-counts after an hour, too.
/// Of more than 32 MB of text so many are counted (1 GB of memory, half a minute of a core).
/// A text with less than a byte for four of tiny-counts' parameters: dropout, an evaluation every
/// 50 steps, patience. A single document that is no longer than the preset's sequences: sequences
/// as short as `asked` has them. Without steps and minutes: three times through the text, 100 to
/// 2,000 steps.
PresetChoice choose_preset(const Config& asked, const AutoFacts& facts);

/// A line for a person: what a run takes, and why.
std::string choice_text(const Config& config, const PresetChoice& choice);

}  // namespace lior::train
