# Flags of our own programs (tests, examples, benchmarks); a consumer of hrm::hrm sees none of them.
include_guard(GLOBAL)

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(HRM_CCACHE ccache)
mark_as_advanced(HRM_CCACHE)
if(HRM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # One checkout's objects serve every other: paths are taken from the source folder on, and debug information does not
  # make them differ.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
                                  "${HRM_CCACHE}")
endif()

# hrm_flags: warnings and, with HRM_NATIVE, this machine's instruction set.
add_library(hrm_flags INTERFACE)
if(MSVC)
  target_compile_options(hrm_flags INTERFACE /W4 /permissive- $<$<BOOL:${HRM_WERROR}>:/WX>)
else()
  target_compile_options(hrm_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wpedantic $<$<BOOL:${HRM_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(hrm_flags INTERFACE -Wno-restrict) # gcc bug 105651: false for "text" + std::string
  endif()
  if(HRM_NATIVE AND NOT CMAKE_CROSSCOMPILING)
    include(CheckCXXCompilerFlag)
    check_cxx_compiler_flag(-march=native HRM_HAS_MARCH_NATIVE)
    target_compile_options(hrm_flags INTERFACE $<$<BOOL:${HRM_HAS_MARCH_NATIVE}>:-march=native>)
  endif()
endif()

# With this the kernels are compiled once for all of our programs instead of once in each. Off by default, as
# it is not what a consumer gets.
option(HRM_PREBUILT_KERNELS "Compile the kernels once for all of our own programs" OFF)
if(HRM_PREBUILT_KERNELS)
  set(folder "${PROJECT_SOURCE_DIR}/cmake/prebuilt")
  add_library(hrm_kernels STATIC "${folder}/float.cpp" "${folder}/bfloat16.cpp" "${folder}/int8.cpp")
  target_link_libraries(hrm_kernels PUBLIC hrm PRIVATE hrm_flags)
  target_compile_options(hrm_kernels INTERFACE -include "${folder}/declared.hpp")
endif()

# hrm_program(<name> <source>.. ) a program with our flags and all of the library's parts.
function(hrm_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE hrm::hrm hrm_flags)
  if(TARGET hrm_kernels)
    target_link_libraries(${name} PRIVATE hrm_kernels)
  endif()
  if(TARGET hrm::archive)
    target_link_libraries(${name} PRIVATE hrm::archive)
  endif()
endfunction()

# hrm_places: where tests and benchmarks find the files of this checkout.
add_library(hrm_places OBJECT "${PROJECT_SOURCE_DIR}/tests/support/places.cpp")
target_include_directories(hrm_places PRIVATE "${PROJECT_SOURCE_DIR}/tests")
target_compile_features(hrm_places PRIVATE cxx_std_20)
target_compile_definitions(hrm_places PRIVATE HRM_SOURCE_DIR="${PROJECT_SOURCE_DIR}" HRM_BINARY_DIR="${PROJECT_BINARY_DIR}")
