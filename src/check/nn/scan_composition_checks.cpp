// SPDX-License-Identifier: Apache-2.0
// Plans of the scan and the composition of its maps: what makes it parallel.
#include <array>
#include <limits>

#include "check/nn/random_scan.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/nn/scan_composition.h"

namespace lior::check {
namespace {

using algebra::Transition;
using nn::MixerConfig;
using nn::ScanPlan;

/// Every kind of step: the maps of each are made in their own way.
const std::pair<const char*, MixerConfig> kMixers[] = {
    {"right", {.heads = 3}},
    {"left_two_factors", {.heads = 4, .factors = 2, .transition = Transition::left}},
    {"two_sided", {.heads = 8, .transition = Transition::two_sided}},
    {"no_gates", {.heads = 3, .factors = 3, .gates = false}},
    {"complex_phase",
     {.heads = 3, .transition = Transition::left, .complex_state = true, .phase = true}},
    {"everything",
     {.heads = 5,
      .factors = 2,
      .transition = Transition::two_sided,
      .complex_state = true,
      .phase = true,
      .rotation = true}}};

constexpr Index kBatch = 2;

/// The maps of stretches of 5, 1, 0 and 9 steps.
template <class T>
std::array<Array<T, 4>, 4> stretch_maps(const MixerConfig& mixer) {
  std::array<Array<T, 4>, 4> maps;
  constexpr Index kLengths[] = {5, 1, 0, 9};
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const RandomScan<T> scan({kBatch, kLengths[i], mixer}, 40 + i);
    maps[i] = scan.map();
  }
  return maps;
}

template <class T>
Array<T, 4> compose(const Array<T, 4>& earlier, const Array<T, 4>& later) {
  Array<T, 4> both(earlier.shape());
  nn::scan_map_compose<T>(earlier.view(), later.view(), both.view());
  return both;
}

template <class T>
void add_composition_checks(Registry& registry, const char* name, const MixerConfig& mixer) {
  // Entries are at most 1; each composition adds sums of 8 or 16 products.
  const double tolerance = 64 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const auto add = [&](const char* statement, double allowed, std::function<double()> error) {
    registry.checks.push_back({.name = fmt::format("scan_composition.{}.{}", statement, name),
                               .module = "nn",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("B={} H={}", kBatch, mixer.heads),
                               .tolerance = allowed,
                               .error = std::move(error)});
  };
  add("associative", tolerance, [mixer] {
    const auto [a, b, c, d] = stretch_maps<T>(mixer);
    const auto left = compose(compose(compose(a, b), c), d);
    const auto right = compose(a, compose(b, compose(c, d)));
    return max_difference(left.span(), right.span());
  });
  add("identity", 0, [mixer] {
    const auto maps = stretch_maps<T>(mixer);
    Array<T, 4> one(maps[0].shape());
    nn::scan_map_identity(one.view());
    return std::max({max_difference(compose(one, maps[3]).span(), maps[3].span()),
                     max_difference(compose(maps[3], one).span(), maps[3].span()),
                     max_difference(maps[2].span(), one.span())});
  });
  add("in_place", 0, [mixer] {
    const auto maps = stretch_maps<T>(mixer);
    const Array<T, 4> want = compose(maps[0], maps[3]);
    auto [onto_earlier, unused, empty, onto_later] = stretch_maps<T>(mixer);
    nn::scan_map_compose<T>(onto_earlier.view(), maps[3].view(), onto_earlier.view());
    nn::scan_map_compose<T>(maps[0].view(), onto_later.view(), onto_later.view());
    return std::max(max_difference(onto_earlier.span(), want.span()),
                    max_difference(onto_later.span(), want.span()));
  });
  // Time has a direction: the other order is far off (1 where it is not).
  add("order", 0, [mixer] {
    const auto maps = stretch_maps<T>(mixer);
    const auto right = compose(maps[0], maps[1]), wrong = compose(maps[1], maps[0]);
    return max_difference(right.span(), wrong.span()) > 0.1 ? 0.0 : 1.0;
  });
  add("runs_the_steps", tolerance, [mixer] {
    const RandomScan<T> whole({kBatch, 23, mixer}, 50);
    const Array<T, 4> map = compose(whole.part(0, 9).map(), whole.part(9, 14).map());
    Array<T, 3> state(whole.initial.shape());
    nn::scan_map_apply<T>(map.view(), whole.initial.view(), state.view());
    return max_difference(state.span(), whole.reference_end().span());
  });
  add("adjoint", tolerance, [mixer] {  // <M x, y> = <x, M^dagger y>
    const auto maps = stretch_maps<T>(mixer);
    const Shape<3> shape{kBatch, mixer.state_width(), mixer.heads};
    Array<T, 3> x(shape), y(shape), zero(shape), mx(shape), my(shape), offset(shape);
    Random(60).fill_normal(x.span());
    Random(61).fill_normal(y.span());
    nn::scan_map_apply<T>(maps[0].view(), x.view(), mx.view());
    nn::scan_map_apply<T>(maps[0].view(), zero.view(), offset.view());
    nn::scan_map_apply_adjoint<T>(maps[0].view(), y.view(), zero.view(), my.view());
    double left = 0, right = 0, size = 0;
    for (Index i = 0; i < x.size(); ++i) {
      left += static_cast<double>((mx.data()[i] - offset.data()[i]) * y.data()[i]);
      right += static_cast<double>(x.data()[i] * my.data()[i]);
      size += std::abs(static_cast<double>(x.data()[i] * my.data()[i]));
    }
    return std::abs(left - right) / size;
  });
}

}  // namespace

void add_scan_composition_checks(Registry& registry) {
  for (const auto& [name, mixer] : kMixers) {
    add_composition_checks<float>(registry, name, mixer);
    add_composition_checks<double>(registry, name, mixer);
  }
}

}  // namespace lior::check
