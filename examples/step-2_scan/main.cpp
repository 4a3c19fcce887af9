// SPDX-License-Identifier: Apache-2.0
// Step 2: the recurrence of one layer, h_n = a_n (h_{n-1} u_n) + sqrt(1 - a_n^2) c_n.
//
// Shows how its inputs lie in one matrix (the projection: planes w, z, c of H heads), that a call a
// token gives the same states as one call for the sequence, so that generation needs constant
// memory, and the formula written out for one head.

#include <fmt/core.h>

#include <cmath>

#include "lior/algebra/octonion.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/nn/ci8_scan.h"

using namespace lior;
using algebra::Octonion;

int main() {
  constexpr Index N = 50, H = 4;
  const nn::ScanShape whole{.batch = 1, .length = N, .mixer = {.heads = H}};
  Array<double, 2> projection({N, whole.width()});  // 8 planes w, one z, 8 planes c
  Random(1).fill_normal(projection.span());
  const Array<double, 3> start({1, 8, H});  // h_0 = 0

  // All tokens at once.
  Array<double, 4> states({1, N, 8, H});
  nn::ci8_scan_forward<double>(whole, projection.view(), start.view(), {}, states.view());

  // A token a call; the last state starts the next call.
  const nn::ScanShape one{.batch = 1, .length = 1, .mixer = whole.mixer};
  Array<double, 3> state({1, 8, H});
  Array<double, 4> next({1, 1, 8, H});
  double streaming_error = 0;
  for (Index n = 0; n < N; ++n) {
    const View<const double, 2> row(projection.data() + n * whole.width(), {1, whole.width()});
    nn::ci8_scan_forward<double>(one, row, state.view(), {}, next.view());
    std::copy(next.span().begin(), next.span().end(), state.data());
    for (Index k = 0; k < 8; ++k) {
      for (Index head = 0; head < H; ++head) {
        streaming_error =
            std::max(streaming_error, std::abs(next(0, 0, k, head) - states(0, n, k, head)));
      }
    }
  }
  fmt::print("streaming equals one call to {:.1e}\n", streaming_error);

  // Head 2 by the formula.
  constexpr Index head = 2;
  Octonion<double> h;
  double formula_error = 0;
  for (Index n = 0; n < N; ++n) {
    const auto plane = [&](Index p) { return projection(n, p * H + head); };
    Octonion<double> u;
    double length = 0;
    for (Index k = 0; k < 8; ++k) length += plane(k) * plane(k);
    for (Index k = 0; k < 8; ++k) u.e[k] = plane(k) / std::sqrt(length);
    const double a = 1 / (1 + std::exp(-plane(whole.z_plane())));
    h = h * u;
    for (Index k = 0; k < 8; ++k) {
      h.e[k] = a * h.e[k] + std::sqrt(1 - a * a) * plane(whole.c_plane() + k);
      formula_error = std::max(formula_error, std::abs(h.e[k] - states(0, n, k, head)));
    }
  }
  fmt::print("head {} follows the formula to {:.1e}\n", head, formula_error);

  // Rounding of 50 steps of numbers near 1.
  return streaming_error <= 1e-14 && formula_error <= 1e-12 ? 0 : 1;
}
