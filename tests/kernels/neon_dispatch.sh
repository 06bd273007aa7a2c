#!/bin/sh
# neon_dispatch.sh SOURCE BUILD CXX QEMU: hrm_add_kernels() for 64-bit ARM: a program that is cross-compiled with it runs
# on emulated processors of three ages, each time with the kernels that it should pick.
set -eu
source=$1 build=$2/dispatch cxx=$3 qemu=$4
mkdir -p "$build/headers"
for library in xsimd doctest; do
  ln -sfn "/usr/include/$library" "$build/headers/$library"
done
cat >"$build/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.20)
project(arm LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
add_library(hrm INTERFACE)
add_library(hrm::hrm ALIAS hrm)
target_include_directories(hrm INTERFACE "$source/include")
target_include_directories(hrm SYSTEM INTERFACE "$build/headers")
include("$source/cmake/HrmAddKernels.cmake")
add_executable(test "$source/tests/kernels/dispatch/dispatch_test.cpp" "$source/tests/main.cpp")
target_link_options(test PRIVATE -static)
target_link_libraries(test PRIVATE hrm::hrm)
hrm_add_kernels(test)
END
cmake -S "$build" -B "$build/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" -DCMAKE_BUILD_TYPE=Release
cmake --build "$build/build"
for pair in cortex-a53=neon64 neoverse-n1=neondot max=neonbf16; do
  HRM_TEST_SET=${pair#*=} "$qemu" -cpu "${pair%=*}" "$build/build/test" --no-version
done
