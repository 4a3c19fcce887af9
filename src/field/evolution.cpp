// SPDX-License-Identifier: Apache-2.0
#include "lior/field/evolution.h"

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "lior/field/bayes.h"
#include "lior/field/diagnostics.h"

namespace lior::field {
namespace {

constexpr Index kGrain = 16384;

template <class Body>
void for_numbers(Index count, const Body& body) {
  parallel_for(count, kGrain, [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) body(k);
  });
}

template <class T>
Array<std::complex<T>, 4> copy_of(ConstField<T> from, const Grid& grid, const char* name) {
  Array<std::complex<T>, 4> copy(grid.shape());
  if (from.empty()) return copy;
  check_shape(from, grid.shape(), name);
  std::copy(from.begin(), from.end(), copy.data());
  return copy;
}

/// A memory's poles, as the evolution makes them.
memory::PowerLawRule memory_rule(const Settings& settings) {
  return memory::PowerLawRule(settings.tolerance, static_cast<double>(settings.horizon),
                              1 - settings.alpha, 1 - settings.alpha);
}

bool has_sources(const Settings& s, bool driven) {
  return s.lambda_qr != 0 || s.lambda_f != 0 || driven;
}

/// Refuses what a scheme cannot do before anything is made for it.
void check_abilities(const Settings& s, bool sources, bool varies, bool absorbs) {
  const SchemeTraits able = traits(s.scheme);
  const bool relaxes = s.lambda_qr != 0 && s.mode == BayesMode::relax;
  const auto check = [&](bool ok, const char* what, auto&& which) {
    LIOR_CHECK(ok, "{} cannot run with {}; expected one of: {}", name(s.scheme), what,
               schemes_where(which));
  };
  check(!sources || able.sources, "sources (lambda_qr, lambda_f, a current)",
        [](const SchemeTraits& t) { return t.sources; });
  check(!relaxes || able.relaxes, "Bayes mode relax",
        [](const SchemeTraits& t) { return t.relaxes; });
  check(!varies || able.varying_metric, "a metric that varies in space",
        [](const SchemeTraits& t) { return t.varying_metric; });
  check(s.symbol == Symbol::discrete || able.continuous_symbol, "symbol continuous",
        [](const SchemeTraits& t) { return t.continuous_symbol; });
  const auto has_local_terms = [](const SchemeTraits& t) { return t.local_terms; };
  check(s.nonlinearity == 0 || able.local_terms, "a nonlinearity", has_local_terms);
  check(!absorbs || able.local_terms, "an absorbing potential", has_local_terms);
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
Index planned_bytes(const Grid& grid, const Settings& s, bool varies, bool driven) {
  const Index field = grid.numbers() * static_cast<Index>(sizeof(std::complex<T>));
  const Index beside = traits(s.scheme).fields + (has_sources(s, driven) ? 3 : 0);
  // V, sqrt g, the stencil, and a splitting's phases.
  const Index density = s.time == Time::imaginary && s.nonlinearity != 0 ? field / 2 : 0;
  const Index cell = varies ? 7 : 3, phases = traits(s.scheme).fields == 0 ? 24 : 0;
  return state_bytes<T>(grid, s, driven) + beside * field + density +
         (cell + phases) * grid.cells() * static_cast<Index>(sizeof(double));
}

double convergence_order(const Settings& s, bool driven) {
  if (s.lambda_qr != 0 && s.mode == BayesMode::relax) return 1;
  if (s.lambda_f != 0) return std::min(1 + s.alpha, 2.0);
  if (s.scheme == Scheme::yoshida4 || s.scheme == Scheme::rk4) return 4;
  const bool exact = s.scheme == Scheme::chebyshev && s.lambda_qr == 0 && !driven;
  return exact ? std::numeric_limits<double>::infinity() : 2;
}

template <class T>
Evolution<T>::Evolution(const Hamiltonian<T>& h, const Settings& settings, ConstField<T> start,
                        ConstField<T> evidence, ConstField<T> current,
                        View<const double, 2> absorption)
    : h_(&h),
      settings_(settings),
      driven_(!current.empty()),
      t_(copy_of<T>(start, h.grid(), "the field at the start")),
      row_sums_(3 * h.grid().nx) {
  const Settings& s = settings;
  const Grid& grid = h.grid();
  sources_ = has_sources(s, driven_);
  check_numbers(s);
  check_abilities(s, sources_, h.varies(), !absorption.empty());
  check_phase(h, s);

  switch (s.scheme) {
    case Scheme::strang:
    case Scheme::yoshida4:
      integrator_ = std::make_unique<Splitting<T>>(h, s.dt, s.scheme == Scheme::strang ? 2 : 4,
                                                   s.symbol, s.time, s.nonlinearity, absorption);
      break;
    case Scheme::crank_nicolson: integrator_ = std::make_unique<CrankNicolson<T>>(h, s.dt); break;
    case Scheme::rk4: integrator_ = std::make_unique<RungeKutta<T>>(h, s.dt); break;
    case Scheme::chebyshev:
      integrator_ = std::make_unique<Chebyshev<T>>(h, s.dt);
      before_step_ = FieldArray(grid.shape());
      break;
  }
  if (!sources_) return;

  evidence_ = copy_of<T>(evidence, grid, "the evidence");
  current_ = copy_of<T>(current, grid, "the current");
  source_ = FieldArray(grid.shape());
  bayes_ = FieldArray(grid.shape());
  if (s.scheme == Scheme::crank_nicolson) {
    total_ = FieldArray(grid.shape());
    total_before_ = FieldArray(grid.shape());
  }
  if (s.lambda_f != 0) {
    const memory::PowerLawRule rule = memory_rule(s);
    pole_error_ = rule.error();
    memory_ =
        std::make_unique<memory::FractionalIntegral<T>>(s.alpha, s.dt, rule, 2 * grid.numbers());
    memory_->start(reals(t_));
    term_ = FieldArray(grid.shape());
    term_before_ = FieldArray(grid.shape());
  }
  update_source();
}

/// source_ = lambda_qr (B(T) - T) + J, from the field as it is.
template <class T>
void Evolution<T>::update_source() {
  const bool constant = settings_.lambda_qr != 0 && settings_.mode == BayesMode::source;
  if (constant) {
    posterior<T>(t_.view(), evidence_.view(), settings_.tau, bayes_.view(), row_sums_.span());
  }
  const T lambda = static_cast<T>(constant ? settings_.lambda_qr : 0);
  const Number *t = t_.data(), *b = bayes_.data(), *j = current_.data();
  Number* s = source_.data();
  for_numbers(t_.size(), [=](Index k) { s[k] = lambda * (b[k] - t[k]) + j[k]; });
}

/// T <- T - (i dt / 2 hbar) S(T); at the end of a step the memory's newest sample is T itself.
template <class T>
void Evolution<T>::kick(bool at_end) {
  const bool relaxes = settings_.lambda_qr != 0 && settings_.mode == BayesMode::relax;
  if (relaxes) {
    posterior<T>(t_.view(), evidence_.view(), settings_.tau, bayes_.view(), row_sums_.span());
  }
  const T step = static_cast<T>(settings_.dt / (2 * h_->physics().hbar));
  const T lambda = static_cast<T>(relaxes ? settings_.lambda_qr : 0);
  const T lambda_f = static_cast<T>(memory_ ? settings_.lambda_f : 0);
  const T newest = static_cast<T>(memory_ && at_end ? memory_->weight() : 0);
  const Number* integral = source_.data();  // read and multiplied by 0 where there is no memory
  if (memory_) {
    integral = at_end ? reinterpret_cast<const Number*>(memory_->tail().data()) : term_.data();
  }
  const Number *s = source_.data(), *b = bayes_.data();
  Number* t = t_.data();
  for_numbers(t_.size(), [=](Index k) {
    const Number total = s[k] - lambda_f * (integral[k] + newest * t[k]);
    // -i S, with S gaining i lambda (B - T) where the field relaxes.
    t[k] += step * (Number(total.imag(), -total.real()) + lambda * (b[k] - t[k]));
  });
}

/// The memory's term at the step just made, then its history moves on.
template <class T>
void Evolution<T>::accept() {
  if (!memory_) return;
  std::swap(term_, term_before_);
  const T newest = static_cast<T>(memory_->weight());
  const Number* tail = reinterpret_cast<const Number*>(memory_->tail().data());
  const Number* t = t_.data();
  Number* term = term_.data();
  for_numbers(t_.size(), [=](Index k) { term[k] = tail[k] + newest * t[k]; });
  memory_->accept(reals(t_));
}

template <class T>
void Evolution<T>::check_horizon() const {
  if (memory_ && step_ >= settings_.horizon) {
    throw RunError(
        fmt::format("the memory holds for {} steps, and step {} was reached; expected a larger "
                    "horizon (memory.horizon), which takes a few more poles",
                    settings_.horizon, step_));
  }
}

/// T_prev <- T where it is due.
template <class T>
void Evolution<T>::renew_source() {
  if (settings_.update_every > 0 && step_ > 0 && step_ % settings_.update_every == 0) {
    update_source();
  }
}

template <class T>
void Evolution<T>::step_with_sources() {
  renew_source();
  check_horizon();
  const auto total = [&](const FieldArray& term, FieldArray& out) {
    const T lambda_f = static_cast<T>(settings_.lambda_f);
    const Number *s = source_.data(), *m = term.data();
    Number* to = out.data();
    for_numbers(out.size(), [=](Index k) { to[k] = m ? s[k] - lambda_f * m[k] : s[k]; });
  };
  if (auto* splitting = std::get_if<std::unique_ptr<Splitting<T>>>(&integrator_)) {
    kick(false);
    (*splitting)->run(t_.view(), 1);
    kick(true);
  } else {
    // Before the second step there is nothing to extrapolate from.
    total(term_, total_);
    total(step_ == 0 ? term_ : term_before_, total_before_);
    const Number* before = total_before_.data();
    Number* now = total_.data();
    for_numbers(t_.size(), [=](Index k) { now[k] += T(0.5) * (now[k] - before[k]); });
    std::get<std::unique_ptr<CrankNicolson<T>>>(integrator_)->step(t_.view(), total_.view());
  }
  accept();
}

/// False where it was stopped; the field is then as before.
template <class T>
bool Evolution<T>::step_chebyshev(Chebyshev<T>& integrator, const Stop& stop) {
  if (sources_) {
    renew_source();
    check_horizon();
  }
  if (stop) std::copy(t_.span().begin(), t_.span().end(), before_step_.data());
  if (sources_) kick(false);
  if (!integrator.step(t_.view(), stop)) {
    std::swap(t_, before_step_);
    return false;
  }
  if (!sources_) return true;
  kick(true);
  accept();
  return true;
}

/// As many steps at once as the sources stay for. Those of a T_prev renewed at every step are the
/// sweep's own.
template <class T>
void Evolution<T>::run_explicit(RungeKutta<T>& integrator, Index steps, const Stop& stop) {
  constexpr Index kMostBetweenStops = 8;  // the bits do not depend on it
  const Index every = settings_.update_every;
  const bool in_sweep = settings_.lambda_qr != 0 && every == 1 && !memory_;
  while (steps > 0) {
    Index now = stop ? std::min(steps, kMostBetweenStops) : steps;
    Sources<T> sources;
    if (in_sweep) {
      sources = {.evidence = evidence_.view(),
                 .lambda = settings_.lambda_qr,
                 .tau = settings_.tau,
                 .carried = carried_};
      carried_ = true;
      if (driven_) sources.constant = current_.view();
    } else if (sources_) {
      renew_source();
      sources.constant = source_.view();
      if (every > 0) now = std::min(now, every - step_ % every);
    }
    if (memory_) {
      check_horizon();
      now = 1;
      sources.term = term_.view();
      sources.term_before = step_ == 0 ? term_.view() : term_before_.view();
      sources.lambda_f = settings_.lambda_f;
    }
    integrator.run(t_, now, sources);
    accept();
    step_ += now;
    steps -= now;
    if (stop && stop()) return;
  }
}

/// The same for a splitting whose sources ride in its own sweeps: constant ones.
template <class T>
void Evolution<T>::run_splitting(Splitting<T>& integrator, Index steps, const Stop& stop) {
  const Index every = settings_.update_every;
  while (steps > 0) {
    Index now = steps;
    if (sources_) {
      renew_source();
      if (every > 0) now = std::min(now, every - step_ % every);
    }
    const Index made =
        integrator.run(t_.view(), now, sources_ ? source_.view() : ConstField<T>{}, stop);
    step_ += made;
    steps -= made;
    if (made < now || (stop && steps > 0 && stop())) return;
  }
}

template <class T>
void Evolution<T>::run(Index steps, const Stop& stop) {
  if (auto* runge_kutta = std::get_if<std::unique_ptr<RungeKutta<T>>>(&integrator_)) {
    return run_explicit(**runge_kutta, steps, stop);
  }
  if (auto* splitting = std::get_if<std::unique_ptr<Splitting<T>>>(&integrator_)) {
    const bool relaxes = settings_.lambda_qr != 0 && settings_.mode == BayesMode::relax;
    if (!relaxes && !memory_) return run_splitting(**splitting, steps, stop);
  }
  for (Index n = 0; n < steps; ++n) {
    if (auto* chebyshev = std::get_if<std::unique_ptr<Chebyshev<T>>>(&integrator_)) {
      if (!step_chebyshev(**chebyshev, stop)) return;
    } else if (sources_) {
      step_with_sources();
    } else {
      std::get<std::unique_ptr<CrankNicolson<T>>>(integrator_)->step(t_.view());
    }
    ++step_;
    if (stop && stop()) return;
  }
}

template <class T>
double Evolution<T>::energy(ConstField<T> t, Field<T> work, std::span<double> row_sums) const {
  const double dx = h_->grid().dx, g = settings_.nonlinearity;
  const double own = g == 0 ? 0 : g / 2 * dx * dx * fourth_powers<T>(t, row_sums);
  if (settings_.symbol == Symbol::discrete) return field::energy<T>(*h_, t, work, row_sums) + own;
  std::get<std::unique_ptr<Splitting<T>>>(integrator_)->apply(t, work);
  return dx * dx * inner<T>(t, work, h_->weight(), row_sums).real() + own;
}

#define LIOR_INSTANTIATE(T)                                                  \
  template Index planned_bytes<T>(const Grid&, const Settings&, bool, bool); \
  template Index state_bytes<T>(const Grid&, const Settings&, bool)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE
template class Evolution<float>;
template class Evolution<double>;

}  // namespace lior::field
