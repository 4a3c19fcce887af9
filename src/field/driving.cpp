// SPDX-License-Identifier: Apache-2.0
#include "lior/field/driving.h"

#include "field/field_array.h"
#include "lior/field/bayes.h"

namespace lior::field {

memory::PowerLawRule memory_rule(const Settings& settings) {
  return memory::PowerLawRule(settings.tolerance, static_cast<double>(settings.horizon),
                              1 - settings.alpha, 1 - settings.alpha);
}

template <class T>
Driving<T>::Driving(const Grid& grid, double hbar, const Settings& settings,
                    const FieldArray& start, const Inputs<T>& inputs)
    : settings_(settings),
      hbar_(hbar),
      evidence_(copy_of<T>(inputs.evidence, grid, "the evidence")),
      current_(copy_of<T>(inputs.current, grid, "the current")),
      source_(grid.shape()),
      bayes_(grid.shape()),
      current_in_time_(inputs.current_in_time),
      grid_(grid),
      row_sums_(3 * grid.all_nx()) {
  if (current_in_time_) now_ = FieldArray(grid.shape());
  if (settings_.lambda_f != 0) {
    const memory::PowerLawRule rule = memory_rule(settings_);
    pole_error_ = rule.error();
    memory_ = std::make_unique<memory::FractionalIntegral<T>>(settings_.alpha, settings_.dt, rule,
                                                              2 * grid.numbers());
    memory_->start(reals(start));
    term_ = FieldArray(grid.shape());
    term_before_ = FieldArray(grid.shape());
  }
  update_constant(start);
}

/// source_ = lambda_qr (B(T) - T) + J.
template <class T>
void Driving<T>::update_constant(const FieldArray& field) {
  const bool constant = settings_.lambda_qr != 0 && settings_.mode == BayesMode::source;
  if (constant) {
    posterior<T>(field.view(), evidence_.view(), settings_.tau, bayes_.view(),
                 {row_sums_.span(), grid_});
  }
  const T lambda = static_cast<T>(constant ? settings_.lambda_qr : 0);
  const Number *t = field.data(), *b = bayes_.data(), *j = current_.data();
  Number* s = source_.data();
  for_numbers(field.size(), [=](Index k) { s[k] = lambda * (b[k] - t[k]) + j[k]; });
}

template <class T>
void Driving<T>::begin_step(const FieldArray& t, Index step) {
  const Index every = settings_.update_every;
  if (every > 0 && step > 0 && step % every == 0) update_constant(t);
  if (memory_ && step >= settings_.horizon) {
    throw RunError(
        fmt::format("the memory holds for {} steps, and step {} was reached; expected a larger "
                    "horizon (memory.horizon), which takes a few more poles",
                    settings_.horizon, step));
  }
}

template <class T>
Index Driving<T>::steps_that_stay(Index step, Index steps) const {
  const Index every = settings_.update_every;
  return every > 0 ? std::min(steps, every - step % every) : steps;
}

/// The numbers of constant() + J(time).
template <class T>
const std::complex<T>* Driving<T>::constant_at(double time) {
  if (!current_in_time_) return source_.data();
  const Index nx = now_.shape()[0], row = now_.size() / nx;
  together(grid_.share, [&] {
    parallel_for(nx, 1 + 16384 / row, [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) {
        Number* const j = now_.data() + i * row;
        current_in_time_(time, i, {j, static_cast<std::size_t>(row)});
        for (Index k = 0; k < row; ++k) j[k] += source_.data()[i * row + k];
      }
    });
  });
  return now_.data();
}

template <class T>
void Driving<T>::kick(FieldArray& field, Index step, bool at_end) {
  const bool relax = relaxes(settings_);
  if (relax) {
    posterior<T>(field.view(), evidence_.view(), settings_.tau, bayes_.view(),
                 {row_sums_.span(), grid_});
  }
  const T half = static_cast<T>(settings_.dt / (2 * hbar_));
  const T lambda = static_cast<T>(relax ? settings_.lambda_qr : 0);
  const T lambda_f = static_cast<T>(memory_ ? settings_.lambda_f : 0);
  const T newest = static_cast<T>(memory_ && at_end ? memory_->weight() : 0);
  const Number* integral = source_.data();  // read and multiplied by 0 where there is no memory
  if (memory_) {
    integral = at_end ? reinterpret_cast<const Number*>(memory_->tail().data()) : term_.data();
  }
  const double time = static_cast<double>(at_end ? step + 1 : step) * settings_.dt;
  const Number *s = constant_at(time), *b = bayes_.data();
  Number* t = field.data();
  for_numbers(field.size(), [=](Index k) {
    const Number total = s[k] - lambda_f * (integral[k] + newest * t[k]);
    // -i S, with S gaining i lambda (B - T) where the field relaxes.
    t[k] += half * (Number(total.imag(), -total.real()) + lambda * (b[k] - t[k]));
  });
}

template <class T>
void Driving<T>::end_step(const FieldArray& field) {
  if (!memory_) return;
  std::swap(term_, term_before_);
  const T newest = static_cast<T>(memory_->weight());
  const Number* tail = reinterpret_cast<const Number*>(memory_->tail().data());
  const Number* t = field.data();
  Number* term = term_.data();
  for_numbers(field.size(), [=](Index k) { term[k] = tail[k] + newest * t[k]; });
  memory_->accept(reals(field));
}

template <class T>
void Driving<T>::extrapolate(Index step, double share, Field<T> out) {
  const Number* s = constant_at((static_cast<double>(step) + share) * settings_.dt);
  Number* to = out.data();
  if (!memory_) {
    std::copy_n(s, out.size(), to);
    return;
  }
  const T lambda_f = static_cast<T>(settings_.lambda_f);
  const Number *m = term_.data(), *m_before = term_before(step).data();
  const T ahead = static_cast<T>(share);
  for_numbers(out.size(), [=](Index k) {
    const Number now = s[k] - lambda_f * m[k], before = s[k] - lambda_f * m_before[k];
    to[k] = now + ahead * (now - before);
  });
}

template class Driving<float>;
template class Driving<double>;

}  // namespace lior::field
