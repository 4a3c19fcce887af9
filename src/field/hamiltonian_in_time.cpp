// SPDX-License-Identifier: Apache-2.0
#include "lior/field/hamiltonian_in_time.h"

#include "lior/core/parallel.h"

namespace lior::field {

template <class T>
HamiltonianInTime<T>::HamiltonianInTime(const Hamiltonian<T>& h, const PotentialInTime& potential)
    : h_(&h), potential_(potential) {
  if (moves()) u_ = Array<double, 2>(h.grid().cell_shape());
}

template <class T>
void HamiltonianInTime<T>::move_to(double time) {
  if (!moves()) return;
  const Grid& grid = h_->grid();
  together(grid.share, [&] {
    parallel_for(grid.nx, grid.row_grain(), [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) {
        potential_(time, i, {&u_(i, 0), static_cast<std::size_t>(grid.row_cells())});
      }
    });
  });
}

template <class T>
void HamiltonianInTime<T>::apply(ConstField<T> in, Field<T> out) const {
  h_->apply(in, out);
  add(in, out);
}

template <class T>
void HamiltonianInTime<T>::add(ConstField<T> in, Field<T> out) const {
  if (!moves()) return;
  const Grid& grid = h_->grid();
  const Index reals = 2 * grid.d * grid.d;
  parallel_for(grid.nx, grid.row_grain(), [&](Index begin, Index end, int) {
    for (Index cell = begin * grid.row_cells(); cell < end * grid.row_cells(); ++cell) {
      const T u = static_cast<T>(u_.data()[cell]);
      const T* const from = reinterpret_cast<const T*>(in.data()) + cell * reals;
      T* const to = reinterpret_cast<T*>(out.data()) + cell * reals;
      for (Index k = 0; k < reals; ++k) to[k] += u * from[k];
    }
  });
}

template class HamiltonianInTime<float>;
template class HamiltonianInTime<double>;

}  // namespace lior::field
