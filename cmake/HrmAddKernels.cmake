# hrm_add_kernels(<target>) compiles the kernels once per instruction set, each in an object of its own, and lets
# <target> pick the best the processor has when the program first loads a model. Without it a program runs on what its
# files are compiled for. Every file of <target> sees HRM_DISPATCH=1, which makes that choice the default. What links
# <target> does not see it: where it loads models itself, call this for it too.
include_guard(GLOBAL)

function(hrm_add_kernels target)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "hrm_add_kernels: ${target}: expected a target, found none")
  endif()
  # The instruction sets of this processor family, baseline first, and the flags that each object is compiled with.
  list(LENGTH CMAKE_OSX_ARCHITECTURES architectures)
  if(APPLE AND architectures GREATER 0 AND NOT CMAKE_OSX_ARCHITECTURES STREQUAL CMAKE_SYSTEM_PROCESSOR)
    set(sets baseline) # one object for other processors than this machine's, or for several
    set(flags_baseline "")
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64" AND NOT MSVC)
    set(sets sse2 avx2 avxvnni avx512 avx512vnni avx512bf16)
    set(flags_sse2 -march=x86-64 -mtune=generic)
    set(flags_avx2 ${flags_sse2} -mavx2 -mfma)
    set(flags_avxvnni ${flags_avx2} -mavxvnni)
    # All that Skylake-X has: xsimd from 13 on refuses a part of it.
    set(flags_avx512 ${flags_avx2} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)
    set(flags_avx512vnni ${flags_avx512} -mavx512vnni)
    set(flags_avx512bf16 ${flags_avx512vnni} -mavx512bf16)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux") # which has to lend the tile registers
      list(APPEND sets amx)
      set(flags_amx ${flags_avx512bf16} -mamx-tile -mamx-bf16 -mamx-int8)
    endif()
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64" AND CMAKE_SYSTEM_NAME MATCHES "Linux|Android")
    set(sets neon64 neondot neonbf16)
    set(flags_neon64 -march=armv8-a)
    set(flags_neondot -march=armv8.2-a+dotprod)
    set(flags_neonbf16 -march=armv8.2-a+dotprod+bf16)
  else() # Apple's compiler knows what all its processors have
    set(sets baseline)
    set(flags_baseline "")
  endif()
  if(NOT TARGET hrm_kernels_pick)
    set(choices "")
    foreach(isa IN LISTS sets)
      add_library(hrm_kernels_${isa} OBJECT "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/kernels/object.cpp")
      target_compile_definitions(hrm_kernels_${isa} PRIVATE HRM_KERNELS_OF=hrm_kernels_of_${isa})
      target_compile_options(hrm_kernels_${isa} PRIVATE ${flags_${isa}})
      list(APPEND choices HRM_HAS_${isa}=1)
    endforeach()
    add_library(hrm_kernels_pick OBJECT "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/kernels/pick.cpp")
    target_compile_definitions(hrm_kernels_pick PRIVATE ${choices})
    foreach(part IN LISTS sets ITEMS pick)
      target_link_libraries(hrm_kernels_${part} PRIVATE hrm::hrm)
      set_target_properties(hrm_kernels_${part} PROPERTIES CXX_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
      if(NOT MSVC)
        # Optimised in every configuration: what is not inlined would be a weak symbol that other objects may share.
        target_compile_options(hrm_kernels_${part} PRIVATE -O2 -fno-exceptions -fno-rtti)
        # Whatever CMAKE_CXX_FLAGS say: sums that are regrouped have other bits from place to place.
        target_compile_options(hrm_kernels_${part} PRIVATE -fno-fast-math -fno-unsafe-math-optimizations)
      endif()
    endforeach()
  endif()
  foreach(part IN LISTS sets ITEMS pick)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:hrm_kernels_${part}>)
  endforeach()
  target_compile_definitions(${target} PRIVATE HRM_DISPATCH=1)
endfunction()
