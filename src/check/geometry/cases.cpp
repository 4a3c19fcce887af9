// SPDX-License-Identifier: Apache-2.0
// Recorded outputs of the original's manifold: the learned metric, its symbols, one geodesic step,
// the exponential map, the straight-line distance, the phase, and the two projections.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/complex_metric.h"
#include "lior/geometry/geodesic.h"
#include "lior/io/safetensors.h"

namespace lior::check {
namespace {

using namespace geometry;
using io::SafeTensors;
using File = std::shared_ptr<const SafeTensors>;

// Relative to the largest entry. Recorded symbols are central differences with step 1e-4.
constexpr double kRecorded = 1e-10, kDifferences = 1e-8;
constexpr double kStep = 0.1;  // of recorded geodesics
constexpr int kExpSteps = 10;  // of the recorded exponential map

LearnedMetric<double> learned(const SafeTensors& file, Resilience resilience) {
  return LearnedMetric<double>(LearnedMetricParameters<double>::read(file), resilience);
}

/// The tensor [..., d] as planes [d, N].
Array<double, 2> points(const SafeTensors& file, const char* name) {
  const Buffer<double> rows = file.read<double>(name);
  LIOR_CHECK(!file.info(name).shape.empty() && rows.size() > 0,
             "{} of {} has shape {}; expected [..., d], not empty", name, file.path(),
             io::to_string(file.info(name).shape));
  const Index d = file.info(name).shape.back(), count = rows.size() / d;
  Array<double, 2> x({d, count});
  for (Index n = 0; n < count; ++n) {
    for (Index m = 0; m < d; ++m) x(m, n) = rows[n * d + m];
  }
  return x;
}

/// Planes [entries, N] against the tensor [N, entries].
double planes_error(std::span<const double> got, Index count, const Buffer<double>& want) {
  std::vector<double> rows(got.size());
  const auto entries = static_cast<Index>(got.size()) / count;
  for (Index k = 0; k < entries; ++k) {
    for (Index n = 0; n < count; ++n) rows[n * entries + k] = got[k * count + n];
  }
  return relative_difference(rows, want);
}

double metric_error(const SafeTensors& file, Resilience resilience, const char* name) {
  const auto x = points(file, "x");
  const Index d = x.shape()[0], count = x.shape()[1];
  Array<double, 3> g({d, d, count});
  Array<double, 1> r({count});
  learned(file, resilience).values(x.view(), g.view(), r.view());
  const bool wants_r = std::string_view(name) == "resilience";
  return planes_error(wants_r ? r.span() : g.span(), count, file.read<double>(name));
}

double christoffel_error(const SafeTensors& file, bool exact) {
  const auto x = points(file, "x");
  const Index d = x.shape()[0], count = x.shape()[1];
  Array<double, 4> gamma({d, d, d, count});
  const auto metric = learned(file, Resilience::on);
  if (exact) {
    metric.christoffel(x.view(), gamma.view());
  } else {
    christoffel_differences<double>(AnyMetric<double>(learned(file, Resilience::on)), x.view(),
                                    1e-4, gamma.view());
  }
  return planes_error(gamma.span(), count, file.read<double>("christoffel_fd"));
}

double geodesic_error(const SafeTensors& file, const char* name) {
  const bool exp_map = std::string_view(name) == "exp_map_10";
  const auto v = points(file, "v");
  const Index d = v.shape()[0], count = v.shape()[1];
  Array<double, 2> x = exp_map ? Array<double, 2>({d, count}) : points(file, "x");
  if (exp_map) {
    const auto origin = file.read_shaped<double, 1>("param.origin", {d});
    for (Index m = 0; m < d; ++m) std::fill_n(&x(m, 0), count, origin(m));
  }
  Array<double, 3> xs({1, d, count}), vs(xs.shape());
  Array<PathStatus, 1> status({count});
  Array<double, 1> reached({count});
  const double times[] = {exp_map ? kStep * kExpSteps : kStep};
  geodesics<double>(AnyMetric<double>(learned(file, Resilience::on)), x.view(), v.view(), times,
                    {.method = Method::midpoint, .step = kStep},
                    {xs.view(), vs.view(), status.view(), reached.view()});
  const bool velocity = std::string_view(name) == "geodesic_step_v";
  return planes_error(velocity ? vs.span() : xs.span(), count, file.read<double>(name));
}

/// Between the first two points of each sequence of x: [B, N, d].
double distance_error(const SafeTensors& file) {
  const std::vector<Index>& shape = file.info("x").shape;
  LIOR_CHECK(shape.size() == 3 && shape[1] >= 2, "x of {} has shape {}; expected [B, N >= 2, d]",
             file.path(), io::to_string(shape));
  const auto all = points(file, "x");
  const Index batch = shape[0], d = shape[2];
  Array<double, 2> x({d, batch}), y({d, batch});
  for (Index b = 0; b < batch; ++b) {
    for (Index m = 0; m < d; ++m) {
      x(m, b) = all(m, b * shape[1]);
      y(m, b) = all(m, b * shape[1] + 1);
    }
  }
  Array<double, 1> length({batch});
  lior_distance_compat<double>(learned(file, Resilience::on), x.view(), y.view(), length.view());
  return relative_difference(length.span(), file.read<double>("lior_distance"));
}

double phase_error(const SafeTensors& file) {
  const auto x = points(file, "coords");
  const double logit = file.read<double>("param.lior_kernel.delta_logit")[0];
  const double alpha = 1 / (1 + std::exp(-logit));
  std::vector<double> got;
  std::vector<double> point(static_cast<std::size_t>(x.shape()[0]));
  for (Index n = 0; n < x.shape()[1]; ++n) {
    for (Index m = 0; m < x.shape()[0]; ++m) point[m] = x(m, n);
    got.push_back(phase(alpha, point.data(), x.shape()[0]));
  }
  return relative_difference(got, file.read<double>("phase"));
}

/// z -> W z + b.
double projection_error(const SafeTensors& file, const std::string& layer, const char* name) {
  const auto z = points(file, "z");
  const Index size = z.shape()[0], count = z.shape()[1];
  const Buffer<double> bias = file.read<double>("param." + layer + ".bias");
  const auto weight =
      file.read_shaped<double, 2>("param." + layer + ".weight", {bias.size(), size});
  Array<double, 2> out({bias.size(), count});
  for (Index m = 0; m < bias.size(); ++m) {
    for (Index n = 0; n < count; ++n) {
      out(m, n) = bias[m];
      for (Index k = 0; k < size; ++k) out(m, n) += weight(m, k) * z(k, n);
    }
  }
  return planes_error(out.span(), count, file.read<double>(name));
}

std::vector<Check> recorded_manifold(File file) {
  std::vector<Check> checks;
  const auto add = [&](const char* name, double tolerance,
                       std::function<double(const SafeTensors&)> error) {
    checks.push_back({.name = std::string("manifold.recorded.") + name,
                      .module = "geometry",
                      .dtype = "f64",
                      .shape = io::to_string(file->info("x").shape),
                      .tolerance = tolerance,
                      .error = [=] { return error(*file); }});
  };
  for (const char* name : {"metric", "resilience", "lior_metric"}) {
    const auto resilience = name[0] == 'l' ? Resilience::on : Resilience::off;
    add(name, kRecorded, [=](const SafeTensors& f) { return metric_error(f, resilience, name); });
  }
  add("christoffel_fd", kDifferences,
      [](const SafeTensors& f) { return christoffel_error(f, true); });
  // Two programs of differences: the rounding of g, 1e-16, over the step.
  add("christoffel_fd.differences", 1e-9,
      [](const SafeTensors& f) { return christoffel_error(f, false); });
  // The recorded steps use differences too.
  for (const char* name : {"geodesic_step_x", "geodesic_step_v", "exp_map_10"}) {
    add(name, kDifferences, [=](const SafeTensors& f) { return geodesic_error(f, name); });
  }
  add("lior_distance", kRecorded, distance_error);
  add("phase", kRecorded, phase_error);
  add("coords", kRecorded,
      [](const SafeTensors& f) { return projection_error(f, "coord_proj", "coords"); });
  add("spinor", kRecorded,
      [](const SafeTensors& f) { return projection_error(f, "spinor_proj", "spinor"); });
  return checks;
}

}  // namespace

void add_manifold_cases(Registry& registry) {
  registry.cases.emplace_back("manifold", recorded_manifold);
}

}  // namespace lior::check
