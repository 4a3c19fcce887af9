// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Advice of a run about its text, in words for a person.

#include <optional>
#include <string>

#include "lior/train/best.h"
#include "lior/train/config.h"
#include "lior/train/text.h"

namespace lior::train {

/// Bits of entropy of a byte from which on a text looks compressed: prose has 4 to 5, programs 5 to
/// 6.5, gzip and xz 7.9 and more.
inline constexpr double kUniformBits = 7.5;
/// Of a text with fewer bytes than parameters over this: tiny (0.6 M parameters) on 100 KB passes
/// its best val within 500 steps of 4 x 256 bytes; on a megabyte it does not within 3,000.
inline constexpr Index kParametersPerByte = 4;

/// A text whose bytes are nearly uniform, compressed or encrypted; that begins as UTF-16 does; or
/// of whose first 64 KB a hundredth or more are 0. Reads up to 4 MB of it.
std::optional<std::string> advice_on_bytes(const TextBytes& text);

/// A tokenizer of very many tokens, whose rows and scores are nearly all of a small model.
std::optional<std::string> advice_on_vocabulary(const Config& config);

/// A model of so many parameters (n-gram tables, which are larger than what is read of them, do not
/// count), on a text of which it sees so few bytes that it can learn them by heart.
std::optional<std::string> advice_on_size(const Config& config, Index parameters,
                                          Index training_bytes);

/// An evaluation that is kRisenEvaluations past the best one, and worse by kRisenLoss.
std::optional<std::string> advice_on_val(const Config& config, const Best& best, const Best& now);
inline constexpr Index kRisenEvaluations = 3;
inline constexpr double kRisenLoss = 0.01;  ///< nats; windows that are the same have little noise

}  // namespace lior::train
