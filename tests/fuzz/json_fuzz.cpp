/// config.json.

#include <fuzz/fuzz.hpp>
#include <hrm/io/config.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  const std::string_view text = hrm::detail::as_text(bytes);
  std::deque<std::string> texts;
  hrm::JsonReader json(text, texts);
  if (auto read = json.skip(); !read) fuzz::look_at(read.error());
  if (auto raw = hrm::read_config_json(text); !raw) fuzz::look_at(raw.error());
}
