// SPDX-License-Identifier: Apache-2.0
#pragma once
// The modules of lior._lior, one file each.

#include "arrays.h"

namespace lior::python {

using namespace nb::literals;

void bind_algebra(nb::module_& m);
void bind_compat(nb::module_& m);
void bind_field(nb::module_& m);
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

}  // namespace lior::python
