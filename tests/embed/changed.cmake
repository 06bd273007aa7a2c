# A changed model is put into its program again, of the same size too, whichever folder asked for it. Any bytes will do.
# ROOT, BINARY, COMPILER, GENERATOR are given.
cmake_minimum_required(VERSION 3.22)
file(REMOVE_RECURSE "${BINARY}")
file(MAKE_DIRECTORY "${BINARY}")

function(check content)
  file(WRITE "${BINARY}/letters.bin" "${content}")
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BINARY}/build" COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
  execute_process(COMMAND "${BINARY}/build/elsewhere" OUTPUT_VARIABLE found COMMAND_ERROR_IS_FATAL ANY)
  if(NOT found STREQUAL content)
    message(FATAL_ERROR "embedded: expected ${content}, found ${found}")
  endif()
endfunction()

file(WRITE "${BINARY}/letters.bin" "one")
execute_process(
  COMMAND "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${ROOT}/tests/embed/elsewhere" -B "${BINARY}/build"
          "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DHRM_ROOT=${ROOT}" "-DHRM_MODEL=${BINARY}/letters.bin"
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
check("one")
execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 1.1) # some systems know when a file changed to the second only
check("two")
