// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/pole_form.h"

#include <cmath>

#include "memory/one_minus_exp.h"

namespace lior::memory {
namespace {

using Complex = PoleForm::Complex;
constexpr double kSmallestSum = 1e-8;

/// Re(conj(slope) g): what reaches a real parameter through a complex number.
double real_part(Complex slope, Complex g) {
  return slope.real() * g.real() + slope.imag() * g.imag();
}

}  // namespace

PoleForm::PoleForm(const KernelParameters& raw, const PowerLawRule& rule) : values_(values(raw)) {
  const KernelValues& k = values_;
  for (const double value : std::bit_cast<std::array<double, kKernelParameters>>(k)) {
    LIOR_CHECK(std::isfinite(value),
               "a parameter of the memory kernel is {} after its exponential; expected finite "
               "numbers",
               value);
  }
  power_ = rule.sum(k.delta);
  power_slope_ = rule.sum_derivative(k.delta);
  poles_ = power_.poles + 2;
  c_[0] = k.w[0] * k.a;
  s_[0] = k.beta;
  for (int j = 0; j < power_.poles; ++j) {
    c_[1 + j] = k.w[1] * k.gamma * power_.weight[j];
    s_[1 + j] = k.xi + power_.rate[j];
  }
  c_[poles_ - 1] = std::polar(k.w[2] * k.eta, k.phi);
  s_[poles_ - 1] = Complex(k.zeta, -k.omega);

  double size = 0;
  for (int j = 0; j < poles_; ++j) {
    z_[j] = std::exp(-s_[j]);
    one_minus_z_[j] = one_minus_exp(s_[j]);
    sum_ += (c_[j] * z_[j] / one_minus_z_[j]).real();
    size += std::abs(c_[j] * z_[j]) / -std::expm1(-s_[j].real());
  }
  cancellation_ = std::abs(sum_) / size;
  // sum_{t > T} t^-delta e^{-xi t} <= T^-delta e^{-xi T} / (e^xi - 1)
  const double horizon = rule.horizon();
  beyond_horizon_ = k.w[1] * k.gamma * std::pow(horizon, -k.delta) * std::exp(-k.xi * horizon) /
                    std::expm1(k.xi) / size;
  scale_ = (1 - k.w[0]) / std::max(std::abs(sum_), kSmallestSum);
  for (int j = 0; j < poles_; ++j) b_[j] = scale_ * c_[j] * z_[j];
}

KernelParameters PoleForm::gradient(double d_w0, std::span<const Complex> d_b,
                                    std::span<const Complex> d_z) const {
  const KernelValues& k = values_;
  // b_j = scale c_j z_j, scale = (1 - w0) / |S|, S = Re sum_j c_j z_j / (1 - z_j).
  double d_scale = 0;
  for (int j = 0; j < poles_; ++j) d_scale += real_part(c_[j] * z_[j], d_b[j]);
  const bool kept = std::abs(sum_) > kSmallestSum;
  const double d_sum = kept ? -d_scale * scale_ / sum_ : 0;

  std::array<Complex, kMost> d_c, d_s;
  for (int j = 0; j < poles_; ++j) {
    const Complex rest = one_minus_z_[j];
    d_c[j] = std::conj(scale_ * z_[j]) * d_b[j] + std::conj(z_[j] / rest) * d_sum;
    const Complex to_z =
        d_z[j] + std::conj(scale_ * c_[j]) * d_b[j] + std::conj(c_[j] / (rest * rest)) * d_sum;
    d_s[j] = std::conj(-z_[j]) * to_z;
  }

  KernelValues d{};
  d.w[0] = d_w0 - d_scale / std::max(std::abs(sum_), kSmallestSum) + k.a * d_c[0].real();
  d.a = k.w[0] * d_c[0].real();
  d.beta = d_s[0].real();
  for (int j = 0; j < power_.poles; ++j) {
    const double to_c = d_c[1 + j].real(), to_s = d_s[1 + j].real();
    d.w[1] += k.gamma * power_.weight[j] * to_c;
    d.gamma += k.w[1] * power_.weight[j] * to_c;
    d.delta += k.w[1] * k.gamma * power_slope_.weight[j] * to_c + power_slope_.rate[j] * to_s;
    d.xi += to_s;
  }
  const int last = poles_ - 1;
  const Complex turn = std::polar(1.0, k.phi);
  d.w[2] = k.eta * real_part(turn, d_c[last]);
  d.eta = k.w[2] * real_part(turn, d_c[last]);
  d.phi = real_part(Complex(0, 1) * c_[last], d_c[last]);
  d.zeta = d_s[last].real();
  d.omega = -d_s[last].imag();
  return raw_gradient(k, d);
}

}  // namespace lior::memory
