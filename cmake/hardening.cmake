# SPDX-License-Identifier: Apache-2.0
# What the compiler and the linker give against a fault that nobody has found yet. Everything is linked
# with tables of functions that are read-only once the program runs, and at an address of its own at each
# start. What reads the files and words of strangers (src/io, src/settings, the program) has canaries
# before return addresses, and with all of liblior checked sizes in the C library's calls; kernels read
# none, and do without canaries.
set(LIOR_CANARIES)
set(LIOR_CHECKED_SIZES)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckPIESupported)
  check_pie_supported()
  add_link_options(LINKER:-z,relro,-z,now)
  set(LIOR_CANARIES -fstack-protector-strong)
  set(LIOR_CHECKED_SIZES -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
set(LIOR_HARDENING ${LIOR_CANARIES} ${LIOR_CHECKED_SIZES})

# `target`, and canaries for its sources in these folders of src/. GCC takes a precompiled header that was
# made without canaries, clang does not.
function(lior_harden target)
  target_compile_options(${target} PRIVATE ${LIOR_CHECKED_SIZES})
  list(JOIN ARGN "|" folders)
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "/src/(${folders})/")
  if(LIOR_CANARIES AND sources)
    set_property(SOURCE ${sources} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_OPTIONS
      ${LIOR_CANARIES})
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      set_property(SOURCE ${sources} TARGET_DIRECTORY ${target} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endif()
endfunction()
