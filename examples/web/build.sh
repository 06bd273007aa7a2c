#!/bin/sh
# Builds the page into the folder named, or build/web: index.html beside hrm.js, which holds the program and the models.
# Needs Emscripten (em++; Debian and Ubuntu: apt-get install emscripten), Eigen and xsimd (HRM_EIGEN and HRM_XSIMD say
# where, if not in /usr/include).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
out=${1:-$root/build/web}
command -v em++ >/dev/null || { echo "build.sh: em++ (Emscripten) is not there" >&2; exit 1; }
mkdir -p "$out/headers"
# The folder that holds these also holds the headers of this machine's own C library.
ln -sfn "${HRM_EIGEN:-/usr/include/eigen3}/Eigen" "$out/headers/Eigen"
ln -sfn "${HRM_XSIMD:-/usr/include}/xsimd" "$out/headers/xsimd"
set --
for model in sudoku6 sudoku9 maze7 maze15; do
  set -- "$@" --embed-file "$root/examples/weights/$model/model.safetensors@/weights/$model/model.safetensors" \
    --embed-file "$root/examples/weights/$model/all_config.yaml@/weights/$model/all_config.yaml"
done
# Debian's em++ looks for a library of its node there, which is not everybody's node.
export NODE_PATH="${NODE_PATH:-/usr/share/nodejs}"
# SSE2 stands for WebAssembly's vectors, which are as wide. Eigen has no word for them; the kernels do without it.
em++ -std=c++20 -O3 -DNDEBUG -msimd128 -msse2 -DEIGEN_DONT_VECTORIZE -fno-exceptions -fno-rtti \
  -I"$root/include" -isystem "$out/headers" "$here/thinker.cpp" -o "$out/hrm.js" "$@" \
  -sMODULARIZE -sEXPORT_NAME=hrm -sSINGLE_FILE -sALLOW_MEMORY_GROWTH -sENVIRONMENT=web,node \
  -sEXPORTED_RUNTIME_METHODS=ccall
cp "$here/index.html" "$out/"
echo "$out/index.html"
