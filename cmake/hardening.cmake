# SPDX-License-Identifier: Apache-2.0
# What the compiler and the linker give against a fault that nobody has found yet. Everything is linked
# with tables of functions that are read-only once the program runs, and at an address of its own at each
# start. What reads the files and words of strangers (src/io, src/settings, the program) has canaries
# before return addresses and checked sizes in the C library's calls; kernels read none, and keep their
# speed.
set(LIOR_HARDENING)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckPIESupported)
  check_pie_supported()
  add_link_options(LINKER:-z,relro,-z,now)
  set(LIOR_HARDENING -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

# The sources of `target` in these folders of src/. The target's precompiled header is made without these
# flags, so they do without it.
function(lior_harden target)
  list(JOIN ARGN "|" folders)
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "/src/(${folders})/")
  if(LIOR_HARDENING AND sources)
    set_property(SOURCE ${sources} TARGET_DIRECTORY ${target} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
    set_property(SOURCE ${sources} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_OPTIONS
      ${LIOR_HARDENING})
  endif()
endfunction()
