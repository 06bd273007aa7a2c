#!/bin/sh
# windows.sh ROOT FOLDER COMPILER WINE EIGEN INCLUDE: compiles the tests for Windows, with the kernels of every
# instruction set in one of them, and a program, and runs them under Wine. EIGEN holds Eigen/, INCLUDE xsimd/, cereal/
# and doctest/.
set -eu
root=$1 folder=$2 compiler=$3 wine=$4 eigen=$5 include=$6
copies=$folder/copies
rm -rf "$copies"
mkdir -p "$copies/eigen" "$copies/xsimd/include" "$copies/cereal/include" "$copies/doctest"
ln -s "$eigen/Eigen" "$copies/eigen/Eigen"
ln -s "$eigen/unsupported" "$copies/eigen/unsupported"
ln -s "$include/xsimd" "$copies/xsimd/include/xsimd"
ln -s "$include/cereal" "$copies/cereal/include/cereal"
ln -s "$include/doctest" "$copies/doctest/doctest"

cmake -S "$root" -B "$folder/tests" -G Ninja -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" \
  -DCMAKE_EXE_LINKER_FLAGS=-static -DHRM_SYSTEM_DEPENDENCIES=OFF -DFETCHCONTENT_SOURCE_DIR_EIGEN="$copies/eigen" \
  -DFETCHCONTENT_SOURCE_DIR_XSIMD="$copies/xsimd" -DFETCHCONTENT_SOURCE_DIR_CEREAL="$copies/cereal" \
  -DFETCHCONTENT_SOURCE_DIR_DOCTEST="$copies/doctest" -DHRM_BUILD_BENCH=OFF \
  -DHRM_BUILD_EXAMPLES=ON -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON -DCMAKE_DISABLE_FIND_PACKAGE_SDL2=ON \
  -DHRM_TEST_CONSUMERS=OFF \
  -DHRM_TESTS_TOGETHER=ON -DHRM_PREBUILT_KERNELS=ON
run() { LC_ALL=C.UTF-8 WINEDEBUG=-all WINEPREFIX="$folder/wine" timeout 200 "$wine" "$@"; }

names="base io model parity puzzles solve"
targets=
for name in $names; do targets="$targets test_$name"; done
cmake --build "$folder/tests" --target test_train test_kernels_dispatch hrm-sudoku $targets
for name in $names; do run "$folder/tests/tests/test_$name.exe" --no-version; done
# Without what takes minutes (products), and what asks for Python or for more memory than there is: Wine lends it all.
run "$folder/tests/tests/test_train.exe" --no-version --source-file-exclude='*torch_test.cpp,*products_test.cpp' \
  --test-case-exclude='*no memory holds*'

answer=$(run "$folder/tests/examples/hrm-sudoku.exe" '..4..2.6.5..6..42.........5..34.....')
case $answer in
  "354162261534613425542316125643436251	solved	"*) ;;
  *) echo "hrm-sudoku: $answer" >&2; exit 1 ;;
esac

# What is declared as <windows.h> has it, with that before and behind it.
for order in "windows.h hrm/hrm.hpp" "hrm/hrm.hpp windows.h"; do
  for header in $order; do echo "#include <$header>"; done |
    "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I"$root/include" -isystem "$copies/eigen" \
      -isystem "$copies/xsimd/include" -x c++ -
done

# The kernels are chosen when the program runs.
run "$folder/tests/tests/kernels/test_kernels_dispatch.exe" --no-version
