// SPDX-License-Identifier: Apache-2.0
// field.safetensors and evolve.safetensors: the field as the original computes it.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/field/compat.h"
#include "lior/io/safetensors.h"

namespace lior::check {
namespace {

using File = std::shared_ptr<const io::SafeTensors>;
using Complex = std::complex<double>;
using FieldArray = Array<Complex, 4>;
namespace compat = field::compat;

constexpr double kRecorded = 1e-10;
constexpr double kFromFloat = 1e-6;  // what the original computed in float32

template <std::size_t Rank>
Array<Complex, Rank> read(const io::SafeTensors& file, const char* name) {
  const auto& shape = file.info(name).shape;  // with the last axis of (re, im)
  LIOR_CHECK(shape.size() == Rank + 1, "{}: tensor {} has {} axes; expected {}", file.path(), name,
             shape.size(), Rank + 1);
  Shape<Rank> extents;
  std::copy_n(shape.begin(), Rank, extents.begin());
  return file.read_shaped<Complex>(name, extents);
}

/// As the file stores them: (re, im) of every entry.
Buffer<double> reals(View<const Complex, 4> t) {
  Buffer<double> out(2 * t.size());
  std::copy_n(reinterpret_cast<const double*>(t.data()), out.size(), out.data());
  return out;
}

using Ours = std::function<Buffer<double>(const io::SafeTensors&)>;

Check check_of(File file, std::string stem, std::string tensor, double tolerance, Ours ours) {
  return {.name = stem + "." + tensor,
          .module = "field",
          .dtype = "f64",
          .shape = file->contains(tensor) ? io::to_string(file->info(tensor).shape) : "missing",
          .tolerance = tolerance,
          .error = [=] {
            return relative_difference(ours(*file).span(), file->read<double>(tensor).span());
          }};
}

std::vector<Check> field_cases(File file) {
  std::vector<Check> checks;
  const auto add = [&](std::string tensor, double tolerance, Ours ours) {
    checks.push_back(check_of(file, "field", std::move(tensor), tolerance, std::move(ours)));
  };
  /// function(file, T, out)
  const auto from_t = [](auto function) {
    return [=](const io::SafeTensors& f) {
      const FieldArray t = read<4>(f, "T");
      FieldArray out(t.shape());
      function(f, t.view(), out.view());
      return reals(out.view());
    };
  };

  add("lap_x", kRecorded,
      from_t([](auto&, auto t, auto out) { compat::second_difference(t, 1, out); }));
  add("lap_y", kRecorded,
      from_t([](auto&, auto t, auto out) { compat::second_difference(t, 0, out); }));
  // -hbar^2 / 2m = 1 makes H the Laplacian.
  add("laplacian", kRecorded,
      from_t([](auto&, auto t, auto out) { compat::hamiltonian(t, {}, 1, -0.5, 1, 1, out); }));
  add("H_free", kRecorded,
      from_t([](auto&, auto t, auto out) { compat::hamiltonian(t, {}, 0.1, 1, 1, 1, out); }));
  add("H_V", kRecorded, from_t([](auto& f, auto t, auto out) {
        compat::hamiltonian(t, read<4>(f, "V").view(), 0.3, 0.8, 1, 1, out);
      }));
  add("H_metric", kRecorded, from_t([](auto& f, auto t, auto out) {
        const auto g = f.template read_shaped<double, 1>("g_inv", {2});
        compat::hamiltonian(t, read<4>(f, "V").view(), 0.3, 0.8, g(0), g(1), out);
      }));
  for (const char* kind : {"harmonic", "gaussian_well", "gaussian_barrier", "constant", "zero"}) {
    add(std::string("pot_") + kind, kFromFloat, from_t([kind](auto&, auto, auto out) {
          compat::potential(parse_name<field::Potential>(kind, "potential"), 0.4, out);
        }));
  }
  add("weights", kRecorded, [](const io::SafeTensors& f) {
    const FieldArray t = read<4>(f, "T"), e = read<4>(f, "E");
    Buffer<double> out(t.size());
    compat::weights(t.view(), e.view(), 0.5, View<double, 4>(out.data(), t.shape()));
    return out;
  });
  add("posterior", kRecorded, from_t([](auto& f, auto t, auto out) {
        compat::posterior(t, read<4>(f, "E").view(), 0.5, out);
      }));
  add("lambda_qr", kRecorded, from_t([](auto& f, auto, auto out) {
        compat::bayes_term(read<4>(f, "V").view(), read<4>(f, "E").view(), 0.3, 0.5, out);
      }));
  add("frac_w", kFromFloat, [](const io::SafeTensors& f) {
    Buffer<double> out(f.info("history").shape.at(0));
    compat::fractional_weights(0.4, 0.05, out.span());
    return out;
  });
  add("memory_term", kFromFloat, from_t([](auto& f, auto, auto out) {
        compat::memory_term(read<5>(f, "history").view(), 0.05, 0.4, 0.05, out);
      }));
  return checks;
}

std::vector<Check> evolve_cases(File file) {
  return {check_of(file, "evolve", "traj", kRecorded, [](const io::SafeTensors& f) {
    FieldArray t = read<4>(f, "T0");
    const FieldArray t_prev = read<4>(f, "T_prev_collapsed"), e = read<4>(f, "E"),
                     j = read<4>(f, "J");
    const auto [nx, ny, d, columns] = t.shape();
    Array<Complex, 5> work({2, nx, ny, d, columns});
    const Index steps = f.info("traj").shape.at(0);
    LIOR_CHECK(steps >= 1, "{}: traj holds no step", f.path());
    Buffer<double> out(steps * 2 * t.size());
    for (Index step = 0; step < steps; ++step) {
      compat::step({}, step, t_prev.view(), e.view(), j.view(), t.view(), work.view());
      std::copy_n(reals(t.view()).data(), 2 * t.size(), out.data() + step * 2 * t.size());
    }
    return out;
  })};
}

}  // namespace

void add_field_cases(Registry& registry) {
  registry.cases.emplace_back("field", field_cases);
  registry.cases.emplace_back("evolve", evolve_cases);
}

}  // namespace lior::check
