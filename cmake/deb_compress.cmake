# SPDX-License-Identifier: Apache-2.0
# Run by CPack on the folders that become packages: Debian's pages and changelogs are compressed, without
# the time of day, so that equal sources give equal packages.
file(GLOB_RECURSE papers ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/*.1
     ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog)
if(NOT papers)
  message(FATAL_ERROR "no pages in ${CPACK_TEMPORARY_DIRECTORY}")
endif()
execute_process(COMMAND gzip -9 --no-name --force ${papers} COMMAND_ERROR_IS_FATAL ANY)
