// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/clifford.h"

namespace lior::algebra {
namespace {

constexpr int kMostGenerators = 16;

/// Which of 1, X, Y, Z acts on qubit `qubit` in generator `m`.
enum class Pauli { one, x, y, z };

Pauli factor(int m, int qubit) {
  const int k = m / 2;
  if (qubit != k) return qubit < k ? Pauli::z : Pauli::one;
  return m % 2 == 0 ? Pauli::x : Pauli::y;
}

/// The entry (row, column) of a Pauli matrix, row and column 0 or 1.
template <class T>
std::complex<T> entry(Pauli matrix, int row, int column) {
  switch (matrix) {
    case Pauli::one: return row == column ? T(1) : T(0);
    case Pauli::x: return row == column ? T(0) : T(1);
    case Pauli::y: return {T(0), static_cast<T>(row - column)};
    case Pauli::z: break;
  }
  return row == column ? static_cast<T>(1 - 2 * row) : T(0);
}

}  // namespace

template <class T>
Array<std::complex<T>, 3> clifford_generators(int pluses, int minuses) {
  LIOR_CHECK(pluses >= 0 && minuses >= 0 && pluses <= kMostGenerators &&
                 minuses <= kMostGenerators - pluses && pluses + minuses >= 1,
             "clifford_generators({}, {}): expected counts >= 0 with a sum in 1..{}", pluses,
             minuses, kMostGenerators);
  const int count = pluses + minuses, qubits = count / 2;
  const Index s = Index{1} << qubits;
  const auto bit = [&](Index index, int qubit) {
    return static_cast<int>(index >> (qubits - 1 - qubit)) & 1;
  };
  Array<std::complex<T>, 3> gamma({count, s, s});
  for (int m = 0; m < count; ++m) {
    const std::complex<T> sign = m < pluses ? std::complex<T>(1) : std::complex<T>(0, 1);
    for (Index i = 0; i < s; ++i) {
      for (Index j = 0; j < s; ++j) {
        std::complex<T> product = sign;
        for (int qubit = 0; qubit < qubits; ++qubit) {
          product *= entry<T>(factor(m, qubit), bit(i, qubit), bit(j, qubit));
        }
        gamma(m, i, j) = product;
      }
    }
  }
  return gamma;
}

template <class T>
Array<std::complex<T>, 3> dirac_generators() {
  constexpr Pauli kSpatial[] = {Pauli::x, Pauli::y, Pauli::z};
  Array<std::complex<T>, 3> gamma({4, 4, 4});
  for (int i = 0; i < 4; ++i) gamma(0, i, i) = static_cast<T>(i < 2 ? 1 : -1);
  for (int k = 0; k < 3; ++k) {
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        gamma(k + 1, i, j + 2) = entry<T>(kSpatial[k], i, j);
        gamma(k + 1, i + 2, j) = -entry<T>(kSpatial[k], i, j);
      }
    }
  }
  return gamma;
}

template <class T>
Array<std::complex<T>, 2> dirac_gamma5() {  // off-diagonal unit blocks
  Array<std::complex<T>, 2> gamma5({4, 4});
  for (int i = 0; i < 4; ++i) gamma5(i, (i + 2) % 4) = T(1);
  return gamma5;
}

template <class T>
void apply_vielbein(View<const T, 2> vielbein, View<const std::complex<T>, 3> gamma,
                    View<std::complex<T>, 3> out) {
  const Index d = gamma.extent(0), s = gamma.extent(1);
  check_shape(vielbein, {d, d}, "vielbein");
  check_shape(gamma, {d, s, s}, "gamma");
  check_shape(out, {d, s, s}, "out");
  for (Index m = 0; m < d; ++m) {
    for (Index k = 0; k < s * s; ++k) {
      std::complex<T> sum = 0;
      for (Index a = 0; a < d; ++a) sum += vielbein(m, a) * gamma.data()[a * s * s + k];
      out.data()[m * s * s + k] = sum;
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                      \
  template Array<std::complex<T>, 3> clifford_generators<T>(int, int);           \
  template Array<std::complex<T>, 3> dirac_generators<T>();                      \
  template Array<std::complex<T>, 2> dirac_gamma5<T>();                          \
  template void apply_vielbein(View<const T, 2>, View<const std::complex<T>, 3>, \
                               View<std::complex<T>, 3>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra
