// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sequence tasks with known answers: what a recurrence must be able to do, made from counters.
///
/// A sequence is a function of (stream, seed, step, row) alone: any row of any step without the
/// others, from any thread. Training and evaluation draw from different streams of the generator.
///
/// - a5, s5: tokens are the 60 even, or all 120, permutations of five in lexicographic order; the
///   label at t is P_t = P_{t-1} g_t, P_0 the identity. (g h)(i) = g(h(i)).
/// - z60: tokens 0..59; the label is their sum mod 60.
/// - parity: bits; the label is the xor so far.
/// - copy: n of 16 symbols, the separator 16, the same n, with n = N/2; the label is the next
///   token, on the copy only. A copy of even length N ends before its last token.
/// - induction: 64 symbols, ... a b ... a; the label is b, at the last position only. The last a
///   stands once before, at a uniform place.
///
/// A task is one row of the table in src/train/task.cpp. Help, errors, checks and tests read it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lior/core/random.h"
#include "lior/core/view.h"

namespace lior::train {

/// A finite group: elements are 0 .. order - 1, and the identity is 0.
struct Group {
  Index order;
  /// The number of g h.
  std::int32_t (*product)(std::int32_t g, std::int32_t h);
  /// A few elements, the identity among them, whose products are all; null: none are known.
  std::span<const std::int32_t> (*generators)() = nullptr;
};

/// Tokens that a training sequence of a group draws from: all, or its generators alone.
enum class Alphabet { all, generators };

struct Task;

/// A sequence that is being written, from its first position to its last.
struct SequenceState {
  Random random;          ///< of the numbers to come
  Random again = random;  ///< the same from the start, for what is said twice
  Index length;           ///< of the whole sequence
  Alphabet alphabet = Alphabet::all;
  Index at = 0;             ///< positions that are written
  std::int32_t value = 0;   ///< what labels must know of the positions before: a product, a symbol
  std::int32_t symbol = 0;  ///< induction: the last token, and where it stands before
  Index place = 0;
};

struct Task {
  std::string_view name;  ///< of the data: builtin:NAME
  Index vocabulary;       ///< token values are 0 .. vocabulary - 1
  Index classes;          ///< labels are 0 .. classes - 1
  Index shortest_length;  ///< of a sequence
  /// The next positions of a sequence (the caller counts them); targets are kNoTarget where there
  /// is no label.
  void (*write)(const Task& task, SequenceState& state, View<std::int32_t, 1> tokens,
                View<std::int32_t, 1> targets);
  std::string_view preset;       ///< of a run that names none
  const Group* group = nullptr;  ///< whose running products the labels are, if they are

  bool has_generators() const { return group != nullptr && group->generators != nullptr; }
};

/// All tasks.
std::span<const Task> tasks();
/// "a5, s5, ...": for help and errors.
std::string task_list();
/// By its name. Throws lior::Error that lists the names.
const Task& find_task(std::string_view name);

/// Whether data of this name are a task: "builtin:a5".
bool names_task(std::string_view data);
/// The task of such a name. Throws lior::Error that lists the names.
const Task& task_of_data(std::string_view data);

/// The target of a position that has no label.
inline constexpr std::int32_t kNoTarget = -1;

/// Which numbers are drawn: sequences of one purpose never share a stream with the other's.
enum class Purpose { training, evaluation };

/// Rows of a step, and steps, that have streams of their own.
inline constexpr Index kMostRows = Index{1} << 24, kMostSteps = Index{1} << 38;

/// One sequence in pieces of any size, in memory that does not depend on its length.
class Sequence {
 public:
  /// As fill_sequence's, with its errors; length <= kLongestSequence.
  Sequence(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index row,
           Index length, Alphabet alphabet = Alphabet::all);

  /// The next positions, of which `length` remain at least. tokens, targets: one shape.
  void write(View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets);

 private:
  const Task* task_;
  SequenceState state_;
};
inline constexpr Index kLongestSequence = Index{1} << 40;

/// Row `row` of step `step`. tokens, targets: [N]; N >= task.shortest_length; targets is kNoTarget
/// where there is no label. step < 2^38, row < 2^24. Throws lior::Error on generators of a task
/// that has none.
void fill_sequence(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index row,
                   View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets,
                   Alphabet alphabet = Alphabet::all);

/// Rows first_row .. first_row + B - 1 of `step`. tokens, targets: [B, N].
void fill_batch(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index first_row,
                View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets,
                Alphabet alphabet = Alphabet::all);

/// The stream of the generator for `purpose`: above the small numbers that initialisation uses.
std::uint64_t random_stream(Purpose purpose, Index step, Index row);

}  // namespace lior::train
