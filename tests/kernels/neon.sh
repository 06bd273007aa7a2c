#!/bin/sh
# neon.sh SET FLAG SOURCE BUILD CXX QEMU: the kernels' tests, cross-compiled for 64-bit ARM and run under emulation.
set -eu
set=$1 flag=$2 source=$3 build=$4/$1 cxx=$5 qemu=$6
mkdir -p "$build/headers"
# Header-only libraries of this machine's own architecture serve, but not the folder they share with its C library.
for library in xsimd doctest; do
  ln -sfn "/usr/include/$library" "$build/headers/$library"
done
{
  echo '#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN'
  echo "#define HRM_TEST_SET \"$set\""
  for file in "$source"/tests/kernels/*_test.cpp; do
    echo "#include \"$file\""
  done
} >"$build/all.cpp"
launcher=$(command -v ccache || true)
$launcher "$cxx" -std=c++20 -O1 "$flag" -Wall -Wextra -Wconversion -I"$source/include" -isystem "$build/headers" \
  -c "$build/all.cpp" -o "$build/all.o"
"$cxx" -static "$build/all.o" -o "$build/test"
"$qemu" "$build/test" --no-version
