// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parameters of a model of one geometric_mamba without gates, by the names of its file.

#include <array>
#include <string_view>

namespace lior::train::tracker_parameters {

inline constexpr std::string_view kEmbedding = "embedding.weight",
                                  kGain = "blocks.0.mixer.norm.weight",
                                  kInWeight = "blocks.0.mixer.in.weight",
                                  kInBias = "blocks.0.mixer.in.bias",
                                  kInitial = "blocks.0.mixer.initial",
                                  kReadout = "blocks.0.mixer.readout.weight";

/// Those that make turns and starts; the others read the states.
inline constexpr std::array kMakeTurns = {kEmbedding, kGain, kInWeight, kInBias, kInitial};

}  // namespace lior::train::tracker_parameters
