#!/bin/sh
# libcxx.sh ROOT EIGEN LIBRARIES OUT: every header, and the programs with most in them, as clang sees them with the C++
# library of macOS and Android. It lacks what other ones have (from_chars of fractions, jthread), so that is not used.
set -eu
root=$1 out=$4
mkdir -p "$out/headers"
# The folder that holds these may also hold the headers of another C++ library.
ln -sfn "$2/Eigen" "$2/unsupported" "$3/xsimd" "$3/cereal" "$out/headers/"
(cd "$root/include" && find hrm -name '*.hpp' | sort | sed 's/.*/#include <&>/') >"$out/all.cpp"
for file in "$out/all.cpp" "$root"/examples/hrm_train.cpp "$root"/examples/hrm_attempts.cpp; do
  clang++ -fsyntax-only -stdlib=libc++ -std=c++20 -Wall -Wextra -Wconversion -Werror -DHRM_WEIGHTS='""' \
    -I"$root/include" -isystem "$out/headers" "$file"
done
