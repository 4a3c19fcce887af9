// SPDX-License-Identifier: Apache-2.0
// The scan's plans beside each other, and how its time grows.

#include "check/nn/random_scan.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/timer.h"

namespace lior::check {
namespace {

using nn::ScanPlan;
using nn::ScanShape;

/// One scan, forward or with its way back, by any plan.
class PlanTrial {
 public:
  /// `openness` is the mean of z: gates of sigmoid(openness).
  PlanTrial(const ScanShape& shape, float openness, bool backward)
      : scan_(shape, 71),
        backward_(backward),
        states_({shape.batch, shape.length, shape.state_width(), shape.heads()}),
        d_states_(states_.shape()),
        d_projection_(scan_.projection.shape()),
        d_initial_(scan_.initial.shape()) {
    const Index H = shape.heads();
    for (Index row = 0; shape.mixer.gates && row < scan_.projection.shape()[0]; ++row) {
      for (Index head = 0; head < H; ++head) {
        scan_.projection(row, shape.z_plane() * H + head) += openness;
      }
    }
    Random(72).fill_normal(d_states_.span());
    Index room = 0;
    for (const ScanPlan plan : {ScanPlan::chunked, ScanPlan::automatic}) {
      room = std::max(room, ci8_scan_workspace(shape_by(plan)));
    }
    workspace_ = Buffer<float>(room);
  }

  void run(ScanPlan plan) {
    const ScanShape shape = shape_by(plan);
    const RandomScan<float>& scan = scan_;
    nn::ci8_scan_forward<float>(shape, scan.projection.view(), scan.initial.view(), {},
                                states_.view(), workspace_.span());
    if (!backward_) return;
    nn::ci8_scan_backward<float>(shape, scan.projection.view(), scan.initial.view(), {},
                                 states_.view(), d_states_.view(), d_projection_.view(),
                                 d_initial_.view(), {}, workspace_.span());
  }
  void run_reference() {
    const RandomScan<float>& scan = scan_;
    nn::reference::ci8_scan_forward<float>(scan.shape, scan.projection.view(), scan.initial.view(),
                                           {}, states_.view());
  }

  /// The faster of the two plans now, by the best of some runs.
  ScanPlan best_plan() {
    double seconds[2] = {1e9, 1e9};
    for (int repeat = 0; repeat < 7; ++repeat) {
      for (const ScanPlan plan : {ScanPlan::sequential, ScanPlan::chunked}) {
        const Timer timer;
        run(plan);
        double& least = seconds[plan == ScanPlan::chunked];
        least = std::min(least, timer.seconds());
      }
    }
    return seconds[1] < seconds[0] ? ScanPlan::chunked : ScanPlan::sequential;
  }

  /// Largest difference of what two ways leave, relative.
  template <class One, class Other>
  double difference(One&& one, Other&& other) {
    const auto copy = [](std::span<const float> numbers) {
      return std::vector<float>(numbers.begin(), numbers.end());
    };
    one();
    const auto states = copy(states_.span()), gradients = copy(d_projection_.span());
    other();
    return std::max(relative_difference(states_.span(), states),
                    relative_difference(d_projection_.span(), gradients));
  }

 private:
  ScanShape shape_by(ScanPlan plan) const {
    ScanShape shape = scan_.shape;
    shape.plan = plan;
    return shape;
  }

  RandomScan<float> scan_;
  bool backward_;
  Array<float, 4> states_, d_states_;
  Array<float, 2> d_projection_;
  Array<float, 3> d_initial_;
  Buffer<float> workspace_;
};

struct PlanCase {
  ScanShape shape;
  float openness = 0;
  bool backward = false;

  std::string text() const {
    return fmt::format(
        "B={} N={} H={} {}{}{}", shape.batch, shape.length, shape.heads(),
        shape.mixer.gates ? fmt::format("z={}", openness) : "a=1",
        shape.mixer.factors > 1 ? fmt::format(" k={}", shape.mixer.factors) : "",
        shape.mixer.transition == algebra::Transition::two_sided ? " two-sided" : "");
  }
  Bench row(const std::string& name) const {
    return {.name = "ci8_scan." + name + (backward ? ".both_ways" : ""),
            .shape = text(),
            .dtype = "f32",
            .prepare = {}};
  }
  std::shared_ptr<PlanTrial> trial() const {
    return std::make_shared<PlanTrial>(shape, openness, backward);
  }
};

/// Two plans round differently at every step, and without gates nothing fades.
double plan_tolerance(const ScanShape& shape) {
  return shape.mixer.gates ? 1e-5 : 1e-7 * std::sqrt(static_cast<double>(shape.length)) + 1e-5;
}

void add_plan_rows(Registry& registry, const PlanCase& plan_case) {
  Bench chunked = plan_case.row("chunked_beside_sequential");
  chunked.prepare = [=] {
    const auto trial = plan_case.trial();
    const auto by = [=](ScanPlan plan) { return [=] { trial->run(plan); }; };
    return BenchRun{
        .before = by(ScanPlan::sequential),
        .after = by(ScanPlan::chunked),
        .error = [=] { return trial->difference(by(ScanPlan::sequential), by(ScanPlan::chunked)); },
        .tolerance = plan_tolerance(plan_case.shape)};
  };
  registry.benches.push_back(chunked);

  Bench automatic = plan_case.row("automatic_beside_best");
  automatic.prepare = [=] {
    const auto trial = plan_case.trial();
    const ScanPlan best = trial->best_plan();
    const auto by = [=](ScanPlan plan) { return [=] { trial->run(plan); }; };
    return BenchRun{.before = by(best),
                    .after = by(ScanPlan::automatic),
                    .error = [=] { return trial->difference(by(best), by(ScanPlan::automatic)); },
                    .tolerance = plan_tolerance(plan_case.shape)};
  };
  registry.benches.push_back(automatic);
}

/// Four real heads, one sequence, against the reference.
void add_growth_rows(Registry& registry) {
  for (const Index length : {4096, 16384, 65536, 262144}) {
    const PlanCase plan_case{{1, length, {.heads = 4}}};
    Bench row = plan_case.row("growth");
    const auto width = static_cast<double>(plan_case.shape.width() + 8 * 4);
    row.variable = "N";
    row.size = static_cast<double>(length);
    row.memory = row.bytes = row.size * width * sizeof(float);
    row.flops = row.size * 4 * 128;
    row.prepare = [=] {
      const auto trial = plan_case.trial();
      const auto before = [=] { trial->run_reference(); };
      const auto after = [=] { trial->run(ScanPlan::automatic); };
      return BenchRun{.before = before,
                      .after = after,
                      .error = [=] { return trial->difference(before, after); },
                      .tolerance = 1e-5};
    };
    registry.benches.push_back(row);
  }
}

}  // namespace

void add_scan_plan_benches(Registry& registry) {
  const PlanCase cases[] = {
      {{1, 65536, {.heads = 4}}},
      {{1, 65536, {.heads = 4}}, 5},
      {{1, 65536, {.heads = 4}}, 8},
      {{1, 65536, {.heads = 4, .gates = false}}},
      {{1, 16384, {.heads = 12}}},
      {{16, 256, {.heads = 12}}},
      {{1, 65536, {.heads = 1}}, 5},
      {{1, 1024, {.heads = 4}}},
      {{1, 16384, {.heads = 8}}},
      {{2, 16384, {.heads = 4, .factors = 2}}, 3},
      {{1, 16384, {.heads = 2, .transition = algebra::Transition::two_sided, .gates = false}}},
      {{8, 4096, {.heads = 4}}},
      {{1, 65536, {.heads = 4}}, 0, true},
      {{1, 65536, {.heads = 4}}, 5, true},
      {{1, 16384, {.heads = 4, .gates = false}}, 0, true}};
  for (const PlanCase& plan_case : cases) add_plan_rows(registry, plan_case);
  add_growth_rows(registry);
}

}  // namespace lior::check
