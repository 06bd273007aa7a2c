#!/usr/bin/env bash
# Seconds to compile a program that includes hrm.hpp, loads a model and solves a puzzle, at -O2, with each compiler that
# is there; and what the parts of it cost. The least of three runs. Fails over the limit, 6 s unless LIMIT says else.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
export TIMEFORMAT='%U %S'
limit=${LIMIT:-6}
flags=(-std=c++20 -O2 -Iinclude -isystem /usr/include/eigen3 -o /dev/null -c -x c++)
over=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# seconds COMPILER SOURCE: the least of three after a first that warms the cache; user and system time, so that a busy machine does not count.
seconds() {
  "$1" "${flags[@]}" "$2" || { echo "$1 cannot compile $2" >&2; return 1; }
  local run best='' now
  for run in 1 2 3; do
    now=$({ time "$1" "${flags[@]}" "$2" >&2; } 2>&1 | tail -1 | awk '{ printf "%.2f", $1 + $2 }')
    if [ -z "$best" ] || awk "BEGIN { exit !($now < $best) }"; then best=$now; fi
  done
  echo "$best"
}

printf '%-10s %-44s %s\n' compiler source seconds
for compiler in ${CXX:-g++ clang++}; do
  command -v "$compiler" >/dev/null || continue
  program=$(seconds "$compiler" tests/consume/consumer.cpp)
  printf '%-10s %-44s %s\n' "$compiler" 'a program that loads and solves' "$program"
  if awk "BEGIN { exit !($program > $limit) }"; then over=1; fi
  for header in hrm/hrm.hpp hrm/fwd.hpp hrm/tensor_views.hpp Eigen/Core xsimd/xsimd.hpp; do
    echo "#include <$header>" >"$scratch/$(basename "$header").cpp"
    printf '%-10s %-44s %s\n' "$compiler" "#include <$header>" "$(seconds "$compiler" "$scratch/$(basename "$header").cpp")"
  done
done
[ "$over" -eq 0 ] || { echo "over the limit of $limit s" >&2; exit 1; }
