// SPDX-License-Identifier: Apache-2.0
#include "libraries.h"

#include <archive.h>
#include <bzlib.h>
#include <fmt/core.h>
#include <lzma.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <zlib.h>
#include <zstd.h>

#include <oneapi/dnnl/dnnl.h>

#include "lior/io/hdf5.h"
#include "lior/io/png.h"

namespace lior::app {
namespace {

/// "10.42" of "10.42 2022-12-11".
std::string pcre2_version() {
  std::string text(static_cast<std::size_t>(pcre2_config(PCRE2_CONFIG_VERSION, nullptr)), '\0');
  pcre2_config(PCRE2_CONFIG_VERSION, text.data());
  return text.substr(0, text.find(' '));
}

}  // namespace

std::string libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}, {}, {}, zlib {}, zstd {}, xz {}, PCRE2 {}, {}, bzip2 {}, {}",
                     dnnl->major, dnnl->minor, dnnl->patch, io::hdf5_library(), io::png_library(),
                     zlibVersion(), ZSTD_versionString(), lzma_version_string(), pcre2_version(),
                     archive_version_string(), std::string_view(BZ2_bzlibVersion()).substr(0, 5),
                     LIOR_LIBRARIES);
}

}  // namespace lior::app
