// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/packed_core.h"

namespace lior::nn {

using linalg::MatrixView;

namespace {

/// Rows first .. first + count - 1.
template <class T>
View<T, 2> rows_of(View<T, 2> of, Index first, Index count) {
  return {of.data() == nullptr ? nullptr : of.data() + first * of.extent(1), {count, of.extent(1)}};
}

/// States of sequences first .. first + count - 1; none where there are none.
template <class T>
MatrixView<T> states_of(MatrixView<T> states, Index first, Index count) {
  return states.data == nullptr ? states : states.block(first, 0, count, states.cols);
}

}  // namespace

template <class T>
SavedPlan PackedCore<T>::plan_of(const Sequences& sequences) const {
  SavedPlan plan;
  core_->save(sequences, plan);
  return plan;
}

template <class T>
template <class Run>
void PackedCore<T>::for_each(const CoreCall<T>& call, const Run& run) const {
  if (!call.sequences.is_packed()) return run(Index{0}, Index{0}, call);
  const auto kept = call.saved.template array<1>("sequences' own");
  const auto redone = call.saved.template array<1>("sequences' own, redone");
  Index kept_end = 0, redone_end = 0;
  call.sequences.for_each_call([&](Index first, Index row, const Sequences& sequences) {
    const Arena::Scope scope(call.arena);
    const SavedPlan plan = plan_of(sequences);
    Saved<T> saved{.plan = plan};
    if (kept.data() != nullptr) saved.kept = kept.data() + kept_end;
    if (redone.data() != nullptr) saved.redone = redone.data() + redone_end;
    run(first, row,
        CoreCall<T>{sequences, call.values,
                    call.columns.block(row, 0, sequences.rows(), call.columns.cols), saved,
                    call.arena, call.precision});
    kept_end += plan.kept();
    redone_end += plan.redone();
  });
}

template <class T>
void PackedCore<T>::save(const Sequences& sequences, SavedPlan& plan) const {
  if (!sequences.is_packed()) return core_->save(sequences, plan);
  Index kept = 0, redone = 0;
  sequences.for_each_call([&](Index, Index, const Sequences& of_call) {
    const SavedPlan own = plan_of(of_call);
    kept += own.kept();
    redone += own.redone();
  });
  plan.keep("sequences' own", Shape<1>{kept});
  plan.redo("sequences' own, redone", Shape<1>{redone});
}

template <class T>
void PackedCore<T>::forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const {
  for_each(call, [&](Index first, Index row, const CoreCall<T>& one) {
    core_->forward(one, states_of(state, first, one.sequences.batch),
                   rows_of(y, row, one.sequences.rows()));
  });
}

template <class T>
void PackedCore<T>::restore(const CoreCall<T>& call, View<T, 2> y) const {
  for_each(call, [&](Index, Index row, const CoreCall<T>& one) {
    core_->restore(one, rows_of(y, row, one.sequences.rows()));
  });
}

template <class T>
void PackedCore<T>::backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                             MatrixView<T> d_columns, std::span<T> d_values,
                             MatrixView<T> d_state) const {
  for_each(call, [&](Index first, Index row, const CoreCall<T>& one) {
    const Index rows = one.sequences.rows();
    core_->backward(one, rows_of(y, row, rows), rows_of(dy, row, rows),
                    d_columns.block(row, 0, rows, d_columns.cols), d_values,
                    states_of(d_state, first, one.sequences.batch));
  });
}

template class PackedCore<float>;
template class PackedCore<double>;

}  // namespace lior::nn
