// SPDX-License-Identifier: Apache-2.0
#pragma once
// A scan on random numbers, for checks and bench rows of its plans.

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/scan_composition.h"

namespace lior::check {

template <class T>
struct RandomScan {
  explicit RandomScan(const nn::ScanShape& of, std::uint64_t seed)
      : shape(of),
        projection({of.batch * of.length, of.width()}),
        initial({of.batch, of.state_width(), of.heads()}),
        angles({8, of.heads()}) {
    Random(seed, 0).fill_normal(projection.span());
    Random(seed, 1).fill_normal(initial.span());
    Random(seed, 2).fill_normal(angles.span());
  }

  View<const T, 2> theta() const {
    return shape.mixer.rotation ? angles.view() : View<const T, 2>();
  }

  /// Steps [begin, begin + length) of every sequence, from the same start.
  RandomScan part(Index begin, Index length) const {
    nn::ScanShape of = shape;
    of.length = length;
    RandomScan some(of, 0);
    for (Index b = 0; b < shape.batch; ++b) {
      std::copy_n(&projection(b * shape.length + begin, 0), length * shape.width(),
                  &some.projection(b * length, 0));
    }
    std::copy_n(initial.data(), initial.size(), some.initial.data());
    std::copy_n(angles.data(), angles.size(), some.angles.data());
    return some;
  }

  Array<T, 4> map() const {
    Array<T, 4> map({shape.batch, nn::kMapColumns, shape.state_width(), shape.heads()});
    nn::ci8_scan_map<T>(shape, projection.view(), theta(), map.view());
    return map;
  }

  /// h_N by the reference.
  Array<T, 3> reference_end() const {
    Array<T, 4> states({shape.batch, shape.length, shape.state_width(), shape.heads()});
    nn::reference::ci8_scan_forward<T>(shape, projection.view(), initial.view(), theta(),
                                       states.view());
    Array<T, 3> end(initial.shape());
    for (Index b = 0; b < shape.batch; ++b) {
      const auto last = states.view()[b][shape.length - 1];
      std::copy(last.begin(), last.end(), end.view()[b].begin());
    }
    return end;
  }

  nn::ScanShape shape;
  Array<T, 2> projection;
  Array<T, 3> initial;
  Array<T, 2> angles;
};

}  // namespace lior::check
