// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where named tensors lie in one flat buffer of values (and of gradients), and how they start.

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "lior/core/random.h"
#include "lior/core/view.h"

namespace lior::nn {

/// One named tensor in the flat buffers.
struct Parameter {
  std::string name;  ///< "blocks.0.mixer.in.weight"
  std::vector<Index> shape;
  Index offset = 0;
  Index size = 0;
  bool decay = false;    ///< whether weight decay is for it: matrices yes; gains, biases, states no
  bool by_rows = false;  ///< a step reads few rows of it, and its gradient is that of those rows
};

/// One tensor's place, as a matrix; a vector is one row.
struct Slot {
  Index offset = 0;
  Shape<2> shape{};

  template <class T>
  View<T, 2> in(std::span<T> flat) const {
    return {flat.data() == nullptr ? nullptr : flat.data() + offset, shape};
  }
  template <class T>
  std::span<T> vector_in(std::span<T> flat) const {
    return in(flat).span();
  }
};

/// Every parameter by name and place, in the order of the calls: the one description of what a
/// model, or a layer on its own, holds. Calls throw lior::Error where an extent is negative or all
/// numbers together exceed 2^63 - 1.
class Layout {
 public:
  /// `decay`: whether weight decay is for it.
  Slot add(std::string name, Shape<2> shape, bool decay) {
    LIOR_CHECK(dense_size_ == size_, "{} must lie before the tables whose gradients come by rows",
               name);
    return add(std::move(name), {shape[0], shape[1]}, shape, decay, false);
  }
  Slot add(std::string name, Shape<1> shape) {
    LIOR_CHECK(dense_size_ == size_, "{} must lie before the tables whose gradients come by rows",
               name);
    return add(std::move(name), {shape[0]}, {1, shape[0]}, false, false);
  }
  /// A table of which a step reads few rows. These come last.
  Slot add_by_rows(std::string name, Shape<2> shape) {
    return add(std::move(name), {shape[0], shape[1]}, shape, false, true);
  }

  std::span<const Parameter> parameters() const { return parameters_; }
  Index size() const { return size_; }
  /// Numbers before the tables of add_by_rows: those that a flat gradient has.
  Index dense_size() const { return dense_size_; }

 private:
  Slot add(std::string name, std::vector<Index> shape, Shape<2> matrix, bool decay, bool by_rows) {
    const Index size = checked_element_count(matrix);
    LIOR_CHECK(size <= std::numeric_limits<Index>::max() - size_,
               "with {} of shape {} the parameters are more than can be counted; choose smaller "
               "sizes",
               name, to_string(matrix));
    parameters_.push_back({.name = std::move(name),
                           .shape = std::move(shape),
                           .offset = size_,
                           .size = size,
                           .decay = decay,
                           .by_rows = by_rows});
    const Slot slot{size_, matrix};
    size_ += size;
    if (!by_rows) dense_size_ = size_;
    return slot;
  }

  std::vector<Parameter> parameters_;
  Index size_ = 0, dense_size_ = 0;
};

/// Writes start values. Each tensor of random numbers has a stream of its own, counted in the order
/// of the calls, so they are functions of (seed, model).
template <class T>
class Initializer {
 public:
  Initializer(std::span<T> values, std::uint64_t seed) : values_(values), seed_(seed) {}

  std::span<T> values() const { return values_; }

  void fill(const Slot& slot, T value) {
    const auto numbers = slot.vector_in(values_);
    std::fill(numbers.begin(), numbers.end(), value);
  }
  void fill_normal(const Slot& slot, double deviation) {
    Random(seed_, stream_++).fill_normal(slot.vector_in(values_), deviation);
  }
  /// A matrix that maps unit variance to variance gain^2.
  void fill_matrix(const Slot& slot, double gain = 1) {
    fill_normal(slot, gain / std::sqrt(static_cast<double>(slot.shape[1])));
  }

 private:
  std::span<T> values_;
  std::uint64_t seed_;
  std::uint64_t stream_ = 0;
};

}  // namespace lior::nn
