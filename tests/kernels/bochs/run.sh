#!/usr/bin/env bash
# The kernels' tests for AVX-512 on a machine that has none: they boot with a Linux kernel in Bochs, an emulator of
# processors, as on a Skylake-X. VNNI, bfloat16 and tiles, which that one lacks, are functions there (../stand_ins.hpp);
# everything else is what the compiler makes of it for the set.
#   tests/kernels/bochs/run.sh [avx512|avx512vnni|avx512bf16|amx]..    all by default; several minutes each
# Debian's packages are named and installed as tests/run.sh does it. The kernel is $HRM_VMLINUZ, or Debian's for clouds,
# which is fetched. CXX (g++) compiles.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. cmake/prepare.sh
work=${HRM_BOCHS_BUILD:-build/bochs}

sets=("$@")
[ ${#sets[@]} -gt 0 ] || sets=(avx512 avx512vnni avx512bf16 amx)
flags=(-march=x86-64 -mavx2 -mfma -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)

need_packages bochs bochsbios vgabios isolinux syslinux-common xorriso cpio busybox-static

mkdir -p "$work"
kernel=${HRM_VMLINUZ:-$work/vmlinuz}
if [ ! -e "$kernel" ]; then # unpacked, not installed
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -1)
  (cd "$work" && apt-get download -qq "$package" && dpkg --fsys-tarfile "$package"_*.deb | tar -xO --wildcards './boot/vmlinuz-*' >vmlinuz.new)
  mv "$work/vmlinuz.new" "$kernel"
fi

# compile SET: its tests as one program that needs no library.
compile() {
  local options=("${flags[@]}") level
  case $1 in
    avx512) level=0 ;;
    avx512vnni) level=1 ;;
    avx512bf16) level=2 ;;
    amx) level=3 options+=(-Wl,--wrap=syscall) ;;
    *) echo "run.sh: there is no set $1" >&2; exit 2 ;;
  esac
  [ $level = 0 ] || options+=(-include tests/kernels/stand_ins.hpp -DSTAND_IN=$level)
  { echo '#include "tests/main.cpp"'; printf '#include "%s"\n' tests/kernels/*_test.cpp; } >"$work/$1.cpp"
  # A signal ends the program, so that the kernel tells where.
  "${CXX:-g++}" -std=c++20 -O1 "${options[@]}" -static -DDOCTEST_CONFIG_NO_POSIX_SIGNALS "-DHRM_TEST_SET=\"$1\"" \
    -I . -I include -I tests -I /usr/include/eigen3 "$work/$1.cpp" -o "$work/$1" -pthread
}

# image SET: a disc that boots, runs the tests, prints to the serial port and turns the machine off.
image() {
  local root=$work/$1.root disc=$work/$1.disc
  rm -rf "$root" "$disc"
  mkdir -p "$root"/{bin,dev,proc} "$disc/isolinux"
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$work/$1" "$root/tests"
  cat >"$root/init" <<EOF
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
/tests --no-version --no-colors --duration=true && echo "PASSED: $1"
/bin/busybox dmesg | /bin/busybox grep 'tests\\[' # where it crashed
/bin/busybox sleep 1
/bin/busybox poweroff -f
EOF
  chmod +x "$root/init"
  (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$disc/initrd.gz"
  cp "$kernel" "$disc/vmlinuz"
  cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$disc/isolinux"
  # 321 and 323: XSAVEC and XSAVES, of which Bochs 2.7 and Linux have different opinions.
  cat >"$disc/isolinux/isolinux.cfg" <<EOF
DEFAULT linux
LABEL linux
 KERNEL /vmlinuz
 APPEND initrd=/initrd.gz console=ttyS0 mitigations=off clearcpuid=321,323 tsc=reliable nosmp noapic nolapic_timer lpj=1000000 quiet panic=-1
EOF
  xorriso -as mkisofs -quiet -o "$work/$1.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table "$disc" 2>/dev/null
  rm -rf "$root" "$disc"
}

# boot SET: until the machine is off.
boot() {
  cat >"$work/$1.bochsrc" <<EOF
cpu: model=corei7_skylake_x, count=1, ips=100000000
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/$1.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/$1.txt
display_library: rfb, options="timeout=0"
sound: driver=dummy
log: $work/$1.log
panic: action=fatal
error: action=ignore
info: action=ignore
clock: sync=none
EOF
  echo c >"$work/continue" # Debian's has a debugger, which waits
  rm -f "$work/$1.txt"
  bochs -q -f "$work/$1.bochsrc" -rc "$work/continue" </dev/null >"$work/$1.out" 2>&1 || true # turned off is a failure
}

failed=0
for set in "${sets[@]}"; do
  compile "$set"
  image "$set"
  boot "$set"
  grep -a '^\[doctest\] test cases' "$work/$set.txt" || true
  if grep -aq "^PASSED: $set" "$work/$set.txt"; then
    echo "passed: $set"
  else
    failed=1
    tail -20 "$work/$set.txt" || true
    echo "FAILED: $set"
  fi
done
exit $failed
