// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/lior_kernel.h"

#include <cmath>
#include <numbers>

namespace lior::memory {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

template <class T>
KernelValues values_of(View<const T, 1> raw) {
  check_shape(raw, {kKernelParameters}, "raw");
  std::array<double, kKernelParameters> copy;
  std::copy(raw.begin(), raw.end(), copy.begin());
  return values(KernelParameters::from(copy));
}

}  // namespace

KernelValues values(const KernelParameters& raw) {
  KernelValues k{.a = std::exp(raw.log_a),
                 .beta = std::exp(raw.log_beta),
                 .gamma = std::exp(raw.log_gamma),
                 .delta = sigmoid(raw.delta_logit),
                 .xi = std::exp(raw.log_xi),
                 .eta = std::exp(raw.log_eta),
                 .omega = raw.omega,
                 .phi = raw.phi,
                 .zeta = std::exp(raw.log_zeta),
                 .w = {}};
  const double largest = std::max({raw.logits[0], raw.logits[1], raw.logits[2]});
  double sum = 0;
  for (int i = 0; i < 3; ++i) sum += k.w[i] = std::exp(raw.logits[i] - largest);
  for (double& w : k.w) w /= sum;
  return k;
}

KernelParameters raw_gradient(const KernelValues& at, const KernelValues& gradient) {
  KernelParameters raw{.log_a = gradient.a * at.a,
                       .log_beta = gradient.beta * at.beta,
                       .log_gamma = gradient.gamma * at.gamma,
                       .delta_logit = gradient.delta * at.delta * (1 - at.delta),
                       .log_xi = gradient.xi * at.xi,
                       .log_eta = gradient.eta * at.eta,
                       .omega = gradient.omega,
                       .phi = gradient.phi,
                       .log_zeta = gradient.zeta * at.zeta,
                       .logits = {}};
  double mean = 0;
  for (int i = 0; i < 3; ++i) mean += at.w[i] * gradient.w[i];
  for (int i = 0; i < 3; ++i) raw.logits[i] = at.w[i] * (gradient.w[i] - mean);
  return raw;
}

double kernel(const KernelValues& k, double t) {
  if (t <= 0) return 0;
  return k.w[0] * k.a * std::exp(-k.beta * t) +
         k.w[1] * k.gamma * std::pow(t, -k.delta) * std::exp(-k.xi * t) +
         k.w[2] * k.eta * std::cos(k.omega * t + k.phi) * std::exp(-k.zeta * t);
}

KernelValues kernel_gradient(const KernelValues& k, double t) {
  if (t <= 0) return {};
  const double exponential = std::exp(-k.beta * t);
  const double power = std::pow(t, -k.delta) * std::exp(-k.xi * t);
  const double damping = std::exp(-k.zeta * t);
  const double cosine = std::cos(k.omega * t + k.phi) * damping;
  const double sine = std::sin(k.omega * t + k.phi) * damping;
  return {.a = k.w[0] * exponential,
          .beta = -k.w[0] * k.a * t * exponential,
          .gamma = k.w[1] * power,
          .delta = -k.w[1] * k.gamma * std::log(t) * power,
          .xi = -k.w[1] * k.gamma * t * power,
          .eta = k.w[2] * cosine,
          .omega = -k.w[2] * k.eta * t * sine,
          .phi = -k.w[2] * k.eta * sine,
          .zeta = -k.w[2] * k.eta * t * cosine,
          .w = {k.a * exponential, k.gamma * power, k.eta * cosine}};
}

template <class T>
void kernel_forward(View<const T, 1> raw, View<const T, 1> t, View<T, 1> out) {
  const KernelValues k = values_of(raw);
  check_shape(out, t.shape(), "out");
  for (Index i = 0; i < t.size(); ++i) out(i) = static_cast<T>(kernel(k, t(i)));
}

template <class T>
void kernel_backward(View<const T, 1> raw, View<const T, 1> t, View<const T, 1> d_out,
                     View<T, 1> d_raw) {
  const KernelValues k = values_of(raw);
  check_shape(d_out, t.shape(), "d_out");
  check_shape(d_raw, {kKernelParameters}, "d_raw");
  std::array<double, kKernelParameters> sum{};
  for (Index i = 0; i < t.size(); ++i) {
    const auto slope =
        std::bit_cast<std::array<double, kKernelParameters>>(kernel_gradient(k, t(i)));
    for (int p = 0; p < kKernelParameters; ++p) sum[p] += d_out(i) * slope[p];
  }
  const auto raw_sum = raw_gradient(k, std::bit_cast<KernelValues>(sum)).array();
  for (int p = 0; p < kKernelParameters; ++p) d_raw(p) = static_cast<T>(raw_sum[p]);
}

#define LIOR_INSTANTIATE(T)                                                     \
  template void kernel_forward(View<const T, 1>, View<const T, 1>, View<T, 1>); \
  template void kernel_backward(View<const T, 1>, View<const T, 1>, View<const T, 1>, View<T, 1>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

double phase(double delta, double omega) {
  return std::numbers::pi * delta / 2 - delta * std::log(std::max(std::abs(omega), 1e-8));
}

namespace compat {

double kernel(const KernelValues& k, double t) {
  t = std::max(t, 0.1);
  const auto decay = [t](double rate) { return std::exp(std::clamp(-rate * t, -20.0, 20.0)); };
  const double value = k.w[0] * k.a * decay(k.beta) +
                       k.w[1] * k.gamma * std::pow(t, -k.delta) * decay(k.xi) +
                       k.w[2] * k.eta * std::cos(k.omega * t + k.phi) * decay(k.zeta);
  return std::clamp(value, -100.0, 100.0);
}

void normalised_kernel(const KernelValues& k, std::span<double> out) {
  double sum = 0;
  for (std::size_t n = 0; n < out.size(); ++n) {
    sum += out[n] = compat::kernel(k, static_cast<double>(n + 1));
  }
  for (double& value : out) value /= std::abs(sum) + 1e-8;
}

double recurrence_step(const RecurrenceParameters& raw, double m, double x, double x_delayed) {
  return sigmoid(raw.rho_logit) * m + std::exp(raw.log_eta_r) * x -
         std::exp(raw.log_xi_r) * x_delayed;
}

double recurrence_step(const RecurrenceParameters& raw, double m, double x, double x_delayed,
                       double j) {
  const double gain = 1 + 0.1 * std::tanh(j);
  return sigmoid(raw.rho_logit) * sigmoid(j) * m + std::exp(raw.log_eta_r) * gain * x -
         std::exp(raw.log_xi_r) * gain * x_delayed;
}

}  // namespace compat
}  // namespace lior::memory
