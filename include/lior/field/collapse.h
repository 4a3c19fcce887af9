// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Measurement of the left tensor index, site by site.

#include "lior/field/grid.h"

namespace lior::field {

/// With an orthonormal basis |k> of C^D: r_k = <k|T, a row; p_k = |r_k|^2 / sum;
/// T <- |k> r_k |T|_F / |r_k|, which keeps each site's norm, whatever its size.
///
/// drawn: k by the counter generator of (seed, step, site). largest: the largest p_k, the lowest k
/// in ties. Sites with |T|_F = 0 stay.
enum class Outcome { drawn, largest };
constexpr auto enum_names(Outcome) { return enum_words("drawn", "largest"); }

/// basis: [D, D], |k> = row k, or empty: the unit vectors. chosen: [Nx, Ny], the k of each site
/// (-1 where T = 0), or empty. Throws lior::Error when shapes differ or the basis is further than
/// 1e-6 from orthonormal.
template <class T>
void collapse(Field<T> t, Outcome outcome, std::uint64_t seed, std::uint64_t step,
              View<const std::complex<T>, 2> basis = {}, View<Index, 2> chosen = {});

}  // namespace lior::field
