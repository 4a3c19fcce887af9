// SPDX-License-Identifier: Apache-2.0
#include "lior/train/source.h"

#include <utility>

#include "lior/core/parallel.h"
#include "lior/train/tokenizer_kinds.h"
#include "train/text_source.h"

namespace lior::train {
namespace {

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

std::unique_ptr<Source> open_source(const DataChoice& choice,
                                    const std::function<bool()>& interrupted) {
  LIOR_CHECK(choice.held_out >= 0 && choice.held_out <= 1,
             "the part of the text that is held out is {}; expected 0 to 1", choice.held_out);
  const std::string& names = choice.corpus.names;
  if (names_task(names)) return std::make_unique<TaskSource>(task_of_data(names));
  Corpus corpus(choice.corpus, choice.cache, interrupted);
  const Split parts = split(corpus, choice.held_out);
  const TokenizerPtr tokenizer =
      choice.made ? choice.made
                  : make_tokenizer(choice.tokenizer, corpus.text(), parts.training, interrupted);
  return text_source(TokenText(std::move(corpus), parts, tokenizer, interrupted));
}

}  // namespace lior::train
