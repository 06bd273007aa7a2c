/// all_config.yaml.

#include <fuzz/fuzz.hpp>
#include <hrm/io/config.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  const std::string_view text = hrm::detail::as_text(bytes);
  auto read = hrm::read_yaml(text, [&](hrm::YamlPath path, std::string_view value) -> hrm::Result<void> {
    fuzz::require(!path.empty() && path.size() <= 16 && value.size() <= text.size());
    return {};
  });
  if (!read) fuzz::look_at(read.error());
  if (auto raw = hrm::read_config_yaml(text); !raw) fuzz::look_at(raw.error());
}
