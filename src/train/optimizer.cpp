// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/kernels/optimizer.inl.h"
#include <hwy/foreach_target.h>
#include "train/kernels/optimizer.inl.h"

#if HWY_ONCE
#include <cmath>
#include <utility>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "lior/train/optimizer.h"

namespace lior::train {
namespace {

constexpr Index kPiece = 16384;        // 64 KB of gradients: lanes sum 512 float squares each
constexpr Index kPiecesPerThread = 4;  // below this a second thread costs more than it brings
constexpr double kMemoryKept = 0.9, kMemoryGain = 0.1;

void check_settings(const OptimizerConfig& config, bool has_net) {
  const auto in_unit = [](double x) { return x >= 0 && x < 1; };
  LIOR_CHECK(in_unit(config.beta1) && in_unit(config.beta2),
             "beta1 = {} and beta2 = {}; both must be in [0, 1)", config.beta1, config.beta2);
  LIOR_CHECK(config.epsilon > 0, "epsilon = {}; it must be > 0", config.epsilon);
  LIOR_CHECK(config.weight_decay >= 0, "weight_decay = {}; it must be >= 0", config.weight_decay);
  LIOR_CHECK(in_unit(config.momentum), "momentum = {}; it must be in [0, 1)", config.momentum);
  LIOR_CHECK(config.size > 0, "size = {}; it must be > 0", config.size);
  LIOR_CHECK(config.power == 1 || config.power == 2, "power = {}; it must be 1 or 2", config.power);
  const bool manifold = config.kind == OptimizerKind::lior && config.form == LiorForm::manifold;
  LIOR_CHECK(manifold == has_net, "the manifold form, and no other, takes a resilience net");
  LIOR_CHECK(manifold || !config.memory, "memory belongs to the manifold form");
}

}  // namespace

double lior_factor(const OptimizerConfig& config, double mean_square) {
  if (config.form == LiorForm::exact) {
    return config.power == 1 ? 1 / std::sqrt(1 + mean_square) : 1 / (1 + mean_square);
  }
  const double r = std::clamp(1 / std::sqrt(1 + mean_square), geometry::kLeastResilience,
                              geometry::kMostResilience);
  return 1 / (r * r);
}

/// The kernels and constants of one call.
template <class T>
struct Optimizer<T>::Step {
  double rate, clip;
  AdamwStep<T> adamw;
  void (*move)(const AdamwStep<T>&, const T* g, T* m, T* v, T* p, Index count);
  void (*descend)(T rate, const T* g, T* p, Index count);
  void (*descend_with_memory)(T rate, T keep, T gain, const T* g, T* m, T* p, Index count);
  void (*look_ahead)(T keep, T gain, const T* g, T* m, T* u, Index count);
  void (*descend_and_decay)(T keep, T rate, const T* u, T* p, Index count);
};

/// Entries, and shorter side, of the largest matrices that Muon turns.
std::pair<Index, Index> largest_matrix(const OptimizerConfig& config,
                                       std::span<const Tensor> tensors) {
  Index entries = 0, side = 0;
  for (const Tensor& tensor : tensors) {
    if (config.kind != OptimizerKind::muon || tensor.rows == 0) continue;
    entries = std::max(entries, tensor.size);
    side = std::max(side, std::min(tensor.rows, tensor.size / tensor.rows));
  }
  return {entries, side};
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerConfig& config, std::span<const Tensor> tensors,
                        const std::optional<ResilienceNet<T>>& net, comm::Communicator& ranks)
    : config_(config), net_(net), ranks_(&ranks), tensors_(tensors.begin(), tensors.end()) {
  check_settings(config, net.has_value());
  Index end = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    LIOR_CHECK(tensors_[i].offset == end && tensors_[i].size >= 0,
               "tensor {} starts at {}; tensors must lie one after another: expected {}", i,
               tensors_[i].offset, end);
    const Index in_pieces = tensors_[i].by_rows ? 0 : tensors_[i].size;
    LIOR_CHECK(ranks.size() == 1 || in_pieces == 0 || flat_size_ == end,
               "tensor {} stands behind one by rows; over several ranks those come last", i);
    for (Index begin = 0; begin < in_pieces; begin += kPiece) {
      pieces_.push_back({static_cast<Index>(i), begin, std::min(kPiece, in_pieces - begin)});
    }
    flat_size_ += in_pieces;
    end += tensors_[i].size;
  }
  shares_ = cut(ranks.size());
  for (Index i = first_piece(); i < end_of(shares_.piece_ends); ++i) {
    const Index tensor = pieces_[i].tensor;
    if (!is_turned(tensors_[tensor])) {
      swept_.push_back(i);
    } else if (pieces_[i].begin == 0) {
      matrices_.push_back({tensor, i, i + 1});
    } else {
      matrices_.back().last_piece = i + 1;
    }
  }
  piece_squares_.resize(pieces_.size());
  tensor_squares_.resize(tensors_.size());
  tensor_factors_.resize(tensors_.size());
  values_.resize(tensors_.size());
  gradients_.resize(tensors_.size());

  const auto [entries, side] = largest_matrix(config, tensors);
  direction_ = Buffer<T>(entries);
  newton_schulz_ = NewtonSchulz<T>(entries, side);
  const Index held = state_index(end);
  if (has_moments()) {
    first_ = Buffer<T>(held);
    second_ = Buffer<T>(held);
    state_ = {{"first_moment", first_.span()}, {"second_moment", second_.span()}};
  } else if (config.memory) {
    first_ = Buffer<T>(held);
    state_ = {{"memory", first_.span()}};
  }
}

/// Range r ends with the first piece, or the first matrix, that reaches r + 1 parts of `ranks`.
template <class T>
typename Optimizer<T>::Shares Optimizer<T>::cut(Index ranks) const {
  Shares shares;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto& [tensor, begin, size] = pieces_[i];
    const bool is_whole = !is_turned(tensors_[tensor]) || begin + size == tensors_[tensor].size;
    const Index end = tensors_[tensor].offset + begin + size;
    while (is_whole && std::ssize(shares.ends) < ranks - 1 &&
           end * ranks >= flat_size_ * (std::ssize(shares.ends) + 1)) {
      shares.ends.push_back(end);
      shares.piece_ends.push_back(static_cast<Index>(i) + 1);
    }
  }
  shares.ends.resize(static_cast<std::size_t>(ranks), flat_size_);
  shares.piece_ends.resize(static_cast<std::size_t>(ranks), std::ssize(pieces_));
  return shares;
}

template <class T>
std::size_t Optimizer<T>::bytes(const OptimizerConfig& config, std::span<const Tensor> tensors,
                                Index ranks) {
  std::size_t flat = 0, by_rows = 0;
  for (const Tensor& tensor : tensors) {
    (tensor.by_rows ? by_rows : flat) += static_cast<std::size_t>(tensor.size);
  }
  const std::size_t arrays = config.kind != OptimizerKind::lior ? 2 : config.memory ? 1 : 0;
  const auto [entries, side] = largest_matrix(config, tensors);
  const auto unit = static_cast<std::size_t>(std::max(entries, kPiece));  // that is not cut
  const std::size_t largest =
      ranks == 1 ? flat : std::min(flat, flat / static_cast<std::size_t>(ranks) + unit);
  return (arrays * (largest + by_rows) + static_cast<std::size_t>(entries)) * sizeof(T) +
         NewtonSchulz<T>::bytes(entries, side);
}

template <class T>
void Optimizer<T>::gather_state(std::size_t array, std::span<T> whole) const {
  const std::span<const T> own = state_[array].values;
  const auto flat = static_cast<std::size_t>(state_index(0) + end_of(shares_.ends));  // of own
  std::vector<std::span<const T>> outgoing(static_cast<std::size_t>(ranks_->size()));
  std::vector<std::span<T>> incoming(outgoing.size());
  outgoing[0] = own.first(flat);
  if (ranks_->is_first()) {
    Index begin = 0;
    for (std::size_t r = 0; r < incoming.size(); ++r) {
      incoming[r] = whole.subspan(begin, shares_.ends[r] - begin);
      begin = shares_.ends[r];
    }
    std::copy(own.begin() + flat, own.end(), whole.begin() + flat_size_);
  }
  ranks_->all_to_all(std::span<const std::span<const T>>(outgoing),
                     std::span<const std::span<T>>(incoming));
}

template <class T>
void Optimizer<T>::set_state(std::size_t array, Index offset, std::span<const T> values) {
  const Index end = offset + std::ssize(values);
  const auto copy = [&](Index from, Index to) {
    if (from >= to) return;
    std::copy_n(values.begin() + (from - offset), to - from,
                state_[array].values.begin() + state_index(from));
  };
  copy(std::max(offset, begin_of(shares_.ends)), std::min(end, end_of(shares_.ends)));
  copy(std::max(offset, flat_size_), end);
}

template <class T>
std::span<const T* const> Optimizer<T>::place_gradients(std::span<const T> flat) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    gradients_[i] = tensors_[i].by_rows ? nullptr : flat.data() + tensors_[i].offset;
  }
  return gradients_;
}

template <class T>
double Optimizer<T>::measure(std::span<const T> gradients, Rows rows) {
  return measure(place_gradients(gradients), rows);
}

template <class T>
void Optimizer<T>::step(double rate, double clip, std::span<T> values, std::span<const T> gradients,
                        Rows rows) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    values_[i] = values.data() + tensors_[i].offset;
  }
  step(rate, clip, values_, place_gradients(gradients), rows);
  ranks_->all_gather(values.first(static_cast<std::size_t>(flat_size_)), shares_.ends);
}

template <class T>
double Optimizer<T>::measure(std::span<const T* const> gradients, Rows rows) {
  const auto size = static_cast<double>(flat_size_);
  const ProfiledOp op("optimizer", 2 * size, sizeof(T) * size);
  const auto kernel = LIOR_SIMD_TABLE(sum_of_squares<T>).chosen();
  const Index first = first_piece();
  parallel_for(end_of(shares_.piece_ends) - first, kPiecesPerThread,
               [&](Index begin, Index end, int) {
                 for (Index i = first + begin; i < first + end; ++i) {
                   const Piece& piece = pieces_[i];
                   piece_squares_[i] = kernel(gradients[piece.tensor] + piece.begin, piece.size);
                 }
               });
  ranks_->all_gather(std::span(piece_squares_), shares_.piece_ends);
  std::fill(tensor_squares_.begin(), tensor_squares_.end(), 0.0);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    tensor_squares_[pieces_[i].tensor] += piece_squares_[i];
  }
  measure_rows(rows);
  double total = 0;
  for (const double squares : tensor_squares_) total += squares;
  return std::sqrt(total);
}

template <class T>
void Optimizer<T>::measure_rows(Rows rows) {
  const auto kernel = LIOR_SIMD_TABLE(sum_of_squares<T>).chosen();
  for (const nn::RowGradient<T>& table : rows) {
    LIOR_CHECK(table.parameter >= 0 && std::cmp_less(table.parameter, tensors_.size()) &&
                   tensors_[table.parameter].by_rows,
               "tensor {} has a gradient by rows; it is none of those that were said to",
               table.parameter);
    const std::span<const T> numbers = table.values.span();
    const auto size = static_cast<Index>(numbers.size());
    for (Index begin = 0; begin < size; begin += kPiece) {
      tensor_squares_[table.parameter] +=
          kernel(numbers.data() + begin, std::min(kPiece, size - begin));
    }
  }
}

template <class T>
typename Optimizer<T>::Step Optimizer<T>::begin_step(double rate, double clip,
                                                     std::span<T* const> values) {
  ++steps_;
  const auto t = static_cast<double>(steps_);
  if (config_.kind == OptimizerKind::lior) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const Tensor& tensor = tensors_[i];
      if (net_) {
        const double r = geometry::resilience<double>(
            *net_, std::span<const T>(values[i], static_cast<std::size_t>(tensor.size)));
        tensor_factors_[i] = 1 / (r * r);
      } else {
        tensor_factors_[i] = lior_factor(
            config_, clip * clip * tensor_squares_[i] / static_cast<double>(tensor.size));
      }
    }
  }
  return {.rate = rate,
          .clip = clip,
          .adamw = {.clip = static_cast<T>(clip),
                    .beta1 = static_cast<T>(config_.beta1),
                    .beta2 = static_cast<T>(config_.beta2),
                    .gain1 = static_cast<T>(1 - config_.beta1),
                    .gain2 = static_cast<T>(1 - config_.beta2),
                    .root = static_cast<T>(1 / std::sqrt(1 - std::pow(config_.beta2, t))),
                    .epsilon = static_cast<T>(config_.epsilon),
                    .rate = static_cast<T>(rate / (1 - std::pow(config_.beta1, t))),
                    .keep = 1},
          .move = LIOR_SIMD_TABLE(adamw<T>).chosen(),
          .descend = LIOR_SIMD_TABLE(descend<T>).chosen(),
          .descend_with_memory = LIOR_SIMD_TABLE(descend_with_memory<T>).chosen(),
          .look_ahead = LIOR_SIMD_TABLE(look_ahead<T>).chosen(),
          .descend_and_decay = LIOR_SIMD_TABLE(descend_and_decay<T>).chosen()};
}

template <class T>
void Optimizer<T>::update_matrix(const Step& step, const Matrix& matrix, const T* g, T* p) {
  const Tensor& tensor = tensors_[matrix.tensor];
  const Index columns = tensor.size / tensor.rows;
  const auto each_piece = [&](const auto& body) {
    parallel_for(matrix.last_piece - matrix.first_piece, kPiecesPerThread,
                 [&](Index begin, Index end, int) {
                   for (Index i = begin; i < end; ++i) body(pieces_[matrix.first_piece + i]);
                 });
  };
  each_piece([&](const Piece& piece) {
    step.look_ahead(static_cast<T>(config_.momentum),
                    static_cast<T>((1 - config_.momentum) * step.clip), g + piece.begin,
                    first_.data() + state_index(tensor.offset + piece.begin),
                    direction_.data() + piece.begin, piece.size);
  });
  newton_schulz_.apply({direction_.data(), tensor.rows, columns});
  const double size =
      step.rate * config_.size * std::sqrt(static_cast<double>(std::max(tensor.rows, columns)));
  const double keep = tensor.decay ? 1 - step.rate * config_.weight_decay : 1;
  each_piece([&](const Piece& piece) {
    step.descend_and_decay(static_cast<T>(keep), static_cast<T>(size),
                           direction_.data() + piece.begin, p + piece.begin, piece.size);
  });
}

template <class T>
void Optimizer<T>::update(const Step& step, Index tensor, Index begin, const T* g, T* p,
                          Index count) {
  const Index state = state_index(tensors_[tensor].offset + begin);
  if (has_moments()) {
    AdamwStep<T> constants = step.adamw;
    if (tensors_[tensor].decay) {
      constants.keep = static_cast<T>(1 - step.rate * config_.weight_decay);
    }
    step.move(constants, g, first_.data() + state, second_.data() + state, p, count);
    return;
  }
  const double factor = step.clip * tensor_factors_[tensor];
  if (config_.memory) {
    step.descend_with_memory(static_cast<T>(step.rate * config_.kappa), static_cast<T>(kMemoryKept),
                             static_cast<T>(kMemoryGain * factor), g, first_.data() + state, p,
                             count);
  } else {
    step.descend(static_cast<T>(step.rate * config_.kappa * factor), g, p, count);
  }
}

template <class T>
void Optimizer<T>::step(double rate, double clip, std::span<T* const> values,
                        std::span<const T* const> gradients, Rows rows) {
  auto size = static_cast<double>(flat_size_);
  for (const nn::RowGradient<T>& table : rows) size += static_cast<double>(table.values.size());
  const ProfiledOp op("optimizer", (has_moments() ? 12 : 2) * size,
                      (has_moments() ? 7 : 3) * sizeof(T) * size);
  const Step constants = begin_step(rate, clip, values);
  for (const Matrix& matrix : matrices_) {
    update_matrix(constants, matrix, gradients[matrix.tensor], values[matrix.tensor]);
  }
  parallel_for(std::ssize(swept_), kPiecesPerThread, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const auto& [tensor, first, count] = pieces_[swept_[i]];
      update(constants, tensor, first, gradients[tensor] + first, values[tensor] + first, count);
    }
  });
  for (const nn::RowGradient<T>& table : rows) {
    const Index width = table.values.extent(1);
    parallel_for(static_cast<Index>(table.rows.size()), kPiece * kPiecesPerThread / width,
                 [&](Index begin, Index end, int) {
                   for (Index i = begin; i < end; ++i) {
                     const Index first = table.rows[i] * width;
                     update(constants, table.parameter, first, table.values[i].data(),
                            values[table.parameter] + first, width);
                   }
                 });
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace lior::train
#endif
