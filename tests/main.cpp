// SPDX-License-Identifier: Apache-2.0
// The main of every GoogleTest program: LIOR_TEST_LEVEL chooses the SIMD level of the whole run,
// and a level that this processor lacks ends the run as skipped (77) before any test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lior/simd/dispatch.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* text = std::getenv("LIOR_TEST_LEVEL")) {
    const lior::simd::Level level = lior::simd::level_from_name(text);
    const auto available = lior::simd::available_levels();
    if (std::find(available.begin(), available.end(), level) == available.end()) {
      std::printf("skipped: this processor has no %s\n", text);
      return 77;
    }
    lior::simd::set_level(level);
  }
  return RUN_ALL_TESTS();
}
