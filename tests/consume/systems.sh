#!/usr/bin/env bash
# The first minutes on other systems. Each is set up in a folder of its own (debootstrap, as root), gets what git tracks
# here, and runs a command in it, by default README's two: its compiler, its CMake, its Eigen and xsimd.
#   tests/consume/systems.sh SUITE.. [-- COMMAND]    suites of Debian (trixie, sid) or Ubuntu (noble, jammy)
# A system that is there already is used again. Half an hour each on two cores. HRM_MIRROR names another mirror; where
# the keys of a distribution are not at hand, HRM_DEBOOTSTRAP=--no-check-gpg goes on without.
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmake/prepare.sh
work=${HRM_SYSTEMS:-build/systems}

suites=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  suites+=("$1")
  shift
done
[ ${#suites[@]} -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -gt 0 ] && shift
command=${*:-./examples/demo.sh && ./tests/run.sh}
[ "$(id -u)" -eq 0 ] || { echo "systems.sh: only root may change into another system" >&2; exit 1; }
need_packages debootstrap git

# set_up SUITE ROOT
set_up() {
  local scripts=/usr/share/debootstrap/scripts options=(--variant=minbase --include=ca-certificates)
  local script=$scripts/$1
  [ -e "$script" ] || script=$scripts/gutsy # an Ubuntu later than debootstrap: all of them have this one
  if [ "$(basename "$(readlink -f "$script")")" = gutsy ]; then options+=(--components=main,universe); fi
  debootstrap "${options[@]}" ${HRM_DEBOOTSTRAP:-} "$1" "$2" "${HRM_MIRROR:-}" "$script" >"$2.log" || { tail -3 "$2.log" >&2; return 1; }
}
# enter ROOT: mounts what programs look for (without /dev/pts there are no terminals, and no tests of them) where nobody
# else sees it, and runs the command.
enter() {
  unshare --mount bash -c 'mount -t proc proc "$1/proc" && { mount -t devpts devpts "$1/dev/pts" || true; } &&
    exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /root/hrm && $2"' \
    - "$1" "$command" </dev/null
}

failed=0
for suite in "${suites[@]}"; do
  root=$(realpath -m "$work/$suite")
  mkdir -p "$work"
  # A set-up that was broken off leaves its own folder in there.
  if [ ! -e "$root/etc/debian_version" ] || [ -e "$root/debootstrap" ]; then set_up "$suite" "$root"; fi
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mkdir -p "$root/root/hrm"
  find "$root/root/hrm" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  git ls-files -z | xargs -0 tar -c | tar -x -C "$root/root/hrm"
  echo "== $suite"
  if enter "$root"; then
    echo "== $suite: done"
  else
    echo "== $suite: FAILED"
    failed=1
  fi
done
exit $failed
