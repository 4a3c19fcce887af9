// SPDX-License-Identifier: Apache-2.0
#include "lior/check/registry.h"

namespace lior::check {

const Registry& registry() {
  static const Registry all = [] {
    Registry registry;
    add_simd_checks(registry);
    add_linalg_checks(registry);
    add_linalg_benches(registry);
    add_memory_checks(registry);
    add_memory_cases(registry);
    add_memory_benches(registry);
    add_field_checks(registry);
    add_field_cases(registry);
    add_field_benches(registry);
    add_explicit_benches(registry);
    add_algebra_checks(registry);
    add_algebra_benches(registry);
    add_algebra_cases(registry);
    add_nn_op_checks(registry);
    add_nn_op_benches(registry);
    add_clifford_checks(registry);
    add_bilinears_benches(registry);
    add_bilinears_cases(registry);
    add_geometry_checks(registry);
    add_learned_metric_checks(registry);
    add_geodesic_checks(registry);
    add_complex_metric_checks(registry);
    add_manifold_cases(registry);
    add_metric_gradient_checks(registry);
    add_geometry_benches(registry);
    add_nn_scan_checks(registry);
    add_nn_scan_benches(registry);
    add_nn_attention_checks(registry);
    add_nn_mixer_checks(registry);
    add_nn_attention_benches(registry);
    add_scan_composition_checks(registry);
    add_scan_plan_benches(registry);
    add_nn_model_checks(registry);
    add_nn_compat_checks(registry);
    add_nn_compat_benches(registry);
    add_nn_cases(registry);
    add_nn_layer_benches(registry);
    add_train_checks(registry);
    add_train_benches(registry);
    add_model_benches(registry);
    add_train_cases(registry);
    return registry;
  }();
  return all;
}

}  // namespace lior::check
