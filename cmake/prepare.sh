# Sourced by tests/run.sh, examples/demo.sh and the scripts in tests/consume and tests/kernels/bochs: finds out which
# packages are missing, installs them where it may, configures and builds a preset. Expects to be run from the root of the
# repository, under `set -euo pipefail`.

# Debian's and Ubuntu's name of each package, and how to tell that it is there.
have_command() { command -v "$1" >/dev/null 2>&1; }
have_header() {
  local folder
  for folder in "${HRM_INCLUDE_FOLDERS[@]}"; do
    [ -e "$folder/$1" ] && return 0
  done
  return 1
}
# The places where headers of packages stand, Homebrew's and a prefix of one's own (CPATH) among them.
IFS=: read -r -a HRM_INCLUDE_FOLDERS <<<"/usr/include:/usr/include/eigen3:/usr/local/include:/usr/local/include/eigen3:/opt/homebrew/include:/opt/homebrew/include/eigen3${CPATH:+:$CPATH}"

have_package() {
  case $1 in
    g++) have_command g++ || { [ -n "${CXX:-}" ] && have_command "$CXX"; } || have_command c++ ;;
    cmake) have_command cmake && cmake_is_new_enough ;;
    ninja-build) have_command ninja ;;
    ccache) have_command ccache ;;
    libclang-rt-dev) have_fuzzer ;;
    clang) have_command clang++ ;;
    libc++-dev) have_libcxx ;;
    clang-format) have_command clang-format ;;
    clang-tidy) have_command clang-tidy ;;
    git) have_command git ;;
    libeigen3-dev) have_header Eigen/Core ;;
    libxsimd-dev) have_header xsimd/xsimd.hpp ;;
    libcereal-dev) have_header cereal/cereal.hpp ;;
    doctest-dev) have_header doctest/doctest.h ;;
    libbenchmark-dev) have_header benchmark/benchmark.h ;;
    libsdl2-dev) have_header SDL2/SDL.h ;;
    libpng-dev) have_header png.h ;;
    bochs | xorriso | cpio | debootstrap) have_command "$1" ;;
    busybox-static) have_command busybox ;;
    bochsbios) [ -e /usr/share/bochs/BIOS-bochs-latest ] ;;
    vgabios) [ -e /usr/share/bochs/VGABIOS-lgpl-latest ] ;;
    isolinux) [ -e /usr/lib/ISOLINUX/isolinux.bin ] ;;
    syslinux-common) [ -e /usr/lib/syslinux/modules/bios/ldlinux.c32 ] ;;
    *) echo "prepare.sh: no way to tell whether $1 is there" >&2; exit 2 ;;
  esac
}
# The C++ library that clang has on macOS.
have_libcxx() {
  have_command clang++ && echo '#include <vector>' | clang++ -fsyntax-only -stdlib=libc++ -x c++ - 2>/dev/null
}
# clang's runtime libraries: a package of their own in Debian, part of clang elsewhere.
have_fuzzer() {
  have_command clang++ && [ -e "$(clang++ -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]
}
cmake_is_new_enough() {
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  set -- $version
  [ "${1:-0}" -gt 3 ] || { [ "${1:-0}" -eq 3 ] && [ "${2:-0}" -ge 22 ]; }
}

# need_packages REQUIRED.. -- OPTIONAL..: without a required one nothing can be built; without an optional one the build
# fetches it (headers) or goes without it, and says so.
need_packages() {
  local required=1 package missing=() vital=()
  for package in "$@"; do
    if [ "$package" = -- ]; then required=0; continue; fi
    have_package "$package" && continue
    missing+=("$package")
    [ "$required" = 1 ] && vital+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  echo "Missing packages: ${missing[*]}"
  if ! have_command apt-get; then
    echo "There is no apt-get here: install them by this system's own means (the names are Debian's)."
  elif install_packages "${missing[@]}"; then
    return 0
  fi
  if [ ${#vital[@]} -gt 0 ]; then
    echo "Cannot go on without: ${vital[*]}" >&2
    exit 1
  fi
  echo "Going on without them: headers that are missing are fetched at pinned commits, the rest is left out."
}

# Asks on a terminal; does not where there is none, or in CI.
install_packages() {
  local as_root=() answer
  if [ "$(id -u)" -ne 0 ]; then
    if ! have_command sudo; then
      echo "To install them, as root: apt-get install $*"
      return 1
    fi
    as_root=(sudo)
  fi
  if [ -t 0 ] && [ -t 1 ] && [ -z "${CI:-}" ]; then
    read -r -p "Install them now with ${as_root[*]:+${as_root[*]} }apt-get? [Y/n] " answer || answer=n
    case $answer in
      '' | [yY]*) ;;
      *) echo "To install them: ${as_root[*]:+${as_root[*]} }apt-get install $*"; return 1 ;;
    esac
  fi
  "${as_root[@]}" apt-get update -qq || echo "apt-get update failed; trying to install all the same" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null && return 0
  # One that this release does not have must not keep the others away.
  local package failed=0
  for package in "$@"; do
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
      >/dev/null || { echo "apt-get could not install $package" >&2; failed=1; }
  done
  return $failed
}

core_count() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }

# build_preset PRESET [TARGET..]: configures (ninja where there is one), with the words of the array `configure_with` if
# there is one, and builds; quiet unless something fails.
build_preset() {
  local preset=$1 log
  shift
  mkdir -p "build/$preset"
  log=build/$preset/log.txt
  if [ ! -e "build/$preset/CMakeCache.txt" ] && have_command ninja; then
    export CMAKE_GENERATOR=Ninja
  fi
  if ! cmake --preset "$preset" ${configure_with[@]+"${configure_with[@]}"} >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  grep '^-- hrm: ' "$log" | sed 's/^-- //' || true
  if ! cmake --build "build/$preset" --parallel "$(core_count)" ${1+--target "$@"} >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" | head -200 >&2
    return 1
  fi
}
