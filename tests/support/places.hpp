#pragma once
/// Where the files that tests read and the programs that they run lie. The folders themselves stand in places.cpp
/// alone, so that every other object is the same in every checkout, and a compiler cache serves them all.

#include <string>

namespace support {

/// A path in tests/data.
[[nodiscard]] std::string data(const std::string& path = {});
/// A path in examples/weights.
[[nodiscard]] std::string weights(const std::string& path = {});
/// A path in the source tree.
[[nodiscard]] std::string source(const std::string& path = {});
/// A program of examples/, as built.
[[nodiscard]] std::string example(const std::string& name);
/// A program of tests/tools/, as built.
[[nodiscard]] std::string tool(const std::string& name);

}  // namespace support
