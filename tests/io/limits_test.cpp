/// The worst that a file can ask of each reader: at most 64 MiB beside its own bytes, and time that grows with its size
/// alone. Every file here is as large, or as full, as its reader lets through.

#include <doctest/doctest.h>

#include <chrono>
#include <hrm/io/archive_cereal.hpp>
#include <hrm/io/load.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>
#include <support/memory.hpp>

namespace {

constexpr std::size_t many = std::size_t{1} << 16;  // tensors that any reader lets through

std::string safetensors_file(const std::string& header) {
  std::string out;
  support::put(out, std::uint64_t{header.size()});
  return out + header;
}

/// So many empty tensors.
std::string safetensors_of(std::size_t count, const std::string& more = {}) {
  std::string header = "{" + more;
  for (std::size_t i = 0; i < count; ++i) {
    header += (header.size() > 1 ? ",\"" : "\"") + std::to_string(i);
    header += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  return safetensors_file(header + "}");
}

/// So many strings with escapes, which have to be copied.
std::string escaped_keys(std::size_t count) {
  std::string out = "\"__metadata__\":{";
  for (std::size_t i = 0; i < count; ++i)
    out += (i == 0 ? "\"\\u0041" : ",\"\\u0041") + std::to_string(i) + "\":\"" + std::string(40, '.') + "\\n\"";
  return out + "}";
}

/// How many values of each kind a pickle makes.
struct Values {
  std::size_t entries, memo, storages, tuples, tensors;
};
std::string full_pickle(const Values& values) {
  support::Pickle pickle;
  const auto memo = [&](const char* opcode, char index) { pickle.op(opcode).op({&index, 1}); };
  // A parameter's other arguments are dropped: the place for values that lead nowhere. In the memo lie: 0 a name, 1
  // the function that makes tensors, 2 a storage's description, 3 a tensor's arguments, 4 a tensor.
  pickle.op("}").str("n");
  memo("q", 0);
  pickle.global("torch._utils", "_rebuild_parameter").op("(").global("torch._utils", "_rebuild_tensor_v2");
  memo("q", 1);
  pickle.op("((").str("storage").global("torch", "FloatStorage").str("0").str("cpu").number(0).op("t");
  memo("q", 2);
  pickle.op("Q").number(0).tuple({0}).tuple({1}).op("\x89").global("collections", "OrderedDict").op(")Rt");
  memo("q", 3);
  pickle.op("R");
  memo("q", 4);
  pickle.op("(");
  for (std::size_t i = 0; i < values.storages; ++i) memo("h", 2), pickle.op("Q");
  for (std::size_t i = 0; i < values.tensors; ++i) memo("h", 1), memo("h", 3), pickle.op("R");
  pickle.op(std::string(values.tuples, ')')).op("tNtRs").op(std::string(values.memo, '\x94'));
  for (std::size_t i = 1; i < values.entries; ++i) memo("h", 0), memo("h", 4), pickle.op("s");
  return pickle.done();
}

/// A dictionary with so many entries, all the same empty tensor under names of their own.
std::string wide_pickle(std::size_t entries, std::string_view key = "0") {
  support::Pickle pickle;
  pickle.op("}").str("0").tensor("FloatStorage", key, {0}).op("q").op({"\0", 1}).op("s");
  for (std::size_t i = 1; i < entries; ++i) pickle.str(std::to_string(i)).op("h").op({"\0", 1}).op("s");
  return pickle.done();
}

/// The same under one name of so many bytes.
std::string long_name_pickle(std::size_t entries, std::size_t bytes) {
  support::Pickle pickle;
  pickle.op("}").str(std::string(bytes, 'n')).op("q").op({"\0", 1});
  pickle.tensor("FloatStorage", "0", {0}).op("q\1s");
  for (std::size_t i = 1; i < entries; ++i) pickle.op("h").op({"\0", 1}).op("h\1s");
  return pickle.done();
}

std::string zip_of(std::size_t entries) {
  std::vector<std::pair<std::string, std::string>> records;
  records.reserve(entries);
  for (std::size_t i = 0; i < entries; ++i) records.emplace_back("m/" + std::to_string(i), "");
  return support::write_zip(records);
}

/// A whole archive whose header is what `fill` makes of an empty one; right but for its contents.
template <class Fill>
std::string archive_file(const Fill& fill) {
  hrm::ArchiveHeader header;
  fill(header);
  header.header_bytes = hrm::detail::archive_header_bytes(header).size();
  header.file_bytes = header.header_bytes;
  return hrm::detail::archive_header_bytes(header);
}

struct Hostile {
  std::string what;
  std::string file;
};

std::vector<Hostile> hostile_files() {
  std::vector<Hostile> out;
  const auto add = [&](const char* what, std::string file) { out.push_back({what, std::move(file)}); };
  add("safetensors: empty tensors", safetensors_of(many));
  add("safetensors: more tensors than may be", safetensors_of(many + 1));
  add("safetensors: strings to be decoded", safetensors_of(5, escaped_keys(60'000)));
  add("safetensors: keys", safetensors_file("{\"__metadata__\":{" + [] {
        std::string keys;
        for (std::size_t i = 0; i < (std::size_t{1} << 18); ++i)
          keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
        return keys + "}}";
      }()));
  add("safetensors: one escape after the other", safetensors_file("{\"" + [] {
        std::string name;
        for (std::size_t i = 0; i < (std::size_t{1} << 20); ++i) name += "\\u0041";
        return name + "\":1}";
      }()));
  add("torch: entries", zip_of(std::size_t{1} << 17));
  for (const Values& values :
       {Values{50'000, 100'000, 100'000, 50'000, 30'000}, Values{260'000, 260'000, 150'000, 40'000, 60'000},
        Values{65'000, 100'000, 50'000, 50'000, 30'000}})
    add("torch: values of every kind", support::write_zip({{"m/data.pkl", full_pickle(values)}, {"m/data/0", ""}}));
  // One long name, or one long key, that thousands of tensors share.
  add("torch: long names",
      support::write_zip({{"m/data.pkl", long_name_pickle(many - 1, std::size_t{3} << 20)}, {"m/data/0", ""}}));
  add("torch: long keys",
      support::write_zip({{"m/data.pkl", wide_pickle(many, std::string(65'000, 'k'))}, {"m/data/0", ""}}));
  {  // one long folder name, which every record's name begins with
    const std::string folder(65'000, 'f');
    std::vector<std::pair<std::string, std::string>> records{{folder + "/data.pkl", wide_pickle(many)}};
    for (int i = 0; i < 100; ++i) records.emplace_back(folder + "/data/" + std::to_string(i), "");
    add("torch: a long folder", support::write_zip(records));
  }
  add("torch: tensors", support::write_zip({{"m/data.pkl", wide_pickle(many)}, {"m/data/0", ""}}));
  add("torch: more tensors than may be", support::write_zip({{"m/data.pkl", wide_pickle(many + 1)}, {"m/data/0", ""}}));
  add("archive: empty tensors", archive_file([](auto& h) {
        for (std::size_t i = 0; i < many; ++i)
          h.tensors.push_back({.name = std::to_string(i), .shape = {0}, .offset = 0});
      }));
  add("archive: more tensors than may be",
      archive_file([](auto& h) { h.tensors.resize((std::size_t{15} << 20) / 57); }));
  add("archive: more self-tests than may be",
      archive_file([](auto& h) { h.tests.resize((std::size_t{15} << 20) / 40); }));
  add("archive: more panels than may be", archive_file([](auto& h) { h.panels.resize((std::size_t{15} << 20) / 40); }));
  add("archive: one long text", archive_file([](auto& h) { h.provenance.assign(std::size_t{15} << 20, 'x'); }));
  add("archive: one long shape", archive_file([](auto& h) {
        h.tensors.push_back({.name = "t", .shape = std::vector<std::uint64_t>((std::size_t{15} << 20) / 8)});
      }));
  return out;
}

std::string config_of(const char* pattern, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    std::string line = pattern;
    line.replace(line.find('#'), 1, std::to_string(i));
    out += line;
  }
  return out;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const std::string config = support::write_yaml({});

}  // namespace

TEST_CASE("limits: every reader's fullest files are an error, within seconds and 64 MiB") {
  for (const Hostile& hostile : hostile_files()) {
    CAPTURE(hostile.what);
    const auto start = std::chrono::steady_clock::now();
    const auto opened = hrm::open_checkpoint(hrm::Source::memory(support::bytes_of(hostile.file)), config);
    CHECK(!opened);
    // A step that went over all others for each of them would take minutes.
    CHECK(seconds_since(start) < (HRM_TEST_SANITIZED ? 20.0 : 2.0));
#if HRM_TEST_MEASURES_MEMORY
    const std::size_t grown = support::memory_of(
        [&] { return !hrm::open_checkpoint(hrm::Source::memory(support::bytes_of(hostile.file)), config); });
    CHECK(grown <= 64 * support::mebibyte);
#endif
  }
}

TEST_CASE("limits: the fullest configurations") {
  const std::size_t most = hrm::detail::max_config_bytes;
  for (const std::string& text :
       {config_of("k#: 1\n", 60'000), config_of("k#:\n  a: 1\n", 40'000),
        "{" + config_of("\"#\":1,", 80'000) + "\"x\":1}", "{\"x\":" + std::string(most - 10, '['),
        "{\"" + config_of("\\u0041#", 80'000) + "\":1}", std::string(most, '\n'), "a: \"" + std::string(most - 10, '#'),
        std::string(most, '9'), "expansion: " + std::string(most - 20, '9')}) {
    REQUIRE(text.size() <= most);
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(hrm::read_config(text));
    CHECK(seconds_since(start) < (HRM_TEST_SANITIZED ? 20.0 : 2.0));
#if HRM_TEST_MEASURES_MEMORY
    CHECK(support::memory_of([&] { return static_cast<void>(hrm::read_config(text)), true; }) <=
          64 * support::mebibyte);
#endif
  }
}

TEST_CASE("limits: as many layers as there may be are loaded in time that grows with their number") {
  support::Shape shape{
      .hidden = 2, .heads = 1, .h_layers = 1024, .l_layers = 1024, .vocab = 3, .puzzle_emb_ndim = 2, .inner = 64};
  const std::string yaml = support::write_yaml(shape);
  const auto tensors = support::make_weights(shape);
  const std::string torch = support::write_torch(tensors);
  const auto start = std::chrono::steady_clock::now();
  const auto model = hrm::load(hrm::Source::memory(support::bytes_of(torch)), {}, yaml);
  REQUIRE(support::message_of(model) == "");
  CHECK(model->config().sizes.h_layers == 1024);
  CHECK(seconds_since(start) < (HRM_TEST_SANITIZED ? 20.0 : 2.0));
}
