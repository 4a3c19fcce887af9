// SPDX-License-Identifier: Apache-2.0
// Every check of the registry, at the level of the run: what `lior verify` runs.
#include "lior/check/registry.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace lior::check {

void PrintTo(const Check& check, std::ostream* out) { *out << check.name; }

namespace {

class RegistryCheck : public testing::TestWithParam<Check> {};

TEST_P(RegistryCheck, IsWithinItsTolerance) {
  EXPECT_LE(GetParam().error(), GetParam().tolerance) << GetParam().shape;
}

/// GoogleTest names are letters, digits and underscores, and differ.
std::string test_name(const testing::TestParamInfo<Check>& info) {
  std::string name = info.param.name + "_" + info.param.dtype;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(All, RegistryCheck, testing::ValuesIn(registry().checks), test_name);

TEST(Registry, RowsAreNamedOnce) {
  std::set<std::string> names;
  for (const Check& check : registry().checks) {
    EXPECT_TRUE(names.insert(check.name + check.dtype + check.shape).second) << check.name;
    EXPECT_NE(check.name.find('.'), std::string::npos) << check.name << ": thing.statement";
  }
  names.clear();
  for (const Bench& bench : registry().benches) {
    const std::string row = bench.name + bench.dtype + bench.shape + std::to_string(bench.threads);
    EXPECT_TRUE(names.insert(row).second) << bench.name;
  }
}

}  // namespace
}  // namespace lior::check
