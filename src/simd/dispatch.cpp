// SPDX-License-Identifier: Apache-2.0
#include "lior/simd/dispatch.h"

#include <hwy/targets.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "lior/core/text.h"

namespace lior::simd {
namespace {

#if HWY_ARCH_ARM_A64
// NEON, which every such processor has, stands where avx2 does: the kernels of that level are
// compiled for it (src/CMakeLists.txt).
constexpr std::array kAllLevels = {Level::scalar, Level::avx2};
constexpr std::array<std::string_view, 3> kNames = {"scalar", "neon", "avx512"};

bool runs(Level level) { return level != Level::avx512; }
#else
constexpr std::array kAllLevels = {Level::scalar, Level::avx2, Level::avx512};
constexpr std::array<std::string_view, 3> kNames = {"scalar", "avx2", "avx512"};

bool runs(Level level) {
  switch (level) {
    case Level::scalar: return true;
    case Level::avx2: return (hwy::SupportedTargets() & HWY_AVX2) != 0;
    case Level::avx512: return (hwy::SupportedTargets() & HWY_AVX3) != 0;
  }
  return false;
}
#endif

constexpr std::string_view kExpected =
    kAllLevels.size() == 3 ? "scalar, avx2 or avx512" : "scalar or neon";

std::string available_names() {
  std::string names;
  for (const Level level : available_levels()) {
    names += (names.empty() ? "" : ", ") + std::string(name(level));
  }
  return names;
}

Level initial_level() {
  const char* text = std::getenv("LIOR_SIMD");
  if (text == nullptr || *text == '\0') return available_levels().back();
  const Level level = level_from_name(text);
  LIOR_CHECK(runs(level), "LIOR_SIMD={}: this processor has no such level; it runs {}", text,
             available_names());
  return level;
}

std::atomic<Level>& setting() {
  static std::atomic<Level> level = initial_level();
  return level;
}

}  // namespace

std::string_view name(Level level) { return kNames[static_cast<std::size_t>(level)]; }

Level level_from_name(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const Level level : kAllLevels) {
    if (lower == name(level)) return level;
  }
  throw Error(fmt::format("SIMD level '{}' is unknown; expected {}", shown(text), kExpected));
}

std::span<const Level> available_levels() {
  static const std::size_t count = [] {
    std::size_t n = 0;
    while (n < kAllLevels.size() && runs(kAllLevels[n])) ++n;
    return n;
  }();
  return std::span(kAllLevels).first(count);
}

Level level() { return setting().load(std::memory_order_relaxed); }

void set_level(Level level) {
  LIOR_CHECK(runs(level), "SIMD level {} is not available; this processor runs {}", name(level),
             available_names());
  setting().store(level, std::memory_order_relaxed);
}

}  // namespace lior::simd
