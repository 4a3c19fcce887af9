// SPDX-License-Identifier: Apache-2.0
#include "nn/ci8_scan_plan.h"

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "nn/ci8_scan_kernel.h"

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

/// `count` chunks of whole tiles in blocks of at most `rows` rows of a sequence; none where that is
/// too short.
ScanChunks split(const ScanShape& shape, Index count, Index rows) {
  if (count < 2) return {};
  const Index tile = shape.tile_steps(), most = std::max(kLeastChunk, rows / count);
  const Index steps = std::min(shape.length / count, most) / tile * tile;
  return steps == 0 ? ScanChunks{} : ScanChunks{count, steps, shape.length / (count * steps)};
}

/// Chunks by their maps, read twice, in blocks that fit the caches.
ScanChunks split_in_blocks(const ScanShape& shape, Index count) {
  constexpr Index kBlockNumbers = Index{1} << 19;  // of the projection: 2 MB of float
  return split(shape, count, kBlockNumbers / (shape.batch * shape.width()));
}

ScanChunks split_whole(const ScanShape& shape, Index count) {
  return split(shape, count, shape.length);
}

Index demanded_steps(const ScanShape& shape) {
  const Index tile = shape.tile_steps();
  return (shape.chunk + tile - 1) / tile * tile;
}

/// As many chunks as a caller demands: of his length, or what `lanes` hold.
Index demanded_chunks(const ScanShape& shape, Index lanes) {
  if (shape.chunk == 0) {
    return std::clamp<Index>(lanes / std::max<Index>(1, pairs_of(shape)), 2,
                             std::max<Index>(2, most_chunks(shape)));
  }
  return shape.length / demanded_steps(shape);
}

/// Costs of one step of a lane group, in nanoseconds of one thread of the machine that
/// docs/decisions/040-scan-plans.md names; elsewhere only their ratios count.
struct StepCosts {
  double forward, backward;
  double map;      ///< scale and companion
  double columns;  ///< of the matrix, while the gates have not forgotten
  double packing_forward, packing_backward, packing_map;  ///< a run of lanes, except the first

  explicit StepCosts(const ScanShape& shape) {
    const MixerConfig& mixer = shape.mixer;
    const double k = static_cast<double>(mixer.factors), parts = mixer.complex_state ? 2 : 1;
    const bool two_sided = mixer.transition == algebra::Transition::two_sided;
    const double gates = mixer.gates ? 20 + 25 * parts : 0;
    const double options = gates + (mixer.phase ? 25 : 0) + (mixer.rotation ? 25 : 0);
    forward = k * (38 + parts * (two_sided ? 25 : 45)) + 55 * (parts - 1) + options;
    backward = k * (100 + parts * (two_sided ? 125 : 190)) + 80 * (parts - 1) + 2.2 * options;
    map = 40 * k;
    // Column by column where it is no turn.
    columns = mixer.rotation ? 8 * forward : (two_sided ? 95 : 120) * k;
    const auto planes = static_cast<double>(shape.planes());
    const auto states = static_cast<double>(shape.state_width());
    packing_forward = 1.4 * (planes + states);
    packing_backward = 2 * (2 * planes + states);
    packing_map = 1.4 * planes;
  }
};

/// The amount that the gates of the slowest head take off log |M| per step, by rows spread evenly
/// through the sequences: the mean of log(1 + e^-z).
template <class T>
double slowest_decay(const ScanShape& shape, linalg::MatrixView<const T> projection) {
  if (!shape.mixer.gates) return 0;
  constexpr Index kRows = 32;       // 1 % of a scan of 1,024 steps
  constexpr float kLargest = 20.f;  // of -z: the product below stays finite
  const Index H = shape.heads(), stride = std::max<Index>(1, (projection.rows + kRows - 1) / kRows);
  double slowest = std::numeric_limits<double>::infinity();
  for (Index head = 0; head < H; ++head) {
    double product = 1, count = 0;
    for (Index row = 0; row < projection.rows; row += stride, ++count) {
      const auto z = static_cast<float>(projection(row, shape.z_plane() * H + head));
      product *= 1 + static_cast<double>(std::exp(std::min(-z, kLargest)));
    }
    slowest = std::min(slowest, std::log(product) / count);
  }
  return slowest;
}

/// Steps until M is below `size`.
template <class T>
double steps_until(T size, double decay) {
  return -std::log(static_cast<double>(size)) / decay;
}

/// Times of one pass by any plan, by the model.
class CostModel {
 public:
  /// `width`: lanes of one thread.
  CostModel(const ScanShape& shape, ScanPass pass, Index width)
      : shape_(shape),
        costs_(shape),
        forward_(pass == ScanPass::forward),
        width_(width),
        threads_(lior::threads()) {
    step_ = forward_ ? costs_.forward : costs_.backward;
    packing_ = forward_ ? costs_.packing_forward : costs_.packing_backward;
  }
  double sequential(Index steps) const {
    const Index pairs = pairs_of(shape_);
    return rounds(pairs) * static_cast<double>(steps) * step(pairs);
  }
  double by_maps(const ScanChunks& chunks, double live_steps) const {
    const Index pairs = pairs_of(shape_) * chunks.chunks;
    const double map = costs_.map + more_runs(pairs) * costs_.packing_map;
    // v, or the gradient from zero: a run of its own.
    const double offset = forward_ && !shape_.mixer.gates ? 0 : step(pairs);
    const auto steps = static_cast<double>(chunks.steps);
    const double live = shape_.mixer.rotation ? steps : std::min(steps, live_steps);
    return in_chunks(chunks, steps * (step(pairs) + offset + map) + live * costs_.columns);
  }
  double by_warm_up(const ScanChunks& chunks, double warm_up) const {
    constexpr double kGate = 15;  // of steps_to_forget
    const auto steps = static_cast<double>(chunks.steps);
    return in_chunks(chunks,
                     (steps + warm_up) * step(pairs_of(shape_) * chunks.chunks) + warm_up * kGate);
  }

 private:
  /// Of each thread.
  double rounds(Index pairs) const {
    const Index groups = (pairs + width_ - 1) / width_, rounds = (groups + threads_ - 1) / threads_;
    return static_cast<double>(rounds);
  }
  /// Runs of lanes that a group packs (lane_planes.h), except the first.
  double more_runs(Index pairs) const {
    const Index filled = std::min(pairs, width_), H = shape_.heads(), runs = (filled + H - 1) / H;
    return static_cast<double>(runs - 1);
  }
  double step(Index pairs) const { return step_ + more_runs(pairs) * packing_; }
  double in_chunks(const ScanChunks& chunks, double chunk) const {
    const double region = threads_ == 1 ? 0 : 2e4;  // threads wake up and wait
    return static_cast<double>(chunks.blocks) *
               (rounds(pairs_of(shape_) * chunks.chunks) * chunk + 3 * region) +
           sequential(shape_.length - chunks.blocks * chunks.block_steps());
  }

  const ScanShape& shape_;
  StepCosts costs_;
  bool forward_;
  double step_, packing_;
  Index width_, threads_;
};

/// Chunks that forget their starts, where they do.
template <class T>
bool with_warm_up(const ScanCall<T>& call, ScanPass pass, ScanChunks& chunks) {
  if (chunks.chunks < 2 || !call.shape.mixer.gates) return false;
  chunks.warm_up = steps_to_forget(call, block_of(call.shape, chunks, 0), pass).value_or(0);
  return chunks.warm_up > 0;
}

}  // namespace

Index numbers_per_chunk(const ScanShape& shape) {
  return 11 * shape.state_width() + 8;  // map, start and end; gradient of theta
}

Index ci8_scan_workspace(const ScanShape& shape) {
  if (shape.plan == ScanPlan::sequential) return 0;
  const Index chunks =
      shape.plan == ScanPlan::chunked ? demanded_chunks(shape, kMostLanes) : most_chunks(shape);
  return chunks < 2 ? 0 : pairs_of(shape) * chunks * numbers_per_chunk(shape);
}

ScanStretch block_of(const ScanShape& shape, const ScanChunks& chunks, Index block) {
  return {{.pitch = shape.length,
           .first = block * chunks.block_steps(),
           .chunks = chunks.chunks,
           .steps = chunks.steps},
          shape.batch,
          chunks.steps};
}

template <class T>
ScanChunks plan_scan(const ScanCall<T>& call, ScanPass pass, Index workspace) {
  const ScanShape& shape = call.shape;
  const Index pairs = pairs_of(shape), lanes = lane_count<T>() * lior::threads();
  if (shape.plan == ScanPlan::sequential || pairs == 0) return {};
  const Index room = workspace / (pairs * numbers_per_chunk(shape));
  if (shape.plan == ScanPlan::chunked) {
    const Index count = demanded_chunks(shape, lanes);
    LIOR_CHECK(count < 2 || count <= room,
               "the scan's workspace of {} numbers holds {} chunks; {} chunks need {}", workspace,
               room, count, count * pairs * numbers_per_chunk(shape));
    ScanChunks chunks = split_whole(shape, count);
    if (shape.chunk > 0) chunks = {count, demanded_steps(shape)};
    if (with_warm_up(call, pass, chunks) || shape.chunk > 0) return chunks;
    return split_in_blocks(shape, count);
  }

  const Index most = std::min({most_chunks(shape), room, 4 * lanes / pairs});
  if (most < 2 || pairs % lanes == 0) return {};
  constexpr T kEps = std::numeric_limits<T>::epsilon();
  const Index width = lane_count<T>();
  const CostModel model(shape, pass, width);
  const double decay = slowest_decay(shape, call.projection);
  const double forgetting = steps_until(kEps * kEps, decay);
  const double live = steps_until(std::numeric_limits<T>::min(), decay);
  ScanChunks mapped, warmed;
  constexpr double kDoubt = 1.03;  // of the model: never slower comes first
  const double at_most = model.sequential(shape.length) / kDoubt;
  double mapped_cost = at_most, warmed_cost = at_most;
  // Chunks that leave lanes of a vector empty cost what full ones do.
  const Index step = std::max<Index>(1, width / pairs);
  for (Index count = std::max<Index>(2, step); count <= most; count += step) {
    const ScanChunks blocks = split_in_blocks(shape, count), whole = split_whole(shape, count);
    const double by_maps = model.by_maps(blocks, live);
    if (blocks.chunks > 1 && by_maps < mapped_cost) mapped = blocks, mapped_cost = by_maps;
    if (whole.chunks < 2 || !(forgetting < static_cast<double>(whole.steps))) continue;
    const double by_warm_up = model.by_warm_up(whole, forgetting);
    if (by_warm_up < warmed_cost) warmed = whole, warmed_cost = by_warm_up;
  }
  if (warmed_cost < mapped_cost && with_warm_up(call, pass, warmed) &&
      model.by_warm_up(warmed, static_cast<double>(warmed.warm_up)) < mapped_cost) {
    return warmed;
  }
  return mapped;
}

template ScanChunks plan_scan(const ScanCall<float>&, ScanPass, Index);
template ScanChunks plan_scan(const ScanCall<double>&, ScanPass, Index);

}  // namespace lior::nn
