# hrm_embed_model(<target> <file> [NAME <name>]) puts a model into <target>, so that a game ships one file. Any model that
# hrm reads will do; an archive (model.hrm) brings its configuration along. Then
#   #include <hrm_models/<name>.hpp>
#   auto model = hrm::load(hrm::Source::memory(hrm_models::<name>()));
# <name> is by default the file's, with what is no letter or digit replaced by '_'. The bytes are not copied: they lie,
# 4096-byte aligned, in the program's read-only data, and the file is looked at again whenever it changes.
include_guard(GLOBAL)

function(hrm_embed_model target file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "NAME" "")
  get_filename_component(path "${file}" ABSOLUTE)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "hrm_embed_model: ${file}: expected NAME and a name, found ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT EXISTS "${path}" OR IS_DIRECTORY "${path}")
    message(FATAL_ERROR "hrm_embed_model: ${path}: expected a model file, found none")
  endif()
  if(NOT arg_NAME)
    get_filename_component(arg_NAME "${path}" NAME_WE)
    string(MAKE_C_IDENTIFIER "${arg_NAME}" arg_NAME)
  endif()
  string(MAKE_C_IDENTIFIER "${arg_NAME}" identifier)
  if(NOT identifier STREQUAL arg_NAME)
    message(FATAL_ERROR "hrm_embed_model: NAME: expected letters, digits and '_', found ${arg_NAME}")
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/hrm_embedded/${target}")
  set(header "${folder}/hrm_models/${arg_NAME}.hpp")
  set(source "${folder}/${arg_NAME}.cpp")
  set(symbol "hrm_model_${arg_NAME}")
  file(SIZE "${path}" size)
  file(
    CONFIGURE
    OUTPUT "${header}"
    CONTENT
      "#pragma once
#include <cstddef>
#include <span>

namespace hrm_models {
/// The bytes of @arg_NAME@, for as long as the program runs.
[[nodiscard]] std::span<const std::byte> @arg_NAME@() noexcept;
}  // namespace hrm_models
"
    @ONLY)
  if(MSVC)
    # No assembler within C++ there: an array, which compiles slowly.
    file(READ "${path}" bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    set(definition "alignas(4096) static const unsigned char ${symbol}[] = {${bytes}};")
  else()
    # Hidden, or two shared libraries with different models of one name would share one of them.
    if(APPLE)
      set(section ".const_data\\n.private_extern _${symbol}")
      set(prefix "_")
      set(back ".text")
    elseif(WIN32)
      set(section ".section .rdata,\\\"dr\\\"")
      set(prefix "")
      set(back ".text")
    else()
      set(section ".pushsection .rodata.${symbol},\\\"a\\\"\\n.hidden ${symbol}")
      set(prefix "")
      set(back ".popsection")
    endif()
    set(definition
        "__asm__(\"${section}\\n.balign 4096\\n.globl ${prefix}${symbol}\\n${prefix}${symbol}:\\n.incbin \\\"${path}\\\"\\n.byte 0\\n${back}\\n\");
extern \"C\" const unsigned char ${symbol}[];")
  endif()
  file(
    CONFIGURE
    OUTPUT "${source}"
    CONTENT
      "#include <hrm_models/@arg_NAME@.hpp>

@definition@

std::span<const std::byte> hrm_models::@arg_NAME@() noexcept { return std::as_bytes(std::span(@symbol@, std::size_t{@size@})); }
"
    @ONLY)
  # The size is written into the source: configure again when the file changes, and compile again.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
  # TARGET_DIRECTORY, as the target may be another folder's, which would not see the property.
  set_property(SOURCE "${source}" TARGET_DIRECTORY ${target} PROPERTY OBJECT_DEPENDS "${path}")
  target_sources(${target} PRIVATE "${source}")
  target_include_directories(${target} PRIVATE "${folder}")
  target_compile_features(${target} PRIVATE cxx_std_20)
endfunction()
