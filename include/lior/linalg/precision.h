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

/// The precision of products on this thread now: float32 where no scope says otherwise.
Precision current_precision();

/// While it lives, gemm<float> on this thread takes its factors in `precision`; scopes nest.
/// bfloat16 is for bf16_is_native() processors, where it multiplies twice as fast; elsewhere the
/// same numbers come out, slower than in float32. The rounded factors lie in buffers that grow with
/// the largest product and stay.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  Precision outer_;
};

}  // namespace lior::linalg
