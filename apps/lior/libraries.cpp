// SPDX-License-Identifier: Apache-2.0
#include "libraries.h"

#include <archive.h>
#include <bzlib.h>
#include <fmt/core.h>
#include <lzma.h>
#include <utf8proc.h>
#include <zlib.h>
#include <zstd.h>

#include <oneapi/dnnl/dnnl.h>

#include "lior/io/hdf5.h"
#include "lior/io/png.h"

namespace lior::app {

std::string libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  return fmt::format(
      "oneDNN {}.{}.{}, {}, {}, zlib {}, zstd {}, xz {}, utf8proc {}, {}, bzip2 {}, {}",
      dnnl->major, dnnl->minor, dnnl->patch, io::hdf5_library(), io::png_library(), zlibVersion(),
      ZSTD_versionString(), lzma_version_string(), utf8proc_version(), archive_version_string(),
      std::string_view(BZ2_bzlibVersion()).substr(0, 5), LIOR_LIBRARIES);
}

}  // namespace lior::app
