/// Which header may include which: base < kernels < model < solve; io stands on model; puzzles on base alone; train on
/// all. What comes from outside (xsimd, intrinsics, cereal, Eigen's Tensor) has one place each.

#include <doctest/doctest.h>

#include <support/places.hpp>

#include <map>
#include <set>
#include <tree/source_text.hpp>

namespace {

using Layers = std::map<std::string, std::set<std::string>>;

const Layers& allowed() {
  static const Layers layers{
      {"base", {"base"}},
      {"kernels", {"base", "kernels"}},
      {"model", {"base", "kernels", "model"}},
      {"solve", {"base", "kernels", "model", "solve"}},
      {"io", {"base", "kernels", "model", "io"}},
      {"puzzles", {"base", "puzzles"}},
      {"train", {"base", "kernels", "model", "solve", "io", "puzzles", "train"}},
      {"fwd.hpp", {"base"}},
      {"tensor_views.hpp", {"base", "kernels", "model", "solve"}},
      {"hrm.hpp", {"base", "kernels", "model", "solve", "io", "fwd.hpp"}},
  };
  return layers;
}

std::string layer_of(const std::string& path) { return path.substr(0, path.find('/')); }

/// Everything wrong with one header's #include lines, one line each.
std::vector<std::string> faults(const tree::Header& header) {
  std::vector<std::string> wrong;
  const auto layer = allowed().find(layer_of(header.path));
  if (layer == allowed().end()) return {header.path + ": stands in no known layer"};
  for (const std::string& name : tree::includes_of(header.text)) {
    const auto fault = [&](const char* why) { wrong.push_back(header.path + ": includes " + name + ": " + why); };
    const auto is = [&](const char* start) { return name.starts_with(start); };
    if (is("hrm/")) {
      const std::string other = name.substr(4);
      if (!layer->second.contains(layer_of(other))) fault("a layer it may not know");
      if (other.starts_with("io/archive_cereal") && layer->first != "train") fault("cereal is opt-in");
    } else if (is("xsimd") || name.find("intrin.h") != std::string::npos || is("arm_") || is("wasm_simd")) {
      if (layer->first != "kernels") fault("only kernels/ knows instruction sets");
    } else if (is("cereal")) {
      if (header.path != "io/archive_cereal.hpp") fault("only io/archive_cereal.hpp knows cereal");
    } else if (is("unsupported/") || is("Eigen/CXX11")) {
      if (header.path != "tensor_views.hpp") fault("only tensor_views.hpp knows Eigen's Tensor, which compiles slowly");
    } else if (is("Eigen/")) {
      if (layer->first == "kernels" || header.path == "base/types.hpp") fault("kernels are free of Eigen");
    } else if (is("iostream") || is("regex") || is("filesystem")) {
      fault("costs every program that includes hrm.hpp");
    } else if (name.find(".hpp") != std::string::npos || name.find("..") != std::string::npos) {
      fault("headers are included as <hrm/...>");
    }
  }
  return wrong;
}

/// A loop of includes within the tree, or nothing.
std::string loop_in(const std::vector<tree::Header>& headers) {
  std::map<std::string, std::vector<std::string>> uses;
  for (const tree::Header& header : headers) {
    for (const std::string& name : tree::includes_of(header.text)) {
      if (name.starts_with("hrm/")) uses[header.path].push_back(name.substr(4));
    }
  }
  std::set<std::string> done;
  std::vector<std::string> path;
  std::string found;
  const auto visit = [&](const auto& self, const std::string& at) -> bool {
    if (done.contains(at)) return false;
    const bool again = std::find(path.begin(), path.end(), at) != path.end();
    path.push_back(at);
    if (again) {
      for (const std::string& step : path) found += (found.empty() ? "" : " -> ") + step;
      return true;
    }
    for (const std::string& next : uses[at]) {
      if (self(self, next)) return true;
    }
    path.pop_back();
    done.insert(at);
    return false;
  };
  for (const tree::Header& header : headers) {
    if (visit(visit, header.path)) break;
  }
  return found;
}

}  // namespace

TEST_CASE("Every header includes only what its layer may know") {
  const auto headers = tree::read_headers(support::source("include/hrm"));
  REQUIRE(headers.size() > 5);
  for (const tree::Header& header : headers) {
    CHECK(header.text.starts_with("#pragma once\n"));
    for (const std::string& fault : faults(header)) FAIL_CHECK(fault);
  }
  CHECK(loop_in(headers) == "");
}

TEST_CASE("Every include of our own names a header that is there") {
  const auto headers = tree::read_headers(support::source("include/hrm"));
  for (const tree::Header& header : headers) {
    for (const std::string& name : tree::includes_of(header.text)) {
      if (!name.starts_with("hrm/")) continue;
      const bool there = std::any_of(headers.begin(), headers.end(),
                                     [&](const tree::Header& other) { return "hrm/" + other.path == name; });
      CHECK_MESSAGE(there, header.path << " includes " << name << ", which is not there");
    }
  }
}

TEST_CASE("The check itself sees a wrong include") {
  const auto wrong = [](const char* path, const char* text) { return faults({path, text}).size(); };
  CHECK(wrong("base/a.hpp", "#include <hrm/base/b.hpp>\n#include <vector>\n") == 0);
  CHECK(wrong("base/a.hpp", "#include <hrm/model/b.hpp>\n") == 1);
  CHECK(wrong("solve/a.hpp", "#include <hrm/io/b.hpp>\n") == 1);
  CHECK(wrong("io/a.hpp", "#include <hrm/solve/b.hpp>\n") == 1);
  CHECK(wrong("puzzles/a.hpp", "#include <hrm/model/b.hpp>\n") == 1);
  CHECK(wrong("hrm.hpp", "#include <hrm/train/b.hpp>\n") == 1);
  CHECK(wrong("hrm.hpp", "#include <hrm/io/archive_cereal.hpp>\n") == 1);
  CHECK(wrong("model/a.hpp", "#  include <immintrin.h>\n#include \"xsimd/xsimd.hpp\"\n") == 2);
  CHECK(wrong("kernels/a.hpp", "#include <immintrin.h>\n#include <xsimd/xsimd.hpp>\n") == 0);
  CHECK(wrong("kernels/a.hpp", "#include <Eigen/Core>\n") == 1);
  CHECK(wrong("io/archive.hpp", "#include <cereal/cereal.hpp>\n") == 1);
  CHECK(wrong("io/archive_cereal.hpp", "#include <cereal/cereal.hpp>\n") == 0);
  CHECK(wrong("model/a.hpp", "#include <unsupported/Eigen/CXX11/Tensor>\n") == 1);
  CHECK(wrong("model/a.hpp", "#include \"b.hpp\"\n") == 1);
  CHECK(wrong("other/a.hpp", "") == 1);
  CHECK(loop_in({{"a.hpp", "#include <hrm/b.hpp>\n"}, {"b.hpp", "#include <hrm/a.hpp>\n"}}) ==
        "a.hpp -> b.hpp -> a.hpp");
}
