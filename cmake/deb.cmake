# SPDX-License-Identifier: Apache-2.0
# Two Debian packages, which `make deb` makes by CPack: lior (the program, its pages and completions) and
# liblior-dev (library, headers, find_package(lior)).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lior)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The lior maintainers <maintainers@lior.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/deb_compress.cmake)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME lior)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
"The program: it trains sequence models whose state is turned by unit
octonions, follows geodesics, evolves a complex tensor field with memory, and
checks and times every formula behind them.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liblior-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "g++, libdnnl-dev, libfmt-dev, libhwy-dev, libfftw3-dev, libhdf5-dev, libpng-dev, zlib1g-dev, libzstd-dev, liblzma-dev, libpcre2-dev, pkg-config")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
"The static library and the headers, and the files by which CMake finds them.")

# The two papers that a package has to have.
foreach(package lior liblior-dev)
  set(documents ${PROJECT_BINARY_DIR}/debian/${package})
  configure_file(${PROJECT_SOURCE_DIR}/packaging/debian/changelog.in ${documents}/changelog @ONLY)
  set(component development)
  if(package STREQUAL "lior")
    set(component program)
  endif()
  install(FILES ${documents}/changelog ${PROJECT_SOURCE_DIR}/packaging/debian/copyright
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endforeach()
include(CPack)
