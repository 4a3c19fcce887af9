// SPDX-License-Identifier: Apache-2.0
#include "libraries.h"

#include <fmt/core.h>
#include <hdf5.h>
#include <png.h>

#include <oneapi/dnnl/dnnl.h>

namespace lior::app {

std::string libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  unsigned major = 0, minor = 0, patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return fmt::format("oneDNN {}.{}.{}, HDF5 {}.{}.{}, libpng {}, {}", dnnl->major, dnnl->minor,
                     dnnl->patch, major, minor, patch, png_get_libpng_ver(nullptr), LIOR_LIBRARIES);
}

}  // namespace lior::app
