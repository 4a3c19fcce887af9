// SPDX-License-Identifier: Apache-2.0
// The plain text of H and of an explicit step.
#include <cmath>

#include "field/row_sums.h"
#include "lior/core/parallel.h"
#include "lior/field/bayes.h"
#include "lior/field/integrator.h"

namespace lior::field::reference {

namespace {

template <class Body>
void for_numbers(Index count, const Body& body) {
  parallel_for(count, 16384, [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) body(k);
  });
}

}  // namespace

template <class T>
void posterior(ConstField<T> t, ConstField<T> evidence, double tau, Field<T> out,
               std::span<double> row_sums) {
  using Wide = std::complex<double>;
  const Index nx = t.extent(0), row = t.size() / nx, grain = 1 + 4096 / row;
  const auto exponent = [&](Index k) {
    return std::norm(Wide(t.data()[k]) - Wide(evidence.data()[k])) / tau;
  };
  parallel_for(nx, grain, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      double least = INFINITY;
      for (Index k = i * row; k < (i + 1) * row; ++k) {
        if (t.data()[k] != std::complex<T>{}) least = std::min(least, exponent(k));
      }
      row_sums[static_cast<std::size_t>(i)] = least;
    }
  });
  const auto rows = static_cast<std::ptrdiff_t>(nx);
  const double least = *std::min_element(row_sums.begin(), row_sums.begin() + rows);
  const Wide sums = sum_rows(nx, grain, row_sums, [&](Index i) {
    double sum = 0, weighted = 0;
    for (Index k = i * row; k < (i + 1) * row; ++k) {
      const double size = std::norm(Wide(t.data()[k]));
      sum += size;
      if (size > 0) weighted += std::exp(least - exponent(k)) * size;
    }
    return Wide(sum, weighted);
  });
  const double scale = sums.real() == 0 ? 0 : std::sqrt(sums.real() / sums.imag());
  for_numbers(t.size(), [&](Index k) {
    const double w = t.data()[k] == std::complex<T>{} ? 0 : std::exp(least - exponent(k));
    out.data()[k] = std::complex<T>(std::sqrt(w) * scale * Wide(t.data()[k]));
  });
}

template <class T>
void hamiltonian(const Hamiltonian<T>& h, ConstField<T> in, Field<T> out) {
  const Grid& grid = h.grid();
  const Index nx = grid.nx, ny = grid.ny, nz = grid.nz, d = grid.d;
  const auto wrap = [](Index i, Index count) { return (i + count) % count; };
  const auto at_cell = [&](Index i, Index j, Index k) {
    const Index c = j * nz + k;
    for (Index a = 0; a < d; ++a) {
      for (Index b = 0; b < d; ++b) {
        std::complex<T> sum = h.stencil()(i, c, 0) * in(i, c, a, b);
        for (int side = 0; side < h.side_count(); ++side) {
          const T factor = h.has_full_stencil() ? h.stencil()(i, c, 1 + side) : h.sides()[side];
          const auto& [x, y, z] = h.neighbours()[static_cast<std::size_t>(side)];
          sum += factor * in(wrap(i + x, nx), wrap(j + y, ny) * nz + wrap(k + z, nz), a, b);
        }
        out(i, c, a, b) = sum;
      }
    }
  };
  parallel_for(nx, grid.row_grain(), [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      for (Index j = 0; j < ny; ++j) {
        for (Index k = 0; k < nz; ++k) at_cell(i, j, k);
      }
    }
  });
}

template <class T>
void runge_kutta(const Hamiltonian<T>& h, double dt, int order, const Sources<T>& sources,
                 ConstField<T> t, Field<T> out, View<std::complex<T>, 5> work) {
  using Number = std::complex<T>;
  constexpr double kTime[] = {0, 0.5, 0.5, 1};
  constexpr double kShare[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
  const Index count = t.size();
  const Field<T> b = work[0], stage = work[1], slope = work[2];
  if (!sources.evidence.empty()) {
    Buffer<double> row_sums(2 * t.extent(0));
    posterior<T>(t, sources.evidence, sources.tau, b, row_sums.span());
  }
  std::copy_n(t.data(), count, stage.data());
  std::copy_n(t.data(), count, out.data());
  for (int i = 0; i < order; ++i) {
    hamiltonian<T>(h, stage, slope);
    const T ahead = static_cast<T>(kTime[i]);
    const double unit = dt / h.physics().hbar, share = order == 1 ? 1 : kShare[i];
    for_numbers(count, [&](Index k) {
      Number rate = slope.data()[k];
      if (!sources.constant.empty()) rate += sources.constant.data()[k];
      if (!sources.evidence.empty()) {
        rate += static_cast<T>(sources.lambda) * (b.data()[k] - t.data()[k]);
      }
      if (!sources.term.empty()) {
        const Number now = sources.term.data()[k], before = sources.term_before.data()[k];
        rate -= static_cast<T>(sources.lambda_f) * (now + ahead * (now - before));
      }
      const Number turned(rate.imag(), -rate.real());  // -i rate
      out.data()[k] += static_cast<T>(unit * share) * turned;
      if (i + 1 < order)
        stage.data()[k] = t.data()[k] + static_cast<T>(unit * kTime[i + 1]) * turned;
    });
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void posterior(ConstField<T>, ConstField<T>, double, Field<T>, std::span<double>);     \
  template void hamiltonian(const Hamiltonian<T>&, ConstField<T>, Field<T>);                      \
  template void runge_kutta(const Hamiltonian<T>&, double, int, const Sources<T>&, ConstField<T>, \
                            Field<T>, View<std::complex<T>, 5>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::field::reference
