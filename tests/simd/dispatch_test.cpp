// SPDX-License-Identifier: Apache-2.0
#include "lior/simd/dispatch.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "support/error_of.h"

namespace lior::simd {
namespace {

#ifdef __aarch64__
constexpr std::string_view kVectors = "neon", kVectorsInCapitals = "NEON";
constexpr std::array kAllLevels = {Level::scalar, Level::avx2};
const std::string kExpected = "scalar or neon";
#else
constexpr std::string_view kVectors = "avx2", kVectorsInCapitals = "AVX2";
constexpr std::array kAllLevels = {Level::scalar, Level::avx2, Level::avx512};
const std::string kExpected = "scalar, avx2 or avx512";
#endif

TEST(Dispatch, NamesGoBothWays) {
  for (const Level level : kAllLevels) {
    EXPECT_EQ(level_from_name(name(level)), level);
  }
  EXPECT_EQ(name(Level::avx2), kVectors);
  EXPECT_EQ(level_from_name(kVectorsInCapitals), Level::avx2);
  EXPECT_EQ(level_from_name("Scalar"), Level::scalar);
}

TEST(Dispatch, UnknownNameListsTheNames) {
  for (const char* text : {"", "avx3", "vsx", "scalar "}) {
    EXPECT_EQ(error_of([&] { level_from_name(text); }),
              "SIMD level '" + std::string(text) + "' is unknown; expected " + kExpected);
  }
}

TEST(Dispatch, ScalarIsAlwaysThereAndLevelsAscend) {
  const auto levels = available_levels();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), Level::scalar);
  for (std::size_t i = 1; i < levels.size(); ++i) EXPECT_LT(levels[i - 1], levels[i]);
}

TEST(Dispatch, TableGivesTheKernelOfTheLevelInForce) {
  const Table table{+[] { return Level::scalar; }, +[] { return Level::avx2; },
                    +[] { return Level::avx512; }};
  const Level before = level();
  for (const Level chosen : available_levels()) {
    set_level(chosen);
    EXPECT_EQ(level(), chosen);
    EXPECT_EQ(table.chosen()(), chosen);
  }
  set_level(before);
}

TEST(Dispatch, LevelThatTheProcessorLacksIsAnError) {
  const auto levels = available_levels();
  if (levels.back() == Level::avx512) GTEST_SKIP() << "this processor has every level";
  const Level before = level();
  EXPECT_THROW(set_level(Level::avx512), Error);
  EXPECT_EQ(level(), before);
}

// LIOR_SIMD is read once a process, so each value needs a process of its own: this program again,
// with only the next test, which prints the level or the error.
TEST(Dispatch, DISABLED_PrintLevel) {
  try {
    std::printf("<%s>\n", std::string(name(level())).c_str());
  } catch (const Error& error) {
    std::printf("<%s>\n", error.what());
  }
}

std::string level_under(const std::string& setting) {
  // Its path, since under qemu-user a link of another process leads to qemu.
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      "env -u LIOR_TEST_LEVEL LIOR_SIMD='" + setting + "' " LIOR_EMULATOR " '" + program +
      "' --gtest_output= --gtest_also_run_disabled_tests --gtest_filter=*PrintLevel";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 256> part{};
  while (std::fgets(part.data(), part.size(), pipe) != nullptr) output += part.data();
  pclose(pipe);
  const std::size_t begin = output.find('<'), end = output.find('>');
  return end == std::string::npos ? output : output.substr(begin + 1, end - begin - 1);
}

TEST(Dispatch, EnvironmentChoosesTheLevel) {
  for (const Level level : available_levels()) {
    EXPECT_EQ(level_under(std::string(name(level))), name(level));
  }
  EXPECT_EQ(level_under(""), name(available_levels().back()));
}

TEST(Dispatch, UnknownEnvironmentIsAnError) {
  EXPECT_EQ(level_under("sse9"), "SIMD level 'sse9' is unknown; expected " + kExpected);
}

TEST(Dispatch, UnavailableEnvironmentIsAnError) {
#ifdef __aarch64__
  GTEST_SKIP() << "every such processor has both levels";
#endif
  if (available_levels().back() == Level::avx512) GTEST_SKIP() << "this processor has every level";
  EXPECT_EQ(level_under("avx512").find("LIOR_SIMD=avx512: this processor has no such level"), 0U);
}

}  // namespace
}  // namespace lior::simd
