// Octonions and CI8: identities of the algebra and the products of docs/math/conventions.md.
#include <limits>

#include "lior/algebra/octonion.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::check {
namespace {

using algebra::octonion_multiply;

constexpr Index kPoints = 1000;

/// Planes [8, kPoints] of independent normal numbers, and the few operations that identities need.
template <class T>
struct Octonions {
  Array<T, 2> planes{{8, kPoints}};

  static Octonions random(std::uint64_t seed) {
    Octonions x;
    Random(seed).fill_normal(x.planes.span());
    return x;
  }
  friend Octonions operator*(const Octonions& x, const Octonions& y) {
    Octonions product;
    octonion_multiply<T>(x.planes.view(), y.planes.view(), product.planes.view());
    return product;
  }
  /// Largest |x_n - y_n| over |x_n|, component by component.
  friend double distance(const Octonions& x, const Octonions& y) {
    return relative_difference(x.planes.span(), y.planes.span());
  }
};

template <class T>
void add_octonion_checks(Registry& registry) {
  const double eps = std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, double tolerance, std::function<double()> error) {
    registry.checks.push_back({.name = "octonion." + name,
                               .module = "algebra",
                               .dtype = kDtype<T>,
                               .shape = to_string(Shape<2>{8, kPoints}),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };

  // Two or three products of numbers of one size: a few roundings of eight-term sums.
  add("left_alternative", 32 * eps, [] {
    const auto x = Octonions<T>::random(1), y = Octonions<T>::random(2);
    return distance(x * (x * y), (x * x) * y);
  });
  add("moufang", 32 * eps, [] {
    const auto x = Octonions<T>::random(1), y = Octonions<T>::random(2),
               z = Octonions<T>::random(3);
    return distance((x * y) * (z * x), x * ((y * z) * x));
  });
}

}  // namespace

void add_algebra_checks(Registry& registry) {
  add_octonion_checks<float>(registry);
  add_octonion_checks<double>(registry);
}

}  // namespace lior::check
