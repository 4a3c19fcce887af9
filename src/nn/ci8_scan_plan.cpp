#include "nn/ci8_scan_plan.h"

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "nn/ci8_scan_kernels.h"

namespace lior::nn {
namespace {

/// Chunks x sequences x heads that the workspace is for: every lane of 32 threads of AVX-512.
constexpr Index kMostLanes = 512;
/// Shorter chunks are not worth their matrices.
constexpr Index kLeastChunk = 64;

Index pairs_of(const ScanShape& shape) { return shape.batch * shape.heads(); }

Index most_chunks(const ScanShape& shape) {
  return std::min(shape.length / kLeastChunk, kMostLanes / std::max<Index>(1, pairs_of(shape)));
}

/// Blocks of `count` chunks of whole tiles; none where the sequence is too short.
ScanChunks split(const ScanShape& shape, Index count) {
  if (count < 2) return {};
  constexpr Index kBlockNumbers = Index{1} << 19;  // of the projection: 2 MB of float
  const Index tile = shape.tile_steps(), rows = kBlockNumbers / (shape.batch * shape.width());
  const Index most = std::max(kLeastChunk, rows / count);
  const Index steps = std::min(shape.length / count, most) / tile * tile;
  return steps == 0 ? ScanChunks{} : ScanChunks{count, steps, shape.length / (count * steps)};
}

/// The chunks that a caller demands: of his length, or as many as `lanes` hold.
ScanChunks demanded_chunks(const ScanShape& shape, Index lanes) {
  if (shape.chunk == 0) {
    return split(shape, std::clamp<Index>(lanes / std::max<Index>(1, pairs_of(shape)), 2,
                                          std::max<Index>(2, most_chunks(shape))));
  }
  const Index tile = shape.tile_steps(), steps = (shape.chunk + tile - 1) / tile * tile;
  return {shape.length / steps, steps};
}

/// Costs of one step of a lane group, in nanoseconds of one thread of the machine that
/// docs/decisions/040-scan-plans.md names; elsewhere only their ratios count.
struct StepCosts {
  double forward, backward;
  double map;      ///< scale and companion
  double columns;  ///< of the matrix, while the gates have not forgotten

  explicit StepCosts(const MixerConfig& mixer) {
    const double k = static_cast<double>(mixer.factors), parts = mixer.complex_state ? 2 : 1;
    const bool two_sided = mixer.transition == algebra::Transition::two_sided;
    const double options =
        (mixer.gates ? 45 : 0) + (mixer.phase ? 25 : 0) + (mixer.rotation ? 25 : 0);
    forward = k * (38 + parts * (two_sided ? 30 : 45)) + 40 * (parts - 1) + options;
    backward = k * (120 + parts * (two_sided ? 95 : 205)) + 1.5 * options;
    map = 40 * k;
    columns = mixer.rotation ? 8 * forward : 120 * k;  // column by column where it is no turn
  }
};

/// The share of a chunk's steps before the product of gates underflows, by the slowest head over
/// rows spread evenly through the sequences.
template <class T>
double live_share(const ScanShape& shape, linalg::MatrixView<const T> projection, Index steps) {
  if (!shape.mixer.gates || shape.mixer.rotation) return 1;
  constexpr Index kRows = 64;
  const Index H = shape.heads(), stride = std::max<Index>(1, projection.rows / kRows);
  double slowest = std::numeric_limits<double>::infinity();
  for (Index head = 0; head < H; ++head) {
    double sum = 0, count = 0;
    for (Index row = 0; row < projection.rows; row += stride, ++count) {
      const double z = static_cast<double>(projection(row, shape.z_plane() * H + head));
      sum += z < 0 ? std::log1p(std::exp(z)) - z : std::log1p(std::exp(-z));  // -log sigmoid
    }
    slowest = std::min(slowest, sum / count);
  }
  const double underflow = -std::log(static_cast<double>(std::numeric_limits<T>::min()));
  const double share = underflow / (slowest * static_cast<double>(steps));
  return share < 1 ? share : 1;  // NaN: no hurry
}

}  // namespace

Index numbers_per_chunk(const ScanShape& shape) {
  return 11 * shape.state_width() + 8;  // map, start and end; gradient of theta
}

Index ci8_scan_workspace(const ScanShape& shape) {
  if (shape.plan == ScanPlan::sequential) return 0;
  const Index chunks = shape.plan == ScanPlan::chunked ? demanded_chunks(shape, kMostLanes).chunks
                                                       : most_chunks(shape);
  return chunks < 2 ? 0 : pairs_of(shape) * chunks * numbers_per_chunk(shape);
}

template <class T>
ScanChunks plan_scan(const ScanShape& shape, ScanPass pass, linalg::MatrixView<const T> projection,
                     Index workspace) {
  const Index pairs = pairs_of(shape);
  if (shape.plan == ScanPlan::sequential || pairs == 0) return {};
  const Index W = lane_count<T>(), threads = lior::threads();
  const Index room = workspace / (pairs * numbers_per_chunk(shape));
  if (shape.plan == ScanPlan::chunked) {
    const ScanChunks chunks = demanded_chunks(shape, W * threads);
    LIOR_CHECK(chunks.chunks < 2 || chunks.chunks <= room,
               "the scan's workspace of {} numbers holds {} chunks; {} chunks need {}", workspace,
               room, chunks.chunks, chunks.chunks * pairs * numbers_per_chunk(shape));
    return chunks;
  }
  const ScanChunks chunks = split(shape, std::min({W * threads / pairs, most_chunks(shape), room}));
  if (chunks.chunks < 2) return {};

  const auto rounds = [&](Index lane_count) {  // of each thread
    const Index groups = (lane_count + W - 1) / W;
    return static_cast<double>((groups + threads - 1) / threads);
  };
  const StepCosts costs(shape.mixer);
  const double step = pass == ScanPass::forward ? costs.forward : costs.backward;
  const double sequential = rounds(pairs) * static_cast<double>(shape.length) * step;
  const Index in_blocks = chunks.blocks * chunks.block_steps();
  const double tail = static_cast<double>(shape.length - in_blocks);
  const double chunked_step =
      2 * step + costs.map + live_share(shape, projection, chunks.steps) * costs.columns;
  constexpr double kRegion = 2e4;  // a parallel region
  const double chunked =
      static_cast<double>(chunks.blocks) *
          (rounds(pairs * chunks.chunks) * static_cast<double>(chunks.steps) * chunked_step +
           3 * kRegion) +
      rounds(pairs) * tail * step;
  constexpr double kDoubt = 1.05;  // of the model: never slower comes first
  return kDoubt * chunked < sequential ? chunks : ScanChunks{};
}

template ScanChunks plan_scan(const ScanShape&, ScanPass, linalg::MatrixView<const float>, Index);
template ScanChunks plan_scan(const ScanShape&, ScanPass, linalg::MatrixView<const double>, Index);

}  // namespace lior::nn
