// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The libraries of this program.

#include <string>

namespace lior::app {

/// "oneDNN 2.6.3, HDF5 1.10.8, ...": names and versions. Of shared libraries that can be asked, the
/// version that is loaded; of the others, the one that the program was compiled with.
std::string libraries();

}  // namespace lior::app
