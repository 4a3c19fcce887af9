# SPDX-License-Identifier: Apache-2.0
# Components: lior::geometry and so on. liblior is one file, and a component is a view of it: here an interface target on
# the library, whole or what LIOR_COMPONENTS chose; for find_package(lior) a target of its own with the same file, and
# with the libraries that it and the parts that it uses are linked with (docs/decisions/062-components.md).
foreach(part IN LISTS LIOR_PARTS)
  add_library(lior_component_${part} INTERFACE)
  add_library(lior::${part} ALIAS lior_component_${part})
  target_link_libraries(lior_component_${part} INTERFACE lior)
endforeach()

# lior_sources(PART FILE...): what the part adds to liblior.
function(lior_sources part)
  if(part IN_LIST LIOR_PARTS)
    target_sources(lior PRIVATE ${ARGN})
  endif()
endfunction()

# lior_link(PART LIBRARY...): what the part is linked with.
function(lior_link part)
  if(part IN_LIST LIOR_PARTS)
    target_link_libraries(lior PRIVATE ${ARGN})
    set_property(TARGET lior_component_${part} APPEND PROPERTY LIOR_LINKED ${ARGN})
  endif()
endfunction()
