#!/usr/bin/env bash
# cmake/prepare.sh on machines that are made up: a folder with a few commands as the whole PATH, no headers, and an
# apt-get that only writes down what it is asked for.
set -euo pipefail
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash=$(command -v bash)
checks=0

# machine NAME COMMAND..: makes the folder of commands.
machine() {
  local name=$1 command
  shift
  mkdir -p "$work/$name"
  for command in id sed env uname "$@"; do
    ln -sf "$(command -v "$command" || echo /bin/false)" "$work/$name/$command"
  done
}
fake() {
  rm -f "$work/$1/$2"
  printf '#!%s\n%s\n' "$bash" "$3" >"$work/$1/$2"
  chmod +x "$work/$1/$2"
}
# on NAME STATEMENTS: runs them there, with prepare.sh; output and exit code end up in $out and $status.
on() {
  status=0
  out=$(cd "$root" && env -i PATH="$work/$1" LOG="$work/$1/log" ${3:+"$3"} "$bash" -c \
    "set -euo pipefail; . cmake/prepare.sh; HRM_INCLUDE_FOLDERS=(\"$work/$1/include\"); $2" </dev/null 2>&1) || status=$?
}
check() {
  checks=$((checks + 1))
  if ! eval "$1"; then
    printf 'prepare: expected %s\nexit code %s, output:\n%s\n' "$1" "$status" "$out" >&2
    exit 1
  fi
}

# Without apt-get: every missing package is named; optional ones do not stop the build, vital ones do.
machine other
on other 'need_packages g++ cmake -- ccache libeigen3-dev; echo went on'
check '[ "$status" -eq 1 ]'
check '[[ $out == *"Missing packages: g++ cmake ccache libeigen3-dev"* ]]'
check '[[ $out == *"Cannot go on without: g++ cmake"* ]]'
on other 'need_packages -- ccache libeigen3-dev; echo went on'
check '[ "$status" -eq 0 ] && [[ $out == *"went on" ]]'

# With everything there: not a word.
fake other g++ 'exit 0'
fake other cmake 'echo "cmake version 3.25.1"'
mkdir -p "$work/other/include/Eigen" && touch "$work/other/include/Eigen/Core"
on other 'need_packages g++ cmake -- libeigen3-dev; echo went on'
check '[ "$status" -eq 0 ] && [ "$out" = "went on" ]'

# A cmake that is too old is a missing one.
fake other cmake 'echo "cmake version 3.18.4"'
on other 'need_packages cmake'
check '[ "$status" -eq 1 ] && [[ $out == *"Missing packages: cmake"* ]]'

# apt-get, as root, no terminal: it installs what is missing, and no more, without a question.
machine root
fake root id 'echo 0'
fake root g++ 'exit 0'
fake root apt-get 'echo "$*" >>"$LOG"'
on root 'need_packages g++ cmake -- libeigen3-dev; echo went on'
check '[ "$status" -eq 0 ] && [[ $out == *"went on" ]]'
check 'grep -q "^install .* cmake libeigen3-dev$" "$work/root/log"'

# One package that a release does not have keeps no other away.
fake root apt-get 'echo "$*" >>"$LOG"; case $* in *libxsimd-dev*) exit 100 ;; esac'
rm "$work/root/log"
on root 'need_packages g++ -- libxsimd-dev libeigen3-dev; echo went on'
check '[ "$status" -eq 0 ] && [[ $out == *"could not install libxsimd-dev"* ]]'
check 'grep -q "^install .* --no-install-recommends libeigen3-dev$" "$work/root/log"'

# Neither root nor sudo: it says what to type.
machine user
fake user id 'echo 1000'
fake user apt-get 'echo "$*" >>"$LOG"'
on user 'need_packages g++'
check '[ "$status" -eq 1 ] && [[ $out == *"as root: apt-get install g++"* ]]'
check '[ ! -e "$work/user/log" ]'

# On a terminal it asks, and no means no; in CI it does not ask there either.
if command -v timeout >/dev/null && script -qefc true /dev/null >/dev/null 2>&1; then
  on_terminal() { # NAME ANSWER [VARIABLE=VALUE]
    status=0
    cat >"$work/$1/go" <<END
cd '$root'; . cmake/prepare.sh; HRM_INCLUDE_FOLDERS=(/nowhere); need_packages cmake
END
    out=$(printf '%s\n' "$2" | timeout 20 script -qefc \
      "env -i PATH='$work/$1' LOG='$work/$1/log' ${3:-HRM=1} '$bash' '$work/$1/go'" /dev/null 2>&1) || status=$?
  }
  rm -f "$work/root/log"
  fake root apt-get 'echo "$*" >>"$LOG"'
  on_terminal root n
  check '[ "$status" -eq 1 ] && [[ $out == *"Install them now"* ]] && [ ! -e "$work/root/log" ]'
  on_terminal root y
  check '[ "$status" -eq 0 ] && grep -q "^install .* cmake$" "$work/root/log"'
  rm -f "$work/root/log"
  on_terminal root n CI=true
  check '[ "$status" -eq 0 ] && [[ $out != *"Install them now"* ]] && [ -e "$work/root/log" ]'
fi

echo "prepare: $checks checks passed"
