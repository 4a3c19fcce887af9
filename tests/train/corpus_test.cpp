// SPDX-License-Identifier: Apache-2.0
#include "lior/train/corpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <numeric>

#include "lior/core/buffer.h"
#include "lior/train/source.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

class Corpora : public testing::Test {
 public:
  ~Corpora() override { fs::remove_all(folder_); }

 protected:
  Corpora() { fs::create_directories(folder_); }

  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  static std::string bytes(const Corpus& corpus, Range range) {
    std::string text(static_cast<std::size_t>(range.size()), ' ');
    corpus.text().read(range.begin, std::as_writable_bytes(std::span(text)));
    return text;
  }
  static std::vector<std::string> documents(const Corpus& corpus) {
    std::vector<std::string> all;
    for (const Range& range : corpus.documents()) all.push_back(bytes(corpus, range));
    return all;
  }
  using Texts = std::vector<std::string>;

  fs::path folder_ = fs::temp_directory_path() / fmt::format("lior-corpus-{}", ::getpid());
};

TEST_F(Corpora, EachFileAndEachLineIsADocument) {
  write("a.txt", "first");
  write("b.jsonl", "{\"text\": \"second\"}\n\n{\"text\": \"\"}\n{\"text\": \"third\"}");
  EXPECT_EQ(documents(Corpus({.names = folder_.string()}, "")),
            (Texts{"first", "second", "third"}));
}

TEST_F(Corpora, SeparatorsBelongToNoDocument) {
  const std::string one = write("one", "--a--b----c-d--"), two = write("two", "e--f");
  EXPECT_EQ(documents(Corpus({.names = one, .separator = "--"}, "")), (Texts{"a", "b", "c-d"}));
  EXPECT_EQ(documents(Corpus({.names = one + "\n" + two, .separator = "--"}, "")),
            (Texts{"a", "b", "c-d", "e", "f"}));
  const std::string lines = write("lines", "a\n\nb\tc\\");
  EXPECT_EQ(documents(Corpus({.names = lines, .separator = "\\n\\n"}, "")), (Texts{"a", "b\tc\\"}));
  EXPECT_EQ(documents(Corpus({.names = lines, .separator = "\\\\"}, "")), (Texts{"a\n\nb\tc"}));
  const std::string windows = write("windows", "a\r\n\r\nb");
  EXPECT_EQ(documents(Corpus({.names = windows, .separator = "\\r\\n\\r\\n"}, "")),
            (Texts{"a", "b"}));
  EXPECT_THROW(Corpus({.names = lines, .separator = "\\x"}, ""), Error);
  EXPECT_THROW(Corpus({.names = write("none", "----"), .separator = "--"}, ""), Error);
}

TEST_F(Corpora, ASeparatorThatStandsNowhereIsNamed) {
  const std::string one = write("one", "a\r\n\r\nb"), two = write("two", "a\n\nb");
  const auto note = [](const std::string& names, const std::string& separator) {
    return Corpus({.names = names, .separator = separator}, "").note();
  };
  const std::string said = R"(the separator "\n\n" stands nowhere, and each file is one document)";
  EXPECT_EQ(note(one, "\\n\\n"), said);
  EXPECT_EQ(note(one + "\n" + one, "\\n\\n"), said);
  EXPECT_EQ(note(one + "\n" + two, "\\n\\n"), "");
  EXPECT_EQ(note(two, "\\n\\n"), "");
  EXPECT_EQ(note(write("ends", "a\n\n"), "\\n\\n"), "");
  EXPECT_EQ(note(one, ""), "");
}

// The pieces that a file is read in are 64 KB.
TEST_F(Corpora, ASeparatorMayLieAcrossTwoPieces) {
  for (const std::size_t before : {65533u, 65534u, 65535u, 65536u}) {
    const std::string text = std::string(before, 'x') + "\n===\n" + std::string(70000, 'y');
    const Corpus corpus({.names = write("long", text), .separator = "\n===\n"}, "");
    ASSERT_EQ(corpus.documents().size(), 2u) << before;
    EXPECT_EQ(corpus.documents()[0], (Range{0, static_cast<Index>(before)}));
    EXPECT_EQ(corpus.documents()[1].size(), 70000);
  }
}

TEST_F(Corpora, WhatIsNoTextIsLeftOutOfFoldersAlone) {
  write("a.txt", "text");
  const std::string binary = write("b", std::string_view("\x7f"
                                                         "ELF\0\1",
                                                         6));
  const Corpus folder({.names = folder_.string()}, "");
  EXPECT_EQ(documents(folder), Texts{"text"});
  EXPECT_NE(folder.note().find('b'), std::string::npos);
  EXPECT_EQ(Corpus({.names = binary + "\n" + binary}, "").text().size(), 6);
}

TEST_F(Corpora, AreTakenFromTheFolderThatKeepsThemWhileTheirFilesAreTheSame) {
  const std::string a = write("a.txt", "first"), b = write("b.txt", "second");
  const CorpusChoice choice{.names = a + "\n" + b};
  const fs::path cache = folder_ / "run";
  fs::create_directories(cache);
  Corpus(choice, "").keep(cache);
  const Corpus kept(choice, cache);
  EXPECT_FALSE(kept.is_decoded());
  EXPECT_EQ(documents(kept), (Texts{"first", "second"}));
  EXPECT_EQ(kept.text().fingerprint(), Corpus(choice, "").text().fingerprint());

  EXPECT_TRUE(Corpus({.names = a + "\n" + b, .separator = "x"}, cache).is_decoded());
  write("a.txt", "other");  // of the same size: its time is another one
  fs::last_write_time(a, fs::last_write_time(b) + std::chrono::seconds(2));
  EXPECT_EQ(documents(Corpus(choice, cache)), (Texts{"other", "second"}));
}

TEST_F(Corpora, ADamagedCacheIsNone) {
  const std::string a = write("a.txt", "first"), b = write("b.txt", "second");
  const CorpusChoice choice{.names = a + "\n" + b};
  const fs::path cache = folder_ / "run";
  fs::create_directories(cache);
  for (const char* name : {"data", "documents.safetensors"}) {
    Corpus(choice, "").keep(cache);
    ASSERT_FALSE(Corpus(choice, cache).is_decoded());
    std::fstream(cache / name, std::ios::in | std::ios::out).seekp(3).put('#');
    EXPECT_EQ(documents(Corpus(choice, cache)), (Texts{"first", "second"})) << name;
    EXPECT_TRUE(Corpus(choice, cache).is_decoded()) << name;
    fs::remove(cache / name);
    EXPECT_TRUE(Corpus(choice, cache).is_decoded()) << name;
  }
}

TEST_F(Corpora, OneDocumentHoldsOutItsTail) {
  const Corpus corpus({.names = write("a", std::string(105, 'a'))}, "");
  const Split parts = split(corpus, 0.1);
  EXPECT_EQ(parts.training, (std::vector<Range>{{0, 95}}));
  EXPECT_EQ(parts.held_out, (std::vector<Range>{{95, 105}}));
  EXPECT_TRUE(split(corpus, 0).held_out.empty());
  EXPECT_TRUE(split(corpus, 1).training.empty());
}

Index bytes_of(const std::vector<Range>& ranges) {
  return std::accumulate(ranges.begin(), ranges.end(), Index{0},
                         [](Index sum, const Range& range) { return sum + range.size(); });
}

TEST_F(Corpora, SeveralDocumentsHoldOutWholeOnes) {
  Texts names;
  for (int i = 0; i < 100; ++i) {
    names.push_back(write(fmt::format("{:03}", i), fmt::format("document {} of {}", i / 2, 7)));
  }
  const auto held_out = [](const Corpus& corpus) {
    Texts texts;
    for (const Range& range : split(corpus, 0.1).held_out) texts.push_back(bytes(corpus, range));
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  const Corpus corpus({.names = folder_.string()}, "");
  const Split parts = split(corpus, 0.1);
  EXPECT_EQ(bytes_of(parts.training) + bytes_of(parts.held_out), corpus.text().size());
  EXPECT_NEAR(static_cast<double>(bytes_of(parts.held_out)),
              0.1 * static_cast<double>(corpus.text().size()), 20);
  // Two documents have each text: both are held out, or none is.
  const Texts before = held_out(corpus);
  for (std::size_t i = 0; i + 1 < before.size(); i += 2) EXPECT_EQ(before[i], before[i + 1]);
  // Where the files lie changes nothing.
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(held_out(Corpus({.names = join_names(names)}, "")), before);
}

TEST_F(Corpora, TwoLargeDocumentsHoldOutTheirTails) {
  const std::string a = write("a", std::string(50, 'a')), b = write("b", std::string(70, 'b'));
  const Split parts = split(Corpus({.names = a + "\n" + b}, ""), 0.1);
  EXPECT_EQ(parts.training, (std::vector<Range>{{0, 45}, {50, 113}}));
  EXPECT_EQ(parts.held_out, (std::vector<Range>{{45, 50}, {113, 120}}));
}

TEST_F(Corpora, LargeDocumentsBesideASmallOneHoldOutTheirTails) {
  const std::string a = write("a", std::string(500, 'a')), b = write("b", std::string(700, 'b'));
  const std::string note = write("c", std::string(20, 'c'));  // a sixth of what is to be held out
  const Split parts = split(Corpus({.names = a + "\n" + b + "\n" + note}, ""), 0.1);
  EXPECT_EQ(parts.held_out, (std::vector<Range>{{450, 500}, {1130, 1200}, {1218, 1220}}));
}

/// Documents of one letter each: a row that holds two letters lies in two documents.
class LetterDocuments : public Corpora {
 protected:
  std::unique_ptr<Source> open(std::initializer_list<int> sizes, double held_out) const {
    char letter = 'a';
    Texts names;
    for (const int size : sizes) {
      names.push_back(
          write(std::string(1, letter), std::string(static_cast<std::size_t>(size), letter)));
      ++letter;
    }
    return open_source({.corpus = {.names = join_names(names)}, .held_out = held_out});
  }
};

TEST_F(LetterDocuments, ARowLiesInOne) {
  const auto source = open({40, 3, 12, 1, 25}, 0);
  constexpr Index kRows = 64, kLength = 10;
  Array<std::int32_t, 2> tokens({kRows, kLength}), targets({kRows, kLength});
  std::array<int, 256> drawn{};
  for (Index step = 0; step < 20; ++step) {
    source->fill(Purpose::training, 1, step, 0, tokens.view(), targets.view());
    for (Index row = 0; row < kRows; ++row) {
      const std::int32_t letter = tokens(row, 0);
      const Index predictions = letter == 'b' ? 2 : kLength;
      for (Index i = 0; i < kLength; ++i) {
        EXPECT_EQ(tokens(row, i), i < predictions ? letter : 0);
        EXPECT_EQ(targets(row, i), i < predictions ? letter : kNoTarget);
      }
      ++drawn[static_cast<std::size_t>(letter)];
    }
  }
  // By their sizes, the short one by a window's; what has no prediction never. Of 1,280 draws with
  // probabilities of 40, 10, 12 and 25 in 87 the counts lie within 6 deviations, 18 at most.
  for (const auto& [letter, weight] : {std::pair('a', 40), {'b', 10}, {'c', 12}, {'e', 25}}) {
    EXPECT_NEAR(drawn[static_cast<std::size_t>(letter)], 1280 * weight / 87.0, 6 * 18) << letter;
  }
  EXPECT_EQ(drawn[std::size_t{'d'}], 0);
}

/// What pack gives: the sequences, and one row of tokens and targets.
struct Packed {
  Packed(const Source& source, Index room, Index most, Index step, Index length = 10)
      : tokens({room}), targets({room}), sequences(static_cast<std::size_t>(most)) {
    const Index count = source.pack(1, step, 0, length, tokens.view(), targets.view(), sequences);
    sequences.resize(static_cast<std::size_t>(count));
  }
  Index rows() const {
    Index sum = 0;
    for (const Range& range : sequences) sum += range.size();
    return sum;
  }
  Array<std::int32_t, 1> tokens, targets;
  std::vector<Range> sequences;
};

TEST_F(LetterDocuments, APackedBatchIsFullOfWholeOnes) {
  const auto source = open({40, 3, 12, 1, 25}, 0);
  ASSERT_TRUE(source->packs(10));
  constexpr Index kRoom = 640;
  std::array<Index, 256> tokens_of{};
  Index all = 0;
  for (Index step = 0; step < 40; ++step) {
    const Packed packed(*source, kRoom, kRoom, step);
    EXPECT_EQ(packed.rows(), kRoom);
    Index row = 0, cut = 0, last = 10;
    for (const Range& range : packed.sequences) {
      const std::int32_t letter = packed.tokens(row);
      EXPECT_LE(range.size(), last);
      last = range.size();
      for (Index i = row; i < row + range.size(); ++i) {
        EXPECT_EQ(packed.tokens(i), letter);
        EXPECT_EQ(packed.targets(i), letter);
      }
      std::int32_t first = 0;
      source->read(range.begin, {&first, 1});
      EXPECT_EQ(first, letter);
      cut += range.size() != (letter == 'b' ? 2 : 10);
      tokens_of[static_cast<std::size_t>(letter)] += range.size();
      row += range.size();
    }
    EXPECT_LE(cut, 1);
    all += row;
  }
  // Tokens are drawn as rows of windows would: 40, 12 and 25 of a window's ten, two of b's.
  for (const auto& [letter, weight] : {std::pair('a', 40), {'b', 2}, {'c', 12}, {'e', 25}}) {
    const double part =
        static_cast<double>(tokens_of[static_cast<std::size_t>(letter)]) / static_cast<double>(all);
    EXPECT_NEAR(part, weight / 79.0, 0.06) << letter;
  }
  EXPECT_EQ(tokens_of[std::size_t{'d'}], 0);
}

TEST_F(LetterDocuments, APackedBatchIsAFunctionOfItsStepAndHasSoManySequences) {
  const auto source = open({40, 3, 12, 1, 25}, 0);
  const Packed once(*source, 64, 64, 3), again(*source, 64, 64, 3), other(*source, 64, 64, 4);
  EXPECT_EQ(once.sequences, again.sequences);
  EXPECT_NE(once.sequences, other.sequences);
  EXPECT_EQ(Packed(*source, 640, 5, 3).sequences.size(), 5u);
}

TEST_F(LetterDocuments, OnlyShortOnesArePacked) {
  const auto source = open({40, 30, 25}, 0);
  EXPECT_FALSE(source->packs(24));
  EXPECT_TRUE(source->packs(25));
  EXPECT_FALSE(open({40}, 0)->packs(100));
  EXPECT_FALSE(open_source({.corpus = {.names = "builtin:a5"}})->packs(100));
}

TEST_F(LetterDocuments, AnEvaluationReadsEachFromItsStart) {
  const auto source = open({40, 3, 12, 1, 25}, 0);
  const auto stream = source->evaluation(Part::all, 0, 1000, 8, 2);
  EXPECT_EQ(stream->count(), 4);
  EXPECT_EQ(stream->length(), 39);
  std::string letters;
  Index targets_read = 0;
  for (Index first = 0; first < stream->count(); first += 2) {
    const Index length = stream->longest(first, 2);
    Array<std::int32_t, 2> tokens({2, length}), targets({2, length});
    stream->read(first, 0, tokens.view(), targets.view());
    for (Index row = 0; row < 2; ++row) letters += static_cast<char>(tokens(row, 0));
    targets_read +=
        std::count_if(targets.span().begin(), targets.span().end(), [](auto t) { return t >= 0; });
  }
  EXPECT_EQ(letters, "aecb");  // longest first, so that little of a batch is empty
  EXPECT_EQ(targets_read, 39 + 2 + 11 + 24);
  EXPECT_EQ(stream->bytes(), targets_read);
  EXPECT_EQ(source->evaluation(Part::all, 0, 5, 9, 2)->count(), 3);  // 39, 2, and 4 of c
}

TEST_F(LetterDocuments, ASampleIsSpreadOverAll) {
  const auto source = open({4000, 4000, 4000, 4000}, 0.5);  // two are held out whole
  const auto stream = source->sample(0, 16, 25, 16);        // 400 of 8,000, in stretches of 100
  EXPECT_EQ(stream->count(), 4);
  EXPECT_EQ(stream->length(), 100);
  Array<std::int32_t, 2> tokens({4, 100}), targets({4, 100});
  stream->read(0, 0, tokens.view(), targets.view());
  EXPECT_NE(tokens(0, 0), tokens(3, 0));
}

}  // namespace
}  // namespace lior::train
