#!/usr/bin/env bash
# Builds and runs every test. Missing packages are named and, where that can be done, installed.
#   tests/run.sh              what CI runs: every test with gcc, the quick ones with sanitizers, clang's kernels, style
#   tests/run.sh --full       every test in every stage, with the sanitizers of both compilers
#   tests/run.sh [--full] STAGE..    some of: release clang asan tsan style
# In CI (where CI is set) warnings are errors; elsewhere a compiler that we have not seen may have its own.
set -euo pipefail
cd "$(dirname "$0")/.."
. cmake/prepare.sh

all_stages=(release clang asan tsan style)
full=0
usage() {
  sed -n '2,6s/^# \{0,1\}//p' tests/run.sh
  exit "$1"
}
stages=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage 0 ;;
    --full) full=1 ;;
    release | asan | clang | tsan | style) stages+=("$argument") ;;
    *) usage 2 >&2 ;;
  esac
done
[ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")

need_packages g++ cmake -- ninja-build ccache git libeigen3-dev libxsimd-dev libcereal-dev doctest-dev \
  libbenchmark-dev clang libc++-dev libclang-rt-dev clang-format clang-tidy libsdl2-dev libpng-dev

[ -z "${CI:-}" ] || configure_with=(-DHRM_WERROR=ON)

passed=0
skipped=0
failed=0
failures=()
fail() {
  failed=$((failed + 1))
  failures+=("$1")
  echo "FAILED: $1"
}

# run_ctest PRESET CTEST-ARGUMENT..: runs the tests of a preset and adds its counts to the totals.
run_ctest() {
  local preset=$1 status=0 summary bad skips out=build/$1/ctest.txt
  shift
  "${wrapper[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(core_count)" "$@" |
    tee "$out" || status=$?
  summary=$(grep -E '^[0-9]+% tests passed' "$out" || true)
  if [[ $summary =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    bad=${BASH_REMATCH[1]}
    failed=$((failed + bad))
    skips=$(grep -c '\*\*\*Skipped' "$out" || true)
    skipped=$((skipped + skips))
    passed=$((passed + BASH_REMATCH[2] - bad - skips))
    [ "$bad" -eq 0 ] || failures+=("$preset: $bad tests")
    [ "$status" -eq 0 ] || [ "$bad" -ne 0 ] || fail "$preset: ctest"
  else
    fail "$preset: ctest ran no test"
  fi
}

wrapper=()
# test_preset PRESET TARGET CTEST-ARGUMENT..: builds a target and runs the tests that the arguments choose.
test_preset() {
  local preset=$1 target=$2
  shift 2
  if build_preset "$preset" "$target"; then run_ctest "$preset" "$@"; else fail "$preset: build"; fi
}
stage_release() { test_preset release all; }
stage_clang() {
  have_command clang++ || { echo "left out: there is no clang++"; return; }
  if [ $full = 1 ]; then
    test_preset clang all --label-exclude consume
  else # the rest clang compiles with its sanitizers
    test_preset clang hrm_kernel_tests --tests-regex ^kernels/
  fi
}
# The presets of a sanitizer: clang's, where there is one, sees more and is quicker; gcc's knows what gcc makes of the
# code.
sanitized() {
  if ! have_command clang++; then
    echo "$1"
  elif [ $full = 1 ]; then
    echo "clang-$1 $1"
  else
    echo "clang-$1"
  fi
}
stage_asan() {
  local preset
  for preset in $(sanitized asan); do
    if [ $full = 1 ]; then
      test_preset "$preset" all --label-exclude consume
    else
      test_preset "$preset" hrm_quick_tests --label-exclude 'consume|slow'
    fi
  done
}
stage_tsan() {
  local preset
  # Kernels that spread addresses wider than the sanitizer's map expects stop it at once; a fixed layout helps.
  if setarch -R true 2>/dev/null; then wrapper=(setarch -R); fi
  for preset in $(sanitized tsan); do
    test_preset "$preset" hrm_tsan_tests --label-regex tsan
  done
  wrapper=()
}

# Whether a tool of clang's is there, of the version that our sources are kept to: others lay them out in another way, and
# later ones find other things.
have_our() {
  if ! have_command "$1"; then
    echo "left out: there is no $1"
  elif [[ ! $("$1" --version) =~ version\ 14\. ]]; then
    echo "left out: $1 is not of version 14"
  else
    return 0
  fi
  return 1
}
# The sources that git tracks, without what was only copied here.
sources() { git ls-files '*.hpp' '*.cpp'; }
stage_style() {
  have_command git && git rev-parse --git-dir >/dev/null 2>&1 || { echo "left out: this is no git checkout"; return; }
  if have_our clang-format; then
    if sources | xargs clang-format --dry-run -Werror; then passed=$((passed + 1)); else fail "style: clang-format"; fi
  fi
  have_our clang-tidy || return 0
  if [ ! -e build/release/tests/style ]; then
    echo "left out: clang-tidy works on the stage release, which has not been built"
  elif ls -S $(grep -l "^namespace hrm" examples/*.cpp) build/release/tests/style/style_*.cpp examples/common/*.cpp \
    tests/consume/odr/{main,first,handles,throws}.cpp |
    xargs -P "$(core_count)" -n 1 clang-tidy --quiet --checks=-bugprone-suspicious-include -p build/release 2>/dev/null; then
    passed=$((passed + 1))
  else
    fail "style: clang-tidy"
  fi
}

export UBSAN_OPTIONS=print_stacktrace=1
for stage in "${stages[@]}"; do
  printf '\n== %s\n' "$stage"
  began=$SECONDS
  "stage_$stage"
  echo "== $stage took $((SECONDS - began)) s"
done

echo
for failure in ${failures[@]+"${failures[@]}"}; do echo "FAILED: $failure"; done
[ "$skipped" -eq 0 ] || echo "$skipped skipped: what they need is not there"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
