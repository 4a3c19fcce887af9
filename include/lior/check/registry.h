// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The registry of what `lior verify` proves and `lior bench` times, filled by src/check/MODULE.
///
/// An entry is code that reads like the formula that it checks. The same entries run as GoogleTest
/// parameters and in the program; nothing is timed without being checked first.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lior/core/view.h"

namespace lior::io {
class SafeTensors;
}

namespace lior::check {

/// One identity, closed form or comparison with the reference.
struct Check {
  std::string name;      ///< "octonion.moufang": thing.statement, without dtype or level
  std::string module;    ///< "algebra"
  std::string dtype;     ///< "f32" or "f64"
  std::string shape;     ///< what it ran on, such as "[8, 1000]"
  double tolerance = 0;  ///< with the reason where it is not plain rounding
  std::function<double()>
      error;  ///< the largest deviation, in tolerance's units; NaN fails, so does a throw
};

/// The peak that a kernel's operations are measured against.
enum class Arithmetic { fma_f32, fma_f64, fma_bf16 };
/// The pattern of a kernel's memory traffic: which probed bandwidth is its limit.
enum class Traffic { read, write, triad };

/// Two ways to the same result, ready to run on fresh random inputs.
struct BenchRun {
  std::function<void()> before;   ///< the seed's form, or the peer that the row names
  std::function<void()> after;    ///< ours
  std::function<double()> error;  ///< after both ran once: their largest difference
  double tolerance = 0;
};

/// One row of the bench. floor = max(bytes / bandwidth, flops / rate); both 0: no floor.
struct Bench {
  std::string name;  ///< "octonion.multiply"
  std::string shape;
  std::string dtype;
  int threads = 0;   ///< 0: all that the program may use
  double flops = 0;  ///< operations that the result needs (an FMA is 2)
  double bytes = 0;  ///< fewest bytes that must move
  Arithmetic arithmetic = Arithmetic::fma_f32;
  Traffic traffic = Traffic::triad;
  std::function<BenchRun()> prepare;  ///< allocates and fills; called once a row
  /// Rows of one name that differ in this size are a family, and the report says how `after` grows.
  std::string variable{};  ///< "N"; empty: no family
  double size = 0;         ///< of this row
  double memory = 0;       ///< bytes that `after` holds at most; 0: not said
};

/// Turns one recorded file into checks. A tensor that the file lacks must make a check fail (throw
/// inside `error`), not vanish.
using Cases = std::function<std::vector<Check>(std::shared_ptr<const io::SafeTensors> file)>;

struct Registry {
  std::vector<Check> checks{};
  std::vector<Bench> benches{};
  std::vector<std::pair<std::string, Cases>> cases{};  ///< by file stem, such as "octonion"
};

/// All entries of all modules, in layer order; built at the first call.
const Registry& registry();

/// One a module, in src/check/<module>_checks.cpp, _bench.cpp and _cases.cpp.
void add_simd_checks(Registry& registry);
void add_linalg_checks(Registry& registry);
void add_linalg_benches(Registry& registry);
void add_memory_checks(Registry& registry);
void add_memory_cases(Registry& registry);
void add_memory_benches(Registry& registry);
void add_field_checks(Registry& registry);
void add_field_cases(Registry& registry);
void add_field_benches(Registry& registry);
void add_explicit_benches(Registry& registry);
void add_algebra_checks(Registry& registry);
void add_algebra_benches(Registry& registry);
void add_algebra_cases(Registry& registry);
void add_nn_op_checks(Registry& registry);
void add_nn_op_benches(Registry& registry);
void add_clifford_checks(Registry& registry);
void add_bilinears_benches(Registry& registry);
void add_bilinears_cases(Registry& registry);
void add_geometry_checks(Registry& registry);
void add_learned_metric_checks(Registry& registry);
void add_geodesic_checks(Registry& registry);
void add_complex_metric_checks(Registry& registry);
void add_manifold_cases(Registry& registry);
void add_metric_gradient_checks(Registry& registry);
void add_geometry_benches(Registry& registry);
void add_nn_scan_checks(Registry& registry);
void add_nn_scan_benches(Registry& registry);
void add_nn_attention_checks(Registry& registry);
void add_nn_mixer_checks(Registry& registry);
void add_nn_attention_benches(Registry& registry);
void add_scan_composition_checks(Registry& registry);
void add_scan_plan_benches(Registry& registry);
void add_nn_model_checks(Registry& registry);
void add_nn_compat_checks(Registry& registry);
void add_nn_compat_benches(Registry& registry);
void add_nn_cases(Registry& registry);
void add_nn_layer_benches(Registry& registry);
void add_train_checks(Registry& registry);
void add_train_benches(Registry& registry);
void add_model_benches(Registry& registry);
void add_train_cases(Registry& registry);

}  // namespace lior::check
