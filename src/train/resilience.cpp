#include "lior/train/resilience.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lior::train {
namespace {

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace

template <class T>
double resilience(const ResilienceNet<T>& net, std::span<const T> flat) {
  const Index width = net.v1.extent(0), d = net.v1.extent(1);
  const Index known = std::min(d, static_cast<Index>(flat.size()));
  double sum = net.c2;
  for (Index k = 0; k < width; ++k) {
    double hidden = net.c1[k];
    for (Index i = 0; i < known; ++i) {
      hidden += static_cast<double>(net.v1(k, i)) * static_cast<double>(flat[i]);
    }
    sum += static_cast<double>(net.w2[k]) * gelu(hidden);
  }
  const double value = softplus(sum);
  return std::isnan(value) ? value : std::clamp(value, kSmallestResilience, kLargestResilience);
}

template double resilience(const ResilienceNet<float>&, std::span<const float>);
template double resilience(const ResilienceNet<double>&, std::span<const double>);

}  // namespace lior::train
