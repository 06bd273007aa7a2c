#include <support/places.hpp>

namespace support {

std::string data(const std::string& path) { return HRM_SOURCE_DIR "/tests/data/" + path; }
std::string weights(const std::string& path) { return HRM_SOURCE_DIR "/examples/weights/" + path; }
std::string source(const std::string& path) { return HRM_SOURCE_DIR "/" + path; }
std::string example(const std::string& name) { return HRM_BINARY_DIR "/examples/" + name; }
std::string tool(const std::string& name) { return HRM_BINARY_DIR "/tests/tools/" + name; }

}  // namespace support
