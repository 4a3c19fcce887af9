// SPDX-License-Identifier: Apache-2.0
// Geometric Mamba: y = W_q q,  q = readout(h),  h = ci8_scan(w, z, phi, c), columns (w, z, phi, c)
// as ci8_scan.h has them. Its states are never stored: only those that tiles of the scan begin
// from.
#include <cmath>

#include "lior/nn/ci8_scan.h"
#include "lior/nn/linear.h"
#include "lior/nn/readout.h"
#include "lior/nn/scan_composition.h"
#include "nn/copy_rows.h"
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
void normalised_backward(View<const T, 2> initial, View<const T, 3> d_state, View<T, 2> d_initial) {
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

  void initial_state_backward(std::span<const T> values, View<const T, 2> d_state,
                              std::span<T> d_values) const override {
    if (mixer_.gates) return;
    normalised_backward<T>(
        initial_.in(values),
        d_state.template reshaped<3>({d_state.extent(0), mixer_.state_width(), mixer_.heads}),
        initial_.in(d_values));
  }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    const ScanShape scan = scan_of(sequences);
    plan.keep("starts", Shape<4>{scan.batch, scan.tiles(), scan.state_width(), scan.heads()});
    plan.redo("q", Shape<2>{sequences.rows(), read_width()});
    if (!sequences.stretch.is_shared()) return;
    plan.keep("maps", Shape<4>{sequences.stretch.count * scan.batch, kMapColumns,
                               scan.state_width(), scan.heads()});
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
    const Arena::Scope scope(call.arena);
    const View<const T, 2> dq = read_backward(call, dy, d_values);
    scan_backward(call, dq, d_columns, d_values, d_state);
  }

  /// Each rank makes the map of its stretch; all gather them, and take the first state through
  /// those of the stretches before theirs.
  void forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    Arena& arena = call.arena;
    const View<T, 2> q = call.saved.template array<2>("q");
    {
      const Arena::Scope scope(arena);
      const Scratch own(*this, call);
      gather_maps(call);
      if (!arena.planning()) {
        begin_scan(call, state, own);
        for (Index place = 0; place < call.sequences.stretch.place; ++place) {
          scan_map_apply<T>(map_of(call, place), own.h, own.h);
        }
        ci8_scan_readout_forward<T>(scan_of(call.sequences), call.columns, angles_.in(call.values),
                                    own.h, call.saved.template array<4>("starts"), q,
                                    own.workspace);
        end_scan(state, own);
      }
      call.sequences.stretch.share_last(state, arena);
    }
    linear_forward<T>(call.precision, q, read_.in(call.values), {}, y, arena);
  }

  /// The gradient of the last state is what later stretches make of it: of each, M^dagger of that
  /// at its end, and what its own tokens add.
  void backward_shared(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy,
                       MatrixView<T> d_columns, std::span<T> d_values) const override {
    const ScanShape scan = scan_of(call.sequences);
    const Stretch& stretch = call.sequences.stretch;
    const Index B = scan.batch, S = scan.state_width(), H = scan.heads();
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const View<const T, 2> dq = read_backward(call, dy, d_values);
    const auto d_state = arena.take<T, 3>({B, S, H});
    const View<const T, 3> starts = start_gradients(call, dq);
    if (!arena.planning()) {
      std::fill(d_state.begin(), d_state.end(), T(0));  // nothing reads the last state
      for (Index place = stretch.count; --place > stretch.place;) {
        scan_map_apply_adjoint<T>(map_of(call, place), d_state, part_of(starts, place, B), d_state);
      }
    }
    const View<T, 2> rows(d_state.data(), {B, S * H});
    scan_backward(call, dq, d_columns, d_values, MatrixView<T>(rows));
    if (!arena.planning() && stretch.place == 0) {
      initial_state_backward(call.values, rows, d_values);
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
    begin_scan(call, state, own);
    ci8_scan_readout_forward<T>(scan_of(call.sequences), call.columns, angles_.in(call.values),
                                own.h, call.saved.template array<4>("starts"), q, own.workspace);
    end_scan(state, own);
  }

  /// Of y = W_q q: dq, taken from the arena.
  View<const T, 2> read_backward(const CoreCall<T>& call, View<T, 2> dy,
                                 std::span<T> d_values) const {
    const View<const T, 2> q = call.saved.template array<2>("q");
    const auto dq = call.arena.template take<T, 2>(q.shape());
    linear_backward<T>(call.precision, q, read_.in(call.values), dy, Store::write, dq,
                       read_.in(d_values), {}, call.arena);
    return dq;
  }

  /// The rest of backward.
  void scan_backward(const CoreCall<T>& call, View<const T, 2> dq, MatrixView<T> d_columns,
                     std::span<T> d_values, MatrixView<T> d_state) const {
    const ScanShape scan = scan_of(call.sequences);
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Scratch own(*this, call);  // its h is the gradient of states
    const auto d_angles = arena.take<T, 3>({scan.batch, 8, scan.heads()});
    if (arena.planning()) return;
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
    } else {
      initial_state_backward(call.values, {own.h.data(), {scan.batch, state_size()}}, d_values);
    }
    if (!mixer_.rotation) return;
    const View<T, 2> sums = angles_.in(d_values);
    for (Index b = 0; b < scan.batch; ++b) {
      for (Index i = 0; i < sums.size(); ++i) sums.data()[i] += d_angles[b].data()[i];
    }
  }

  void begin_scan(const CoreCall<T>& call, MatrixView<T> state, const Scratch& own) const {
    if (state.data != nullptr) {
      copy_rows<T>(state, own.rows());
    } else {
      initial_state(call.values, own.rows());
    }
  }
  void end_scan(MatrixView<T> state, const Scratch& own) const {
    if (state.data == nullptr) return;
    if (!mixer_.gates) restore_lengths<T>(state, own.h);
    copy_rows<T>(own.rows(), state);
  }

  /// The maps of all stretches into the saved ones.
  void gather_maps(const CoreCall<T>& call) const {
    const View<T, 4> maps = call.saved.template array<4>("maps");
    if (!call.arena.planning()) {
      ci8_scan_map<T>(scan_of(call.sequences), call.columns, angles_.in(call.values),
                      map_of(call, call.sequences.stretch.place));
    }
    call.sequences.stretch.gather_parts(maps.span(), call.arena);
  }
  View<T, 4> map_of(const CoreCall<T>& call, Index place) const {
    return part_of(call.saved.template array<4>("maps"), place, call.sequences.batch);
  }

  /// Of all ranks: dL/dh_0 of what their own tokens read, [count B, S, H].
  View<const T, 3> start_gradients(const CoreCall<T>& call, View<const T, 2> dq) const {
    Arena& arena = call.arena;
    const ScanShape scan = scan_of(call.sequences);
    const Stretch& stretch = call.sequences.stretch;
    const auto starts =
        arena.take<T, 3>({stretch.count * scan.batch, scan.state_width(), scan.heads()});
    const Arena::Scope scope(arena);
    const auto d_angles = arena.take<T, 3>({scan.batch, 8, scan.heads()});
    if (!arena.planning()) {
      ci8_scan_start_gradient<T>(scan, call.columns, angles_.in(call.values),
                                 call.saved.template array<4>("starts"), dq,
                                 part_of(starts, stretch.place, scan.batch), d_angles);
    }
    stretch.gather_parts(starts.span(), arena);
    return starts;
  }

  /// Sequences of one rank, in an array that has `batch` of each.
  template <class U, std::size_t Rank>
  static View<U, Rank> part_of(View<U, Rank> all, Index place, Index batch) {
    Shape<Rank> shape = all.shape();
    shape[0] = batch;
    return {all[place * batch].data(), shape};
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
