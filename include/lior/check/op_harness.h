// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One registration of an op gives its checks (value, gradient, repeatability) and its bench rows.
///
///     Op op{.name = "octonion.multiply",
///           .module = "algebra",
///           .shape = "[8, 100]",
///           .inputs = {{"x", {8, 100}}, {"y", {8, 100}}},
///           .outputs = {{"product", {8, 100}}},
///           .reference = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
///             reference::octonion_multiply<T>(in("x"), in("y"), out("product"));
///           },
///           .forward = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
///             octonion_multiply<T>(in("x"), in("y"), out("product"));
///           }};
///     add_checks(registry, op);
///
/// A generic lambda is taken as a function of float and as one of double. Where the kernel and the
/// reference differ in types or layout, the lambda is the place that says so.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/check/registry.h"
#include "lior/core/arena.h"
#include "lior/core/random.h"
#include "lior/core/view.h"

namespace lior::check {

/// One array argument: converts to a View of its rank, or to a span.
template <class T>
struct Tensor {
  std::string_view name;
  T* data = nullptr;
  std::span<const Index> shape;

  Index size() const {
    Index count = data == nullptr ? 0 : 1;
    for (const Index extent : shape) count *= extent;
    return count;
  }
  T& operator[](Index i) const { return data[i]; }
  // clang-tidy does not see explicit(false) in a template.
  // NOLINTBEGIN(google-explicit-constructor)
  explicit(false) operator std::span<T>() const { return {data, static_cast<std::size_t>(size())}; }
  /// An absent argument (null data) converts to an empty view of any rank.
  template <std::size_t Rank>
  explicit(false) operator View<T, Rank>() const {
    if (data == nullptr) return {};
    LIOR_CHECK(shape.size() == Rank, "argument {} has {} axes; the op asks for {}", name,
               shape.size(), Rank);
    Shape<Rank> extents;
    std::copy(shape.begin(), shape.end(), extents.begin());
    return {data, extents};
  }
  // NOLINTEND(google-explicit-constructor)
};

/// Arguments by name: `in("x")`.
template <class T>
class Tensors {
 public:
  explicit Tensors(std::span<const Tensor<T>> all) : all_(all) {}
  /// The argument of that name. Throws lior::Error if there is none.
  Tensor<T> operator()(std::string_view name) const {
    const Tensor<T> found = optional(name);
    LIOR_CHECK(found.data != nullptr, "the op has no argument {}", name);
    return found;
  }
  /// The argument of that name, or null data.
  Tensor<T> optional(std::string_view name) const {
    for (const Tensor<T>& tensor : all_) {
      if (tensor.name == name) return tensor;
    }
    return {};
  }

 private:
  std::span<const Tensor<T>> all_;
};

template <class T>
using Inputs = Tensors<const T>;
template <class T>
using Outputs = Tensors<T>;

template <class T>
using ForwardFunction = std::function<void(Inputs<T> in, Outputs<T> out, Arena& workspace)>;
/// `gradient` holds dL/d(output) under the outputs' names; `d` takes dL/d(input) under the names of
/// the inputs that are differentiable, and comes zeroed. It runs the forward pass itself where it
/// needs what that saves.
template <class T>
using BackwardFunction =
    std::function<void(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& workspace)>;

/// A generic lambda as a function of float and of double.
template <template <class> class Function>
struct Generic {
  Function<float> f32;
  Function<double> f64;

  Generic() = default;
  template <class F>
  explicit(false) Generic(F function) : f32(function), f64(function) {}

  explicit operator bool() const { return f64 != nullptr; }
  template <class T>
  const Function<T>& of() const {
    if constexpr (std::is_same_v<T, float>) return f32;
    if constexpr (std::is_same_v<T, double>) return f64;
  }
};

/// How an input is filled. Values are rounded to float, so that both types see the same numbers.
using Fill = std::function<void(std::span<double> values, Random& random)>;
Fill normal(double deviation = 1, double mean = 0);
Fill uniform(double low, double high);
Fill integers(Index bound);  ///< 0..bound-1, for tokens and labels

struct OpInput {
  std::string name;
  std::vector<Index> shape;
  Fill fill = normal();
  bool differentiable = true;
};

struct OpOutput {
  std::string name;
  std::vector<Index> shape;
};

/// The least work that a result needs.
struct Cost {
  double flops = 0;
  double numbers = 0;  ///< that must be moved; bytes = numbers * sizeof(T)
};

struct Op {
  std::string name;    ///< "ci8_scan.two_sided": the rows are name.value, name.gradient.input, ...
  std::string module;  ///< "nn"
  std::string shape;   ///< for the rows: "B=2 N=33 H=3"
  std::vector<OpInput> inputs{};
  std::vector<OpOutput> outputs{};
  Generic<ForwardFunction> reference{};
  Generic<ForwardFunction> forward{};
  Generic<BackwardFunction> backward{};            ///< may be absent: no gradient rows
  Generic<BackwardFunction> reference_backward{};  ///< may be absent: no backward bench row
  double value_roundings =
      32;  ///< tolerance of values, in eps of the dtype times the largest value
  double gradient_roundings = 128;   ///< the same for the gradients of float against double
  bool equal_across_threads = true;  ///< false where the header promises equal counts only
  std::size_t workspace = 0;         ///< bytes of the arena that the functions get
  Cost forward_cost{};
  Cost backward_cost{};  ///< of what `backward` runs, its forward pass included
  Traffic traffic = Traffic::triad;
};

/// Central differences have error about cbrt(eps)^2 = 4e-11 where derivatives have the function's
/// size; what is left is room for kernels whose third derivatives are large.
inline constexpr double kGradientTolerance = 1e-6;

/// Adds the rows of an op:
/// - `value`, f32 and f64: forward against the reference in double, each output relative to its
///   largest entry;
/// - `gradient.NAME`, f64, for each differentiable input: backward against central differences of
///   L = sum <g, output>, g random, along a random direction and along single coordinates (first,
///   last and random ones), relative to the gradient's norm and its largest entry;
/// - `gradient`, f32: backward in float against reference_backward, or backward, in double;
/// - `repeatable`, f32: entries that differ, bit for bit, between runs (on 3 threads and 3; with
///   equal_across_threads also 1 and 2); tolerance 0.
void add_checks(Registry& registry, const Op& op);

/// Adds the rows `NAME.forward` and, where the op has reference_backward, `NAME.backward`.
/// T is float or double; threads as in Bench.
template <class T>
void add_benches(Registry& registry, const Op& op, int threads = 0);

}  // namespace lior::check
