#!/usr/bin/env bash
# Shows a model think: Sudokus, then mazes; then builds the other example programs. Missing packages are named and,
# where that can be done, installed.
set -euo pipefail
cd "$(dirname "$0")/.."
. cmake/prepare.sh

need_packages g++ cmake -- ninja-build ccache git libeigen3-dev libxsimd-dev libcereal-dev libsdl2-dev libpng-dev
# Without what only tests and benchmarks need, which would be fetched, where they are not built already; any later
# `cmake --preset release` brings them back.
if ! grep -qs '^HRM_BUILD_TESTS:BOOL=ON' build/release/CMakeCache.txt; then
  configure_with=(-DHRM_BUILD_TESTS=OFF -DHRM_BUILD_BENCH=OFF)
fi
echo "Building hrm-sudoku and hrm-maze (build/release/examples) .."
build_preset release hrm-sudoku hrm-maze

# show PROGRAM ARGUMENT..: the command as one would type it, then what it prints. Code 3 is a puzzle left unsolved.
show() {
  local status=0 word
  printf '\n$ build/release/examples/%s' "$1"
  for word in "${@:2}"; do
    if [[ $word == --* ]]; then printf ' %s' "$word"; else printf " '%s'" "$word"; fi
  done
  echo
  "build/release/examples/$1" "${@:2}" || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { echo "exit code $status" >&2; exit "$status"; }
}

echo
echo "A Sudoku of 36 cells, segment by segment: what changed, and whether the model wants to halt."
show hrm-sudoku --trace '..4..2.6.5..6..42.........5..34.....'
echo
echo "A few more, without the thinking: solution, verdict, segments, milliseconds."
show hrm-sudoku '..6...32...4....21.31......6..1..5.2' '........64.......43..6...64.23..5...' \
  '....6.45..3.5...2..2.....4...1.1.3..' '...1.4....6.2..3...5...2..2....3..5.'
echo
echo "Sudokus of 81 cells; where an answer breaks a rule, the model looks again, through a symmetry (--views)."
show hrm-sudoku --views 64 \
  '9.35....65....9.18.....1.49....2.......9.6.85.58....92.47.......2..1.9.46...587.1' \
  '58.9.......3564...4.9........72..1.9.3.49.75...2.1.46.1..3..2.83....76.1.........' \
  '.2..4.3...4...81.7..8....2..7....21...3..7..64...6.78...74..5......318...125..6..'
echo
echo "A maze, from S to G."
show hrm-maze --trace '########G#S  ## ### ##   # ## ### ##     ########'
echo
echo "A larger one, the answer alone."
show hrm-maze --grid '################  G  #     # ## ### # # # # ## #   #S# # # ## # ##### # # ## #     # #   ## ##### # ###### #     #     ## # ##### ### ## #   #   #   ## ### ##### # ## # #   #   # ## # ##### ### ##         #   ################'

echo
echo "Building the other programs .."
build_preset release hrm_examples
for program in build/release/examples/*; do
  if [ -f "$program" ] && [ -x "$program" ]; then echo "  $program"; fi
done
echo "Each says with --help what it does."
