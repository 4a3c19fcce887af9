// SPDX-License-Identifier: Apache-2.0
#include "lior/field/evolution.h"

#include <cmath>
#include <limits>

#include "field/field_array.h"
#include "field/scaled_inner.h"
#include "field/stepper.h"
#include "lior/field/diagnostics.h"

namespace lior::field {
namespace {

/// Refuses what a scheme cannot do before anything is made for it.
template <class T>
void check_abilities(const Settings& s, bool varies, const Inputs<T>& inputs) {
  const bool sources = has_sources(s, inputs.driven()), absorbs = !inputs.absorption.empty();
  const bool moves = inputs.potential != nullptr;
  const SchemeTraits able = traits(s.scheme);
  const auto check = [&](bool ok, const char* what, auto&& which) {
    LIOR_CHECK(ok, "{} cannot run with {}; expected one of: {}", name(s.scheme), what,
               schemes_where(which));
  };
  check(!sources || able.sources, "sources (lambda_qr, lambda_f, a current)",
        [](const SchemeTraits& t) { return t.sources; });
  check(!relaxes(s) || able.relaxes, "Bayes mode relax",
        [](const SchemeTraits& t) { return t.relaxes; });
  check(!varies || able.varying_metric, "a metric that varies in space",
        [](const SchemeTraits& t) { return t.varying_metric; });
  check(s.symbol == Symbol::discrete || able.continuous_symbol, "symbol continuous",
        [](const SchemeTraits& t) { return t.continuous_symbol; });
  const auto has_local_terms = [](const SchemeTraits& t) { return t.local_terms; };
  check(s.nonlinearity == 0 || able.local_terms, "a nonlinearity", has_local_terms);
  check(!absorbs || able.local_terms, "an absorbing potential", has_local_terms);
  check(!moves || able.moving_potential, "a potential that follows the time",
        [](const SchemeTraits& t) { return t.moving_potential; });
  LIOR_CHECK(s.time == Time::real || !moves,
             "imaginary time runs without a potential that follows the time only");
  LIOR_CHECK(s.time == Time::real || !absorbs, "imaginary time runs without absorption only");
  check(s.time == Time::real || able.imaginary_time, "imaginary time",
        [](const SchemeTraits& t) { return t.imaginary_time; });
  LIOR_CHECK(s.time == Time::real || !sources, "imaginary time runs without sources only");
}

void check_numbers(const Settings& s) {
  LIOR_CHECK(std::isfinite(s.dt) && s.dt != 0, "the time step is {}; expected a finite number != 0",
             s.dt);
  LIOR_CHECK(std::isfinite(s.lambda_qr) && std::isfinite(s.lambda_f),
             "lambda_qr = {}, lambda_f = {}; expected finite numbers", s.lambda_qr, s.lambda_f);
  LIOR_CHECK(std::isfinite(s.nonlinearity), "nonlinearity is {}; expected a finite number",
             s.nonlinearity);
  LIOR_CHECK(s.update_every >= 0, "update_every is {}; expected >= 0", s.update_every);
  LIOR_CHECK(s.lambda_qr == 0 || (s.tau > 0 && std::isfinite(s.tau)),
             "tau is {}; expected a finite number > 0", s.tau);
  LIOR_CHECK(s.lambda_f == 0 || (s.alpha > 0 && s.alpha < 1), "alpha is {}; expected (0, 1)",
             s.alpha);
  LIOR_CHECK(s.lambda_f == 0 || 1 - s.alpha < 1,
             "alpha is {}, and 1 - alpha is 1 in double; expected at least 1.2e-16", s.alpha);
}

/// Where a step turns the fastest wave so far that rounding of the angle leaves no phase, there is
/// no result, whatever the scheme.
template <class T>
void check_phase(const Hamiltonian<T>& h, const Settings& s) {
  if (s.time == Time::imaginary) return;
  constexpr double kMostRadians = 1e10;  // known to 2e-6
  const double turns = std::max(std::abs(h.highest()), std::abs(h.lowest())) / h.physics().hbar;
  LIOR_CHECK(
      std::abs(s.dt) * turns <= kMostRadians,
      "a step of dt = {} turns the phase of the fastest wave by {:.3g} radians, and rounding "
      "leaves nothing of it; the largest dt that works is {:.6g}",
      s.dt, std::abs(s.dt) * turns, kMostRadians / turns);
}

}  // namespace

template <class T>
Index state_bytes(const Grid& grid, const Settings& s, bool driven) {
  grid.check();
  const Index field = grid.numbers() * static_cast<Index>(sizeof(std::complex<T>));
  Index bytes = has_sources(s, driven) ? 2 * field : field;
  if (s.lambda_f != 0) {
    const Index poles = memory_rule(s).poles();
    bytes += 4 * field + poles * 2 * grid.numbers() * static_cast<Index>(sizeof(double));
  }
  return bytes;
}

template <class T>
Index planned_bytes(const Grid& grid, const Settings& s, const Load& load) {
  check_numbers(s);
  const Index field = grid.numbers() * static_cast<Index>(sizeof(std::complex<T>));
  const bool in_time = load.potential_in_time || load.current_in_time;
  const bool by_stages = in_time || grid.axis_count() == 3 || load.oblique;
  const Index stages = s.scheme == Scheme::rk4 && by_stages ? 2 : 0;
  const Index beside = traits(s.scheme).fields + (has_sources(s, load.driven) ? 3 : 0) + stages +
                       (load.current_in_time ? 1 : 0);
  // What a splitting lends to other ranks, and copies of what those of other hosts lend.
  const Index transposed = grid.share != nullptr && traits(s.scheme).fields == 0 ? 2 * field : 0;
  // V, sqrt g, the stencil, and a splitting's phases.
  const Index density = s.time == Time::imaginary && s.nonlinearity != 0 ? field / 2 : 0;
  const auto sides = std::ssize(Hamiltonian<T>::neighbours(grid.axis_count(), load.oblique));
  const Index stencil = load.varies || grid.has_walls() ? 1 + sides : 1;
  const Index cell = 2 + stencil + (load.potential_in_time ? 1 : 0),
              phases = traits(s.scheme).fields == 0 ? 24 : 0;
  return state_bytes<T>(grid, s, load.driven) + beside * field + transposed + density +
         (cell + phases) * grid.cells() * static_cast<Index>(sizeof(double));
}

double convergence_order(const Settings& s, bool driven) {
  if (relaxes(s)) return 1;
  if (s.lambda_f != 0) return std::min(1 + s.alpha, 2.0);
  if (s.scheme == Scheme::yoshida4 || s.scheme == Scheme::rk4) return 4;
  const bool exact = s.scheme == Scheme::chebyshev && s.lambda_qr == 0 && !driven;
  return exact ? std::numeric_limits<double>::infinity() : 2;
}

template <class T>
Evolution<T>::Evolution(const Hamiltonian<T>& h, const Settings& settings, ConstField<T> start,
                        const Inputs<T>& inputs)
    : h_(&h),
      settings_(settings),
      potential_(inputs.potential),
      t_(copy_of<T>(start, h.grid(), "the field at the start")) {
  check_numbers(settings);
  check_abilities(settings, h.varies(), inputs);
  check_phase(h, settings);
  stepper_ = make_stepper<T>(h, settings, inputs);
  if (!has_sources(settings, inputs.driven())) return;
  driving_ = std::make_unique<Driving<T>>(h.grid(), h.physics().hbar, settings, t_, inputs);
}

template <class T>
Evolution<T>::~Evolution() = default;
template <class T>
Evolution<T>::Evolution(Evolution&&) noexcept = default;
template <class T>
Evolution<T>& Evolution<T>::operator=(Evolution&&) noexcept = default;

template <class T>
void Evolution<T>::run(Index steps, const Stop& stop) {
  stepper_->run(t_, step_, steps, driving_.get(), stop);
}

template <class T>
void Evolution<T>::resume_at(Index step) {
  step_ = step;
  stepper_->field_changed();
  if (driving_) driving_->resume_at(step);
}

template <class T>
double Evolution<T>::energy(ConstField<T> t, double time, Field<T> work, RowSums row_sums) const {
  double own = settings_.nonlinearity / 2;
  for (const Axis& axis : h_->grid().axes()) own *= axis.measure();
  if (own != 0) own *= fourth_powers<T>(t, row_sums);
  stepper_->apply(*h_, t, work);
  HamiltonianInTime<T> moving(*h_, potential_);
  moving.move_to(time);
  moving.add(t, work);
  return h_->grid().measure() * mean_of<T>(t, work, h_->weight(), row_sums) + own;
}

#define LIOR_INSTANTIATE(T)                                                   \
  template Index planned_bytes<T>(const Grid&, const Settings&, const Load&); \
  template Index state_bytes<T>(const Grid&, const Settings&, bool)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE
template class Evolution<float>;
template class Evolution<double>;

}  // namespace lior::field
