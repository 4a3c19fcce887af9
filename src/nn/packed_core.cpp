// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/packed_core.h"

#include <numeric>

namespace lior::nn {

using linalg::MatrixView;

namespace {

/// Rows first .. first + count - 1.
template <class T>
View<T, 2> rows_of(View<T, 2> of, Index first, Index count) {
  return {of.data() == nullptr ? nullptr : of.data() + first * of.extent(1), {count, of.extent(1)}};
}

/// Of S states side by side the i-th; none where there are none.
template <class T>
MatrixView<T> state_of(MatrixView<T> states, Index i, Index size) {
  return states.data == nullptr ? states : states.block(0, i * size, 1, size);
}

}  // namespace

template <class T>
PackedCore<T>::PackedCore(const Core<T>& core, std::span<const Index> lengths)
    : core_(core),
      lengths_(lengths.begin(), lengths.end()),
      rows_(std::accumulate(lengths.begin(), lengths.end(), Index{0})) {
  for (const Index length : lengths) {
    LIOR_CHECK(length >= 0, "lengths hold {}; expected at least 0", length);
  }
}

template <class T>
void PackedCore<T>::declare(const std::string&, Layout&) {
  LIOR_CHECK(false, "a packed core has the parameters of its core, which has declared them");
}

template <class T>
SavedPlan PackedCore<T>::plan_of(Index length) const {
  SavedPlan plan;
  core_.save({1, length}, plan);
  return plan;
}

template <class T>
template <class Body>
void PackedCore<T>::for_each(const CoreCall<T>& call, Body&& body) const {
  LIOR_CHECK(call.sequences.rows() == rows_, "lengths are of {} rows; the call has {}", rows_,
             call.sequences.rows());
  const auto kept = call.saved.template array<1>("sequences' own");
  const auto redone = call.saved.template array<1>("sequences' own, redone");
  Index row = 0, kept_end = 0, redone_end = 0;
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    const Arena::Scope scope(call.arena);
    const Index length = lengths_[i];
    const SavedPlan plan = plan_of(length);
    Saved<T> saved{.plan = plan};
    if (kept.data() != nullptr) saved.kept = kept.data() + kept_end;
    if (redone.data() != nullptr) saved.redone = redone.data() + redone_end;
    body(static_cast<Index>(i), row,
         CoreCall<T>{{1, length},
                     call.values,
                     call.columns.block(row, 0, length, call.columns.cols),
                     saved,
                     call.arena,
                     call.precision});
    row += length;
    kept_end += plan.kept();
    redone_end += plan.redone();
  }
}

template <class T>
void PackedCore<T>::initial_state(std::span<const T> values, MatrixView<T> state) const {
  for (Index i = 0; i < std::ssize(lengths_); ++i) {
    core_.initial_state(values,
                        state.block(0, i * core_.state_size(), state.rows, core_.state_size()));
  }
}

template <class T>
void PackedCore<T>::save(const Sequences&, SavedPlan& plan) const {
  Index kept = 0, redone = 0;
  for (const Index length : lengths_) {
    const SavedPlan own = plan_of(length);
    kept += own.kept();
    redone += own.redone();
  }
  plan.keep("sequences' own", Shape<1>{kept});
  plan.redo("sequences' own, redone", Shape<1>{redone});
}

template <class T>
void PackedCore<T>::forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const {
  for_each(call, [&](Index i, Index row, const CoreCall<T>& one) {
    core_.forward(one, state_of(state, i, core_.state_size()),
                  rows_of(y, row, one.sequences.length));
  });
}

template <class T>
void PackedCore<T>::restore(const CoreCall<T>& call, View<T, 2> y) const {
  for_each(call, [&](Index, Index row, const CoreCall<T>& one) {
    core_.restore(one, rows_of(y, row, one.sequences.length));
  });
}

template <class T>
void PackedCore<T>::backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                             MatrixView<T> d_columns, std::span<T> d_values,
                             MatrixView<T> d_state) const {
  for_each(call, [&](Index i, Index row, const CoreCall<T>& one) {
    const Index length = one.sequences.length;
    core_.backward(one, rows_of(y, row, length), rows_of(dy, row, length),
                   d_columns.block(row, 0, length, d_columns.cols), d_values,
                   state_of(d_state, i, core_.state_size()));
  });
}

template class PackedCore<float>;
template class PackedCore<double>;

}  // namespace lior::nn
