// SPDX-License-Identifier: Apache-2.0
#include "libraries.h"

#include <archive.h>
#include <bzlib.h>
#include <fmt/core.h>
#include <hdf5.h>
#include <lzma.h>
#include <png.h>
#include <utf8proc.h>
#include <zlib.h>
#include <zstd.h>

#include <oneapi/dnnl/dnnl.h>

namespace lior::app {

std::string libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  unsigned major = 0, minor = 0, patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return fmt::format(
      "oneDNN {}.{}.{}, HDF5 {}.{}.{}, libpng {}, zlib {}, zstd {}, xz {}, utf8proc {}, {}, bzip2 "
      "{}, {}",
      dnnl->major, dnnl->minor, dnnl->patch, major, minor, patch, png_get_libpng_ver(nullptr),
      zlibVersion(), ZSTD_versionString(), lzma_version_string(), utf8proc_version(),
      archive_version_string(), std::string_view(BZ2_bzlibVersion()).substr(0, 5), LIOR_LIBRARIES);
}

}  // namespace lior::app
