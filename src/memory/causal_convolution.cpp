// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/causal_convolution.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "memory/kernels/causal_convolution.inl.h"
#include <hwy/foreach_target.h>
#include "memory/kernels/causal_convolution.inl.h"

#if HWY_ONCE
#include <cmath>
#include <limits>

#include "core/parallel_workers.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/core/stop.h"
#include "lior/linalg/fft.h"
#include "lior/simd/dispatch.h"

namespace lior::memory {
namespace {

using Complex = std::complex<double>;
constexpr Index kFftColumns = 8;  // complex numbers, so 16 channels: two real ones ride in each
/// Columns of more bytes than this together go through one after another, each on its own.
constexpr Index kFftTogether = Index{1} << 20;
constexpr Index kPackedRow = 4;
/// direct_sum takes four rows at a time: it reads so many numbers before kappa and behind it.
constexpr Index kKappaMargin = kPackedRow - 1;
/// Products that the direct sum makes for a channel between two looks at check_stop: a tenth of a
/// second for 64 channels.
constexpr Index kProductsTogether = Index{1} << 25;
constexpr Index kAnyWorkers = std::numeric_limits<Index>::max();
constexpr Index kShort = 192;  ///< steps up to which `automatic` may be the direct sum

Index round_up(Index count, Index multiple) { return (count + multiple - 1) / multiple * multiple; }

/// body(b, h, first channel, channels, task, worker) for groups of at most `group` channels, on at
/// most `workers` threads.
template <class Body>
void for_groups(const Shape<4>& shape, Index group, Index workers, const Body& body) {
  const auto [batch, length, heads, channels] = shape;
  const Index groups = (channels + group - 1) / group;
  const Index grain = 1 + 512 / std::max<Index>(length, 1);  // a thread costs some microseconds
  parallel_for_workers(batch * heads * groups, grain, workers,
                       [&, channels = channels, heads = heads](Index begin, Index end, int worker) {
                         for (Index task = begin; task < end; ++task) {
                           check_stop();
                           const Index first = task % groups * group, h = task / groups % heads;
                           body(task / groups / heads, h, first, std::min(group, channels - first),
                                task, worker);
                         }
                       });
}

}  // namespace

/// Forwards in time, or backwards: the adjoint.
template <class T>
struct CausalConvolution<T>::Direction {
  bool backwards;
  /// First row and step between rows of a sequence, as elements.
  Index first(const Shape<4>& s, Index b, Index h, Index c) const {
    return ((b * s[1] + (backwards ? s[1] - 1 : 0)) * s[2] + h) * s[3] + c;
  }
  Index stride(const Shape<4>& s) const { return (backwards ? -1 : 1) * s[2] * s[3]; }
};

template <class T>
CausalConvolution<T>::CausalConvolution(Index heads, const PowerLawRule& rule)
    : rule_(rule), rows_(rule.poles() + 3) {
  constexpr Index kMostHeads = 65536;
  LIOR_CHECK(heads >= 1 && heads <= kMostHeads,
             "a memory of {} heads was asked for; expected 1 to {}", heads, kMostHeads);
  forms_.assign(static_cast<std::size_t>(heads), PoleForm({}, rule));
  output_ = Buffer<T>(heads * kChunk * (rows_ + kChunk));
  update_ = Buffer<T>(heads * round_up(rows_, kPackedRow) * kChunk);
  growth_ = Buffer<double>(heads * (kChunk + 1) * rows_);
  kappa_ = Array<T, 2>({heads, kKappaMargin + kShort + kKappaMargin});
  Array<T, 2> defaults({heads, kKernelParameters});
  const auto raw = KernelParameters{}.array();
  for (Index h = 0; h < heads; ++h) std::copy(raw.begin(), raw.end(), defaults.view()[h].begin());
  set(defaults.view());
}

template <class T>
void CausalConvolution<T>::set(View<const T, 2> raw) {
  check_shape(raw, {heads(), kKernelParameters}, "raw");
  for (Index h = 0; h < heads(); ++h) {
    std::array<double, kKernelParameters> parameters;
    std::copy_n(raw[h].begin(), kKernelParameters, parameters.begin());
    const PoleForm form(KernelParameters::from(parameters), rule_);
    forms_[static_cast<std::size_t>(h)] = form;

    const Index columns = rows_ + kChunk, last = form.poles() - 1;
    T* const output = output_.data() + h * kChunk * columns;
    T* const update = update_.data() + h * round_up(rows_, kPackedRow) * kChunk;
    double* const growth = growth_.data() + h * (kChunk + 1) * rows_;
    const auto packed = [](T* table, Index row, Index column, Index width) -> T& {
      return table[(row / kPackedRow * width + column) * kPackedRow + row % kPackedRow];
    };
    for (Index n = 0; n <= kChunk; ++n) {
      double kappa = 0;  // of the poles: one function for values and gradients
      for (Index j = 0; j <= last; ++j) {
        const Complex s = form.s(static_cast<int>(j)), b = form.b(static_cast<int>(j));
        const Complex power = std::exp(-s * static_cast<double>(n));
        kappa += (b * power).real();
        growth[n * rows_ + j] = j < last ? std::expm1(-s.real() * n) : power.real() - 1;
        if (n < kChunk) packed(update, j, kChunk - 1 - n, kChunk) = static_cast<T>(power.real());
        if (n > 0) packed(output, n - 1, j, columns) = static_cast<T>((b * power).real());
        if (j < last) continue;
        growth[n * rows_ + last + 1] = power.imag();
        if (n < kChunk) {
          packed(update, last + 1, kChunk - 1 - n, kChunk) = static_cast<T>(power.imag());
        }
        if (n > 0) packed(output, n - 1, last + 1, columns) = static_cast<T>(-(b * power).imag());
      }
      if (n == 0) kappa += form.w0();
      for (Index row = n; row < kChunk; ++row) {
        packed(output, row, rows_ + row - n, columns) = static_cast<T>(kappa);
      }
    }
    std::array<Complex, PoleForm::kMost> term;  // b_j z_j^k
    for (Index j = 0; j <= last; ++j) term[j] = form.b(static_cast<int>(j));
    for (Index k = 0; k < kShort; ++k) {
      double kappa = k == 0 ? form.w0() : 0;
      for (Index j = 0; j <= last; ++j) {
        kappa += term[j].real();
        term[j] *= form.z(static_cast<int>(j));
      }
      kappa_(h, kKappaMargin + k) = static_cast<T>(kappa);
    }
  }
}

template <class T>
void CausalConvolution<T>::run_recurrence(const Direction& direction, View<const T, 4> x,
                                          View<T, 4> y, double* state) const {
  const auto kernel = LIOR_SIMD_TABLE(memory_chunks<T>).chosen();
  const auto [batch, length, heads, channels] = x.shape();
  // Wide groups read whole stretches of a row; narrower ones where threads would have nothing.
  const Index tile = LIOR_SIMD_TABLE(chunk_tile<T>).chosen()();
  const Index share = round_up(batch * heads * channels / threads(), tile);
  const Index most = LIOR_SIMD_TABLE(chunk_channels<T>).chosen()();
  for_groups(x.shape(), std::clamp(share, tile, most), kAnyWorkers,
             [&, length = length, heads = heads, channels = channels](Index b, Index h, Index c,
                                                                      Index count, Index, int) {
               const ChunkTables<T> tables{
                   rows_, output_.data() + h * kChunk * (rows_ + kChunk),
                   update_.data() + h * round_up(rows_, kPackedRow) * kChunk,
                   growth_.data() + h * (kChunk + 1) * rows_};
               const Index first = direction.first(x.shape(), b, h, c);
               kernel(tables, x.data() + first, y.data() + first,
                      state ? state + (b * heads + h) * rows_ * channels + c : nullptr, length,
                      direction.stride(x.shape()), channels, count);
             });
}

/// kappa between the zeros that direct_sum reads.
template <class T>
View<const T, 2> CausalConvolution<T>::kappa_of_formula(Index length, Arena& workspace) const {
  const View<T, 2> kappa = workspace.take<T, 2>({heads(), kKappaMargin + length + kKappaMargin});
  if (workspace.planning()) return kappa;
  std::fill(kappa.begin(), kappa.end(), T(0));
  for (Index h = 0; h < heads(); ++h) {
    for (Index k = 0; k < length; ++k) {
      kappa(h, kKappaMargin + k) =
          static_cast<T>(kernel(h).kappa(k) + (k == 0 ? kernel(h).w0() : 0));
    }
  }
  return kappa;
}

template <class T>
void CausalConvolution<T>::run_direct(const Direction& direction, View<const T, 4> x, View<T, 4> y,
                                      View<const T, 2> kappa) const {
  const auto kernel = LIOR_SIMD_TABLE(direct_sum<T>).chosen();
  const Index length = x.extent(1);
  const Index together = round_up(std::max<Index>(kProductsTogether / length, 1), kPackedRow);
  for_groups(x.shape(), 64, kAnyWorkers, [&](Index b, Index h, Index c, Index count, Index, int) {
    const Index first = direction.first(x.shape(), b, h, c);
    for (Index row = 0; row < length; row += together) {
      check_stop();
      kernel(kappa[h].data() + kKappaMargin, x.data() + first, y.data() + first, row,
             std::min(row + together, length), direction.stride(x.shape()), count);
    }
  });
}

template <class T>
void CausalConvolution<T>::run_fft(const Direction& direction, View<const T, 4> x, View<T, 4> y,
                                   Arena& workspace) const {
  const auto [batch, length, heads, channels] = x.shape();
  const Index n = linalg::fft_good_length(2 * length - 1);  // no wrap
  const View<std::complex<T>, 2> spectra = workspace.take<std::complex<T>, 2>({heads, n});
  // A workspace that was planned for fewer threads holds fewer blocks.
  const Index block_bytes = n * kFftColumns * static_cast<Index>(sizeof(std::complex<T>));
  const auto left = static_cast<Index>(workspace.capacity() - workspace.used());
  const Index workers =
      workspace.planning() ? threads() : std::clamp<Index>(left / block_bytes, 1, threads());
  const View<std::complex<T>, 3> blocks =
      workspace.take<std::complex<T>, 3>({workers, n, kFftColumns});
  if (workspace.planning()) return;

  const bool together = n * kFftColumns * static_cast<Index>(2 * sizeof(T)) <= kFftTogether;
  const Index row = together ? kFftColumns : 1, column = together ? 1 : n;
  const auto channel = [n](Index c) { return c / 2 * 2 * n + c % 2; };  // of columns apart
  const linalg::Fft<T> one({n, 1, 1, n}), many({n, row, kFftColumns, column});
  for (Index h = 0; h < heads; ++h) {
    std::complex<T>* kappa = spectra[h].data();
    std::fill_n(kappa, n, std::complex<T>{});
    for (Index k = 0; k < length; ++k) {
      kappa[k] = static_cast<T>((kernel(h).kappa(k) + (k == 0 ? kernel(h).w0() : 0)) /
                                static_cast<double>(n));
    }
    one.forward(kappa);
  }
  const auto multiply = LIOR_SIMD_TABLE(multiply_spectrum<T>).chosen();
  for_groups(x.shape(), 2 * kFftColumns, blocks.extent(0),
             [&, length = length](Index b, Index h, Index c, Index count, Index, int worker) {
               const Index first = direction.first(x.shape(), b, h, c);
               const Index stride = direction.stride(x.shape());
               std::complex<T>* const block = blocks[worker].data();
               T* const reals = reinterpret_cast<T*>(block);
               std::fill_n(block, n * kFftColumns, std::complex<T>{});
               for (Index k = 0; k < length; ++k) {
                 const T* const from = x.data() + first + k * stride;
                 if (together) {
                   std::copy_n(from, count, reals + 2 * k * row);
                 } else {
                   for (Index c = 0; c < count; ++c) reals[2 * k + channel(c)] = from[c];
                 }
               }
               many.forward(block);
               for (Index c = 0; c < kFftColumns; c += row) {
                 multiply(reinterpret_cast<const T*>(spectra[h].data()), false,
                          reals + 2 * c * column, n, row);
               }
               many.inverse(block);
               for (Index k = 0; k < length; ++k) {
                 T* const to = y.data() + first + k * stride;
                 if (together) {
                   std::copy_n(reals + 2 * k * row, count, to);
                 } else {
                   for (Index c = 0; c < count; ++c) to[c] = reals[2 * k + channel(c)];
                 }
               }
             });
}

/// In multiply-adds an output of the direct sum; docs/decisions/030 has the times behind the
/// numbers. Channels that fill no vector cost the direct sum masks, the recurrence nothing; masks
/// of 64 bytes are free.
template <class T>
bool CausalConvolution<T>::direct_is_faster(const Shape<4>& shape) const {
  const auto [batch, length, heads, channels] = shape;
  if (length > kShort) return false;
  const Index lanes = LIOR_SIMD_TABLE(chunk_tile<T>).chosen()() / 2;
  const bool whole = channels % lanes == 0 || lanes * static_cast<Index>(sizeof(T)) >= 64;
  const double direct = 0.5 * static_cast<double>(length) + 2.5;
  const double with_states = static_cast<double>(std::max<Index>(length - kChunk, 0)) / length;
  const double recurrence = 24 + (whole ? 1.9 : 0.5) * static_cast<double>(rows_) * with_states;
  return direct < recurrence;
}

template <class T>
void CausalConvolution<T>::check_horizon(Index length) const {
  if (static_cast<double>(length) <= rule_.horizon()) return;
  for (Index h = 0; h < heads(); ++h) {
    LIOR_CHECK(kernel(h).beyond_horizon() <= rule_.tolerance(),
               "x has {} steps; the rule holds for {}, and lags beyond are {:.2g} of the kernel of "
               "head {}; expected a rule with a horizon of {} or more",
               length, rule_.horizon(), kernel(h).beyond_horizon(), h, length);
  }
}

template <class T>
void CausalConvolution<T>::run(const Direction& direction, View<const T, 4> x, View<T, 4> y,
                               Arena& workspace, MemoryPlan plan) const {
  check_shape(y, x.shape(), "y");
  LIOR_CHECK(x.extent(2) == heads(), "x has shape {}; expected [B, N, {} heads, C]",
             to_string(x.shape()), heads());
  if (x.empty()) return;
  const Arena::Scope scope(workspace);
  switch (plan) {
    case MemoryPlan::direct: {
      const View<const T, 2> kappa = kappa_of_formula(x.extent(1), workspace);
      if (!workspace.planning()) run_direct(direction, x, y, kappa);
      return;
    }
    case MemoryPlan::fft: return run_fft(direction, x, y, workspace);
    case MemoryPlan::automatic:
      if (workspace.planning()) return;
      check_horizon(x.extent(1));
      if (direct_is_faster(x.shape())) return run_direct(direction, x, y, kappa_.view());
      return run_recurrence(direction, x, y, nullptr);
    case MemoryPlan::recurrence:
      if (workspace.planning()) return;
      check_horizon(x.extent(1));
      run_recurrence(direction, x, y, nullptr);
  }
}

template <class T>
void CausalConvolution<T>::forward(View<const T, 4> x, View<T, 4> y, Arena& workspace,
                                   MemoryPlan plan) const {
  const ProfiledOp op("memory", 2.0 * (2 * rows_ + 8) * x.size(), 2.0 * sizeof(T) * x.size());
  run({.backwards = false}, x, y, workspace, plan);
}

template <class T>
void CausalConvolution<T>::advance(View<const T, 4> x, View<T, 4> y, View<double, 4> state) const {
  const ProfiledOp op("memory", 2.0 * (2 * rows_ + 8) * x.size(), 2.0 * sizeof(T) * x.size());
  check_shape(y, x.shape(), "y");
  check_shape(state, {x.extent(0), heads(), rows_, x.extent(3)}, "state");
  LIOR_CHECK(x.extent(2) == heads(), "x has shape {}; expected [B, N, {} heads, C]",
             to_string(x.shape()), heads());
  run_recurrence({.backwards = false}, x, y, state.data());
}

template <class T>
void CausalConvolution<T>::backward(View<const T, 4> x, View<const T, 4> d_y, View<T, 4> d_x,
                                    View<T, 2> d_raw, Arena& workspace, MemoryPlan plan) const {
  // Behind the convolution its poles' sums: 4 multiply-adds a real one, 13 the rest.
  const ProfiledOp op("memory", 2.0 * (6 * rows_ + 13) * x.size(), 3.0 * sizeof(T) * x.size());
  check_shape(d_y, x.shape(), "d_y");
  check_shape(d_raw, {heads(), kKernelParameters}, "d_raw");
  check_horizon(x.extent(1));
  // The adjoint of a causal convolution is the same one backwards in time.
  run({.backwards = true}, d_y, d_x, workspace, plan);

  const auto [batch, length, heads_, channels] = x.shape();
  const Index group = LIOR_SIMD_TABLE(gradient_channels).chosen()();
  const Index groups = (channels + group - 1) / group;
  const Index real_poles = rows_ - 2, sums = 2 * real_poles + 5;
  const Arena::Scope scope(workspace);
  const View<double, 2> z = workspace.take<double, 2>({heads(), rows_});
  const View<double, 4> partial = workspace.take<double, 4>({batch, heads(), groups, sums});
  if (workspace.planning()) return;
  for (Index h = 0; h < heads(); ++h) {
    for (Index j = 0; j <= real_poles; ++j) z(h, j) = kernel(h).z(static_cast<int>(j)).real();
    z(h, real_poles + 1) = kernel(h).z(static_cast<int>(real_poles)).imag();
  }
  const auto sum = LIOR_SIMD_TABLE(pole_sums<T>).chosen();
  for_groups(x.shape(), group, kAnyWorkers,
             [&, length = length](Index b, Index h, Index c, Index count, Index task, int) {
               const Index first = ((b * length) * heads() + h) * x.extent(3) + c;
               sum(z[h].data(), real_poles, x.data() + first, d_y.data() + first, length,
                   heads() * x.extent(3), count, partial.data() + task * sums);
             });

  for (Index h = 0; h < heads(); ++h) {
    std::array<double, 2 * kMostRows + 8> total{};
    for (Index b = 0; b < batch; ++b) {
      for (Index g = 0; g < groups; ++g) {
        for (Index i = 0; i < sums; ++i) total[i] += partial(b, h, g, i);
      }
    }
    std::array<Complex, PoleForm::kMost> d_b, d_z;
    const PoleForm& form = kernel(h);
    for (Index j = 0; j < real_poles; ++j) {
      d_b[j] = total[2 * j];
      d_z[j] = form.b(static_cast<int>(j)).real() * total[2 * j + 1];
    }
    // y = Re(b m): dL/db = conj(sum g m), dL/dz = conj(b sum g dm/dz).
    const double* last = total.data() + 2 * real_poles;
    d_b[real_poles] = {last[0], -last[1]};
    d_z[real_poles] = std::conj(form.b(static_cast<int>(real_poles)) * Complex(last[2], last[3]));
    const auto raw = form.gradient(last[4], d_b, d_z).array();
    for (int p = 0; p < kKernelParameters; ++p) d_raw(h, p) = static_cast<T>(raw[p]);
  }
}

template class CausalConvolution<float>;
template class CausalConvolution<double>;

}  // namespace lior::memory
#endif
