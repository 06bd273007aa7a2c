#include <doctest/doctest.h>

#include <hrm/io/yaml.hpp>
#include <support/files.hpp>

namespace {

/// Every scalar as "a.b=text;", or the error.
std::string read(std::string_view text) {
  std::string out;
  const auto done = hrm::read_yaml(text, [&](hrm::YamlPath path, std::string_view value) -> hrm::Result<void> {
    for (std::size_t i = 0; i < path.size(); ++i) out += (i == 0 ? "" : ".") + std::string(path[i]);
    out += "=" + std::string(value) + ";";
    return {};
  });
  return done ? out : "error: " + std::string(done.error().message());
}

}  // namespace

TEST_CASE("YAML: nested maps of plain and quoted scalars") {
  CHECK(read("a: 1\nb: two words\n") == "a=1;b=two words;");
  CHECK(read("arch:\n  x: 1\n  loss:\n    name: l\n  y: 2\nz: 3") == "arch.x=1;arch.loss.name=l;arch.y=2;z=3;");
  CHECK(read("'a b': \"c: d\"\n\"e\": 'f # g'\r\n") == "a b=c: d;e=f # g;");
  CHECK(read("\"a: b\": c\n'd:\te': f: g\n") == "a: b=c;d:\te=f: g;");
  CHECK(read("a:\n  b: 'x # y' #c\n  d: \"\"  # e\n") == "a.b=x # y;a.d=;");
  CHECK(read("# c\n---\n\na: 1 # d\nb: x#y\n") == "a=1;b=x#y;");
  CHECK(read("name: hrm.hrm_act_v1@Model\nlr: 1e-4\n") == "name=hrm.hrm_act_v1@Model;lr=1e-4;");
  CHECK(read("") == "");
  CHECK(read("a:\nb:\n") == "");
}

TEST_CASE("YAML: lists, blocks and wrapped lines are stepped over") {
  CHECK(read("a:\n- 1\n- x: 2\n  y: 3\nb: 4\n") == "b=4;");
  CHECK(read("a:\n  - 1\n  - [2,\n     3]\nb: 4\n") == "b=4;");
  CHECK(read("a: |\n  k: v\n  w\nb: >-\n  x\nc: 1\n") == "c=1;");
  CHECK(read("a: words that\n  go on: here\nb: 1\n") == "a=words that;b=1;");
}

TEST_CASE("YAML: tabs between words, and the document's end") {
  CHECK(read("a: 1\t# c\nb:\t2\nc: \t\"x # y\"\t\n") == "a=1;b=2;c=x # y;");
  CHECK(read("a:\n  b: 1\n...\n\n# c\n") == "a.b=1;");
  CHECK(read("a: {x: 1}\nb: &c 2\n") == "a={x: 1};b=&c 2;");
  CHECK(read("a: 1\n...\nb: 2\n") == "error: line 3: expected one document, found b: 2");
}

TEST_CASE("YAML: what is wrong is said with its line") {
  CHECK(read("a: 1\na: 2\n") == "error: a: expected every key once, found it twice");
  CHECK(read("a:\n  x: 1\nb:\n  x: 1\n") == "a.x=1;b.x=1;");
  CHECK(read("a:\n  x: 1\n  'x': 2\n") == "error: x: expected every key once, found it twice");
  CHECK(read("a: 1\nword\n") == "error: line 2: expected 'key: value', found word");
  CHECK(read("a:\n    b: 1\n  c: 2\n") == "error: line 3: expected the indentation of a key above, found c: 2");
  CHECK(read("  a: 1\nb: 1\n") == "error: line 2: expected the indentation of a key above, found b: 1");
  CHECK(read("\ta: 1\n") == "error: line 1: expected blanks before the key, found a tab");
  CHECK(read("a: 1\n---\nb: 2\n") == "error: line 2: expected one document, found ---");
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(read(deep) == "error: line 17: expected at most 16 levels, found more");
}
