// SPDX-License-Identifier: Apache-2.0
// lior_memory.safetensors: the kernel, the recurrence and the memory module of the original.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/io/safetensors.h"
#include "lior/memory/compat_module.h"

namespace lior::check {
namespace {

using File = std::shared_ptr<const io::SafeTensors>;
namespace compat = memory::compat;

constexpr double kRecorded = 1e-10;   // what was recorded from double arithmetic
constexpr double kThroughFft = 1e-5;  // what went through the original's float32 FFT

template <std::size_t Rank>
Array<double, Rank> read(const io::SafeTensors& file, const char* name) {
  const auto& shape = file.info(name).shape;
  LIOR_CHECK(shape.size() == Rank, "{}: tensor {} has {} axes; expected {}", file.path(), name,
             shape.size(), Rank);
  Shape<Rank> extents;
  std::copy(shape.begin(), shape.end(), extents.begin());
  return file.read_shaped<double>(name, extents);
}

double scalar(const io::SafeTensors& file, const std::string& name) {
  return file.read_shaped<double, 0>(name, {})();
}

memory::KernelParameters kernel_of(const io::SafeTensors& file) {
  const auto of = [&](const char* name) {
    return scalar(file, std::string("param.kernel.") + name);
  };
  const auto logits = file.read_shaped<double, 1>("param.kernel.weight_logits", {3});
  return {.log_a = of("log_alpha_exp"),
          .log_beta = of("log_beta"),
          .log_gamma = of("log_gamma"),
          .delta_logit = of("delta_logit"),
          .log_xi = of("log_xi"),
          .log_eta = of("log_eta"),
          .omega = of("omega"),
          .phi = of("phi"),
          .log_zeta = of("log_zeta"),
          .logits = {logits(0), logits(1), logits(2)}};
}

memory::RecurrenceParameters recurrence_of(const io::SafeTensors& file) {
  return {.rho_logit = scalar(file, "param.kernel.rho_logit"),
          .log_eta_r = scalar(file, "param.kernel.log_eta_r"),
          .log_xi_r = scalar(file, "param.kernel.log_xi_r")};
}

/// The outputs of two calls, the second on x reversed along time with the first one's state.
struct TwoCalls {
  Array<double, 3> output[2], buffer[2];
  Array<double, 2> m[2], j[2];

  explicit TwoCalls(const io::SafeTensors& file) {
    const auto hidden_weight = read<2>(file, "param.j_h_proj.0.weight"),
               out_weight = read<2>(file, "param.j_h_proj.2.weight");
    const auto hidden_bias = read<1>(file, "param.j_h_proj.0.bias"),
               out_bias = read<1>(file, "param.j_h_proj.2.bias");
    const compat::ModuleParameters parameters{.kernel = kernel_of(file),
                                              .recurrence = recurrence_of(file),
                                              .hidden_weight = hidden_weight.view(),
                                              .hidden_bias = hidden_bias.view(),
                                              .out_weight = out_weight.view(),
                                              .out_bias = out_bias.view()};
    Array<double, 3> x = read<3>(file, "x");
    const auto [batch, length, channels] = x.shape();
    for (int call = 0; call < 2; ++call) {
      output[call] = Array<double, 3>(x.shape());
      buffer[call] = Array<double, 3>(read<3>(file, "buffer_new").shape());
      m[call] = Array<double, 2>({batch, channels});
      j[call] = Array<double, 2>({batch, 1});
      if (call == 1) {
        std::copy_n(buffer[0].data(), buffer[0].size(), buffer[1].data());
        std::copy_n(m[0].data(), m[0].size(), m[1].data());
        std::copy_n(j[0].data(), j[0].size(), j[1].data());
        Array<double, 3> reversed(x.shape());
        for (Index b = 0; b < batch; ++b) {
          for (Index n = 0; n < length; ++n) {
            std::copy_n(&x(b, length - 1 - n, 0), channels, &reversed(b, n, 0));
          }
        }
        x = std::move(reversed);
      }
      compat::module_forward(parameters, x.view(),
                             {m[call].view(), buffer[call].view(), j[call].view()},
                             output[call].view());
    }
  }
};

std::vector<Check> memory_cases(File file) {
  std::vector<Check> checks;
  const auto add = [&](std::string tensor, double tolerance,
                       std::function<Buffer<double>(const io::SafeTensors&)> ours) {
    checks.push_back(
        {.name = "lior_memory." + tensor,
         .module = "memory",
         .dtype = "f64",
         .shape = file->contains(tensor) ? io::to_string(file->info(tensor).shape) : "missing",
         .tolerance = tolerance,
         .error = [=] {
           return relative_difference(ours(*file).span(), file->read<double>(tensor).span());
         }});
  };
  const auto mapped = [](const char* argument, auto function) {
    return [=](const io::SafeTensors& f) {
      Buffer<double> values = f.read<double>(argument);
      for (double& value : values) value = function(f, value);
      return values;
    };
  };

  add("kernel", kRecorded, mapped("lag", [](const io::SafeTensors& f, double t) {
        return compat::kernel(memory::values(kernel_of(f)), t);
      }));
  add("phase", kRecorded, mapped("freq", [](const io::SafeTensors& f, double omega) {
        return memory::phase(memory::values(kernel_of(f)).delta, omega);
      }));
  add("weights", kRecorded, [](const io::SafeTensors& f) {
    const auto w = memory::values(kernel_of(f)).w;
    Buffer<double> out(3);
    std::copy(w.begin(), w.end(), out.begin());
    return out;
  });
  add("kernel_normalized", kRecorded, [](const io::SafeTensors& f) {
    Buffer<double> out(read<3>(f, "x").shape()[1]);
    compat::normalised_kernel(memory::values(kernel_of(f)), out.span());
    return out;
  });

  // The convolution alone is what remains of the output: (out - w0 x) / (1 - w0).
  add("conv_direct", kRecorded, [](const io::SafeTensors& f) {
    const TwoCalls calls(f);
    const double w0 = memory::values(kernel_of(f)).w[0];
    Buffer<double> out = f.read<double>("x");
    for (Index i = 0; i < out.size(); ++i) {
      out[i] = (calls.output[0].data()[i] - w0 * out[i]) / (1 - w0);
    }
    return out;
  });
  const auto copy = [](const auto& array) {
    Buffer<double> out(array.size());
    std::copy_n(array.data(), array.size(), out.data());
    return out;
  };
  add("output_direct", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).output[0]); });
  add("output_fft32", kThroughFft, [=](const auto& f) { return copy(TwoCalls(f).output[0]); });
  add("output2_fft32", kThroughFft, [=](const auto& f) { return copy(TwoCalls(f).output[1]); });
  add("m_new", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).m[0]); });
  add("m_new2", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).m[1]); });
  add("buffer_new", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).buffer[0]); });
  add("buffer_new2", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).buffer[1]); });
  add("j_h_new", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).j[0]); });
  add("j_h_new2", kRecorded, [=](const auto& f) { return copy(TwoCalls(f).j[1]); });

  const auto recurrence = [](bool controlled) {
    return [=](const io::SafeTensors& f) {
      const auto m = read<2>(f, "rec_m");
      const auto x = f.read_shaped<double>("rec_x", m.shape());
      const auto delayed = f.read_shaped<double>("rec_xd", m.shape());
      const auto j = f.read_shaped<double, 1>("rec_jh", {m.shape()[0]});
      const auto parameters = recurrence_of(f);
      Buffer<double> out(m.size());
      for (Index i = 0; i < m.size(); ++i) {
        const double old = m.data()[i], now = x.data()[i], then = delayed.data()[i];
        out[i] = controlled
                     ? compat::recurrence_step(parameters, old, now, then, j(i / m.shape()[1]))
                     : compat::recurrence_step(parameters, old, now, then);
      }
      return out;
    };
  };
  add("rec_out", kRecorded, recurrence(false));
  add("rec_out_jh", kRecorded, recurrence(true));
  return checks;
}

}  // namespace

void add_memory_cases(Registry& registry) {
  registry.cases.emplace_back("lior_memory", memory_cases);
}

}  // namespace lior::check
