// SPDX-License-Identifier: Apache-2.0
#include "lior/train/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

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

std::unique_ptr<Source> open_text(const std::string& path, double held_out) {
  return open_source({.corpus = {.names = path}, .held_out = held_out});
}

TEST(Text, FingerprintsTellTextsApart) {
  // Whole up to 4 MB; past that in pieces, of which the first and the last are always some.
  for (const int size : {1, 4095, 4097, 5'000'000}) {
    const CountingFile file(size);
    const std::uint64_t fingerprint = TextBytes(file.path).fingerprint();
    EXPECT_EQ(TextBytes(file.path).is_sampled(), size == 5'000'000);
    for (const int place : {0, size - 1}) {
      std::fstream stream(file.path, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(place).put(static_cast<char>(place + 1));
      stream.close();
      EXPECT_NE(TextBytes(file.path).fingerprint(), fingerprint) << size << " " << place;
      stream.open(file.path, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(place).put(static_cast<char>(place));
    }
  }
}

// Checkpoints of earlier versions hold such numbers: FNV-1a of the bytes.
TEST(Text, FingerprintIsWhatItWas) {
  const CountingFile file(3);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t byte : {0, 1, 2}) hash = (hash ^ byte) * 0x100000001b3;
  EXPECT_EQ(TextBytes(file.path).fingerprint(), hash);
}

/// Of `bytes` zeros that the disk does not hold.
struct SparseFile {
  std::string path =
      (fs::temp_directory_path() / fmt::format("lior-sparse-{}", ::getpid())).string();
  explicit SparseFile(Index bytes) {
    std::ofstream(path).put('0');
    fs::resize_file(path, static_cast<std::uintmax_t>(bytes));
  }
  ~SparseFile() { fs::remove(path); }

  /// Pages of it that the system has in memory.
  Index pages_in_memory() const {
    const auto bytes = static_cast<std::size_t>(fs::file_size(path));
    const int file = ::open(path.c_str(), O_RDONLY);
    void* const map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    std::vector<unsigned char> in_memory(bytes / 4096 + 1);
    EXPECT_EQ(::mincore(map, bytes, in_memory.data()), 0);
    ::munmap(map, bytes);
    ::close(file);
    return std::count_if(in_memory.begin(), in_memory.end(), [](auto page) { return page & 1; });
  }
};

// With the system's reading ahead, 8 MB a piece, it was the whole file.
TEST(Text, AFingerprintOfALargeFileReadsItsPiecesAlone) {
  const SparseFile file(Index{1} << 30);
  TextBytes(file.path).fingerprint();
  EXPECT_LE(file.pages_in_memory(), 2 * 1024 + 1);  // a piece lies across two pages
}

TEST(Text, AFingerprintAsksAtEachPieceWhetherToGoOn) {
  const SparseFile file(Index{1} << 30);
  int asked = 0;
  TextBytes(file.path).fingerprint([&] { return ++asked == 10; });
  EXPECT_EQ(asked, 10);
}

TEST(Text, HoldsOutItsTail) {
  const CountingFile file(1005);
  const auto text = open_text(file.path, 0.1);
  EXPECT_TRUE(text->has_held_out());
  const auto stream = text->evaluation(Part::val, 0, 100, 100, 1);
  EXPECT_EQ(stream->length(), 99);  // of 100 bytes, each after the first
  Array<std::int32_t, 2> tokens({1, 99}), targets({1, 99});
  stream->read(0, 0, tokens.view(), targets.view());
  EXPECT_EQ(tokens(0, 0), 905 % 256);
  EXPECT_EQ(targets(0, 98), 1004 % 256);
  EXPECT_FALSE(open_text(file.path, 0)->has_held_out());
  EXPECT_THROW(open_text(file.path, -5), Error);
  EXPECT_THROW(open_text(file.path, 1.5), Error);
}

TEST(Text, EntropyIsOfItsBytes) {
  EXPECT_NEAR(TextBytes(CountingFile(256).path).entropy(), 8, 1e-12);
  EXPECT_NEAR(TextBytes(CountingFile(2).path).entropy(), 1, 1e-12);
  EXPECT_EQ(TextBytes(CountingFile(1).path).entropy(), 0);
}

TEST(Text, SamplesReachFromTheStartOfItsTailToItsEnd) {
  const CountingFile file(2000);
  const auto text = open_text(file.path, 0.5);  // bytes 1000 .. 1999, 999 predictions
  constexpr Index kCount = 12, kLength = 10;    // three stretches of 40
  const auto stream = text->sample(0, kCount, kLength, 4);
  ASSERT_EQ(stream->count(), 3);
  ASSERT_EQ(stream->length(), 40);
  Array<std::int32_t, 2> tokens({3, 40}), targets({3, 40});
  stream->read(0, 0, tokens.view(), targets.view());
  EXPECT_EQ(tokens(0, 0), 1000 % 256);
  EXPECT_EQ(tokens(1, 0), (1000 + 959 / 2) % 256);
  EXPECT_EQ(targets(2, 39), 1999 % 256);
  // All of the tail, where it has no more.
  EXPECT_EQ(text->sample(0, 200, kLength, 4)->length(), 999 / 4);
}

TEST(Text, WindowsLieInTheTrainingPartAndReachItsEnds) {
  const CountingFile file(40);
  const auto text = open_text(file.path, 0.5);  // bytes 0..19
  Array<std::int32_t, 2> tokens({64, 4}), targets({64, 4});
  const auto starts_of = [&](Purpose purpose) {
    std::set<std::int32_t> starts;
    for (Index step = 0; step < 20; ++step) {
      text->fill(purpose, 1, step, 0, tokens.view(), targets.view());
      for (Index row = 0; row < 64; ++row) {
        starts.insert(tokens(row, 0));
        for (Index t = 0; t < 4; ++t) {
          EXPECT_EQ(tokens(row, t), tokens(row, 0) + t);
          EXPECT_EQ(targets(row, t), tokens(row, t) + 1);
        }
      }
    }
    return starts;
  };
  const auto training = starts_of(Purpose::training), evaluation = starts_of(Purpose::evaluation);
  EXPECT_EQ(training.size(), 16u);  // 0..15: the last target is byte 19
  EXPECT_EQ(*training.rbegin(), 15);
  EXPECT_EQ(evaluation.size(), 16u);
  EXPECT_EQ(*evaluation.begin(), 20);
}

TEST(Text, WindowsLongerThanAPieceAreReadWhole) {
  const CountingFile file(20'000);
  const auto text = open_text(file.path, 0);
  Array<std::int32_t, 2> tokens({2, 9'000}), targets({2, 9'000});
  text->fill(Purpose::training, 1, 0, 0, tokens.view(), targets.view());
  for (Index t = 0; t < 9'000; ++t) {
    EXPECT_EQ(tokens(1, t), (tokens(1, 0) + t) % 256);
    EXPECT_EQ(targets(1, t), (tokens(1, t) + 1) % 256);
  }
}

TEST(Text, WindowsAreFunctionsOfSeedStepAndRow) {
  const CountingFile file(5000);
  const auto text = open_text(file.path, 0.1);
  const auto windows = [&](std::uint64_t seed, Index step, Index first) {
    Array<std::int32_t, 2> tokens({8, 4}), targets({8, 4});
    text->fill(Purpose::training, seed, step, first, tokens.view(), targets.view());
    return std::vector<std::int32_t>(tokens.span().begin(), tokens.span().end());
  };
  EXPECT_EQ(windows(1, 2, 0), windows(1, 2, 0));
  EXPECT_NE(windows(1, 2, 0), windows(1, 3, 0));
  EXPECT_NE(windows(1, 2, 0), windows(2, 2, 0));
  const auto whole = windows(1, 2, 0), later = windows(1, 2, 5);
  EXPECT_TRUE(std::equal(later.begin(), later.begin() + 12, whole.begin() + 20));
}

TEST(Text, TooLittleTextIsAnError) {
  const CountingFile empty(0);
  EXPECT_THROW(TextBytes(empty.path), Error);
  const CountingFile five(5);
  const auto text = open_text(five.path, 0);
  Array<std::int32_t, 2> tokens({1, 5}), targets({1, 5});
  EXPECT_THROW(text->fill(Purpose::training, 1, 0, 0, tokens.view(), targets.view()), Error);
  EXPECT_THROW(TextBytes(fs::temp_directory_path().string()), Error);
}

// A mapped file that shrinks ends the program with SIGBUS.
TEST(Text, AFileThatShrinksIsLost) {
  const CountingFile file(5000);
  const auto text = open_text(file.path, 0);
  ASSERT_EQ(::truncate(file.path.c_str(), 2000), 0);
  Array<std::int32_t, 2> tokens({1, 2500}), targets({1, 2500});
  EXPECT_THROW(text->fill(Purpose::training, 1, 0, 0, tokens.view(), targets.view()), TextLost);
}

TEST(Text, ComesThroughAFifo) {
  const std::string path =
      (fs::temp_directory_path() / fmt::format("lior-fifo-{}", ::getpid())).string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::string bytes(300'000, 'x');
  bytes.back() = 'y';
  std::thread writer([&] { std::ofstream(path, std::ios::binary) << bytes; });
  const TextBytes text(path);
  writer.join();
  EXPECT_EQ(text.size(), 300'000);
  EXPECT_EQ(text.held().size(), 300'000u);
  std::byte last[2];
  text.read(299'998, last);
  EXPECT_EQ(std::to_integer<char>(last[1]), 'y');
  // Nobody writes: it hung in open.
  int asked = 0;
  EXPECT_EQ(TextBytes(path, [&] { return ++asked > 2; }).size(), 0);
  fs::remove(path);
}

TEST(Source, NamesWhatItIs) {
  const CountingFile file(10);
  const auto text = open_text(file.path, 0.1), task = open_text("builtin:copy", 0.1);
  EXPECT_NE(text->text(), nullptr);
  EXPECT_EQ(text->vocabulary(), 256);
  EXPECT_EQ(task->text(), nullptr);
  EXPECT_EQ(task->vocabulary(), 17);
  EXPECT_EQ(task->classes(), 16);
  EXPECT_THROW(open_text("builtin:a6", 0.1), Error);
  EXPECT_THROW(open_text("/no/such/file", 0.1), Error);
  EXPECT_THROW(open_text("", 0.1), Error);
}

}  // namespace
}  // namespace lior::train
