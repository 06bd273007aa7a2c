/// What the headers never say: a library ends no program, prints nothing, throws in one place alone, and gives nothing
/// a name that <windows.h> has made a macro of.

#include <doctest/doctest.h>

#include <support/places.hpp>

#include <tree/source_text.hpp>

namespace {

constexpr const char* forbidden[] = {"abort", "terminate", "printf", "fprintf", "puts", "perror", "exit", "cout",
                                     "cerr", "clog", "assert", "throw", "try", "catch", "rand", "dynamic_cast", "goto",
                                     "typeid", "system", "getenv", "isnan", "isinf", "isfinite",
                                     // <windows.h>, whose min and max base/config.hpp refuses
                                     "near", "far", "small", "hyper", "interface", "pascal", "cdecl", "IN", "OUT",
                                     "OPTIONAL", "CONST", "VOID", "ERROR", "DELETE", "TRUE", "FALSE"};

/// The forbidden words a header holds, with its exceptions taken out.
std::string words_in(const tree::Header& header) {
  const std::string code = tree::code_of(header.text);
  std::string found;
  for (const std::string_view word : forbidden) {
    if (word == "throw" && header.path == "base/error.hpp") continue;
    // cereal reports by exceptions; they end in that file.
    if (header.path == "io/archive_cereal.hpp" && (word == "try" || word == "catch" || word == "throw")) continue;
    if (tree::has_word(code, word)) found += (found.empty() ? "" : " ") + std::string(word);
  }
  return found;
}

}  // namespace

TEST_CASE("No header ends the program, prints, throws, tests for NaN by comparison or uses the words of <windows.h>") {
  for (const tree::Header& header : tree::read_headers(support::source("include/hrm"))) {
    CAPTURE(header.path);
    CHECK(words_in(header) == "");
  }
}

TEST_CASE("The check itself sees a word in code, and not in comments or texts") {
  const auto words = [](const char* text) { return words_in({"model/a.hpp", text}); };
  CHECK(words("void f() { std::abort(); }") == "abort");
  CHECK(words("// never abort\n/* throw\n cout */ int x = 1'000; const char* s = \"throw \\\" abort\";") == "");
  CHECK(words("int x = 1'000; throw 1;") == "throw");
  CHECK(words("char c = '\"'; throw 1;") == "throw");
  CHECK(words("constexpr int near = 1; // far") == "near");
  CHECK(words("int printf_like = 0; static_assert(true);") == "");
  CHECK(words_in({"base/error.hpp", "throw Exception(error);"}) == "");
}
