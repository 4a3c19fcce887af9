// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"
#include "lior/core/parallel.h"
#include "lior/core/version.h"
#include "lior/linalg/fft.h"
#include "lior/simd/dispatch.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace lior::python {
namespace {

std::vector<std::string> levels() {
  std::vector<std::string> names;
  for (const simd::Level level : simd::available_levels()) names.emplace_back(simd::name(level));
  return names;
}

nb::typed<nb::dict, nb::str, nb::any> info() {
  nb::dict facts;
  facts["version"] = std::string(version());
  facts["compiler"] = std::string(compiler());
  facts["build"] = std::string(build_type());
  facts["fft"] = std::string(linalg::fft_library());
  facts["licence"] = linalg::fft_is_gpl() ? "GPL-3.0-or-later" : "Apache-2.0";
  facts["processor"] = processor_name();
  facts["levels"] = levels();
  facts["level"] = std::string(simd::name(simd::level()));
  facts["threads"] = threads();
  return facts;
}

/// Classes are made once a process. Where the module is asked for again, its entry in sys.modules
/// having been deleted, it shows what was made first.
bool shows_the_first(nb::module_& m) {
  static nb::handle first;
  if (!first.is_valid()) {
    first = m.inc_ref();
    return false;
  }
  const nb::dict loaded = nb::module_::import_("sys").attr("modules");
  for (const auto& [name, value] : nb::cast<nb::dict>(first.attr("__dict__"))) {
    const std::string text = nb::cast<std::string>(name);
    if (text.starts_with("__")) continue;
    m.attr(name) = value;
    if (PyModule_Check(value.ptr())) loaded[nb::cast("lior._lior." + text)] = value;
  }
  return true;
}

}  // namespace
}  // namespace lior::python

NB_MODULE(_lior, m) {
  using namespace lior;
  using namespace lior::python;
  if (shows_the_first(m)) return;
  watch_exit();
  know_numpy();
  nb::set_leak_warnings(false);  // what torch.library refers to outlives the interpreter
  m.doc() = "The compiled half of lior; its public names are those of the lior package.";
  nb::exception<Error>(m, "Error", PyExc_ValueError).doc() =
      "A wrong argument or wrong input: the message says what, where, and what would be right.";
  nb::exception<RunError>(m, "RunError", PyExc_RuntimeError).doc() =
      "The arguments were right and the run failed all the same (a NaN in the loss, a full disk).";

  m.def(
      "threads", &threads,
      "Threads that kernels use; at first OMP_NUM_THREADS, else the cores this process may use; 1 "
      "in a forked child.");
  m.def("set_threads", &set_threads, "count"_a,
        "Sets the threads that kernels use, at any time and from any thread: calls that run go on "
        "with the old number or the new one. Error unless count >= 1.");
  m.def(
      "level", [] { return std::string(simd::name(simd::level())); },
      "The SIMD level in force: 'scalar', 'avx2' or 'avx512'; on 64-bit ARM 'scalar' or 'neon'.");
  m.def(
      "set_level", [](const std::string& name) { simd::set_level(simd::level_from_name(name)); },
      "name"_a,
      "Chooses a SIMD level, in letters of either case. Error where this processor lacks it.");
  m.def("info", &info, "Version, build, licence of this binary, SIMD levels, threads.");

  const auto bind = [&](void (*module)(nb::module_&), const char* name, const char* doc) {
    nb::module_ part = m.def_submodule(name, doc);
    module(part);
  };
  bind(&bind_algebra, "algebra", "Quaternions, octonions, CI8, Clifford generators, bilinears.");
  bind(&bind_geometry, "geometry", "Metrics, Christoffel symbols, curvature, geodesics.");
  bind(&bind_memory, "memory", "The LIoR kernel, sums of exponentials, causal convolution.");
  bind(&bind_field, "field", "The cognitive tensor field and its evolution.");
  bind(&bind_nn, "nn", "Forward and backward pairs of layers.");
  bind(&bind_io, "io", "Named arrays in safetensors files.");
  bind(&bind_compat, "compat", "Layers as the original program computes them.");
  bind(&bind_mixers, "mixers", "What the causal field and geometric attention are made of.");
  bind(&bind_optimizer, "optimizer", "Steps of tensors where they lie.");
  bind(&bind_train, "train", "Models, data, optimisers, generation.");
  bind(&bind_xla, "xla", "The functions inside XLA's programs, for lior.jax.");
}
