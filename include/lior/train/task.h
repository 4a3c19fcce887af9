// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sequence tasks with known answers: what a recurrence must be able to do, made from counters.
///
/// A sequence is a function of (stream, seed, step, row) alone: any row of any step without the
/// others, from any thread. Training and evaluation draw from different streams of the generator.
///
/// Labels that are the outputs of a finite automaton (automaton.h), which reads the tokens:
///
/// - a5, s5: tokens are the 60 even, or all 120, permutations of five in lexicographic order; the
///   label at t is P_t = P_{t-1} g_t, P_0 the identity. (g h)(i) = g(h(i)).
/// - z60: tokens 0..59; the label is their sum mod 60.
/// - parity: bits; the label is the xor so far.
/// - even_pairs: bits; the label is 0 where 01 and 10 have come an even number of times, so where
///   the last bit is the first one, else 1.
/// - cycle_navigation: 0 a step back, 1 none, 2 a step on, on a cycle of five places; the label is
///   the place.
/// - modular_arithmetic: digits 0..4 and, at every other position, 5 for +, 6 for -, 7 for *; the
///   label, at digits only, is the value mod 5 of what stands so far, products before sums.
/// - group:EXPR: the same as a5 for the group of an expression (group.h), over all its elements;
///   generators:EXPR: over its generators alone; pairs:EXPR: over all, but of the letters that can
///   follow a letter one half, drawn once, does in training alone, and the other in evaluation.
/// - automaton:FILE: the machine of a table (automaton_file.h). Letters are drawn evenly from those
///   that lead on.
///
/// Others:
///
/// - copy: n of 16 symbols, the separator 16, the same n, with n = N/2; the label is the next
///   token, on the copy only. A copy of even length N ends before its last token.
/// - induction: 64 symbols, ... a b ... a; the label is b, at the last position only. The last a
///   stands once before, at a uniform place.
/// - repl: what a session of an interpreter prints, in kReplSymbols: a,b,c,d,e=1,2,3,4,5 and then
///   lines that swap two of the variables, >>> a,c=c,a, or show one, >>> b and its value on the
///   next line; the label is that value less 1, where it is to be printed.
///
/// parity, even_pairs, cycle_navigation and modular_arithmetic are those of G. Deletang et al.,
/// "Neural networks and the Chomsky hierarchy", arXiv:2207.02098 (2022), whose label is the one at
/// a sequence's end; repl follows J. Siems et al., arXiv:2602.14814 (2026), pairs J. Lee,
/// arXiv:2606.07254 (2026).
///
/// A task is one row of the table in src/train/task.cpp. Help, errors, checks and tests read it.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/core/random.h"
#include "lior/core/view.h"
#include "lior/train/automaton.h"
#include "lior/train/group.h"

namespace lior::train {

/// The source of sequences of a task whose labels are a machine's outputs.
struct WordProblem {
  Automaton machine;
  std::vector<std::string> letters{};  ///< their names, if they have any
  Word generators{};  ///< letters, the identity among them, that lead everywhere; empty: not known
  std::optional<NamedGroup> group{};  ///< whose products the states are, if they are a group's
  std::vector<Word> allowed{};  ///< of each state, the letters that lead on; empty: all of all
  std::vector<Word> after_in_training{}, after_in_evaluation{}; /**< of each letter, those that may
                                                                   follow it; empty: all */
  /// Of the machine; 0 of one that a name says all about.
  std::uint64_t fingerprint = 0;

  /// "token 7 (*)".
  std::string letter_name(std::int32_t letter) const;
};

/// The target of a position that has no label.
inline constexpr std::int32_t kNoTarget = -1;
static_assert(kNoTarget == Automaton::kNoOutput);

/// Which numbers are drawn: sequences of one purpose never share a stream with the other's.
enum class Purpose { training, evaluation };

/// Tokens that a training sequence of a machine draws from: all, or its generators alone.
enum class Alphabet { all, generators };

struct Task;

/// A sequence that is being written, from its first position to its last.
struct SequenceState {
  Random random;          ///< of the numbers to come
  Random again = random;  ///< the same from the start, for what is said twice
  Purpose purpose;
  Index length;  ///< of the whole sequence
  Alphabet alphabet = Alphabet::all;
  Index at = 0;             ///< positions that are written
  std::int32_t value = 0;   ///< what labels must know of the positions before: a state, a symbol
  std::int32_t symbol = 0;  ///< induction: the last token, and where it stands before
  Index place = 0;
  std::int32_t letter = -1;              ///< the last one of a machine; -1: none
  std::array<std::int32_t, 5> values{};  ///< repl: of the variables
  std::string line{};                    ///< repl: what is left of the line, from its end
};

struct Task {
  std::string name;       ///< of the data: builtin:NAME
  Index vocabulary;       ///< token values are 0 .. vocabulary - 1
  Index classes;          ///< labels are 0 .. classes - 1
  Index shortest_length;  ///< of a sequence
  /// The next positions of a sequence (the caller counts them); targets are kNoTarget where there
  /// is no label.
  void (*write)(const Task& task, SequenceState& state, View<std::int32_t, 1> tokens,
                View<std::int32_t, 1> targets);
  std::string preset;                               ///< of a run that names none
  std::shared_ptr<const WordProblem> problem = {};  ///< if it is one

  bool has_generators() const { return problem != nullptr && !problem->generators.empty(); }
};

/// Tasks whose names say all about them.
std::span<const Task> tasks();

/// Tasks by an argument behind a colon: group:S3xS3.
struct TaskKind {
  std::string_view name, metavar, help;
  /// The task of an argument; throws lior::Error.
  Task (*make)(const std::string& argument);
};
std::span<const TaskKind> task_kinds();

/// "a5, s5, ..., group:EXPR, ...": for help and errors.
std::string task_list();
/// By its name. Throws lior::Error that lists the names, or says what is wrong with the argument.
Task find_task(std::string_view name);

/// Whether data of this name are a task: "builtin:a5".
bool names_task(std::string_view data);
/// The task of such a name. Throws lior::Error as find_task.
Task task_of_data(std::string_view data);
/// The name of a task as data.
std::string data_of_task(const Task& task);

/// The symbols of repl, in order.
inline constexpr std::string_view kReplSymbols = "abcde12345,= >\n";

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
