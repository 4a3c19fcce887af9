// SPDX-License-Identifier: Apache-2.0
#include "lior/check/op_harness.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/thread_scope.h"

namespace lior::check {
namespace {

constexpr std::uint64_t kInputSeed = 101, kGradientSeed = 102, kDirectionSeed = 103;
constexpr int kSampledCoordinates = 12;

/// The arrays of one side of an op, zeroed.
template <class T>
class Arrays {
 public:
  template <class Argument>
  explicit Arrays(const std::vector<Argument>& arguments) {
    for (const Argument& argument : arguments) add(argument.name, argument.shape);
  }
  Arrays() = default;

  void add(const std::string& name, const std::vector<Index>& shape) {
    Index count = 1;
    for (const Index extent : shape) count *= extent;
    buffers_.emplace_back(std::max<Index>(count, 1));  // an empty array is not an absent one
    writable_.push_back({name, buffers_.back().data(), shape});
    readable_.push_back({name, buffers_.back().data(), shape});
  }
  Outputs<T> writable() const { return Outputs<T>(writable_); }
  Inputs<T> readable() const { return Inputs<T>(readable_); }
  std::size_t count() const { return writable_.size(); }
  std::span<T> operator[](std::size_t i) const { return writable_[i]; }

 private:
  std::vector<Buffer<T>> buffers_;
  std::vector<Tensor<T>> writable_;  // names and shapes point into the Op
  std::vector<Tensor<const T>> readable_;
};

/// One op with its arrays, ready to run in one type.
template <class T>
struct Run {
  std::shared_ptr<const Op> op;
  Arrays<T> in, out, gradient, d;
  Arena arena;

  explicit Run(std::shared_ptr<const Op> the_op)
      : op(std::move(the_op)),
        in(op->inputs),
        out(op->outputs),
        gradient(op->outputs),
        arena(op->workspace) {
    for (std::size_t i = 0; i < in.count(); ++i) {
      std::vector<double> values(in[i].size());
      Random random(kInputSeed, i);
      op->inputs[i].fill(values, random);
      for (std::size_t k = 0; k < values.size(); ++k) in[i][k] = static_cast<float>(values[k]);
      if (op->inputs[i].differentiable) d.add(op->inputs[i].name, op->inputs[i].shape);
    }
    for (std::size_t i = 0; i < gradient.count(); ++i) {
      std::vector<float> values(gradient[i].size());
      Random(kGradientSeed, i).fill_normal(std::span(values));
      std::copy(values.begin(), values.end(), gradient[i].begin());
    }
  }

  void operator()(const ForwardFunction<T>& function) {
    const Arena::Scope scope(arena);
    function(in.readable(), out.writable(), arena);
  }
  void operator()(const BackwardFunction<T>& function) {
    const Arena::Scope scope(arena);
    for (std::size_t i = 0; i < d.count(); ++i) std::fill(d[i].begin(), d[i].end(), T{});
    function(in.readable(), gradient.readable(), d.writable(), arena);
  }
};

/// The larger, or NaN if either is.
double worse(double a, double b) { return a > b || std::isnan(a) ? a : b; }

template <class A, class B>
double difference(const Arrays<A>& got, const Arrays<B>& want) {
  double error = 0;
  for (std::size_t i = 0; i < want.count(); ++i) {
    error = worse(error, relative_difference(got[i], want[i]));
  }
  return error;
}

template <class T>
double value_error(const std::shared_ptr<const Op>& op) {
  Run<double> plain(op);
  plain(op->reference.f64);
  Run<T> fast(op);
  fast(op->forward.of<T>());
  return difference(fast.out, plain.out);
}

double float_gradient_error(const std::shared_ptr<const Op>& op) {
  Run<double> plain(op);
  plain(op->reference_backward ? op->reference_backward.f64 : op->backward.f64);
  Run<float> fast(op);
  fast(op->backward.f32);
  return difference(fast.d, plain.d);
}

/// (L(x + step) - L(x - step)) / 2 for L = sum <gradient, output>, where `step` moves one input.
/// Outputs are subtracted before they are summed: those that do not depend on x cancel exactly.
double central_difference(Run<double>& run, std::span<double> x, std::span<const double> step) {
  const std::vector<double> start(x.begin(), x.end());
  const auto outputs_at = [&](double sign) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = start[i] + sign * step[i];
    run(run.op->forward.f64);
    std::vector<double> values;
    for (std::size_t k = 0; k < run.out.count(); ++k) {
      values.insert(values.end(), run.out[k].begin(), run.out[k].end());
    }
    return values;
  };
  const std::vector<double> plus = outputs_at(1), minus = outputs_at(-1);
  std::copy(start.begin(), start.end(), x.begin());
  double sum = 0;
  std::size_t i = 0;
  for (std::size_t k = 0; k < run.out.count(); ++k) {
    for (const double g : run.gradient[k]) sum += g * (plus[i] - minus[i]), ++i;
  }
  return sum / 2;
}

/// Root mean square; 1 where all are zero.
double typical_size(std::span<const double> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return squares > 0 ? std::sqrt(squares / static_cast<double>(values.size())) : 1;
}

double gradient_error(const std::shared_ptr<const Op>& op, std::size_t input, std::size_t slot) {
  Run<double> run(op);
  run(op->backward.f64);
  const std::span<double> x = run.in[input];
  const std::span<const double> dx = run.d[slot];

  double norm = 0, largest = 0;
  for (const double value : dx)
    norm = std::hypot(norm, value), largest = worse(largest, std::abs(value));
  const auto relative = [](double got, double want, double scale) {
    scale = std::max(scale, std::abs(want));
    return std::abs(got - want) / (scale > 0 ? scale : 1);
  };

  const double h = std::cbrt(std::numeric_limits<double>::epsilon()) * typical_size(x);
  std::vector<double> step(x.size());
  Random random(kDirectionSeed, input);

  double along = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double direction = random.normal();
    step[i] = h * direction;
    along += dx[i] * direction;
  }
  double error = relative(along, central_difference(run, x, step) / h, norm);

  const auto size = static_cast<Index>(x.size());
  for (int sample = 0; sample < kSampledCoordinates; ++sample) {
    const Index i = sample == 0 ? 0 : sample == 1 ? size - 1 : random.below(size);
    std::fill(step.begin(), step.end(), 0.0);
    step[i] = h;
    error = worse(error, relative(dx[i], central_difference(run, x, step) / h, largest));
  }
  return error;
}

double differing_entries(const Arrays<float>& a, const Arrays<float>& b) {
  double count = 0;
  for (std::size_t k = 0; k < a.count(); ++k) {
    for (std::size_t i = 0; i < a[k].size(); ++i) {
      count += std::memcmp(&a[k][i], &b[k][i], sizeof(float)) != 0;
    }
  }
  return count;
}

double repeat_error(const std::shared_ptr<const Op>& op) {
  const auto run_on = [&](int count) {
    const ThreadScope scope(count);
    Run<float> run(op);
    run(op->forward.f32);
    if (op->backward) run(op->backward.f32);
    return run;
  };
  const Run<float> first = run_on(3);
  double error = 0;
  for (const int count : {3, 1, 2}) {
    if (count != 3 && !op->equal_across_threads) continue;
    const Run<float> again = run_on(count);
    error += differing_entries(again.out, first.out) + differing_entries(again.d, first.d);
  }
  return error;
}

}  // namespace

Fill normal(double deviation, double mean) {
  return [=](std::span<double> values, Random& random) {
    for (double& value : values) value = mean + deviation * random.normal();
  };
}

Fill uniform(double low, double high) {
  return [=](std::span<double> values, Random& random) { random.fill_uniform(values, low, high); };
}

Fill integers(Index bound) {
  return [=](std::span<double> values, Random& random) {
    for (double& value : values) value = static_cast<double>(random.below(bound));
  };
}

void add_checks(Registry& registry, const Op& definition) {
  const auto op = std::make_shared<const Op>(definition);
  const auto add = [&](const std::string& statement, const char* dtype, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = op->name + "." + statement,
                               .module = op->module,
                               .dtype = dtype,
                               .shape = op->shape,
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  const double eps32 = std::numeric_limits<float>::epsilon();
  const double eps64 = std::numeric_limits<double>::epsilon();

  add("value", "f32", op->value_roundings * eps32, [op] { return value_error<float>(op); });
  add("value", "f64", op->value_roundings * eps64, [op] { return value_error<double>(op); });
  if (op->backward) {
    std::size_t slot = 0;
    for (std::size_t input = 0; input < op->inputs.size(); ++input) {
      if (!op->inputs[input].differentiable) continue;
      add("gradient." + op->inputs[input].name, "f64", kGradientTolerance,
          [=] { return gradient_error(op, input, slot); });
      ++slot;
    }
    add("gradient", "f32", op->gradient_roundings * eps32,
        [op] { return float_gradient_error(op); });
  }
  add("repeatable", "f32", 0, [op] { return repeat_error(op); });
}

template <class T>
void add_benches(Registry& registry, const Op& definition, int threads) {
  const auto op = std::make_shared<const Op>(definition);
  const auto add = [&](const char* pass, Cost cost, auto before, auto after, auto result,
                       double roundings) {
    registry.benches.push_back(
        {.name = op->name + "." + pass,
         .shape = op->shape,
         .dtype = kDtype<T>,
         .threads = threads,
         .flops = cost.flops,
         .bytes = cost.numbers * sizeof(T),
         .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
         .traffic = op->traffic,
         .prepare = [=] {
           const auto plain = std::make_shared<Run<T>>(op), fast = std::make_shared<Run<T>>(op);
           return BenchRun{.before = [=] { (*plain)(before); },
                           .after = [=] { (*fast)(after); },
                           .error = [=] { return difference((*fast).*result, (*plain).*result); },
                           .tolerance = roundings * std::numeric_limits<T>::epsilon()};
         }});
  };
  add("forward", op->forward_cost, op->reference.of<T>(), op->forward.of<T>(), &Run<T>::out,
      2 * op->value_roundings);  // both sides round
  if (op->backward && op->reference_backward) {
    add("backward", op->backward_cost, op->reference_backward.of<T>(), op->backward.of<T>(),
        &Run<T>::d, 2 * op->gradient_roundings);
  }
}

template void add_benches<float>(Registry&, const Op&, int);
template void add_benches<double>(Registry&, const Op&, int);

}  // namespace lior::check
