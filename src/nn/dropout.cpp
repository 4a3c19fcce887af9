// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/core/random.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

constexpr Index kOfABlock = 8;  // sixteen bits of a block of random numbers each
constexpr double kSixteenBits = 65536;

/// Apart from the streams of data, start values and sampling.
std::uint64_t stream_of(const Dropout& dropout, Index place) {
  return std::uint64_t{7} << 61 | static_cast<std::uint64_t>(dropout.step) << 16 |
         static_cast<std::uint64_t>(place);
}

Index blocks_of(Index columns) { return (columns + kOfABlock - 1) / kOfABlock; }

/// The sixteen bits of columns 8 block .. 8 block + 7 of a row.
std::array<std::uint32_t, kOfABlock> bits_of(const Dropout& dropout, std::uint64_t stream,
                                             Index counter) {
  const auto words = philox(dropout.seed, stream, static_cast<std::uint64_t>(counter));
  std::array<std::uint32_t, kOfABlock> bits;
  for (Index i = 0; i < kOfABlock; ++i) bits[i] = words[i / 2] >> (16 * (i % 2)) & 0xFFFF;
  return bits;
}

std::uint32_t threshold(double rate) {
  return static_cast<std::uint32_t>(std::lround(rate * kSixteenBits));
}

/// The number among all rows of a row that is here.
Index row_of_all(const Stretch& stretch, Index row) {
  if (!stretch.is_shared()) return row;
  const Index length = stretch.end() - stretch.begin();
  return row / length * stretch.whole + stretch.begin() + row % length;
}

/// body(row, first column, columns, kept) for each block of a mask.
template <class Body>
void each_block(const Dropout& dropout, Index place, const Shape<2>& shape, const Body& body) {
  LIOR_CHECK(dropout.rate >= 0 && dropout.rate < 1, "dropout = {}; it must be in [0, 1)",
             dropout.rate);
  const Index blocks = blocks_of(shape[1]);
  const std::uint64_t stream = stream_of(dropout, place);
  const std::uint32_t least = threshold(dropout.rate);
  parallel_for(shape[0], rows_per_thread(shape[1]), [&](Index begin, Index end, int) {
    for (Index row = begin; row < end; ++row) {
      const Index first_block = row_of_all(dropout.stretch, row) * blocks;
      for (Index block = 0; block < blocks; ++block) {
        const auto bits = bits_of(dropout, stream, first_block + block);
        std::array<bool, kOfABlock> kept;
        for (Index i = 0; i < kOfABlock; ++i) kept[i] = bits[i] >= least;
        const Index first = block * kOfABlock;
        body(row, first, std::min(kOfABlock, shape[1] - first), kept);
      }
    }
  });
}

}  // namespace

template <class T>
void dropout_forward(const Dropout& dropout, Index place, View<const T, 2> x, View<T, 2> out) {
  const ProfiledOp op("dropout");
  check_shape(out, x.shape(), "out");
  const T scale = static_cast<T>(1 / (1 - dropout.rate));
  each_block(dropout, place, x.shape(),
             [&](Index row, Index first, Index columns, const auto& kept) {
               const T* from = x[row].data() + first;
               T* to = out[row].data() + first;
               for (Index i = 0; i < columns; ++i) {
                 to[i] = kept[i] ? from[i] + scale * (to[i] - from[i]) : from[i];
               }
             });
}

template <class T>
void dropout_backward(const Dropout& dropout, Index place, View<T, 2> dx, View<T, 2> rest) {
  const ProfiledOp op("dropout");
  check_shape(rest, dx.shape(), "rest");
  const T scale = static_cast<T>(1 / (1 - dropout.rate));
  each_block(dropout, place, dx.shape(),
             [&](Index row, Index first, Index columns, const auto& kept) {
               T* both = dx[row].data() + first;
               T* left = rest[row].data() + first;
               for (Index i = 0; i < columns; ++i) {
                 const T branch = kept[i] ? scale * both[i] : T(0);
                 left[i] = both[i] - branch;
                 both[i] = branch;
               }
             });
}

void drop_rows(const Dropout& dropout, Index place, View<std::int32_t, 2> rows) {
  each_block(dropout, place, rows.shape(),
             [&](Index row, Index first, Index columns, const auto& kept) {
               for (Index i = 0; i < columns; ++i) {
                 if (!kept[i]) rows(row, first + i) = -1;
               }
             });
}

namespace reference {

double dropout_mask(const Dropout& dropout, Index place, Index row, Index column, Index columns) {
  const auto words = philox(dropout.seed, stream_of(dropout, place),
                            static_cast<std::uint64_t>(row * blocks_of(columns) + column / 8));
  const std::uint32_t word = words[static_cast<std::size_t>(column % 8 / 2)];
  const double bits = column % 2 == 0 ? word % 65536 : word / 65536;
  return bits >= std::round(dropout.rate * kSixteenBits) ? 1 / (1 - dropout.rate) : 0;
}

}  // namespace reference

#define LIOR_INSTANTIATE(T)                                                           \
  template void dropout_forward(const Dropout&, Index, View<const T, 2>, View<T, 2>); \
  template void dropout_backward(const Dropout&, Index, View<T, 2>, View<T, 2>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
