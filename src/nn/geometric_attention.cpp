// SPDX-License-Identifier: Apache-2.0
// Geometric attention: y = attention(z, values) with the spinor scores of tiled_attention.h,
// z = spinor_map(octets), columns octets (A, B, Theta head by head: 24 H) | values (16 H).
//
// One map makes queries and keys, which makes the wedge antisymmetric. Scores know no positions
// beyond the order of causality.
#include "lior/nn/spinor_map.h"
#include "lior/nn/tiled_attention.h"
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
    plan.keep("log_sums",
              Shape<3>{sequences.batch, tiled_.heads, halo(sequences).extended().length});
    plan.redo("z", Shape<2>{sequences.rows(), kSpinorWidth * tiled_.heads});
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

  /// The window before a stretch comes from other ranks; what its tokens see themselves is left
  /// out.
  void forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    restore(call, y);
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo = this->halo(call.sequences);
    const auto extended_z = halo.extend<T>(View<const T, 2>(z(call)), arena);
    const auto extended_v = halo.extend<T>(values(call.columns), arena);
    const auto extended_y = arena.take<T, 2>(extended_v.shape());
    if (!arena.planning()) {
      spinor_attention_forward<T>(tiled(halo.extended()), extended_z, extended_v,
                                  mix_.in(call.values), state, extended_y,
                                  call.saved.template array<3>("log_sums"));
      halo.take_own<T>(View<const T, 2>(extended_y), y);
    }
    call.sequences.stretch.share_last(state, arena);
  }

  void backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                       MatrixView<T> d_columns, std::span<T> d_values) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo = this->halo(call.sequences);
    const auto extended_z = halo.extend<T>(View<const T, 2>(z(call)), arena);
    const auto extended_v = halo.extend<T>(values(call.columns), arena);
    const auto extended_y = halo.pad<T>(y, arena);
    const auto extended_dy = halo.pad<T>(View<const T, 2>(dy), arena);
    const auto extended_dz = arena.take<T, 2>(extended_z.shape());
    const auto extended_dv = arena.take<T, 2>(extended_v.shape());
    const auto dz = arena.take<T, 2>(z(call).shape());
    spinor_attention_backward<T>(tiled(halo.extended()), extended_z, extended_v,
                                 mix_.in(call.values), extended_y,
                                 call.saved.template array<3>("log_sums"), extended_dy, extended_dz,
                                 extended_dv, mix_.in(d_values), arena);
    if (!arena.planning()) {
      halo.take_own<T>(View<const T, 2>(extended_dz), dz);
      halo.take_own<T>(View<const T, 2>(extended_dv), values(d_columns));
    }
    halo.give_back<T>(View<const T, 2>(extended_dz), dz, arena);
    halo.give_back<T>(View<const T, 2>(extended_dv), values(d_columns), arena);
    if (!arena.planning()) spinor_map_backward<T>(octets(call.columns), dz, octets(d_columns));
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
  View<T, 2> z(const CoreCall<T>& call) const { return call.saved.template array<2>("z"); }
  Halo halo(const Sequences& sequences) const { return {sequences, tiled_.reach()}; }
  TiledAttentionShape tiled(const Sequences& sequences) const {
    TiledAttentionShape shape = tiled_;
    shape.batch = sequences.batch;
    shape.length = sequences.length;
    return shape;
  }

  TiledAttentionShape tiled_;  ///< without sequences
  Index octets_ = 24 * tiled_.heads, values_ = kValueWidth * tiled_.heads;
  Slot mix_;
};

}  // namespace

LIOR_CORE(geometric_attention_core, GeometricAttention);

}  // namespace lior::nn
