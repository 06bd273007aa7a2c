# cmake -D CASE=.. -D ROOT=.. -D BINARY=.. -D COMPILER=.. -D GENERATOR=.. -D EIGEN=.. -D XSIMD=.. -D VERSION=.. -P
# Configures, builds and runs one consumer from nothing.
function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${CASE}: exit code ${result} of: ${ARGN}")
  endif()
endfunction()

set(folder "${BINARY}/consume-${CASE}")
file(REMOVE_RECURSE "${folder}")
set(arguments "")
if(CASE STREQUAL subdirectory)
  set(arguments "-DHRM_ROOT=${ROOT}")
elseif(CASE STREQUAL package)
  # As packagers do: the headers alone, which need no cereal, in a folder of their own.
  step("${CMAKE_COMMAND}" -S "${ROOT}" -B "${folder}/package" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
       -DHRM_BUILD_TESTS=OFF -DHRM_BUILD_EXAMPLES=OFF -DHRM_BUILD_BENCH=OFF -DCMAKE_DISABLE_FIND_PACKAGE_cereal=ON
       -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCMAKE_INSTALL_INCLUDEDIR=include/of-hrm
       "-DCMAKE_INSTALL_PREFIX=${folder}/prefix")
  step("${CMAKE_COMMAND}" --install "${folder}/package")
  set(arguments "-DCMAKE_PREFIX_PATH=${folder}/prefix" "-DHRM_EXPECTED_VERSION=${VERSION}")
elseif(CASE STREQUAL fetch)
  file(MAKE_DIRECTORY "${folder}/copies/eigen" "${folder}/copies/xsimd/include" "${folder}/copies/doctest")
  file(CREATE_LINK "${EIGEN}/Eigen" "${folder}/copies/eigen/Eigen" SYMBOLIC)
  file(CREATE_LINK "${XSIMD}/xsimd" "${folder}/copies/xsimd/include/xsimd" SYMBOLIC)
  # A system whose xsimd is too old, Ubuntu 22.04's.
  file(WRITE "${folder}/old/lib/cmake/xsimd/xsimdConfig.cmake" "add_library(xsimd INTERFACE IMPORTED)\n")
  file(WRITE "${folder}/old/lib/cmake/xsimd/xsimdConfigVersion.cmake" "set(PACKAGE_VERSION 7.6.0)\n")
  set(arguments "-DHRM_COPIES=${folder}/copies" "-DFETCHCONTENT_SOURCE_DIR_HRM=${ROOT}"
                "-DFETCHCONTENT_SOURCE_DIR_EIGEN=${folder}/copies/eigen" "-DCMAKE_PREFIX_PATH=${folder}/old"
                -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
endif()

step("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CASE}" -B "${folder}/build" -G "${GENERATOR}"
     "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" -DCMAKE_BUILD_TYPE=Release ${arguments})
step("${CMAKE_COMMAND}" --build "${folder}/build")
step("${folder}/build/consumer" "${ROOT}/tests/data/golden/rope/model.safetensors")
