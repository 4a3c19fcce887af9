// SPDX-License-Identifier: Apache-2.0
// Products and operators of planes, beside the plain text of their formulas.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/algebra/ci8.h"
#include "lior/algebra/compat.h"
#include "lior/algebra/quaternion.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::check {
namespace {

using algebra::Transition;

template <class T>
using Planes = std::vector<Array<T, 2>>;
/// From planes to planes, all of one N.
template <class T>
using Function = std::function<void(const Planes<T>& in, Planes<T>& out)>;

/// A row of the bench.
struct Row {
  std::string name;
  std::vector<Index> in, out;  ///< components of each array of planes
  double flops = 0;            ///< a point
  bool unit = false;           ///< whether the first input has length 1 at every point
};

/// x_n /= |x_n|.
template <class T>
void normalise(View<T, 2> x) {
  for (Index n = 0; n < x.extent(1); ++n) {
    double squares = 0;
    for (Index k = 0; k < x.extent(0); ++k) squares += static_cast<double>(x(k, n)) * x(k, n);
    for (Index k = 0; k < x.extent(0); ++k) x(k, n) /= static_cast<T>(std::sqrt(squares));
  }
}

template <class T>
struct Data {
  Planes<T> in, plain, fast;
};

template <class T>
void add_row(Registry& registry, const Row& row, Function<T> before, Function<T> after) {
  Index components = 0;
  for (const Index k : row.in) components += k;
  for (const Index k : row.out) components += k;
  // 64 MB in all, well past the last cache.
  const Index count = (Index{1} << 26) / (components * static_cast<Index>(sizeof(T)));

  registry.benches.push_back(
      {.name = row.name,
       .shape = to_string(Shape<2>{row.in.back(), count}),
       .dtype = kDtype<T>,
       .flops = row.flops * static_cast<double>(count),
       .bytes = static_cast<double>(components * count) * sizeof(T),  // each plane once
       .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
       .traffic = Traffic::triad,
       .prepare = [=] {
         auto data = std::make_shared<Data<T>>();
         for (const Index k : row.in) {
           Random(11, data->in.size())
               .fill_uniform(data->in.emplace_back(Shape<2>{k, count}).span(), -1, 1);
         }
         if (row.unit) normalise(data->in[0].view());
         for (const Index k : row.out) {
           data->plain.emplace_back(Shape<2>{k, count});
           data->fast.emplace_back(Shape<2>{k, count});
         }
         return BenchRun{
             .before = [=] { before(data->in, data->plain); },
             .after = [=] { after(data->in, data->fast); },
             .error =
                 [=] {
                   double largest = 0;
                   for (std::size_t i = 0; i < data->fast.size(); ++i) {
                     largest = std::max(
                         largest, relative_difference(data->fast[i].span(), data->plain[i].span()));
                   }
                   return largest;
                 },
             // A few roundings of sums of up to 32 terms.
             .tolerance = 64 * std::numeric_limits<T>::epsilon()};
       }});
}

/// A row of a function of planes that `algebra` and `algebra::reference` both have.
template <class T, class F>
Function<T> product(F f) {
  return [f](const Planes<T>& in, Planes<T>& out) { f(in[0].view(), in[1].view(), out[0].view()); };
}
template <class T, class F>
Function<T> triple_product(F f) {
  return [f](const Planes<T>& in, Planes<T>& out) {
    f(in[0].view(), in[1].view(), in[2].view(), out[0].view());
  };
}

template <class T>
void add_rows(Registry& registry) {
  using namespace algebra;
  using In = View<const T, 2>;
  using Out = View<T, 2>;

  add_row<T>(registry, {"quaternion.multiply", {4, 4}, {4}, 28},
             product<T>(reference::quaternion_multiply<T>), product<T>(quaternion_multiply<T>));
  add_row<T>(registry, {"quaternion.rotate", {4, 3}, {3}, 33, true},
             product<T>(reference::quaternion_rotate<T>), product<T>(quaternion_rotate<T>));
  add_row<T>(registry, {"octonion.multiply", {8, 8}, {8}, 120},
             product<T>(reference::octonion_multiply<T>), product<T>(octonion_multiply<T>));
  const auto plain_ci8 = [](In x, In y, Out out) { reference::ci8_multiply<T>(x, y, out); };
  const auto fast_ci8 = [](In x, In y, Out out) { ci8_multiply<T>(x, y, out); };
  add_row<T>(registry, {"ci8.multiply", {16, 16}, {16}, 496}, product<T>(plain_ci8),
             product<T>(fast_ci8));
  add_row<T>(registry, {"ci8.associator", {16, 16, 16}, {16}, 2000},
             triple_product<T>(reference::ci8_associator<T>), triple_product<T>(ci8_associator<T>));
  add_row<T>(registry, {"compat.fano_associator", {16, 16, 16}, {16}, 1296},
             triple_product<T>(compat::reference::fano_associator<T>),
             triple_product<T>(compat::fano_associator<T>));

  for (const Transition f : {Transition::right, Transition::left, Transition::two_sided}) {
    const bool two_sided = f == Transition::two_sided;
    const std::string operator_name = fmt::format("operator.{}", name(f));
    add_row<T>(
        registry, {operator_name, {8, 16}, {16}, two_sided ? 62.0 : 240.0, true},
        [=](const Planes<T>& in, Planes<T>& out) {
          reference::apply<T>(f, in[0].view(), in[1].view(), out[0].view());
        },
        [=](const Planes<T>& in, Planes<T>& out) {
          apply<T>(f, in[0].view(), in[1].view(), out[0].view());
        });
    // The reference here is an oracle, no rival: read this row's limit fraction, not its ratio.
    add_row<T>(
        registry,
        {operator_name + "_adjoint", {8, 16, 16}, {16, 8}, two_sided ? 156.0 : 496.0, true},
        [=](const Planes<T>& in, Planes<T>& out) {
          reference::apply_adjoint<T>(f, in[0].view(), in[1].view(), in[2].view(), out[0].view(),
                                      out[1].view());
        },
        [=](const Planes<T>& in, Planes<T>& out) {
          apply_adjoint<T>(f, in[0].view(), in[1].view(), in[2].view(), out[0].view(),
                           out[1].view());
        });
  }
}

}  // namespace

void add_algebra_benches(Registry& registry) {
  add_rows<float>(registry);
  add_rows<double>(registry);
}

}  // namespace lior::check
