// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers that tell how a field fares: norm, energy, entropies, and where it broke.

#include "lior/field/hamiltonian.h"

namespace lior::field {

/// sum |T_ij|^4 over the whole field.
template <class T>
double fourth_powers(ConstField<T> t, RowSums row_sums);

/// sum weight |T|^2, weight [Nx, Ny]. In double, cells in order: bit-equal across thread counts; so
/// are all below. `row_sums`: a workspace of 2 Nx numbers;
/// where ranks share the grid, the same on all, and collective.
template <class T>
double norm(ConstField<T> t, View<const double, 2> weight, RowSums row_sums);

/// sum weight conj(a) b.
template <class T>
std::complex<double> inner(ConstField<T> a, ConstField<T> b, View<const double, 2> weight,
                           RowSums row_sums);

/// E = dx dy dz Re sum sqrt(g) tr(T^dagger H[T]), sources left out. `work` holds a field.
template <class T>
double energy(const Hamiltonian<T>& h, ConstField<T> t, Field<T> work, RowSums row_sums);

/// Mean over sites with tr > 0 of -tr rho ln rho, rho = T^dagger T / tr, in nats: 0 for D = 1, at
/// most ln D. By the singular values of T (one-sided Jacobi), whatever their size. 0 where no site
/// has tr > 0, and for a field without numbers; NaN where one is.
template <class T>
double entropy(ConstField<T> t, RowSums row_sums);

/// sum over all entries of (|T_ij|^2)^nu(x, y). nu: [Nx, Ny]. An entry 0 counts 0, for nu = 0 too.
template <class T>
double variable_order_entropy(ConstField<T> t, View<const double, 2> nu, RowSums row_sums);

/// The first row, and the cell of it, with an entry that is not finite; none: {-1, -1}.
template <class T>
std::array<Index, 2> first_broken_cell(ConstField<T> t);

}  // namespace lior::field
