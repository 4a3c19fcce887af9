# SPDX-License-Identifier: Apache-2.0
# Headers of the standard library and fmt, which most sources include: parsed once a target, not once
# a file; further headers by name. Sources name what they use all the same;
# -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows it.
function(lior_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cmath> <complex> <cstdint> <filesystem> <functional> <limits> <memory>
    <numbers> <optional> <span> <string> <string_view> <utility> <variant> <vector> <fmt/core.h>
    ${ARGN})
  lior_keep_for_ccache(${target})
endfunction()

# The header that lior_precompile made for `other`, whose flags must be those of `target`.
function(lior_precompile_from target other)
  target_precompile_headers(${target} REUSE_FROM ${other})
  lior_keep_for_ccache(${target})
endfunction()

function(lior_keep_for_ccache target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()
