// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Dropout: while a model trains, parts of what its layers add are left out at random.
///
/// A mask m has entries that are 0 with probability `rate` and else 1/(1 - rate), functions of
/// (seed, step, place, row, column) alone: the same for any number of threads, and when a block
/// runs forward a second time. Source: Srivastava et al., JMLR 15 (2014), in its inverted form.

#include <cstdint>

#include "lior/core/view.h"
#include "lior/nn/stretch.h"

namespace lior::nn {

/// Of a training step. `place` tells the masks of a step apart. Rows of a stretch of sequences
/// (stretch.h) have the masks that they have among all.
struct Dropout {
  double rate = 0;  ///< in [0, 1); 0: none
  std::uint64_t seed = 0;
  Index step = 0;  ///< in [0, 2^38)
  Stretch stretch{};

  bool is_on() const { return rate > 0; }
};

/// out <- x + m (out - x): of a layer that has put out x + f(x), with mask number `place`.
template <class T>
void dropout_forward(const Dropout& dropout, Index place, View<const T, 2> x, View<T, 2> out);

/// The gradient of out in, in parts: dx <- m dx for f, rest <- dx - m dx for x alone.
template <class T>
void dropout_backward(const Dropout& dropout, Index place, View<T, 2> dx, View<T, 2> rest);

/// Rows of a table that are left out become -1.
void drop_rows(const Dropout& dropout, Index place, View<std::int32_t, 2> rows);

namespace reference {
/// The entry of a mask.
double dropout_mask(const Dropout& dropout, Index place, Index row, Index column, Index columns);
}  // namespace reference

}  // namespace lior::nn
