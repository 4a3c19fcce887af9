// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Products of sizes that come from outside: an overflow is an error, not a small number.

#include <cstdint>
#include <limits>

#include "lior/core/error.h"

namespace lior {

/// a b for a, b >= 0; the largest integer where the product exceeds it. For sizes that are compared
/// with a bound afterwards.
constexpr std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max()
                                                : product;
}

/// a b. Throws lior::Error where it exceeds 2^63 - 1, in whose message `what` is the size:
/// "elements".
constexpr std::int64_t checked_product(std::int64_t a, std::int64_t b, const char* what) {
  std::int64_t product = 0;
  LIOR_CHECK(!__builtin_mul_overflow(a, b, &product),
             "{} x {} {} are more than can be counted; choose smaller sizes", a, b, what);
  return product;
}

}  // namespace lior
