# Every dependency is looked for on the system first; what is not there is fetched at a pinned commit. Point
# FETCHCONTENT_SOURCE_DIR_EIGEN (.._XSIMD, .._CEREAL, .._DOCTEST, .._BENCHMARK) at a copy to build without a network,
# or set HRM_SYSTEM_DEPENDENCIES to OFF to take the pinned commits whatever the system has.
include_guard(GLOBAL)
include(FetchContent)
if(POLICY CMP0135)
  cmake_policy(SET CMP0135 NEW)
endif()

option(HRM_SYSTEM_DEPENDENCIES "Use Eigen, xsimd and the others from the system where they are found" ON)
mark_as_advanced(HRM_SYSTEM_DEPENDENCIES)

# hrm_fetch(<name>): what is pinned under that name. It is declared only where it is fetched: the first declaration of a
# name wins, and a project that takes hrm may have its own.
macro(hrm_fetch name)
  if("${name}" STREQUAL "eigen") # 3.4.0
    FetchContent_Declare(
      eigen
      GIT_REPOSITORY https://gitlab.com/libeigen/eigen.git
      GIT_TAG 3147391d946bb4b6c68edd901f2add6ac1f31f8c
      SOURCE_SUBDIR headers-only)
  elseif("${name}" STREQUAL "xsimd") # 8.1.0
    FetchContent_Declare(
      xsimd
      URL https://github.com/xtensor-stack/xsimd/archive/refs/tags/8.1.0.tar.gz
      URL_HASH SHA256=d52551360d37709675237d2a0418e28f70995b5b7cdad7c674626bcfbbf48328
      SOURCE_SUBDIR headers-only)
  elseif("${name}" STREQUAL "cereal") # 1.3.2
    FetchContent_Declare(
      cereal
      GIT_REPOSITORY https://github.com/USCiLab/cereal.git
      GIT_TAG ebef1e929807629befafbb2918ea1a08c7194554
      SOURCE_SUBDIR headers-only)
  elseif("${name}" STREQUAL "doctest") # 2.4.9
    FetchContent_Declare(
      doctest
      GIT_REPOSITORY https://github.com/doctest/doctest.git
      GIT_TAG b7c21ec5ceeadb4951b00396fc1e4642dd347e5f
      SOURCE_SUBDIR headers-only)
  else() # benchmark 1.7.1
    FetchContent_Declare(
      benchmark
      GIT_REPOSITORY https://github.com/google/benchmark.git
      GIT_TAG d572f4777349d43653b21d6c2fc63020ab326db2)
  endif()
  message(STATUS "hrm: fetching ${name}")
  FetchContent_MakeAvailable(${name})
endmacro()

# hrm_header_dependency(<target> <fetched name> <package> <least version> <imported target> <folder> <header>)
# makes the INTERFACE target <target> with the headers of a package. Its CMake code is never run where it is fetched:
# SOURCE_SUBDIR above names no folder, so only the headers come in, as system headers. The version is compared here,
# as the packages' own version files refuse a later major one; one that is too old is passed over (Ubuntu 22.04 has
# xsimd 7.6), unless the project that takes hrm brought it in.
function(hrm_header_dependency target fetched package version imported subfolder header)
  if(TARGET ${target})
    return()
  endif()
  string(TOUPPER "${fetched}" upper)
  add_library(${target} INTERFACE)
  set(old FALSE)
  if(NOT TARGET ${imported} AND HRM_SYSTEM_DEPENDENCIES AND NOT FETCHCONTENT_SOURCE_DIR_${upper})
    find_package(${package} QUIET CONFIG)
    if(TARGET ${imported} AND DEFINED ${package}_VERSION AND ${package}_VERSION VERSION_LESS version)
      message(STATUS "hrm: ${package}: expected version ${version} or later, found ${${package}_VERSION}")
      set(old TRUE)
    endif()
  endif()
  if(TARGET ${imported} AND NOT old)
    # Its headers alone: Debian's xsimd also asks to be linked with a library, xtl, that is nowhere.
    get_target_property(include ${imported} INTERFACE_INCLUDE_DIRECTORIES)
    target_include_directories(${target} SYSTEM INTERFACE ${include})
    return()
  endif()
  hrm_fetch(${fetched})
  set_property(TARGET ${target} PROPERTY HRM_FETCHED TRUE)
  set(include "${${fetched}_SOURCE_DIR}")
  if(subfolder)
    string(APPEND include "/${subfolder}")
  endif()
  if(NOT EXISTS "${include}/${header}")
    message(FATAL_ERROR "hrm: ${fetched}: expected ${header} in ${include}, found none")
  endif()
  target_include_directories(${target} SYSTEM INTERFACE "${include}")
endfunction()
