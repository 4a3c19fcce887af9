# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` installs: liblior, its public headers with the umbrella <lior/lior.h>, the
# package that find_package(lior) finds, and the program. Layer 8 (check) is the program's own.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
if(SKBUILD) # a wheel, whose program and pages go where pip puts them
  set(CMAKE_INSTALL_BINDIR ${SKBUILD_SCRIPTS_DIR})
  set(CMAKE_INSTALL_DATADIR ${SKBUILD_DATA_DIR}/share)
  set(CMAKE_INSTALL_MANDIR ${SKBUILD_DATA_DIR}/share/man)
endif()

# The umbrella is written from the tree, so it names every public header.
file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
     ${PROJECT_SOURCE_DIR}/include/lior/*/*.h)
list(JOIN LIOR_MODULES "|" modules)
list(FILTER headers INCLUDE REGEX "^lior/(${modules})/")
list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"\n")
list(JOIN headers "" includes)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/lior/lior.h @ONLY CONTENT
"#pragma once
/// All public headers of liblior @PROJECT_VERSION@.

@includes@")
if(NOT PROJECT_IS_TOP_LEVEL) # those who take the sources have the umbrella, too
  target_include_directories(lior INTERFACE $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>)
endif()
if(NOT LIOR_INSTALL)
  return()
endif()

install(TARGETS lior EXPORT lior-targets COMPONENT development)
if(TARGET lior_program)
  install(TARGETS lior_program COMPONENT program)
  if(NOT CMAKE_CROSSCOMPILING)
    set(pages ${PROJECT_BINARY_DIR}/manual)  # apps/lior/CMakeLists.txt
    install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program
            FILES_MATCHING PATTERN "*.1")
    install(FILES ${pages}/lior.bash RENAME lior COMPONENT program
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${pages}/_lior COMPONENT program DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
    install(FILES ${pages}/lior.fish COMPONENT program DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  endif()
endif()
list(TRANSFORM LIOR_MODULES REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/include/lior/\\1" OUTPUT_VARIABLE folders)
install(DIRECTORY ${folders} ${PROJECT_BINARY_DIR}/include/lior/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lior COMPONENT development
        FILES_MATCHING PATTERN "*.h")

# For lior-config.cmake: what each component is linked with, itself and by the parts that it uses. A shared library
# has it already.
get_target_property(type lior TYPE)
set(LIOR_LINKED "")
foreach(part IN LISTS LIOR_PARTS)
  set(libraries)
  lior_with_used(parts ${part})
  foreach(used IN LISTS parts)
    get_target_property(linked lior_component_${used} LIOR_LINKED)
    if(linked AND type STREQUAL "STATIC_LIBRARY")
      list(APPEND libraries ${linked})
    endif()
  endforeach()
  string(APPEND LIOR_LINKED "set(lior_${part}_LINKED ${libraries})\n")
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lior)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/lior-config.cmake.in
                              ${PROJECT_BINARY_DIR}/lior-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lior-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lior-config.cmake
              ${PROJECT_BINARY_DIR}/lior-config-version.cmake
        DESTINATION ${package_dir} COMPONENT development)
install(EXPORT lior-targets NAMESPACE lior:: DESTINATION ${package_dir} COMPONENT development)
