// SPDX-License-Identifier: Apache-2.0
#include "lior/train/source.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lior/core/parallel.h"
#include "lior/core/random.h"

namespace lior::train {
namespace {

/// Tokens begin .. begin + N - 1 of a text, and the one after each.
void read_tokens(const TextBytes& text, const Tokenizer& tokenizer, Index begin,
                 View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) {
  std::array<std::byte, 4096> buffer;
  const Index width = tokenizer.bytes_per_token, most = std::ssize(buffer) / width - 1;
  const Index count = tokens.size();
  for (Index done = 0; done < count; done += most) {
    const Index some = std::min(most, count - done);
    const auto bytes = std::span(buffer).first(static_cast<std::size_t>((some + 1) * width));
    text.read((begin + done) * width, bytes);
    const auto part = [&](View<std::int32_t, 1> all) {
      return all.span().subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(some));
    };
    tokenizer.encode(bytes.first(static_cast<std::size_t>(some * width)), part(tokens));
    tokenizer.encode(bytes.subspan(static_cast<std::size_t>(width)), part(targets));
  }
}

/// Stretches of a text, the first from `begin` on, the last from `last` on, the others evenly
/// between.
class TextStream : public Stream {
 public:
  TextStream(const TextBytes& text, const Tokenizer& tokenizer, Index begin, Index last,
             Index stretches, Index length)
      : Stream(stretches, length, stretches),
        text_(text),
        tokenizer_(tokenizer),
        begin_(begin),
        span_(last - begin) {}

  void read(Index first, Index begin, View<std::int32_t, 2> tokens,
            View<std::int32_t, 2> targets) override {
    for (Index row = 0; row < tokens.extent(0); ++row) {
      read_tokens(text_, tokenizer_, start(first + row) + begin, tokens[row], targets[row]);
    }
  }

 private:
  Index start(Index stretch) const {
    return count() == 1 ? begin_ : begin_ + stretch * span_ / (count() - 1);
  }

  const TextBytes& text_;
  const Tokenizer& tokenizer_;
  Index begin_, span_;
};

class TextSource : public Source {
 public:
  TextSource(TextBytes text, double held_out, const Tokenizer& tokenizer)
      : text_(std::move(text)), tokenizer_(tokenizer) {
    const auto out = static_cast<Index>(std::floor(static_cast<double>(text_.size()) * held_out));
    training_ = (text_.size() - out) / tokenizer.bytes_per_token;
    all_ = text_.size() / tokenizer.bytes_per_token;
  }

  Index vocabulary() const override { return tokenizer_.vocabulary; }
  Index classes() const override { return tokenizer_.vocabulary; }
  Index shortest_length() const override { return 1; }
  bool has_generators() const override { return false; }
  const TextBytes* text() const override { return &text_; }
  const Task* task() const override { return nullptr; }
  bool has_held_out() const override { return training_ < all_; }

  void fill(Purpose purpose, std::uint64_t seed, Index step, Index first_row,
            View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets, Alphabet alphabet,
            std::span<Index> places) const override {
    LIOR_CHECK(alphabet == Alphabet::all,
               "a text has no generators to begin with; curriculum.generators must be 0");
    const bool trains = purpose == Purpose::training;
    const Index begin = trains ? 0 : training_, end = trains ? training_ : all_;
    const Index length = tokens.extent(1), starts = end - begin - length;
    const Index width = tokenizer_.bytes_per_token;
    LIOR_CHECK(starts >= 1,
               "{}: {} bytes to {} on are too few for windows of length {}; at least {} are needed",
               shown_path(text_.path()), (end - begin) * width, trains ? "train" : "evaluate",
               length, (length + 1) * width);
    for (Index row = 0; row < tokens.extent(0); ++row) {
      const Index start = Random(seed, random_stream(purpose, step, first_row + row)).below(starts);
      read_tokens(text_, tokenizer_, begin + start, tokens[row], targets[row]);
      if (!places.empty()) places[static_cast<std::size_t>(row)] = begin + start;
    }
  }

  std::vector<Stretch> training_parts() const override { return {{0, training_}}; }
  void read(Index begin, std::span<std::int32_t> tokens) const override {
    const Index width = tokenizer_.bytes_per_token;
    std::vector<std::byte> bytes(tokens.size() * static_cast<std::size_t>(width));
    text_.read(begin * width, bytes);
    tokenizer_.encode(bytes, tokens);
  }

  std::unique_ptr<Stream> evaluation(Part part, std::uint64_t, Index count, Index length,
                                     Index batch) const override {
    LIOR_CHECK(count >= 1 && length >= 1 && batch >= 1,
               "count, length and batch are {}, {} and {}; expected at least 1", count, length,
               batch);
    const Index begin = part == Part::val ? training_ : 0, tokens = all_ - begin;
    LIOR_CHECK(tokens >= 2, "{}: its {} part has {} bytes; a prediction needs two",
               shown_path(text_.path()), name(part), tokens * tokenizer_.bytes_per_token);
    const Index predictions = std::min(tokens - 1, saturating_product(count, length));
    const Index stretches = std::clamp(predictions / length, Index{1}, std::min(batch, count));
    const Index of_each = predictions / stretches;
    return std::make_unique<TextStream>(text_, tokenizer_, begin, begin + (stretches - 1) * of_each,
                                        stretches, of_each);
  }

  std::unique_ptr<Stream> sample(std::uint64_t seed, Index count, Index length,
                                 Index batch) const override {
    const Index predictions = saturating_product(count, length), all = all_ - training_ - 1;
    const Index stretches = (count + kSampledTogether - 1) / kSampledTogether;
    if (predictions >= all || stretches == 1) {
      return evaluation(Part::val, seed, count, length, batch);
    }
    const Index of_each = predictions / stretches;
    return std::make_unique<TextStream>(text_, tokenizer_, training_, all_ - 1 - of_each, stretches,
                                        of_each);
  }

 private:
  TextBytes text_;
  const Tokenizer& tokenizer_;
  Index training_, all_;  // tokens
};

/// Sequences of a task, made as they are read.
class TaskStream : public Stream {
 public:
  TaskStream(Task task, std::uint64_t seed, Index count, Index length, Index together)
      : Stream(count, length, together), task_(std::move(task)), seed_(seed) {}

  void read(Index first, Index begin, View<std::int32_t, 2> tokens,
            View<std::int32_t, 2> targets) override {
    if (begin == 0) {
      sequences_.clear();
      for (Index row = 0; row < tokens.extent(0); ++row) {
        sequences_.emplace_back(task_, Purpose::evaluation, seed_, 0, first + row, length());
      }
    }
    parallel_for(tokens.extent(0), 1, [&](Index begin_row, Index end_row, int) {
      for (Index row = begin_row; row < end_row; ++row) {
        sequences_[static_cast<std::size_t>(row)].write(tokens[row], targets[row]);
      }
    });
  }

 private:
  Task task_;
  std::uint64_t seed_;
  std::vector<Sequence> sequences_;
};

class TaskSource : public Source {
 public:
  explicit TaskSource(Task task) : task_(std::move(task)) {}

  Index vocabulary() const override { return task_.vocabulary; }
  Index classes() const override { return task_.classes; }
  Index shortest_length() const override { return task_.shortest_length; }
  bool has_generators() const override { return task_.has_generators(); }
  const TextBytes* text() const override { return nullptr; }
  const Task* task() const override { return &task_; }
  bool has_held_out() const override { return true; }

  void fill(Purpose purpose, std::uint64_t seed, Index step, Index first_row,
            View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets, Alphabet alphabet,
            std::span<Index>) const override {
    fill_batch(task_, purpose, seed, step, first_row, tokens, targets, alphabet);
  }

  std::unique_ptr<Stream> evaluation(Part, std::uint64_t seed, Index count, Index length,
                                     Index batch) const override {
    LIOR_CHECK(count >= 1 && count <= kMostRows,
               "count = {}; a task is evaluated on 1 to {} sequences", count, kMostRows);
    LIOR_CHECK(length >= task_.shortest_length && length <= kLongestSequence,
               "length = {}; a sequence of {} has {} to {} tokens", length, task_.name,
               task_.shortest_length, kLongestSequence);
    return std::make_unique<TaskStream>(task_, seed, count, length, std::min(batch, count));
  }

 private:
  Task task_;
};

}  // namespace

std::unique_ptr<Source> open_source(const std::string& name, double held_out,
                                    const Tokenizer& tokenizer,
                                    const std::function<bool()>& interrupted) {
  LIOR_CHECK(held_out >= 0 && held_out <= 1,
             "the part of the text that is held out is {}; expected 0 to 1", held_out);
  LIOR_CHECK(!name.empty(), "no data is named; --data takes a file or builtin:NAME");
  if (names_task(name)) return std::make_unique<TaskSource>(task_of_data(name));
  return std::make_unique<TextSource>(TextBytes(name, interrupted), held_out, tokenizer);
}

}  // namespace lior::train
