#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each of them.
#   tests/fuzz/run.sh [SECONDS [TARGET..]]    30 seconds each by default; findings end the run with an error
# FUZZ_OUT (default build/fuzz) holds the programs, the corpora as they grow, and every input that was found.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-30}
shift || true
out=${FUZZ_OUT:-build/fuzz}
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do
    name=$(basename "$source" _fuzz.cpp)
    targets+=("$name")
  done
fi
mkdir -p "$out/bin" "$out/log"
flags=(-std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wconversion
  -Wpedantic -Iinclude -Itests -I. -isystem "${EIGEN:-/usr/include/eigen3}")
if [ -z "${FUZZ_PORTABLE:-}" ]; then flags+=(-march=native); fi
for name in "${targets[@]}"; do
  if [ ! -e "$out/bin/$name" ] || [ -n "$(find include tests/fuzz -newer "$out/bin/$name" -name '*.[ch]pp' -print -quit)" ]; then
    clang++ "${flags[@]}" "tests/fuzz/${name}_fuzz.cpp" -o "$out/bin/$name"
  fi
  mkdir -p "$out/corpus/$name" "$out/found"
  "$out/bin/$name" "$out/corpus/$name" "tests/fuzz/corpus/$name" -max_total_time="$seconds" -rss_limit_mb=512 \
    -malloc_limit_mb=64 -timeout=5 -max_len=16384 -print_final_stats=1 -artifact_prefix="$out/found/$name-" \
    >>"$out/log/$name.txt" 2>&1 || { tail -40 "$out/log/$name.txt"; exit 1; }
  printf '%s: %s executions\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log/$name.txt" | tail -1)"
done
