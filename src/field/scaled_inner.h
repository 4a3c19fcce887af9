// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inner products of fields of any size.

#include "field/row_sums.h"

namespace lior::field {

/// sum weight conj(a) b unit^2.
template <class T>
std::complex<double> scaled_inner(ConstField<T> a, ConstField<T> b, View<const double, 2> weight,
                                  RowSums row_sums, double unit) {
  const Index nx = a.extent(0), ny = a.extent(1), cell = a.extent(2) * a.extent(3);
  return sum_rows(nx, 1 + 16384 / std::max<Index>(ny * cell, 1), row_sums, [&](Index i) {
    std::complex<double> sum = 0;
    for (Index j = 0; j < ny; ++j) {
      const std::complex<T>* left = a.data() + (i * ny + j) * cell;
      const std::complex<T>* right = b.data() + (i * ny + j) * cell;
      double re = 0, im = 0;
      for (Index k = 0; k < cell; ++k) {
        const double ar = unit * left[k].real(), ai = unit * left[k].imag();
        const double br = unit * right[k].real(), bi = unit * right[k].imag();
        re += ar * br + ai * bi;
        im += ar * bi - ai * br;
      }
      sum += weight(i, j) * std::complex<double>(re, im);
    }
    return sum;
  });
}

/// Re sum weight conj(t) ht for ht = H t, H of a usual size: infinite where numbers do not hold it.
/// `inner` has no sum where terms of both signs overflow.
template <class T>
double mean_of(ConstField<T> t, ConstField<T> ht, View<const double, 2> weight, RowSums row_sums) {
  const double unit = unit_of<T>(t.span(), row_sums.share);
  return scaled_inner<T>(t, ht, weight, row_sums, unit).real() / unit / unit;
}

}  // namespace lior::field
