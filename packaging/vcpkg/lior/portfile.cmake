# SPDX-License-Identifier: Apache-2.0
# The C++ library for vcpkg, of the sources around this folder; features are the components of find_package(lior).
#   vcpkg install 'lior[core,geometry]' --overlay-ports=packaging/vcpkg
# tests/scripts/test_recipes.py compares vcpkg.json with scripts/setup.sh and cmake/modules.cmake.
set(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../..")
vcpkg_check_linkage(ONLY_STATIC_LIBRARY)
vcpkg_find_acquire_program(PKGCONFIG)

# "core" is every port's name for itself without features, and our lowest component.
list(JOIN FEATURES "\\;" components)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    "-DLIOR_COMPONENTS=${components}"
    "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
    -DLIOR_FFT=eigen # with FFTW the library would be GPL-3.0-or-later
    -DLIOR_BUILD_PROGRAM=OFF
    -DLIOR_BUILD_TESTS=OFF
    -DLIOR_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/lior)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
