/// Lines of token ids, the input of hrm-run.

#include <examples/common/token_lines.hpp>
#include <fuzz/fuzz.hpp>
#include <hrm/io/text.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  const std::string_view line = hrm::detail::as_text(bytes);
  const auto read = example::parse_token_line(line);
  if (!read) return fuzz::look_at(read.error());
  fuzz::require(read->tokens.size() <= line.size());
  fuzz::require(!read->has_id || line.find('@') != std::string_view::npos);
}
