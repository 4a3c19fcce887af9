// SPDX-License-Identifier: Apache-2.0
// Geometric attention: y = attention(z, values) with the spinor scores of tiled_attention.h,
// z = spinor_map(octets), columns octets (A, B, Theta head by head: 24 H) | values (16 H).
//
// One map makes queries and keys, which makes the wedge antisymmetric. Scores know no positions
// beyond the order of causality.
#include "lior/nn/spinor_map.h"
#include "lior/nn/tiled_attention.h"
#include "nn/attention_state.h"
#include "nn/copy_rows.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

constexpr Index kValueWidth = 16;

template <class T>
class GeometricAttention final : public Core<T> {
 public:
  explicit GeometricAttention(const ModelConfig& config)
      : tiled_{.heads = config.geometric_attention_heads,
               .key_width = kSpinorWidth,
               .value_width = kValueWidth,
               .window = config.attention_window} {}

  CoreShape shape() const override { return {.in = octets_ + values_, .out = values_}; }
  Index state_size() const override { return tiled_.state_size(); }

  void declare(const std::string& prefix, Layout& layout) override {
    mix_ = layout.add(prefix + "mix", {tiled_.heads, 4}, false);
  }
  void start(Initializer<T>& initializer, View<T, 2> in_weight, std::span<T>) const override {
    // Octets of half the size: |z|^2, which is every token's score with itself, starts near 5.
    for (T& number : in_weight.span().first(octets_ * in_weight.extent(1))) number /= 2;
    const View<T, 2> mix = mix_.in(initializer.values());
    for (Index head = 0; head < mix.extent(0); ++head) {
      for (Index m = 0; m < 4; ++m) mix(head, m) = m == 0 ? 1 : 0;
    }
  }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    plan.keep("log_sums", Shape<3>{sequences.batch, tiled_.heads, sequences.length});
    plan.redo("z", Shape<2>{sequences.rows(), keys_});
  }

  void forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    restore(call, y);
    if (call.arena.planning()) return;
    spinor_attention_forward<T>(tiled(call.sequences), z(call), values(call.columns),
                                mix_.in(call.values), state, y,
                                call.saved.template array<3>("log_sums"));
  }

  void restore(const CoreCall<T>& call, View<T, 2>) const override {
    if (!call.arena.planning()) spinor_map_forward<T>(octets(call.columns), z(call));
  }

  void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T> d_values, MatrixView<T>) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const auto dz = arena.take<T, 2>(z(call).shape());
    spinor_attention_backward<T>(tiled(call.sequences), z(call), values(call.columns),
                                 mix_.in(call.values), y, call.saved.template array<3>("log_sums"),
                                 dy, dz, values(d_columns), mix_.in(d_values), call.arena);
    if (call.arena.planning()) return;
    spinor_map_backward<T>(octets(call.columns), dz, octets(d_columns));
  }

  bool can_be_shared() const override { return true; }

  /// As attention's.
  void forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo(call.sequences, tiled_.reach());
    if (state.cols > 0) {
      restore(call, y);
      append_halo<T>(halo, tiled_, keys_and_values(call), state, arena);
      forward(call, state, y);
      return call.sequences.stretch.share_last(state, arena);
    }
    forward(call, state, y);
    halo.visit<T>(keys_and_values(call), arena,
                  [&](MatrixView<const T> earlier, Index count, Index distance) {
                    if (arena.planning()) return;
                    spinor_attention_forward_earlier<T>(
                        tiled(call.sequences), {count, distance}, z(call), keys(earlier),
                        behind_keys(earlier), mix_.in(call.values), y,
                        call.saved.template array<3>("log_sums"));
                  });
  }

  void backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                       MatrixView<T> d_columns, std::span<T> d_values) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo(call.sequences, tiled_.reach());
    const auto kv = keys_and_values(call);
    const MatrixView<T> d_kv(arena.take<T, 2>({kv.rows, kv.cols}));
    const auto log_sums = call.saved.template array<3>("log_sums");
    spinor_attention_backward<T>(tiled(call.sequences), keys(kv), behind_keys(kv),
                                 mix_.in(call.values), y, log_sums, dy, keys(d_kv),
                                 behind_keys(d_kv), mix_.in(d_values), arena);
    halo.visit_back<T>(
        kv, d_kv, arena,
        [&](MatrixView<const T> earlier, MatrixView<T> d_earlier, Index count, Index distance) {
          spinor_attention_backward_earlier<T>(
              tiled(call.sequences), {count, distance}, keys(kv), keys(earlier),
              behind_keys(earlier), mix_.in(call.values), y, log_sums, dy, keys(d_kv),
              keys(d_earlier), behind_keys(d_earlier), mix_.in(d_values), arena);
        });
    if (arena.planning()) return;
    spinor_map_backward<T>(octets(call.columns), keys(d_kv), octets(d_columns));
    copy_rows<T>(behind_keys(d_kv), values(d_columns));
  }

 private:
  template <class U>
  MatrixView<U> octets(MatrixView<U> columns) const {
    return columns.block(0, 0, columns.rows, octets_);
  }
  template <class U>
  MatrixView<U> values(MatrixView<U> columns) const {
    return columns.block(0, octets_, columns.rows, values_);
  }
  /// z | values of all heads in one array, taken from the arena; and either of such an array.
  MatrixView<const T> keys_and_values(const CoreCall<T>& call) const {
    const MatrixView<T> all(
        call.arena.template take<T, 2>({call.sequences.rows(), keys_ + values_}));
    if (call.arena.planning()) return all;
    copy_rows<T>(View<const T, 2>(z(call)), keys(all));
    copy_rows<T>(values(call.columns), behind_keys(all));
    return all;
  }
  template <class U>
  MatrixView<U> keys(MatrixView<U> all) const {
    return all.block(0, 0, all.rows, keys_);
  }
  template <class U>
  MatrixView<U> behind_keys(MatrixView<U> all) const {
    return all.block(0, keys_, all.rows, values_);
  }
  View<T, 2> z(const CoreCall<T>& call) const { return call.saved.template array<2>("z"); }
  TiledAttentionShape tiled(const Sequences& sequences) const {
    TiledAttentionShape shape = tiled_;
    shape.batch = sequences.batch;
    shape.length = sequences.length;
    return shape;
  }

  TiledAttentionShape tiled_;  ///< without sequences
  Index octets_ = 24 * tiled_.heads, values_ = kValueWidth * tiled_.heads;
  Index keys_ = kSpinorWidth * tiled_.heads;
  Slot mix_;
};

}  // namespace

LIOR_CORE(geometric_attention_core, GeometricAttention);

}  // namespace lior::nn
