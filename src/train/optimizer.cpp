// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/kernels/optimizer.inl.h"
#include <hwy/foreach_target.h>
#include "train/kernels/optimizer.inl.h"

#if HWY_ONCE
#include <cmath>

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

template <class T>
Optimizer<T>::Optimizer(const OptimizerConfig& config, std::span<const Tensor> tensors,
                        const std::optional<ResilienceNet<T>>& net)
    : config_(config), net_(net), tensors_(tensors.begin(), tensors.end()) {
  check_settings(config, net.has_value());
  Index end = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    LIOR_CHECK(tensors_[i].offset == end && tensors_[i].size >= 0,
               "tensor {} starts at {}; tensors must lie one after another: expected {}", i,
               tensors_[i].offset, end);
    for (Index begin = 0; begin < tensors_[i].size; begin += kPiece) {
      pieces_.push_back({static_cast<Index>(i), begin, std::min(kPiece, tensors_[i].size - begin)});
    }
    end += tensors_[i].size;
  }
  size_ = end;
  piece_squares_.resize(pieces_.size());
  tensor_squares_.resize(tensors_.size());
  tensor_factors_.resize(tensors_.size());
  values_.resize(tensors_.size());
  gradients_.resize(tensors_.size());

  if (config.kind == OptimizerKind::adamw) {
    first_ = Buffer<T>(end);
    second_ = Buffer<T>(end);
    state_ = {{"first_moment", first_.span()}, {"second_moment", second_.span()}};
  } else if (config.memory) {
    first_ = Buffer<T>(end);
    state_ = {{"memory", first_.span()}};
  }
}

template <class T>
std::size_t Optimizer<T>::bytes(const OptimizerConfig& config, Index parameters) {
  const std::size_t arrays = config.kind == OptimizerKind::adamw ? 2 : config.memory ? 1 : 0;
  return arrays * static_cast<std::size_t>(parameters) * sizeof(T);
}

template <class T>
std::span<const T* const> Optimizer<T>::place_gradients(std::span<const T> flat) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    gradients_[i] = flat.data() + tensors_[i].offset;
  }
  return gradients_;
}

template <class T>
double Optimizer<T>::measure(std::span<const T> gradients) {
  return measure(place_gradients(gradients));
}

template <class T>
void Optimizer<T>::step(double rate, double clip, std::span<T> values,
                        std::span<const T> gradients) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    values_[i] = values.data() + tensors_[i].offset;
  }
  step(rate, clip, values_, place_gradients(gradients));
}

template <class T>
double Optimizer<T>::measure(std::span<const T* const> gradients) {
  const auto size = static_cast<double>(size_);
  const ProfiledOp op("optimizer", 2 * size, sizeof(T) * size);
  const auto kernel = LIOR_SIMD_TABLE(sum_of_squares<T>).chosen();
  parallel_for(static_cast<Index>(pieces_.size()), kPiecesPerThread,
               [&](Index begin, Index end, int) {
                 for (Index i = begin; i < end; ++i) {
                   const Piece& piece = pieces_[i];
                   piece_squares_[i] = kernel(gradients[piece.tensor] + piece.begin, piece.size);
                 }
               });
  std::fill(tensor_squares_.begin(), tensor_squares_.end(), 0.0);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    tensor_squares_[pieces_[i].tensor] += piece_squares_[i];
  }
  double total = 0;
  for (const double squares : tensor_squares_) total += squares;
  return std::sqrt(total);
}

template <class T>
void Optimizer<T>::step(double rate, double clip, std::span<T* const> values,
                        std::span<const T* const> gradients) {
  const auto size = static_cast<double>(size_);
  const bool has_moments = config_.kind == OptimizerKind::adamw;
  const ProfiledOp op("optimizer", (has_moments ? 12 : 2) * size,
                      (has_moments ? 7 : 3) * sizeof(T) * size);
  ++steps_;
  const auto t = static_cast<double>(steps_);
  AdamwStep<T> adamw_step{
      .clip = static_cast<T>(clip),
      .beta1 = static_cast<T>(config_.beta1),
      .beta2 = static_cast<T>(config_.beta2),
      .gain1 = static_cast<T>(1 - config_.beta1),
      .gain2 = static_cast<T>(1 - config_.beta2),
      .root = static_cast<T>(1 / std::sqrt(1 - std::pow(config_.beta2, t))),
      .epsilon = static_cast<T>(config_.epsilon),
      .rate = static_cast<T>(rate / (1 - std::pow(config_.beta1, t))),
      .keep = 1,
  };
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

  const auto adamw_kernel = LIOR_SIMD_TABLE(adamw<T>).chosen();
  const auto lior_kernel = LIOR_SIMD_TABLE(descend<T>).chosen();
  const auto memory_kernel = LIOR_SIMD_TABLE(descend_with_memory<T>).chosen();
  parallel_for(
      static_cast<Index>(pieces_.size()), kPiecesPerThread, [&](Index begin, Index end, int) {
        for (Index i = begin; i < end; ++i) {
          const Piece& piece = pieces_[i];
          const Index state = tensors_[piece.tensor].offset + piece.begin;
          const T* g = gradients[piece.tensor] + piece.begin;
          T* p = values[piece.tensor] + piece.begin;
          if (config_.kind == OptimizerKind::adamw) {
            AdamwStep<T> constants = adamw_step;
            if (tensors_[piece.tensor].decay) {
              constants.keep = static_cast<T>(1 - rate * config_.weight_decay);
            }
            adamw_kernel(constants, g, first_.data() + state, second_.data() + state, p,
                         piece.size);
            continue;
          }
          const double factor = clip * tensor_factors_[piece.tensor];
          if (config_.memory) {
            memory_kernel(static_cast<T>(rate * config_.kappa), static_cast<T>(kMemoryKept),
                          static_cast<T>(kMemoryGain * factor), g, first_.data() + state, p,
                          piece.size);
          } else {
            lior_kernel(static_cast<T>(rate * config_.kappa * factor), g, p, piece.size);
          }
        }
      });
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace lior::train
#endif
