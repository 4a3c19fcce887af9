// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/complex.h>
#include <nanobind/stl/string.h>

#include <map>
#include <memory>
#include <mutex>

#include "bindings.h"
#include "either.h"
#include "lior/memory/causal_convolution.h"
#include "lior/memory/fractional.h"
#include "lior/memory/mittag_leffler.h"
#include "operations.h"
#include "representation.h"
#include "workspace.h"

namespace lior::python {
namespace {

using memory::kKernelParameters;
using memory::MemoryPlan;
using memory::PowerLawRule;

NumPy default_kernel() {
  const auto raw = memory::KernelParameters{}.array();
  return Result{copied(View<const double, 1>(raw.data(), {kKernelParameters}))};
}

NumPy kernel_forward(const Argument& raw, const Argument& t, const Outputs& out) {
  return for_real("raw", raw, [&]<class T>() {
    Call call(out);
    const auto parameters = call.in<T>("raw", raw, {kKernelParameters});
    const auto lags = call.in<T>("t", t, {'M'});
    const auto k = call.out<T>({'M'});
    return call.run_watched([&] { memory::kernel_forward<T>(parameters, lags, k); });
  });
}

NumPy kernel_backward(const Argument& raw, const Argument& t, const Argument& d_out,
                      const Outputs& out) {
  return for_real("raw", raw, [&]<class T>() {
    Call call(out);
    const auto parameters = call.in<T>("raw", raw, {kKernelParameters});
    const auto lags = call.in<T>("t", t, {'M'});
    const auto gradient = call.in<T>("d_out", d_out, {'M'});
    const auto d_raw = call.out<T>({kKernelParameters});
    return call.run_watched([&] { memory::kernel_backward<T>(parameters, lags, gradient, d_raw); });
  });
}

Pair sum_of(const memory::ExponentialSum& sum) {
  const Shape<1> shape{sum.poles};
  return Result{nb::make_tuple(copied(View<const double, 1>(sum.rate.data(), shape)),
                               copied(View<const double, 1>(sum.weight.data(), shape)))};
}

nb::object copied_complex(const std::vector<std::complex<double>>& values) {
  return copied(
      View<const std::complex<double>, 1>(values.data(), {static_cast<Index>(values.size())}));
}

/// memory::CausalConvolution of one dtype; one call at a time.
class CausalConvolution {
 public:
  CausalConvolution(Index heads, const PowerLawRule& rule, const std::string& dtype) {
    for_dtype(dtype, [&]<class T>() { plan_.emplace<T>(heads, rule); });
  }

  void set(const Argument& raw) {
    plan_.visit([&]<class T>(memory::CausalConvolution<T>& plan) {
      Call call;
      const auto parameters = call.in<T>("raw", raw, {plan.heads(), kKernelParameters});
      call.run([&] {
        const std::lock_guard lock(mutex_);
        plan.set(parameters);
        ready_ = true;
      });
    });
  }

  NumPy forward(const Argument& x, const std::string& plan_name, const Outputs& out) {
    const MemoryPlan way = plan_of(plan_name);
    return plan_.visit([&]<class T>(memory::CausalConvolution<T>& plan) -> NumPy {
      Call call(out);
      const auto input = call.in<T>("x", x, {'B', 'N', plan.heads(), 'C'});
      const auto y = call.out<T>({'B', 'N', plan.heads(), 'C'});
      return call.run_watched([&] {
        const std::lock_guard lock(mutex_);
        check_ready();
        with_arena([&](Arena& arena) { plan.forward(input, y, arena, way); });
      });
    });
  }

  NumPy advance(const Argument& x, const Output& state, const Outputs& out) {
    return plan_.visit([&]<class T>(memory::CausalConvolution<T>& plan) -> NumPy {
      Call call(out);
      const auto input = call.in<T>("x", x, {'B', 'N', plan.heads(), 'C'});
      const auto memory =
          call.state<double>("state", state, {'B', plan.heads(), plan.state_rows(), 'C'});
      const auto y = call.out<T>({'B', 'N', plan.heads(), 'C'});
      return call.run_watched([&] {
        const std::lock_guard lock(mutex_);
        check_ready();
        plan.advance(input, y, memory);
      });
    });
  }

  Pair backward(const Argument& x, const Argument& d_y, const std::string& plan_name,
                const Outputs& out) {
    const MemoryPlan way = plan_of(plan_name);
    return plan_.visit([&]<class T>(memory::CausalConvolution<T>& plan) -> Pair {
      Call call(out);
      const auto input = call.in<T>("x", x, {'B', 'N', plan.heads(), 'C'});
      const auto gradient = call.in<T>("d_y", d_y, {'B', 'N', plan.heads(), 'C'});
      const auto d_x = call.out<T>({'B', 'N', plan.heads(), 'C'});
      const auto d_raw = call.out<T>({plan.heads(), kKernelParameters});
      return call.run_watched([&] {
        const std::lock_guard lock(mutex_);
        check_ready();
        with_arena([&](Arena& arena) { plan.backward(input, gradient, d_x, d_raw, arena, way); });
      });
    });
  }

  Index heads() {
    return plan_.visit([](auto& plan) { return plan.heads(); });
  }
  Index state_rows() {
    return plan_.visit([](auto& plan) { return plan.state_rows(); });
  }

  NamedValues poles(Index head) {
    return plan_.visit([&]<class T>(memory::CausalConvolution<T>& plan) {
      const std::lock_guard lock(mutex_);
      check_ready();
      LIOR_CHECK(head >= 0 && head < plan.heads(), "head is {}; expected 0 to {}", head,
                 plan.heads() - 1);
      const memory::PoleForm& form = plan.kernel(head);
      std::vector<std::complex<double>> s, z, b;
      for (int j = 0; j < form.poles(); ++j) {
        s.push_back(form.s(j)), z.push_back(form.z(j)), b.push_back(form.b(j));
      }
      nb::dict facts;
      facts["s"] = copied_complex(s);
      facts["z"] = copied_complex(z);
      facts["b"] = copied_complex(b);
      facts["w0"] = form.w0();
      facts["sum"] = form.sum();
      facts["cancellation"] = form.cancellation();
      facts["beyond_horizon"] = form.beyond_horizon();
      return facts;
    });
  }

 private:
  static MemoryPlan plan_of(const std::string& text) {
    return choose<MemoryPlan>("plan", text,
                              {{"automatic", MemoryPlan::automatic},
                               {"direct", MemoryPlan::direct},
                               {"fft", MemoryPlan::fft},
                               {"recurrence", MemoryPlan::recurrence}});
  }
  void check_ready() const {
    LIOR_CHECK(ready_, "no kernel yet; call set(raw) with a row of {} numbers a head first",
               kKernelParameters);
  }

  Either<memory::CausalConvolution> plan_;
  std::mutex mutex_;
  bool ready_ = false;
};

/// A function of samples, f: (N,) -> (N,) in double, that takes `parameters` first.
template <auto kFunction, class... Parameters>
NumPy of_samples(Parameters... parameters, const Argument& f, const Outputs& out) {
  Call call(out);
  const auto samples = call.in<double>("f", f, {'N'});
  const auto result = call.out<double>({'N'});
  return call.run_watched([&] { kFunction(parameters..., samples.span(), result.span()); });
}

template <auto kFunction>
NumPy weights(double order, Index count) {
  LIOR_CHECK(count >= 0, "count is {}; expected at least 0", count);
  Call call;
  const auto w = call.out<double>({count});
  return call.run_watched([&] { kFunction(order, w.span()); });
}

/// Of a number, or entry by entry of an array.
nb::object mittag_leffler(double alpha, const Argument& z, double beta, const Outputs& out) {
  const nb::handle number = z.object;
  if (!out.given && (PyFloat_Check(number.ptr()) || PyLong_Check(number.ptr()))) {
    return nb::cast(memory::mittag_leffler(alpha, beta, nb::cast<double>(number)));
  }
  if (!out.given && PyComplex_Check(number.ptr())) {
    return nb::cast(memory::mittag_leffler(alpha, beta, nb::cast<std::complex<double>>(number)));
  }
  const auto of_array = [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto from = call.in<T>("z", z, {'N'});
    const auto to = call.out<T>({'N'});
    return call.run_watched([&] {
      for (Index i = 0; i < from.size(); ++i)
        check_stop(), to(i) = memory::mittag_leffler(alpha, beta, from(i));
    });
  };
  const auto dtype = dtype_of("z", z);
  if (dtype == dtype_of<double>()) return of_array.operator()<double>();
  if (dtype == dtype_of<std::complex<double>>()) {
    return of_array.operator()<std::complex<double>>();
  }
  refuse_dtype("z", dtype, "float64 or complex128");
}

/// memory::FractionalIntegral of one dtype; one call at a time.
class FractionalIntegral {
 public:
  FractionalIntegral(double alpha, double dt, const PowerLawRule& rule, Index size,
                     const std::string& dtype)
      : size_(size) {
    for_dtype(dtype, [&]<class T>() { integral_.emplace<T>(alpha, dt, rule, size); });
  }

  void start(const Argument& f) {
    take(f, [](auto& integral, auto samples) { integral.start(samples); });
  }
  void accept(const Argument& f) {
    take(f, [](auto& integral, auto samples) { integral.accept(samples); });
  }
  NumPy tail() {
    return integral_.visit([&]<class T>(memory::FractionalIntegral<T>& integral) -> NumPy {
      const std::lock_guard lock(mutex_);
      return Result{copied(View<const T, 1>(integral.tail().data(), {size_}))};
    });
  }
  double weight() {
    return integral_.visit([](auto& integral) { return integral.weight(); });
  }
  int poles() {
    return integral_.visit([](auto& integral) { return integral.poles(); });
  }
  Index step() {
    return integral_.visit([&](auto& integral) {
      const std::lock_guard lock(mutex_);
      return integral.step();
    });
  }

 private:
  template <class Step>
  void take(const Argument& f, Step step) {
    integral_.visit([&]<class T>(memory::FractionalIntegral<T>& integral) {
      Call call;
      const auto samples = call.in<T>("f", f, {size_});
      call.run([&] {
        const std::lock_guard lock(mutex_);
        step(integral, samples.span());
      });
    });
  }

  Index size_;
  Either<memory::FractionalIntegral> integral_;
  std::mutex mutex_;
};

/// The memory of an operation with the kernels raw: (H, 12). Making a rule takes up to .4 s, so
/// each is made once a process, whatever operations take it.
class MemoryOperation {
 public:
  explicit MemoryOperation(const Options& options)
      : rule_(rule_of(options.get<double>("tolerance"), options.get<double>("horizon"))) {}

  std::unique_ptr<CausalConvolution> of(const Argument& raw) const {
    const auto& tensor = raw.tensor;
    const Index heads = tensor.ndim == 2 ? tensor.shape[0] : 1;
    const auto dtype = for_real("raw", raw, []<class T>() { return name_of(dtype_of<T>()); });
    auto made = std::make_unique<CausalConvolution>(heads, *rule_, dtype);
    made->set(raw);
    return made;
  }

 private:
  static std::shared_ptr<const PowerLawRule> rule_of(double tolerance, double horizon) {
    static std::mutex mutex;
    static auto* const made =
        new std::map<std::pair<double, double>, std::shared_ptr<const PowerLawRule>>;
    const std::lock_guard lock(mutex);
    auto& rule = (*made)[{tolerance, horizon}];
    if (!rule) rule = std::make_shared<const PowerLawRule>(tolerance, horizon);
    return rule;
  }

  std::shared_ptr<const PowerLawRule> rule_;
};

/// (x, raw) -> y.
Operation memory_operation(const Options& options) {
  return [memory = MemoryOperation(options)](Arguments in, Outputs& out) {
    memory.of(in[1])->forward(in[0], "automatic", out);
  };
}

/// (x, d_y, raw) -> (d_x, d_raw).
Operation memory_backward_operation(const Options& options) {
  return [memory = MemoryOperation(options)](Arguments in, Outputs& out) {
    memory.of(in[2])->backward(in[0], in[1], "automatic", out);
  };
}

/// (x, state, raw) -> (y, next state).
Operation memory_advance_operation(const Options& options) {
  return [memory = MemoryOperation(options)](Arguments in, Outputs& out) {
    const Output state = state_in_place(in[1], out);
    memory.of(in[2])->advance(in[0], state, out);
    want_state(in[1], out);
  };
}

/// (t, raw) -> K(t).
Operation kernel_operation(const Options&) {
  return [](Arguments in, Outputs& out) { kernel_forward(in[1], in[0], out); };
}

/// (t, d_out, raw) -> d_raw.
Operation kernel_backward_operation(const Options&) {
  return [](Arguments in, Outputs& out) { kernel_backward(in[2], in[0], in[1], out); };
}

void define_operations() {
  define_operation("memory", &memory_operation);
  define_operation("memory_backward", &memory_backward_operation);
  define_operation("memory_advance", &memory_advance_operation);
  define_operation("lior_kernel", &kernel_operation);
  define_operation("lior_kernel_backward", &kernel_backward_operation);
}

void bind_kernel(nb::module_& m) {
  m.attr("KERNEL_PARAMETERS") = nb::make_tuple(
      "log_a", "log_beta", "log_gamma", "delta_logit", "log_xi", "log_eta", "omega", "phi",
      "log_zeta", "logit_exponential", "logit_power_law", "logit_oscillation");
  m.def("default_kernel", &default_kernel,
        "(12,) float64: start values in the order of KERNEL_PARAMETERS.");
  m.def(
      "kernel_forward", &kernel_forward, "raw"_a, "t"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(K(t) = w0 a e^(-beta t) + w1 gamma t^-delta e^(-xi t) + w2 eta cos(omega t + phi) e^(-zeta t)
for t > 0, and 0 for t <= 0.

raw: (12,) in the order of KERNEL_PARAMETERS: logarithms of rates and amplitudes, delta =
sigmoid(delta_logit), w = softmax(logits), omega in radians a unit of t, phi in radians. t: (M,) ->
(M,). Source: docs/math/conventions.md, section 7.)");
  m.def("kernel_backward", &kernel_backward, "raw"_a, "t"_a, "d_out"_a, nb::kw_only(),
        "out"_a = nb::none(), "d_raw: (12,) from d_out: (M,).");
  m.def("phase", &memory::phase, "delta"_a, "omega"_a,
        "pi delta / 2 - delta ln max(|omega|, 1e-8), radians.");
}

void bind_convolution(nb::module_& m) {
  nb::class_<PowerLawRule>(m, "PowerLawRule",
                           R"(t^-delta as a sum of exponentials with positive weights.

t^-delta ~ sum_j c_j e^(-r_j t) for lags 1 <= t <= horizon, in units of the step, for every delta in
[delta_low, delta_high]; `error` is the certified largest relative error there.)")
      .def(nb::init<double, double, double, double>(), "tolerance"_a, "horizon"_a,
           "delta_low"_a = 0.0, "delta_high"_a = 1.0, nb::call_guard<Unlocked>(),
           R"(2 to 400 ms. Error unless 1e-10 <= tolerance < 1, horizon >= 1,
0 <= delta_low <= delta_high <= 1 and 96 poles are enough.)")
      .def("__repr__", shows({"tolerance", "horizon", "poles", "error"}))
      .def_prop_ro("poles", &PowerLawRule::poles)
      .def_prop_ro("error", &PowerLawRule::error)
      .def_prop_ro("tolerance", &PowerLawRule::tolerance)
      .def_prop_ro("horizon", &PowerLawRule::horizon)
      .def(
          "sum", [](const PowerLawRule& rule, double delta) { return sum_of(rule.sum(delta)); },
          "delta"_a, "(rates (poles,), ascending; weights (poles,), positive) for delta in (0, 1).")
      .def(
          "sum_derivative",
          [](const PowerLawRule& rule, double delta) { return sum_of(rule.sum_derivative(delta)); },
          "delta"_a, "(d rates / d delta, d weights / d delta).");

  nb::class_<CausalConvolution>(m, "CausalConvolution",
                                R"(The LIoR memory of sequences (B, N, H, C), a kernel a head.

y_n = w0 x_n + sum_(k>=0) kappa_k x_(n-k), kappa_k = (1 - w0) K(k + 1) / max(|sum K|, 1e-8): a number
of the parameters alone, so a longer input never changes earlier outputs. The channels C of a head
share its kernel. More steps than the rule's horizon are an Error of forward (by poles) and backward
where the kernel is not damped by then; advance has no clock: see beyond_horizon in poles().
Source: docs/math/conventions.md, section 7.)")
      .def(nb::init<Index, const PowerLawRule&, const std::string&>(), "heads"_a, "rule"_a,
           nb::kw_only(), "dtype"_a = "float64", "dtype: of all arrays; states are float64.")
      .def("set", &CausalConvolution::set, "raw"_a,
           "Takes the kernels raw: (H, 12), rows in the order of KERNEL_PARAMETERS.")
      .def("__repr__", shows({"heads", "state_rows"}))
      .def_prop_ro("heads", &CausalConvolution::heads)
      .def_prop_ro("state_rows", &CausalConvolution::state_rows,
                   "R: a state is (B, H, R, C) float64, zeros at first.")
      .def(
          "forward", &CausalConvolution::forward, "x"_a, nb::kw_only(), "plan"_a = "automatic",
          "out"_a = nb::none(),
          R"(y from x, both (B, N, H, C); nothing came before. plan: 'direct' (N^2 / 2 multiply-adds),
'fft', 'recurrence' (by poles, O(1) memory) or 'automatic' (recurrence).)")
      .def(
          "advance", &CausalConvolution::advance, "x"_a, "state"_a, nb::kw_only(),
          "out"_a = nb::none(),
          R"(y after what `state` (B, H, R, C) float64 holds, which is updated in place: any split of a
sequence into calls gives one call's result, to rounding.)")
      .def("backward", &CausalConvolution::backward, "x"_a, "d_y"_a, nb::kw_only(),
           "plan"_a = "automatic", "out"_a = nb::none(),
           "(d_x (B, N, H, C), d_raw (H, 12)), the latter summed over B, N and C.")
      .def("poles", &CausalConvolution::poles, "head"_a = 0,
           R"(kappa_k = Re sum_j b_j z_j^k, z_j = e^(-s_j): a dict of s, z, b (complex128), w0, sum,
cancellation = |sum| / sum of sizes (below 1e-3 outputs are large and sensitive) and beyond_horizon:
lags past the rule's horizon are at most that part of all.)");
}

void bind_fractional(nb::module_& m) {
  m.def("grunwald_letnikov_weights", &weights<&memory::grunwald_letnikov_weights>, "order"_a,
        "count"_a, "(count,): w_0 = 1, w_k = w_(k-1) (k - 1 - order) / k.");
  m.def("l1_weights", &weights<&memory::l1_weights>, "alpha"_a, "count"_a,
        "(count,): (k+1)^(1-alpha) - k^(1-alpha), 0 < alpha < 1.");
  m.def(
      "grunwald_letnikov", &of_samples<&memory::grunwald_letnikov, double, double>, "order"_a,
      "dt"_a, "f"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(The derivative of that order (an integral where it is < 0) of samples f: (N,) float64, oldest
first. First order in dt; N^2 / 2 multiply-adds.)");
  m.def("caputo_l1", &of_samples<&memory::caputo_l1, double, double>, "alpha"_a, "dt"_a, "f"_a,
        nb::kw_only(), "out"_a = nb::none(),
        "The Caputo derivative of f: (N,) float64, 0 < alpha < 1. Order 2 - alpha in dt.");
  m.def(
      "product_trapezoid", &of_samples<&memory::product_trapezoid, double, double>, "alpha"_a,
      "dt"_a, "f"_a, nb::kw_only(), "out"_a = nb::none(),
      R"((1/Gamma(alpha)) int_0^t (t-s)^(alpha-1) f(s) ds of f: (N,) float64, 0 < alpha < 1; exact for f
linear between samples.)");
  m.def(
      "mittag_leffler", &mittag_leffler, "alpha"_a, "z"_a, "beta"_a = 1.0, nb::kw_only(),
      "out"_a = nb::none(),
      R"(E_(alpha,beta)(z) = sum_k z^k / Gamma(alpha k + beta), of a number or of an array z: (N,),
float64 or complex128. 0 < alpha < 2, 0 < beta < 3, and z real from -1e6 to 10 or complex with
|arg z| >= 3 pi / 4 and |z| <= 1e6. Relative error below 1e-12, but beside a zero; too large is inf.)");

  nb::class_<FractionalIntegral>(
      m, "FractionalIntegral",
      R"(product_trapezoid of many functions at once, step by step, by poles.

The integral at the next sample f_n is tail() + weight f_n; then accept(f_n). For n up to the rule's
horizon; RunError past it.)")
      .def(nb::init<double, double, const PowerLawRule&, Index, const std::string&>(), "alpha"_a,
           "dt"_a, "rule"_a, "size"_a, nb::kw_only(), "dtype"_a = "float64")
      .def("__repr__", shows({"step", "weight", "poles"}))
      .def("start", &FractionalIntegral::start, "f"_a, "f_0: (size,); forgets what came before.")
      .def("accept", &FractionalIntegral::accept, "f"_a, "The next sample f_n: (size,).")
      .def("tail", &FractionalIntegral::tail, "(size,): what accepted samples give.")
      .def_prop_ro("weight", &FractionalIntegral::weight, "Of f_n in the integral at t_n.")
      .def_prop_ro("step", &FractionalIntegral::step, "n of the last sample that was accepted.")
      .def_prop_ro("poles", &FractionalIntegral::poles);
}

}  // namespace

void bind_memory(nb::module_& m) {
  define_operations();
  bind_kernel(m);
  bind_convolution(m);
  bind_fractional(m);
}

}  // namespace lior::python
