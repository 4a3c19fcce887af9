// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a run says about its text, in words for a person.

#include <optional>
#include <string>

#include "lior/train/best.h"
#include "lior/train/config.h"
#include "lior/train/text.h"

namespace lior::train {

/// A text whose bytes are nearly uniform: compressed or encrypted. Reads up to 4 MB of it.
std::optional<std::string> advice_on_bytes(const TextBytes& text);

/// A model of so many parameters (n-gram tables, which are larger than what is read of them, do not
/// count), on a text of which it sees so few bytes that it can learn them by heart.
std::optional<std::string> advice_on_size(const Config& config, Index parameters,
                                          Index training_bytes);

/// An evaluation that is kRisenEvaluations past the best one, and worse by kRisenLoss.
std::optional<std::string> advice_on_val(const Config& config, const Best& best, const Best& now);
inline constexpr Index kRisenEvaluations = 3;
inline constexpr double kRisenLoss = 0.01;  ///< nats; windows that are the same have little noise

}  // namespace lior::train
