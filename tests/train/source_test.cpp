#include "lior/train/data.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "lior/core/buffer.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

/// A file of the bytes 0, 1, ..., 255, 0, 1, ... that lives as long as it.
struct CountingFile {
  std::string path = (fs::temp_directory_path() / fmt::format("lior-data-{}", ::getpid())).string();
  explicit CountingFile(int size) {
    std::ofstream stream(path, std::ios::binary);
    for (int i = 0; i < size; ++i) stream.put(static_cast<char>(i));
  }
  ~CountingFile() { fs::remove(path); }
};

TEST(Text, FingerprintsTellTextsApart) {
  // Whole up to 4 MB; past that in pieces, of which the first and the last are always some.
  for (const int size : {1, 4095, 4097, 5'000'000}) {
    const CountingFile file(size);
    const std::uint64_t fingerprint = Text(file.path, 0.1).fingerprint();
    EXPECT_EQ(Text(file.path, 0.5).fingerprint(), fingerprint);
    for (const int place : {0, size - 1}) {
      std::fstream stream(file.path, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(place).put(static_cast<char>(place + 1));
      stream.close();
      EXPECT_NE(Text(file.path, 0.1).fingerprint(), fingerprint) << size << " " << place;
      stream.open(file.path, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(place).put(static_cast<char>(place));
    }
  }
}

TEST(Text, HoldsOutItsTail) {
  const CountingFile file(1005);
  const Text text(file.path, 0.1);
  EXPECT_EQ(text.size(), 1005);
  EXPECT_EQ(text.training().size(), 905u);
  EXPECT_EQ(text.held_out().size(), 100u);
  EXPECT_EQ(std::to_integer<int>(text.held_out()[0]), 905 % 256);
  EXPECT_TRUE(Text(file.path, 0).held_out().empty());
}

TEST(Text, WindowsLieInTheTrainingPartAndReachItsEnds) {
  const CountingFile file(40);
  const Text text(file.path, 0.5);  // bytes 0..19
  Array<std::int32_t, 2> tokens({64, 4}), targets({64, 4});
  std::set<std::int32_t> starts;
  for (Index step = 0; step < 20; ++step) {
    text.fill_windows(1, step, tokens.view(), targets.view());
    for (Index row = 0; row < 64; ++row) {
      starts.insert(tokens(row, 0));
      for (Index t = 0; t < 4; ++t) {
        EXPECT_EQ(tokens(row, t), tokens(row, 0) + t);
        EXPECT_EQ(targets(row, t), tokens(row, t) + 1);
      }
    }
  }
  EXPECT_EQ(starts.size(), 16u);  // 0..15: the last target is byte 19
  EXPECT_EQ(*starts.rbegin(), 15);
}

TEST(Text, WindowsAreFunctionsOfSeedAndStep) {
  const CountingFile file(5000);
  const Text text(file.path, 0.1);
  const auto windows = [&](std::uint64_t seed, Index step) {
    Array<std::int32_t, 2> tokens({8, 4}), targets({8, 4});
    text.fill_windows(seed, step, tokens.view(), targets.view());
    return std::vector<std::int32_t>(tokens.span().begin(), tokens.span().end());
  };
  EXPECT_EQ(windows(1, 2), windows(1, 2));
  EXPECT_NE(windows(1, 2), windows(1, 3));
  EXPECT_NE(windows(1, 2), windows(2, 2));
}

TEST(Text, TooLittleTextIsAnError) {
  const CountingFile file(10), empty(0);
  EXPECT_THROW(Text(empty.path, 0.1), Error);
  const CountingFile five(5);
  const Text text(five.path, 0);
  Array<std::int32_t, 2> tokens({1, 5}), targets({1, 5});
  EXPECT_THROW(text.fill_windows(1, 0, tokens.view(), targets.view()), Error);
}

TEST(Data, NamesWhatItIs) {
  const CountingFile file(10);
  const Data text = Data::open(file.path, 0.1), task = Data::open("builtin:copy", 0.1);
  EXPECT_TRUE(text.is_text());
  EXPECT_EQ(text.vocabulary(), 256);
  EXPECT_FALSE(task.is_text());
  EXPECT_EQ(task.vocabulary(), 17);
  EXPECT_EQ(task.classes(), 16);
  EXPECT_THROW(Data::open("builtin:a6", 0.1), Error);
  EXPECT_THROW(Data::open("/no/such/file", 0.1), Error);
  EXPECT_THROW(Data::open("", 0.1), Error);
}

}  // namespace
}  // namespace lior::train
