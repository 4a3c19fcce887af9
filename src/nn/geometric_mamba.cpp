// SPDX-License-Identifier: Apache-2.0
// Geometric Mamba: y = W_q q,  q = readout(h),  h = ci8_scan(w, z, phi, c), columns (w, z, phi, c)
// as ci8_scan.h has them. Its states are never stored: only those that tiles of the scan begin
// from.
#include <cmath>

#include "lior/nn/ci8_scan.h"
#include "lior/nn/linear.h"
#include "lior/nn/readout.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

/// |column h| of initial [S, H].
template <class T>
T column_norm(View<const T, 2> initial, Index head) {
  T square = 0;
  for (Index k = 0; k < initial.extent(0); ++k) square += initial(k, head) * initial(k, head);
  return std::sqrt(square);
}

/// d_initial [S, H] += the gradient through normalisation, from the gradients of each sequence's
/// h_0.
template <class T>
void initial_state_backward(View<const T, 2> initial, View<const T, 3> d_state,
                            View<T, 2> d_initial) {
  const Index S = initial.extent(0), H = initial.extent(1);
  for (Index head = 0; head < H; ++head) {
    const T norm = column_norm(initial, head);
    T along = 0;
    const auto summed = [&](Index k) {
      T sum = 0;
      for (Index b = 0; b < d_state.extent(0); ++b) sum += d_state(b, k, head);
      return sum;
    };
    for (Index k = 0; k < S; ++k) along += summed(k) * initial(k, head) / norm;
    for (Index k = 0; k < S; ++k) {
      d_initial(k, head) += (summed(k) - along * initial(k, head) / norm) / norm;
    }
  }
}

template <class T>
void copy_rows(MatrixView<const T> from, MatrixView<T> to) {
  for (Index row = 0; row < from.rows; ++row) {
    std::copy_n(from.data + row * from.stride, from.cols, to.data + row * to.stride);
  }
}

/// Turns leave the lengths of states as they were; rounding moves them, by 1e-9 to 1e-8 a step and
/// always the same way, which 10^7 tokens would make tenths of. after [B, S, H] gets the lengths of
/// before, [B, S H].
template <class T>
void restore_lengths(MatrixView<const T> before, View<T, 3> after) {
  const Index S = after.extent(1), H = after.extent(2);
  for (Index b = 0; b < after.extent(0); ++b) {
    for (Index head = 0; head < H; ++head) {
      T was = 0, is = 0;
      for (Index k = 0; k < S; ++k) {
        was += before(b, k * H + head) * before(b, k * H + head);
        is += after(b, k, head) * after(b, k, head);
      }
      if (!(is > 0)) continue;
      const T scale = std::sqrt(was / is);
      for (Index k = 0; k < S; ++k) after(b, k, head) *= scale;
    }
  }
}

template <class T>
class GeometricMamba final : public Core<T> {
 public:
  explicit GeometricMamba(const ModelConfig& config)
      : mixer_(config.mixer), d_model_(config.d_model) {}

  CoreShape shape() const override {
    return {.in = ScanShape{1, 1, mixer_}.width(),
            .out = d_model_,
            .gate = true,
            .exact_rows = 8 * mixer_.factors * mixer_.heads};  // w: the turns of states
  }

  void declare(const std::string& prefix, Layout& layout) override {
    read_ = layout.add(prefix + "readout.weight", {d_model_, read_width()}, true);
    if (!mixer_.gates) {
      initial_ = layout.add(prefix + "initial", {mixer_.state_width(), mixer_.heads}, false);
    }
    if (mixer_.rotation) angles_ = layout.add(prefix + "angles", {8, mixer_.heads}, false);
  }

  void start(Initializer<T>& initializer, View<T, 2> in_weight,
             std::span<T> in_bias) const override {
    const Index H = mixer_.heads;
    const ScanShape scan{1, 1, mixer_};
    if (mixer_.gates) {
      const View<T, 2> bias{in_bias.data(), {scan.planes(), H}};
      for (Index head = 0; head < H; ++head) {
        // Near no turn, and time constants 1 + e^z from 4 to 150 steps.
        for (Index factor = 0; factor < mixer_.factors; ++factor) bias(8 * factor, head) = 2;
        const double place = H == 1 ? 0.5 : static_cast<double>(head) / static_cast<double>(H - 1);
        bias(scan.z_plane(), head) = static_cast<T>(1 + 4 * place);
      }
    } else {
      initializer.fill_normal(initial_, 1);
    }
    if (mixer_.phase) {  // the phase starts at 0 for every input
      std::fill_n(in_weight[scan.phi_plane() * H].data(), H * in_weight.extent(1), T(0));
    }
    if (mixer_.rotation) initializer.fill(angles_, 0);
    initializer.fill_matrix(read_);
  }

  Index state_size() const override { return mixer_.state_width() * mixer_.heads; }
  bool state_has_gradient() const override { return true; }

  /// Zero with gates, the learned unit state without.
  void initial_state(std::span<const T> values, MatrixView<T> state) const override {
    if (mixer_.gates) return Core<T>::initial_state(values, state);
    const View<const T, 2> initial = initial_.in(values);
    for (Index head = 0; head < mixer_.heads; ++head) {
      const T norm = column_norm(initial, head);
      for (Index b = 0; b < state.rows; ++b) {
        for (Index k = 0; k < initial.extent(0); ++k) {
          state(b, k * mixer_.heads + head) = initial(k, head) / norm;
        }
      }
    }
  }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    const ScanShape scan = scan_of(sequences);
    plan.keep("starts", Shape<4>{scan.batch, scan.tiles(), scan.state_width(), scan.heads()});
    plan.redo("q", Shape<2>{sequences.rows(), read_width()});
  }

  void forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    const View<T, 2> q = call.saved.template array<2>("q");
    scan(call, state, q);
    linear_forward<T>(call.precision, q, read_.in(call.values), {}, y, call.arena);
  }

  void restore(const CoreCall<T>& call, View<T, 2>) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Scratch own(*this, call);
    if (call.arena.planning()) return;
    const View<const T, 4> starts = call.saved.template array<4>("starts");
    for (Index b = 0; b < call.sequences.batch && call.sequences.length > 0; ++b) {
      std::copy_n(starts[b][0].data(), state_size(), own.h[b].data());
    }
    ci8_scan_readout_forward<T>(scan_of(call.sequences), call.columns, angles_.in(call.values),
                                own.h, {}, call.saved.template array<2>("q"), own.workspace);
  }

  void backward(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T> d_values, MatrixView<T> d_state) const override {
    const ScanShape scan = scan_of(call.sequences);
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Scratch own(*this, call);  // its h is the gradient of states
    const View<const T, 2> q = call.saved.template array<2>("q");
    const auto dq = arena.take<T, 2>(q.shape());
    const auto d_angles = arena.take<T, 3>({scan.batch, 8, scan.heads()});
    linear_backward<T>(call.precision, q, read_.in(call.values), dy, Store::write, dq,
                       read_.in(d_values), {}, call.arena);
    if (call.arena.planning()) return;
    if (d_state.data != nullptr) {
      copy_rows<T>(d_state, own.rows());
    } else {
      std::fill(own.h.begin(), own.h.end(), T(0));
    }
    ci8_scan_readout_backward<T>(scan, call.columns, angles_.in(call.values),
                                 call.saved.template array<4>("starts"), dq, d_columns, own.h,
                                 d_angles, own.workspace);
    if (d_state.data != nullptr) {
      copy_rows<T>(own.rows(), d_state);
    } else if (!mixer_.gates) {
      initial_state_backward<T>(initial_.in(call.values), own.h, initial_.in(d_values));
    }
    if (!mixer_.rotation) return;
    const View<T, 2> sums = angles_.in(d_values);
    for (Index b = 0; b < scan.batch; ++b) {
      for (Index i = 0; i < sums.size(); ++i) sums.data()[i] += d_angles[b].data()[i];
    }
  }

 private:
  /// Room for one pass of the scan.
  struct Scratch {
    View<T, 3> h;  ///< [B, S, H]
    std::span<T> workspace;

    Scratch(const GeometricMamba& core, const CoreCall<T>& call) {
      const ScanShape scan = core.scan_of(call.sequences);
      h = call.arena.template take<T, 3>({scan.batch, scan.state_width(), scan.heads()});
      workspace = call.arena.template take<T, 1>({ci8_scan_workspace(scan)}).span();
    }
    MatrixView<T> rows() const { return {h.data(), h.extent(0), h.extent(1) * h.extent(2)}; }
  };

  /// Reads q from the state at every token; the state goes on to the last one.
  void scan(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> q) const {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Scratch own(*this, call);
    if (arena.planning()) return;
    if (state.data != nullptr) {
      copy_rows<T>(state, own.rows());
    } else {
      initial_state(call.values, own.rows());
    }
    ci8_scan_readout_forward<T>(scan_of(call.sequences), call.columns, angles_.in(call.values),
                                own.h, call.saved.template array<4>("starts"), q, own.workspace);
    if (state.data == nullptr) return;
    if (!mixer_.gates) restore_lengths<T>(state, own.h);
    copy_rows<T>(own.rows(), state);
  }

  ScanShape scan_of(const Sequences& sequences) const {
    return {sequences.batch, sequences.length, mixer_};
  }
  Index read_width() const {
    return readout_width(mixer_.readout, mixer_.complex_state) * mixer_.heads;
  }

  MixerConfig mixer_;
  Index d_model_;
  Slot read_, initial_, angles_;
};

}  // namespace

LIOR_CORE(geometric_mamba_core, GeometricMamba);

}  // namespace lior::nn
