// SPDX-License-Identifier: Apache-2.0
// The causal field: y = memory of j along time (memory/causal_convolution.h),
// j = ((a b) c - a (b c)) P/|P|, columns a, b, c head by head (48 H).
#include <cmath>

#include "lior/memory/causal_convolution.h"
#include "lior/nn/associator_current.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

/// The power law has poles for 65,536 steps at 1e-4. Made once: the search for them takes longer
/// than a training step.
const memory::PowerLawRule& power_law_rule() {
  static const memory::PowerLawRule rule(1e-4, 65536);
  return rule;
}

/// The memories of one layer's heads, with tables of the parameters [H, 12] that they were last
/// used with. One call at a time.
template <class T>
class FieldMemory {
 public:
  explicit FieldMemory(Index heads)
      : convolution_(heads, power_law_rule()), made_of_({heads, memory::kKernelParameters}) {
    convolution_.set(made_of_.view());
  }
  /// Tables are made again where a number has changed.
  const memory::CausalConvolution<T>& with(View<const T, 2> parameters) {
    if (!std::equal(parameters.begin(), parameters.end(), made_of_.data())) {
      convolution_.set(parameters);
      std::copy(parameters.begin(), parameters.end(), made_of_.data());
    }
    return convolution_;
  }
  const memory::CausalConvolution<T>& last() const { return convolution_; }

 private:
  memory::CausalConvolution<T> convolution_;
  Array<T, 2> made_of_;
};

/// A double in a state of T is the sum of so many numbers of T, which hold 48 bits of it or all.
/// Every number of a state is then an ordinary one: it may be converted, averaged, looked at.
template <class T>
constexpr Index kParts = sizeof(double) / sizeof(T);

/// The largest part of every double first, then what is left of each.
template <class T>
void split(std::span<const double> numbers, T* to) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    double left = numbers[i];
    for (Index part = 0; part < kParts<T>; ++part) {
      const T number = to[part * std::ssize(numbers) + static_cast<Index>(i)] =
          static_cast<T>(left);
      left = std::isfinite(number) ? left - static_cast<double>(number) : 0;
    }
  }
}
template <class T>
void join(const T* from, std::span<double> numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = 0;
    for (Index part = 0; part < kParts<T>; ++part) {
      numbers[i] += static_cast<double>(from[part * std::ssize(numbers) + static_cast<Index>(i)]);
    }
  }
}

template <class T>
class CausalField final : public Core<T> {
 public:
  explicit CausalField(const ModelConfig& config)
      : heads_(config.causal_field_heads), memory_(std::make_unique<FieldMemory<T>>(heads_)) {}

  CoreShape shape() const override {
    return {.in = kCurrentFactors * heads_, .out = kCurrentWidth * heads_, .gate = true};
  }

  void declare(const std::string& prefix, Layout& layout) override {
    transport_ = layout.add(prefix + "transport", {heads_, 8}, false);
    kernels_ = layout.add(prefix + "memory", {heads_, memory::kKernelParameters}, false);
  }
  void start(Initializer<T>& initializer, View<T, 2> in_weight, std::span<T>) const override {
    // An associator of three unit normal octonions has entries near 20; of these, near 1.
    constexpr T kFactorGain = T(0.4);
    const Index factors = shape().in * in_weight.extent(1);
    for (T& number : in_weight.span().first(factors)) number *= kFactorGain;
    initializer.fill_normal(transport_, 1);
    // Time constants from 3 to 150 steps.
    const View<T, 2> kernels = kernels_.in(initializer.values());
    for (Index head = 0; head < heads_; ++head) {
      const double place =
          heads_ == 1 ? 0.5 : static_cast<double>(head) / static_cast<double>(heads_ - 1);
      memory::KernelParameters raw;
      raw.log_beta = raw.log_xi = raw.log_zeta = -(1 + 4 * place);
      const auto numbers = raw.array();
      std::copy(numbers.begin(), numbers.end(), kernels[head].begin());
    }
  }

  /// The memory's sums, which are doubles.
  Index state_size() const override {
    return kParts<T> * heads_ * memory_->last().state_rows() * kCurrentWidth;
  }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    plan.keep("current", Shape<2>{sequences.rows(), shape().out});
  }

  void forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Index B = call.sequences.batch;
    View<double, 4> poles;
    if (state.cols > 0) {
      poles = arena.take<double, 4>({B, heads_, memory_->last().state_rows(), kCurrentWidth});
    }
    if (call.arena.planning()) return;
    const View<T, 2> current = call.saved.template array<2>("current");
    associator_current_forward<T>(call.columns, transport_.in(call.values), current);
    const auto& memory = memory_->with(kernels_.in(call.values));
    const View<const T, 4> j = sequences_of(call, View<const T, 2>(current));
    if (state.data == nullptr) return memory.forward(j, sequences_of(call, y), call.arena);
    for (Index b = 0; b < B; ++b) join<T>(state.data + b * state.stride, poles[b].span());
    memory.advance(j, sequences_of(call, y), poles);
    for (Index b = 0; b < B; ++b) split<T>(poles[b].span(), state.data + b * state.stride);
  }

  void backward(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T> d_values, MatrixView<T>) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const View<const T, 2> current = call.saved.template array<2>("current");
    const auto d_current = arena.take<T, 2>(current.shape());
    const auto d_kernels = arena.take<T, 2>(kernels_.shape);
    const bool run = !call.arena.planning();
    const auto& memory = run ? memory_->with(kernels_.in(call.values)) : memory_->last();
    memory.backward(sequences_of(call, current), sequences_of(call, View<const T, 2>(dy)),
                    sequences_of(call, d_current), d_kernels, call.arena);
    if (run) add_to_kernels(d_kernels, 0, d_values);
    associator_current_backward<T>(call.columns, transport_.in(call.values), current, d_current,
                                   d_columns, transport_.in(d_values), call.arena);
  }

  bool can_be_shared() const override { return true; }

  /// Heads are dealt out, and each rank remembers the whole of its own.
  void forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const DealtHeads dealt = deal(call);
    const View<T, 2> current = call.saved.template array<2>("current");
    if (!arena.planning()) {
      associator_current_forward<T>(call.columns, transport_.in(call.values), current);
    }
    const auto j = dealt.deal<T>(View<const T, 2>(current), arena);
    const auto dealt_y = arena.take<T, 4>(j.shape());
    if (dealt.count() > 0) remember(call, dealt, state, j, dealt_y);
    dealt.collect<T>(dealt_y, y, arena);
    collect_state(call, dealt, state);
  }

  void backward_shared(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy,
                       MatrixView<T> d_columns, std::span<T> d_values) const override {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const DealtHeads dealt = deal(call);
    const View<T, 2> current = call.saved.template array<2>("current");
    const auto d_current = arena.take<T, 2>(current.shape());
    const auto j = dealt.deal<T>(View<const T, 2>(current), arena);
    const auto dealt_dy = dealt.deal<T>(View<const T, 2>(dy), arena);
    const auto dj = arena.take<T, 4>(j.shape());
    if (dealt.count() > 0) {
      const auto d_kernels = arena.take<T, 2>({dealt.count(), kernels_.shape[1]});
      memory_of(call, dealt).backward(j, dealt_dy, dj, d_kernels, arena);
      if (!arena.planning()) add_to_kernels(d_kernels, dealt.first(), d_values);
    }
    dealt.collect<T>(dj, d_current, arena);
    associator_current_backward<T>(call.columns, transport_.in(call.values), current, d_current,
                                   d_columns, transport_.in(d_values), arena);
  }

 private:
  /// [R, 16 H] as the sequences that the memory takes.
  template <class U>
  View<U, 4> sequences_of(const CoreCall<T>& call, View<U, 2> rows) const {
    return rows.template reshaped<4>(
        {call.sequences.batch, call.sequences.length, heads_, kCurrentWidth});
  }

  /// Of the heads from `first` on.
  void add_to_kernels(View<const T, 2> d_kernels, Index first, std::span<T> d_values) const {
    T* const sums = kernels_.in(d_values)[first].data();
    for (Index i = 0; i < d_kernels.size(); ++i) sums[i] += d_kernels.data()[i];
  }

  DealtHeads deal(const CoreCall<T>& call) const { return {call.sequences, heads_, kCurrentWidth}; }
  /// The memory of the heads that are dealt to this rank.
  const memory::CausalConvolution<T>& memory_of(const CoreCall<T>& call,
                                                const DealtHeads& dealt) const {
    if (own_memory_ == nullptr || own_memory_->last().heads() != dealt.count()) {
      own_memory_ = std::make_unique<FieldMemory<T>>(dealt.count());
    }
    if (call.arena.planning()) return own_memory_->last();
    return own_memory_->with(
        {kernels_.in(call.values)[dealt.first()].data(), {dealt.count(), kernels_.shape[1]}});
  }

  /// y of these heads; their sums in `state`, where there is one, go on.
  void remember(const CoreCall<T>& call, const DealtHeads& dealt, MatrixView<T> state,
                View<const T, 4> j, View<T, 4> y) const {
    Arena& arena = call.arena;
    const auto& memory = memory_of(call, dealt);
    if (state.cols == 0) return memory.forward(j, y, arena);
    const Arena::Scope scope(arena);
    const Index B = call.sequences.batch, size = heads_ * sums_of_head();
    const auto all = arena.take<double, 1>({size}).span();
    const auto own =
        arena.take<double, 4>({B, dealt.count(), memory_->last().state_rows(), kCurrentWidth});
    if (arena.planning()) return;
    const auto own_of = [&](std::span<double> sums) {
      return sums.subspan(dealt.first() * sums_of_head(), dealt.count() * sums_of_head());
    };
    for (Index b = 0; b < B; ++b) {
      join<T>(state.data + b * state.stride, all);
      std::ranges::copy(own_of(all), own[b].data());
    }
    memory.advance(j, y, own);
    for (Index b = 0; b < B; ++b) {
      join<T>(state.data + b * state.stride, all);
      std::ranges::copy(own[b].span(), own_of(all).begin());
      split<T>(all, state.data + b * state.stride);
    }
  }

  /// Each rank has brought the sums of its heads up to date: all get them all.
  void collect_state(const CoreCall<T>& call, const DealtHeads& dealt, MatrixView<T> state) const {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    if (state.cols == 0) return;
    const Stretch& stretch = call.sequences.stretch;
    const auto sums = arena.take<double, 1>({heads_ * sums_of_head()}).span();
    const auto ends = arena.take<Index, 1>({stretch.count});
    if (arena.planning()) return;
    for (Index r = 0; r < stretch.count; ++r) ends(r) = dealt.begin_of(r + 1) * sums_of_head();
    for (Index b = 0; b < state.rows; ++b) {
      join<T>(state.data + b * state.stride, sums);
      stretch.ranks->all_gather(sums, std::span<const Index>(ends.span()));
      split<T>(sums, state.data + b * state.stride);
    }
  }
  /// Doubles in one head's part of a state.
  Index sums_of_head() const { return memory_->last().state_rows() * kCurrentWidth; }

  Index heads_;
  std::unique_ptr<FieldMemory<T>> memory_;
  mutable std::unique_ptr<FieldMemory<T>> own_memory_;  // of the heads of one rank of several
  Slot transport_, kernels_;
};

}  // namespace

LIOR_CORE(causal_field_core, CausalField);

}  // namespace lior::nn
