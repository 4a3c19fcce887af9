// SPDX-License-Identifier: Apache-2.0
#include "field/stepper.h"

namespace lior::field {
namespace {

bool asks_to_end(const Stop& stop) { return stop && stop(); }

/// Sources that stay for a while ride in the splitting's own sweeps; others kick before and after
/// each step.
template <class T>
class SplittingStepper final : public Stepper<T> {
 public:
  using typename Stepper<T>::FieldArray;

  SplittingStepper(const Hamiltonian<T>& h, const Settings& s, const Inputs<T>& inputs)
      : splitting_(h, s.dt, s.scheme == Scheme::strang ? 2 : 4, s.symbol, s.time, s.nonlinearity,
                   inputs.absorption, inputs.potential),
        relaxes_(relaxes(s)),
        continuous_(s.symbol == Symbol::continuous) {}

  void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
           const Stop& stop) override {
    const Index end = step + steps;
    const bool kicks =
        relaxes_ || (driving != nullptr && (driving->has_memory() || driving->follows_time()));
    while (step < end) {
      Index wanted = end - step, made = 1;
      if (driving != nullptr) driving->begin_step(t, step);
      if (kicks) {
        wanted = 1;
        driving->kick(t, step, false);
        splitting_.run(t.view(), 1, {}, {}, step);
        driving->kick(t, step, true);
        driving->end_step(t);
      } else if (driving != nullptr) {
        wanted = driving->steps_that_stay(step, wanted);
        made = splitting_.run(t.view(), wanted, driving->constant(), stop, step);
      } else {
        made = splitting_.run(t.view(), wanted, {}, stop, step);
      }
      step += made;
      if (made < wanted || (step < end && asks_to_end(stop))) return;
    }
  }

  void apply(const Hamiltonian<T>& h, ConstField<T> in, Field<T> out) override {
    continuous_ ? splitting_.apply(in, out) : h.apply(in, out);
  }

 private:
  Splitting<T> splitting_;
  bool relaxes_, continuous_;
};

template <class T>
class CrankNicolsonStepper final : public Stepper<T> {
 public:
  using typename Stepper<T>::FieldArray;

  CrankNicolsonStepper(const Hamiltonian<T>& h, const Settings& s, const Inputs<T>& inputs)
      : crank_nicolson_(h, s.dt, inputs.potential), dt_(s.dt) {}

  void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
           const Stop& stop) override {
    const Index end = step + steps;
    if (driving != nullptr && source_.size() == 0) source_ = FieldArray(t.shape());
    while (step < end) {
      const double middle = (static_cast<double>(step) + 0.5) * dt_;
      if (driving == nullptr) {
        crank_nicolson_.step(t.view(), {}, middle);
      } else {
        driving->begin_step(t, step);
        driving->extrapolate(step, 0.5, source_.view());
        crank_nicolson_.step(t.view(), source_.view(), middle);
        driving->end_step(t);
      }
      ++step;
      if (asks_to_end(stop)) return;
    }
  }

 private:
  CrankNicolson<T> crank_nicolson_;
  double dt_;
  FieldArray source_;
};

/// Runge-Kutta where a potential or a current follows the time, and in three dimensions.
template <class T>
class RungeKuttaInTimeStepper final : public Stepper<T> {
 public:
  using typename Stepper<T>::FieldArray;

  RungeKuttaInTimeStepper(const Hamiltonian<T>& h, const Settings& s, const Inputs<T>& inputs)
      : runge_kutta_(h, s.dt, inputs.potential), dt_(s.dt) {}

  void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
           const Stop& stop) override {
    const Index end = step + steps;
    typename RungeKuttaInTime<T>::Source source;
    if (driving != nullptr) {
      source = [&](double share, Field<T> s) { driving->extrapolate(step, share, s); };
    }
    while (step < end) {
      if (driving != nullptr) driving->begin_step(t, step);
      runge_kutta_.step(t.view(), static_cast<double>(step) * dt_, source);
      if (driving != nullptr) driving->end_step(t);
      ++step;
      if (asks_to_end(stop)) return;
    }
  }

 private:
  RungeKuttaInTime<T> runge_kutta_;
  double dt_;
};

/// As many steps at once as the sources stay for. Those of a T_prev renewed at every step are the
/// sweep's own.
template <class T>
class RungeKuttaStepper final : public Stepper<T> {
 public:
  using typename Stepper<T>::FieldArray;

  RungeKuttaStepper(const Hamiltonian<T>& h, const Settings& s)
      : settings_(s), runge_kutta_(h, s.dt) {}

  void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
           const Stop& stop) override {
    const Index end = step + steps;
    constexpr Index kMostBetweenStops = 8;  // the bits do not depend on it
    while (step < end) {
      Index now = stop ? std::min(end - step, kMostBetweenStops) : end - step;
      if (driving == nullptr) {
        runge_kutta_.run(t, now);
      } else {
        now = run_driven(t, step, now, *driving);
      }
      step += now;
      if (asks_to_end(stop)) return;
    }
  }

  void field_changed() override { carried_ = false; }

 private:
  Index run_driven(FieldArray& t, Index step, Index steps, Driving<T>& driving) {
    Sources<T> sources;
    const bool memory = driving.has_memory();
    if (settings_.lambda_qr != 0 && settings_.update_every == 1 && !memory) {
      sources = {.constant = driving.current(),
                 .evidence = driving.evidence(),
                 .lambda = settings_.lambda_qr,
                 .tau = settings_.tau,
                 .carried = std::exchange(carried_, true)};
    } else {
      driving.begin_step(t, step);
      sources.constant = driving.constant();
      steps = memory ? 1 : driving.steps_that_stay(step, steps);
    }
    if (memory) {
      sources.term = driving.term();
      sources.term_before = driving.term_before(step);
      sources.lambda_f = settings_.lambda_f;
    }
    runge_kutta_.run(t, steps, sources);
    driving.end_step(t);
    return steps;
  }

  Settings settings_;
  RungeKutta<T> runge_kutta_;
  bool carried_ = false;  ///< the integrator knows the normaliser of T
};

template <class T>
class ChebyshevStepper final : public Stepper<T> {
 public:
  using typename Stepper<T>::FieldArray;

  ChebyshevStepper(const Hamiltonian<T>& h, const Settings& s)
      : chebyshev_(h, s.dt), before_(h.grid().shape()) {}

  void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
           const Stop& stop) override {
    const Index end = step + steps;
    while (step < end) {
      if (driving != nullptr) driving->begin_step(t, step);
      if (stop) std::copy(t.span().begin(), t.span().end(), before_.data());
      if (driving != nullptr) driving->kick(t, step, false);
      if (!chebyshev_.step(t.view(), stop)) {
        std::swap(t, before_);
        return;
      }
      if (driving != nullptr) {
        driving->kick(t, step, true);
        driving->end_step(t);
      }
      ++step;
      if (asks_to_end(stop)) return;
    }
  }

 private:
  Chebyshev<T> chebyshev_;
  FieldArray before_;  ///< the field at the start of a step that may be ended within
};

}  // namespace

template <class T>
std::unique_ptr<Stepper<T>> make_stepper(const Hamiltonian<T>& h, const Settings& settings,
                                         const Inputs<T>& inputs) {
  const bool by_stages = inputs.potential != nullptr || inputs.current_in_time != nullptr ||
                         h.grid().axis_count() == 3 || h.is_oblique();
  switch (settings.scheme) {
    case Scheme::strang:
    case Scheme::yoshida4: return std::make_unique<SplittingStepper<T>>(h, settings, inputs);
    case Scheme::crank_nicolson:
      return std::make_unique<CrankNicolsonStepper<T>>(h, settings, inputs);
    case Scheme::rk4:
      if (by_stages) return std::make_unique<RungeKuttaInTimeStepper<T>>(h, settings, inputs);
      return std::make_unique<RungeKuttaStepper<T>>(h, settings);
    case Scheme::chebyshev: return std::make_unique<ChebyshevStepper<T>>(h, settings);
  }
  return nullptr;
}

#define LIOR_INSTANTIATE(T)                                                                 \
  template std::unique_ptr<Stepper<T>> make_stepper(const Hamiltonian<T>&, const Settings&, \
                                                    const Inputs<T>&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::field
