// SPDX-License-Identifier: Apache-2.0
// The recorded file "octonion": the original's products in float64, arrays [..., 16] with the
// components last.
#include "lior/algebra/ci8.h"
#include "lior/algebra/compat.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/io/safetensors.h"

namespace lior::check {
namespace {

using algebra::ci8_conjugate;
using algebra::ci8_norm;
namespace compat = algebra::compat;
using File = std::shared_ptr<const io::SafeTensors>;

/// Tolerance of recorded float64 outputs, relative to their largest entry.
constexpr double kRecordedTolerance = 1e-10;

/// [..., components] from the file as planes [components, N].
Array<double, 2> planes(const io::SafeTensors& file, const char* name, Index components) {
  const auto& shape = file.info(name).shape;
  LIOR_CHECK(!shape.empty() && shape.back() == components,
             "{}: {} has shape {}; expected [..., {}]", file.path(), name, io::to_string(shape),
             components);
  const Buffer<double> rows = file.read<double>(name);
  Array<double, 2> out({components, rows.size() / components});
  for (Index n = 0; n < out.shape()[1]; ++n) {
    for (Index k = 0; k < components; ++k) out(k, n) = rows[n * components + k];
  }
  return out;
}

/// The first 8 components: the real parts, all that the recorded real product sees.
Array<double, 2> real_part(const Array<double, 2>& x) {
  Array<double, 2> out({8, x.shape()[1]});
  std::copy_n(x.data(), out.size(), out.data());
  return out;
}

double fano_structure_error(const io::SafeTensors& file) {
  const auto recorded = file.read_shaped<double, 3>("struct", {8, 8, 8});
  constexpr auto kStructure = compat::fano_structure();
  Array<double, 3> ours({8, 8, 8});
  for (int p = 0; p < 8; ++p) {
    for (int q = 0; q < 8; ++q) {
      for (int r = 0; r < 8; ++r) ours(p, q, r) = kStructure[p][q][r];
    }
  }
  return relative_difference(ours.span(), recorded.span());
}

double fano_mul_error(const io::SafeTensors& file) {
  const auto a = real_part(planes(file, "a", 16)), b = real_part(planes(file, "b", 16));
  Array<double, 2> ab(a.shape());
  compat::fano_multiply<double>(a.view(), b.view(), ab.view());
  return relative_difference(ab.span(), planes(file, "fano_mul", 8).span());
}

double fano_cmul_error(const io::SafeTensors& file) {
  const auto a = planes(file, "a", 16), b = planes(file, "b", 16);
  Array<double, 2> ab(a.shape());
  compat::fano_multiply<double>(a.view(), b.view(), ab.view());
  return relative_difference(ab.span(), planes(file, "fano_cmul", 16).span());
}

double fano_assoc_error(const io::SafeTensors& file) {
  const auto a = planes(file, "a", 16), b = planes(file, "b", 16), c = planes(file, "c", 16);
  Array<double, 2> abc(a.shape());
  compat::fano_associator<double>(a.view(), b.view(), c.view(), abc.view());
  return relative_difference(abc.span(), planes(file, "fano_assoc", 16).span());
}

double legacy_mul_error(const io::SafeTensors& file) {
  const auto a = planes(file, "a", 16), b = planes(file, "b", 16);
  Array<double, 2> ab(a.shape());
  compat::componentwise_multiply<double>(a.view(), b.view(), ab.view());
  return relative_difference(ab.span(), planes(file, "legacy_mul", 16).span());
}

double conj_error(const io::SafeTensors& file) {
  const auto a = planes(file, "a", 16);
  Array<double, 2> conjugate(a.shape());
  ci8_conjugate<double>(a.view(), conjugate.view());
  return relative_difference(conjugate.span(), planes(file, "conj", 16).span());
}

double norm_error(const io::SafeTensors& file) {
  const auto a = planes(file, "a", 16);
  Array<double, 1> length({a.shape()[1]});
  ci8_norm<double>(a.view(), length.view());
  return relative_difference(length.span(), file.read<double>("norm").span());
}

std::vector<Check> octonion_cases(File file) {
  const std::string shape = file->contains("a") ? io::to_string(file->info("a").shape) : "";
  const std::pair<const char*, double (*)(const io::SafeTensors&)> outputs[] = {
      {"struct", fano_structure_error},
      {"fano_mul", fano_mul_error},
      {"fano_cmul", fano_cmul_error},
      {"fano_assoc", fano_assoc_error},
      {"legacy_mul", legacy_mul_error},
      {"conj", conj_error},
      {"norm", norm_error}};
  std::vector<Check> checks;
  for (const auto& [output, error] : outputs) {
    checks.push_back({.name = std::string("cases.octonion.") + output,
                      .module = "algebra",
                      .dtype = "f64",
                      .shape = shape,
                      .tolerance = kRecordedTolerance,
                      .error = [file, error = error] { return error(*file); }});
  }
  return checks;
}

}  // namespace

void add_algebra_cases(Registry& registry) {
  registry.cases.emplace_back("octonion", octonion_cases);
}

}  // namespace lior::check
