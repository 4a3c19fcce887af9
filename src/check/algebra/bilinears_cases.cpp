// SPDX-License-Identifier: Apache-2.0
// Recorded bilinears: gamma [d, s, s] and psi [..., s] -> K0 [...], K1 and K2 [..., d, d]; complex
// numbers carry a last axis of 2.
#include "lior/algebra/bilinears.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/io/safetensors.h"

namespace lior::check {
namespace {

using io::SafeTensors;

constexpr double kRecorded = 1e-10;  // relative to the largest entry, as recorded values promise

template <class S>
struct Recorded {
  Buffer<S> gamma, psi;
  Index d, s, points;

  explicit Recorded(const SafeTensors& file)
      : gamma(file.read<S>("gamma")), psi(file.read<S>("psi")) {
    const std::vector<Index>& shape = file.info("gamma").shape;
    d = shape[0], s = shape[1];
    LIOR_CHECK(gamma.size() == d * s * s && s > 0 && psi.size() % s == 0,
               "gamma and psi of {} do not fit: {} and {} numbers", file.path(), gamma.size(),
               psi.size());
    points = psi.size() / s;
  }
};

/// The error of K0, K1 or K2.
template <class S>
double error_of(const SafeTensors& file, const char* name) {
  using T = typename algebra::Bilinears<S>::T;
  const Recorded<S> in(file);
  const algebra::Bilinears<S> bilinears(View<const S, 3>(in.gamma.data(), {in.d, in.s, in.s}),
                                        algebra::Pairs::full);
  Array<S, 1> k0({in.points});
  Array<S, 2> k1({in.points, in.d * in.d}), k2({in.points, in.d * in.d});
  bilinears.forward({in.psi.data(), {in.points, in.s}}, k0.view(), k1.view(), k2.view());
  const std::span<const S> got = name[1] == '0'   ? std::span<const S>(k0.span())
                                 : name[1] == '1' ? std::span<const S>(k1.span())
                                                  : std::span<const S>(k2.span());
  const Buffer<S> want = file.read<S>(name);
  const auto reals = [](const S* data, std::size_t count) {
    return std::span(reinterpret_cast<const T*>(data), count * (std::is_same_v<S, T> ? 1 : 2));
  };
  return relative_difference(reals(got.data(), got.size()),
                             reals(want.data(), static_cast<std::size_t>(want.size())));
}

std::vector<Check> recorded_bilinears(std::shared_ptr<const SafeTensors> file) {
  const std::vector<Index>& gamma = file->info("gamma").shape;
  LIOR_CHECK(gamma.size() == 3 || (gamma.size() == 4 && gamma[3] == 2),
             "gamma of {} has shape {}; expected [d, s, s] or [d, s, s, 2]", file->path(),
             io::to_string(gamma));
  const auto error = gamma.size() == 4 ? error_of<std::complex<double>> : error_of<double>;
  std::vector<Check> checks;
  for (const char* name : {"K0", "K1", "K2"}) {
    checks.push_back({.name = std::string("bilinears.recorded.") + name,
                      .module = "algebra",
                      .dtype = "f64",
                      .shape = io::to_string(file->info("psi").shape),
                      .tolerance = kRecorded,
                      .error = [=] { return error(*file, name); }});
  }
  return checks;
}

}  // namespace

void add_bilinears_cases(Registry& registry) {
  registry.cases.emplace_back("bilinears", recorded_bilinears);
}

}  // namespace lior::check
