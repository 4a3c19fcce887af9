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

#include <cstdint>
#include <string_view>

#include "lior/core/view.h"

namespace lior::train {

enum class Task { a5, s5, z60, parity, copy, induction };

/// "a5", ... Throws lior::Error that lists the names.
Task task_from_name(std::string_view name);
std::string_view name(Task task);

Index vocabulary(Task task);       ///< token values are 0 .. vocabulary - 1
Index classes(Task task);          ///< labels are 0 .. classes - 1
Index shortest_length(Task task);  ///< 1, copy: 2, induction: 3

/// The target of a position that has no label.
inline constexpr std::int32_t kNoTarget = -1;

/// Tokens that a training sequence of a5 or s5 draws from: all, or a few whose products are all
/// labels: the identity, and (i i+1 i+2) for a5 or (i i+1) for s5.
enum class Alphabet { all, generators };
bool has_generators(Task task);

/// Which numbers are drawn: sequences of one purpose never share a stream with the other's.
enum class Purpose { training, evaluation };

/// Row `row` of step `step`. tokens, targets: [N]; N >= shortest_length(task); targets is kNoTarget
/// where there is no label. step < 2^38, row < 2^24. Throws lior::Error on generators of a task
/// other than a5 and s5.
void fill_sequence(Task task, Purpose purpose, std::uint64_t seed, Index step, Index row,
                   View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets,
                   Alphabet alphabet = Alphabet::all);

/// Rows 0 .. B-1 of `step`. tokens, targets: [B, N].
void fill_batch(Task task, Purpose purpose, std::uint64_t seed, Index step,
                View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets,
                Alphabet alphabet = Alphabet::all);

/// Composition in the group of a task: product(g, h) is the number of g h. a5, s5, z60 and parity
/// only.
std::int32_t group_product(Task task, std::int32_t g, std::int32_t h);

/// The stream of the generator for `purpose`: above the small numbers that initialisation uses.
std::uint64_t random_stream(Purpose purpose, Index step, Index row);

}  // namespace lior::train
