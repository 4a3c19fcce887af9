// SPDX-License-Identifier: Apache-2.0
#pragma once
// The modules of lior._lior, one file each.

#include <string>

#include "arrays.h"
#include "lior/core/names.h"

namespace lior::python {

using namespace nb::literals;

/// The IntEnum of an enumeration's words.
template <NamedEnum E>
void bind_enum(nb::module_& m, const char* name, const char* doc) {
  nb::enum_<E> bound(m, name, doc, nb::is_arithmetic());
  for (const std::string_view word : enum_names(E{})) {
    bound.value(std::string(word).c_str(), *find_name<E>(word));
  }
}

void bind_algebra(nb::module_& m);
void bind_compat(nb::module_& m);
void bind_counts(nb::module_& m);
void bind_field(nb::module_& m);
void bind_field_functions(nb::module_& m);
void bind_geometry(nb::module_& m);
void bind_geometry_checks(nb::module_& m);
void bind_image(nb::module_& m);
void bind_io(nb::module_& m);
void bind_layer(nb::module_& m);
void bind_layers(nb::module_& m);
void bind_learned_metric(nb::module_& m);
void bind_memory(nb::module_& m);
void bind_mixers(nb::module_& m);
void bind_nn(nb::module_& m);
void bind_optimizer(nb::module_& m);
void bind_train(nb::module_& m);
void bind_train_data(nb::module_& m);
void bind_train_runs(nb::module_& m);
void bind_velocities(nb::module_& m);
void bind_xla(nb::module_& m);

}  // namespace lior::python
