// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The sequences that a model trains on and is evaluated on, wherever they come from.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lior/core/names.h"
#include "lior/train/corpus.h"
#include "lior/train/task.h"
#include "lior/train/tokenizer.h"

namespace lior::train {

/// Which part of the data is evaluated: what is never trained on, or all. A task, whose sequences
/// never end, has one part.
enum class Part { val, all };
constexpr auto enum_names(Part) { return enum_words("val", "all"); }

/// Sequences for evaluation, read window by window.
class Stream {
 public:
  virtual ~Stream() = default;
  Index count() const { return count_; }
  /// Of the longest sequence.
  Index length() const { return length_; }
  /// Of the longest of sequences first .. first + rows - 1; what others of them lack is read as
  /// positions without targets.
  virtual Index longest(Index /*first*/, Index /*rows*/) const { return length_; }
  /// Most sequences that it holds at a time.
  Index together() const { return together_; }
  /// Positions of sequences first .. first + rows - 1 from `begin` on; tokens, targets: [rows,
  /// width]. Of one `first` after another, and of one `begin` after another.
  virtual void read(Index first, Index begin, View<std::int32_t, 2> tokens,
                    View<std::int32_t, 2> targets) = 0;
  /// Bytes of a text that the targets read so far stand for; 0 of a task.
  Index bytes() const { return bytes_; }

 protected:
  Stream(Index count, Index length, Index together)
      : count_(count), length_(length), together_(together) {}

  Index bytes_ = 0;

 private:
  Index count_, length_, together_;
};

/// The sequences that a packed batch (Source::pack) of so many tokens has at most: each has a
/// state, so that it takes memory, however short it is.
constexpr Index most_packed(Index tokens) { return tokens < 4 ? 1 : tokens / 4; }

/// Data by a name. A model for them takes vocabulary() tokens and gives classes() scores.
class Source {
 public:
  virtual ~Source() = default;
  virtual Index vocabulary() const = 0;
  virtual Index classes() const = 0;
  /// Tokens that a sequence has at least.
  virtual Index shortest_length() const = 0;
  /// Whether training may begin with a smaller alphabet.
  virtual bool has_generators() const = 0;
  /// The text behind it, or null: its sequences are made.
  virtual const TextBytes* text() const { return nullptr; }
  /// The same with its documents, and what its tokens are.
  virtual const Corpus* corpus() const { return nullptr; }
  virtual TokenizerPtr tokenizer() const { return nullptr; }
  /// Memory that the data take.
  virtual std::size_t held_bytes() const { return 0; }
  /// The task whose sequences these are, or null.
  virtual const Task* task() const { return nullptr; }
  /// Whether there is something to evaluate on that is never trained on.
  virtual bool has_held_out() const = 0;

  /// Rows first_row .. first_row + B - 1 of a step: functions of (purpose, seed, step, row).
  /// tokens, targets: [B, N]; a target is the token that should follow, or kNoTarget. places [B],
  /// or empty: the first token of each row in the text, left as it is by a task. Throws
  /// lior::Error where there is too little of the data for N, or no such alphabet.
  virtual void fill(Purpose purpose, std::uint64_t seed, Index step, Index first_row,
                    View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets,
                    Alphabet alphabet = Alphabet::all, std::span<Index> places = {}) const = 0;

  /// Whether some sequences for training are shorter than `length`, so that rows of it would have
  /// positions without a target.
  virtual bool packs(Index /*length*/) const { return false; }
  /// Sequences for training as fill draws them, of `length` tokens at most, one behind another,
  /// until tokens [R] or `sequences` are full; the last one drawn is cut to what is left. Longest
  /// first, since those of one length are computed together. Functions of (seed, step, first_row).
  /// targets: [R]; sequences: where each lies in the text. Returns how many there are. Of data that
  /// pack.
  virtual Index pack(std::uint64_t /*seed*/, Index /*step*/, Index /*first_row*/, Index /*length*/,
                     View<std::int32_t, 1> /*tokens*/, View<std::int32_t, 1> /*targets*/,
                     std::span<Range> /*sequences*/) const {
    return 0;
  }

  /// Tokens of a text that rows for training are taken from, in order; nothing of a task.
  virtual std::vector<Range> training_parts() const { return {}; }
  /// Tokens begin, begin + 1, ... of the text.
  virtual void read(Index /*begin*/, std::span<std::int32_t> /*tokens*/) const {}

  /// The stream that an evaluation of `count` sequences of `length` reads, at most `batch` side by
  /// side. Of a text: its first count x length predictions (fewer where the part ends, so a huge
  /// count means all): of one document as at most `batch` stretches of equal length, each, unless
  /// the part is shorter, of at least `length` predictions; of several, each whole. Throws
  /// lior::Error where the part has no prediction.
  virtual std::unique_ptr<Stream> evaluation(Part part, std::uint64_t seed, Index count,
                                             Index length, Index batch) const = 0;

  /// What a run reads again and again to see how it does: evaluation(Part::val, ...) of a task. Of
  /// a text that has more: count x length predictions of the held-out part in stretches of
  /// at most kSampledTogether x length, spread evenly from its start to its end.
  virtual std::unique_ptr<Stream> sample(std::uint64_t seed, Index count, Index length,
                                         Index batch) const {
    return evaluation(Part::val, seed, count, length, batch);
  }
  /// Sequences of `sample` that follow one another: a state that starts from nothing at each of
  /// them would make the loss larger than that of the whole part, which is read in one go.
  static constexpr Index kSampledTogether = 4;
};

/// Data by their names.
struct DataChoice {
  CorpusChoice corpus{};           ///< or "builtin:TASK" as its names
  double held_out = 0.1;           ///< part of a text that is never trained on (corpus.h: split)
  std::string tokenizer = "byte";  ///< of a text, by its name (tokenizer_kinds.h),
  TokenizerPtr made{};             ///< or one that there is, which then counts
  std::filesystem::path cache{};   ///< folder that may hold the decoded text (corpus.h)
};

/// A task or texts. Throws lior::Error that says what names there are, and as Corpus does.
std::unique_ptr<Source> open_source(
    const DataChoice& choice, const std::function<bool()>& interrupted = [] { return false; });

}  // namespace lior::train
