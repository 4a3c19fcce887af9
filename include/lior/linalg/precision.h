// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How exactly products of floats take their factors.

#include "lior/core/names.h"

namespace lior::linalg {

enum class Precision {
  float32,   ///< as they are
  bfloat16,  ///< rounded to 8 significant bits; sums stay float
};
constexpr auto enum_names(Precision) { return enum_words("float32", "bfloat16"); }

}  // namespace lior::linalg
