// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From gradients to the next parameters: AdamW, Muon and the LIoR optimiser.
///
/// All run in two sweeps: `measure` reads the gradients once (the norm to clip by, and each
/// tensor's mean g^2), `step` updates. With g <- clip g, per tensor:
///
/// LIoR: p <- p - lr kappa R^-q g, with
///   exact     R = sqrt(1 + mean g^2), q = power: 1, a step g/R bounded by 1, or 2
///   compat    R = clamp(1/sqrt(1 + mean g^2), 0.1, 10), q = 2: big gradients take bigger steps
///   manifold  R = resilience of the tensor's first d entries, q = 2; with memory, which starts at
///             0, m <- 0.9 m + 0.1 R^-2 g, p <- p - lr kappa m
/// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019), t = 1, 2,
/// ...:
///   m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2,
///   p <- p - lr ( m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + weight_decay p ),
///   the last term only where `decay` is set.
/// Muon, for tensors that are matrices (`rows` > 0), and AdamW for the others:
///   m <- momentum m + (1 - momentum) g,  O = newton_schulz(momentum m + (1 - momentum) g) (muon.h)
///   p <- p - lr ( size sqrt(max(rows, columns)) O + weight_decay p ):
/// an entry of O is 1/sqrt(max(rows, columns)) large, so that of the step is `size`, as AdamW's is
/// near .2, and one rate serves both. Source: J. Liu et al., "Muon is scalable for LLM training",
/// arXiv:2502.16982, section 2.2.
///
/// A table whose gradient comes by rows (nn/row_gradient.h) is updated in those rows alone, with
/// the same t: moments of the others wait, and nothing of them is read. So a step costs what it
/// touches.
///
/// Over several ranks each owns a range of the flat gradient, cut where a piece of 16,384 numbers
/// or a matrix of Muon ends, and holds the state of that range alone (ZeRO-1: Rajbhandari et al.,
/// arXiv:1910.02054). It needs no gradient of another range; squares of pieces and new values are
/// gathered, so that the numbers are those of one rank. Tables by rows are updated by every rank.
///
/// Bytes a parameter (float): LIoR 4 + 12, AdamW 4 + 28. Nothing is allocated after construction.
/// Bit-equal across thread counts, Muon for equal ones. Source: docs/math/conventions.md,
/// section 9.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/core/buffer.h"
#include "lior/core/names.h"
#include "lior/geometry/resilience.h"
#include "lior/nn/row_gradient.h"
#include "lior/train/muon.h"

namespace lior::train {

using geometry::ResilienceNet;

enum class OptimizerKind { adamw, lior, muon };
constexpr auto enum_names(OptimizerKind) { return enum_words("adamw", "lior", "muon"); }
enum class LiorForm { exact, compat, manifold };
constexpr auto enum_names(LiorForm) { return enum_words("exact", "compat", "manifold"); }

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double momentum = 0.95;  ///< muon
  double size = 0.2;       ///< muon: of an entry's step, over the rate
  LiorForm form = LiorForm::exact;
  Index power = 1;      ///< exact: 1 or 2
  double kappa = 1;     ///< factor of the LIoR rate
  bool memory = false;  ///< manifold only
};

/// One tensor inside the flat buffers.
struct Tensor {
  Index offset = 0;
  Index size = 0;
  bool decay = false;
  bool by_rows = false;  ///< it is no part of flat gradients
  Index rows = 0;        ///< of a matrix that Muon turns; 0: it is none
};

/// R^-q of the forms that need the mean square alone.
double lior_factor(const OptimizerConfig& config, double mean_square);

template <class T>
class Optimizer {
 public:
  /// `tensors` lie one after another and cover the flat buffers; those by rows come last where
  /// there are several `ranks`, which must live as long. `net`: the manifold form's. Throws
  /// lior::Error on settings that cannot be.
  Optimizer(const OptimizerConfig& config, std::span<const Tensor> tensors,
            const std::optional<ResilienceNet<T>>& net = {},
            comm::Communicator& ranks = comm::alone());

  /// Bytes that an optimiser of so many parameters holds; of several ranks the one with most.
  static std::size_t bytes(const OptimizerConfig& config, std::span<const Tensor> tensors,
                           Index ranks = 1);

  /// Where each rank's range of the flat gradient ends.
  std::span<const Index> ends() const { return shares_.ends; }

  using Rows = std::span<const nn::RowGradient<T>>;

  /// First sweep: |g| over all tensors. Collective, as `step` is.
  double measure(std::span<const T> gradients, Rows rows = {});

  /// Second sweep: the update by the gradients just measured, times `clip`, at learning rate
  /// `rate`.
  void step(double rate, double clip, std::span<T> values, std::span<const T> gradients,
            Rows rows = {});

  /// The same where tensors lie apart: one pointer a tensor; for one rank.
  double measure(std::span<const T* const> gradients, Rows rows = {});
  void step(double rate, double clip, std::span<T* const> values,
            std::span<const T* const> gradients, Rows rows = {});

  /// The optimiser's part of a checkpoint: flat arrays laid out as they are, and t. Of several
  /// ranks each has its own range, and then the tables by rows.
  struct StateArray {
    std::string_view name;
    std::span<T> values;
  };
  std::span<const StateArray> state() const { return state_; }
  /// All of state()[array], on the first rank, where `whole` has room for it. Collective.
  void gather_state(std::size_t array, std::span<T> whole) const;
  /// Numbers of the whole array from `offset` on; what is another rank's is passed over.
  void set_state(std::size_t array, Index offset, std::span<const T> values);
  Index steps() const { return steps_; }
  void set_steps(Index steps) { steps_ = steps; }

 private:
  /// A piece of one tensor that one thread sums or updates at a time; begins inside the tensor.
  struct Piece {
    Index tensor, begin, size;
  };
  /// Of each rank: where its range of the flat gradient ends, and its pieces.
  struct Shares {
    std::vector<Index> ends, piece_ends;
  };
  Shares cut(Index ranks) const;
  Index first_piece() const { return begin_of(shares_.piece_ends); }
  Index begin_of(std::span<const Index> ends) const {
    const Index rank = ranks_->rank();
    return rank == 0 ? 0 : ends[static_cast<std::size_t>(rank - 1)];
  }
  Index end_of(std::span<const Index> ends) const {
    return ends[static_cast<std::size_t>(ranks_->rank())];
  }
  /// Where the state of number `flat` lies, which is this rank's or of a table by rows.
  Index state_index(Index flat) const {
    const Index begin = begin_of(shares_.ends), own = end_of(shares_.ends) - begin;
    return flat < flat_size_ ? flat - begin : flat - flat_size_ + own;
  }
  bool is_turned(const Tensor& tensor) const {
    return config_.kind == OptimizerKind::muon && tensor.rows > 0;
  }
  /// A matrix that Muon turns, and its pieces.
  struct Matrix {
    Index tensor, first_piece, last_piece;
  };
  bool has_moments() const { return config_.kind != OptimizerKind::lior; }
  struct Step;  // the constants of one call
  std::span<const T* const> place_gradients(std::span<const T> flat);
  void measure_rows(Rows rows);
  Step begin_step(double rate, double clip, std::span<T* const> values);
  void update_matrix(const Step& step, const Matrix& matrix, const T* g, T* p);
  /// Numbers of a tensor from `begin` on, by their gradients.
  void update(const Step& step, Index tensor, Index begin, const T* g, T* p, Index count);

  OptimizerConfig config_;
  std::optional<ResilienceNet<T>> net_;
  comm::Communicator* ranks_;
  std::vector<Tensor> tensors_;
  std::vector<Piece> pieces_;  // of all ranks
  Shares shares_;
  std::vector<Index> swept_;      // own pieces that are updated by their own numbers alone
  std::vector<Matrix> matrices_;  // the others
  Buffer<T> direction_;           // of one of them
  NewtonSchulz<T> newton_schulz_;
  std::vector<double> piece_squares_;   // sum g^2 of each piece
  std::vector<double> tensor_squares_;  // and of each tensor
  std::vector<double> tensor_factors_;  // R^-q
  std::vector<T*> values_;              // where each tensor lies in the flat buffers of a call
  std::vector<const T*> gradients_;
  Buffer<T> first_, second_;  // m and v (of Muon's matrices zeros), or the memory
  std::vector<StateArray> state_;
  Index flat_size_ = 0;  // numbers of a flat gradient
  Index steps_ = 0;
};

namespace reference {
/// One LIoR step of one tensor: mean square, then the update, in the formula's own words.
/// memory: empty for none.
template <class T>
void lior_step(const OptimizerConfig& config, const std::optional<ResilienceNet<T>>& net,
               double rate, std::span<T> values, std::span<const T> gradients, std::span<T> memory);

/// One AdamW step of one tensor; t counts from 1.
template <class T>
void adamw_step(const OptimizerConfig& config, bool decay, double rate, Index t,
                std::span<T> values, std::span<const T> gradients, std::span<T> first,
                std::span<T> second);

/// One Muon step of one matrix.
template <class T>
void muon_step(const OptimizerConfig& config, bool decay, double rate, linalg::MatrixView<T> values,
               linalg::MatrixView<const T> gradients, std::span<T> momentum);
}  // namespace reference

}  // namespace lior::train
