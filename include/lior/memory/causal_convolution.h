// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The LIoR memory of a sequence: every output mixes its own input with all earlier ones.
///
///   y_n = w0 x_n + sum_{k>=0} kappa_k x_{n-k}     (kappa, w0: pole_form.h)
///
/// Sequences are [B, N, H, C]: H heads, each with its own kernel, of C channels that share it; one
/// kernel for all channels is H = 1.

#include <vector>

#include "lior/core/arena.h"
#include "lior/memory/pole_form.h"

namespace lior::memory {

/// direct: N / 2 multiply-adds an output. fft: the whole sequence at once. recurrence: the poles,
/// in chunks of 16 steps, whose inside is a small product; 8 + 2 poles multiply-adds an output,
/// O(1) memory. automatic: the fastest, which is recurrence or, for short sequences, direct with
/// the poles' kappa: no output jumps by the rule's error as N grows.
enum class MemoryPlan { automatic, direct, fft, recurrence };

/// H kernels, ready to run. `set` remakes all tables (no allocation, about 50 us a head).
///
/// direct and fft take kappa from the kernel's formula, the others from its poles: they differ by
/// the rule's relative error times sum |kappa|, and otherwise by rounding: 4 eps (2 + poles) of T,
/// relative to the largest output. States and rates are double for either T.
/// Threads over sequences, heads and groups of channels; bit-equal across thread counts. A NaN or
/// Inf at step n reaches all outputs from the start of its group of four steps on (of its sequence,
/// by fft). All methods throw lior::Error when shapes differ.
///
/// Past the rule's horizon the poles fall faster than the power law. Where the kernel is not damped
/// by then (PoleForm::beyond_horizon() above the rule's tolerance), a longer sequence is a
/// lior::Error of `forward` (by poles) and `backward`. `advance` has no clock: whoever streams more
/// steps than the horizon asks beyond_horizon() first.
template <class T>
class CausalConvolution {
 public:
  CausalConvolution(Index heads, const PowerLawRule& rule);

  /// raw: [H, 12], each row in the order of KernelParameters. Throws as PoleForm.
  void set(View<const T, 2> raw);

  Index heads() const { return static_cast<Index>(forms_.size()); }
  const PoleForm& kernel(Index head) const { return forms_[static_cast<std::size_t>(head)]; }
  /// Rows of a streaming state: one a real pole, two for the oscillation.
  Index state_rows() const { return rows_; }

  /// y from x, both [B, N, H, C], apart. Nothing came before. The workspace serves direct and fft
  /// only; run on Arena::planner() it counts.
  void forward(View<const T, 4> x, View<T, 4> y, Arena& workspace,
               MemoryPlan plan = MemoryPlan::automatic) const;

  /// The same by recurrence, after what `state` [B, H, state_rows(), C] holds (zero at first),
  /// which then holds x too. Any split of a sequence into calls gives one call's result, to
  /// rounding. The cost of a step does not depend on how many came before.
  void advance(View<const T, 4> x, View<T, 4> y, View<double, 4> state) const;

  /// dL/dx and dL/d raw [H, 12] from dL/dy; both are overwritten. dL/d raw is the derivative of the
  /// pole form for every plan, summed over B, N and C in double, in an order that shapes fix.
  void backward(View<const T, 4> x, View<const T, 4> d_y, View<T, 4> d_x, View<T, 2> d_raw,
                Arena& workspace, MemoryPlan plan = MemoryPlan::automatic) const;

 private:
  struct Direction;
  void run(const Direction& direction, View<const T, 4> x, View<T, 4> y, Arena& workspace,
           MemoryPlan plan) const;
  void run_recurrence(const Direction& direction, View<const T, 4> x, View<T, 4> y,
                      double* state) const;
  void run_direct(const Direction& direction, View<const T, 4> x, View<T, 4> y,
                  View<const T, 2> kappa) const;
  View<const T, 2> kappa_of_formula(Index length, Arena& workspace) const;
  bool direct_is_faster(const Shape<4>& shape) const;
  void check_horizon(Index length) const;
  void run_fft(const Direction& direction, View<const T, 4> x, View<T, 4> y,
               Arena& workspace) const;

  PowerLawRule rule_;
  Index rows_;
  std::vector<PoleForm> forms_;
  Buffer<T> output_;       ///< [H, chunk / 4, rows + chunk, 4]: rows of a chunk's outputs
  Buffer<T> update_;       ///< [H, rows / 4, chunk, 4]: what a chunk adds to the states
  Buffer<double> growth_;  ///< [H, chunk + 1, rows]: z^length - 1
  Array<T, 2> kappa_;      ///< [H, 3 + kShort + 3]: of the poles, between zeros
};

namespace reference {
/// The sum itself, from the kernel's formula, in double. raw: [H, 12].
template <class T>
void causal_convolution(View<const T, 2> raw, const PowerLawRule& rule, View<const T, 4> x,
                        View<T, 4> y);
}  // namespace reference

}  // namespace lior::memory
