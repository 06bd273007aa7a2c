#include <doctest/doctest.h>

#include <hrm/io/archive_cereal.hpp>
#include <hrm/io/load.hpp>
#include <hrm/solve/verify.hpp>
#include <support/archives.hpp>
#include <support/files.hpp>
#include <support/places.hpp>

namespace {

using support::archive_of;
using support::small_archive;

std::string error_of(const std::string& file) {
  return support::message_of(hrm::read_archive(support::bytes_of(file)));
}

/// The header rewritten after a change, its checksum right; tensors are left where they are.
template <class Change>
std::string changed(const std::string& file, const Change& change) {
  hrm::ArchiveHeader header = hrm::read_archive_header_cereal(support::bytes_of(file)).value();
  const std::uint64_t before = header.header_bytes;
  change(header);
  std::string bytes = hrm::detail::archive_header_bytes(header);
  if (bytes.size() == before) return bytes + file.substr(before);
  return bytes;  // of another length: only good for looking at the header's own errors
}

/// The same after change(header, panels' bytes), of whatever length: what lies behind the header moves along.
template <class Change>
std::string moved(const std::string& file, const Change& change) {
  hrm::ArchiveHeader header = hrm::read_archive_header_cereal(support::bytes_of(file)).value();
  std::vector<std::string> panels;
  for (const auto& p : header.panels) panels.push_back(file.substr(p.offset, p.bytes));
  change(header, panels);
  header.header_bytes = hrm::detail::archive_header_bytes(header).size();
  std::string behind;
  const auto place = [&](std::uint64_t alignment, const std::string& bytes) {
    const std::uint64_t at = hrm::round_up(header.header_bytes + behind.size(), alignment);
    behind.resize(at - header.header_bytes);
    behind += bytes;
    return at;
  };
  for (auto& t : header.tensors) {
    t.offset = place(64, file.substr(t.offset, t.bytes));
    if (t.scales_offset == 0) continue;
    t.scales_offset = place(64, file.substr(t.scales_offset, t.shape[0] * sizeof(float)));
  }
  for (std::size_t i = 0; i < panels.size(); ++i) header.panels[i].offset = place(4096, panels[i]);
  header.file_bytes = header.header_bytes + behind.size();
  return hrm::detail::archive_header_bytes(header) + behind;
}

}  // namespace

TEST_CASE("archive: the checked reader reads what cereal reads") {
  for (const auto precision : {hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8}) {
    const std::string file = small_archive(precision);
    const auto checked = hrm::read_archive(support::bytes_of(file));
    REQUIRE(support::message_of(checked) == "");
    const auto cereal = hrm::read_archive_header_cereal(support::bytes_of(file));
    REQUIRE(support::message_of(cereal) == "");
    CHECK((*checked)->header == *cereal);
    CHECK((*checked)->header.name == "random");
    CHECK((*checked)->header.tests.size() == 1);
    CHECK(support::message_of(hrm::check_archive(**checked, hrm::Source::memory(support::bytes_of(file)))) == "");
    for (const auto& tensor : (*checked)->header.tensors) CHECK(tensor.offset % 64 == 0);
  }
}

TEST_CASE("archive: of any header the checked reader reads what cereal does, and no cut of it") {
  support::Noise noise(7);
  const auto below = [&](std::uint64_t n) { return noise.word() % n; };
  const auto text = [&] {
    std::string out(below(20), '\0');
    for (char& c : out) c = static_cast<char>(noise.word());
    return out;
  };
  for (int round = 0; round < 50; ++round) {
    hrm::ArchiveHeader header;
    header.header_bytes = noise.word();
    header.file_bytes = noise.word();
    header.config.sizes.hidden = noise.word();
    header.config.halt_max_steps = noise.word();
    header.config.positions = static_cast<hrm::PositionEncoding>(below(2));
    header.config.rope_theta = noise.next(1e6F);
    header.precision = static_cast<std::uint8_t>(below(256));
    for (std::string* words :
         {&header.name, &header.task, &header.vocabulary, &header.licence, &header.provenance, &header.extension})
      *words = text();
    header.puzzle_ids.assign(below(5), noise.word());
    for (auto& t : (header.tensors.resize(below(5)), header.tensors)) {
      t = {text(),
           static_cast<std::uint8_t>(below(256)),
           std::vector<std::uint64_t>(below(6), noise.word()),
           noise.word(),
           noise.word(),
           noise.word(),
           noise.word(),
           noise.word()};
    }
    for (auto& t : (header.tests.resize(below(3)), header.tests)) {
      t = {std::vector<hrm::Token>(below(9), static_cast<hrm::Token>(noise.word())),
           noise.word(),
           static_cast<std::uint32_t>(noise.word()),
           noise.next(1.0F),
           std::vector<float>(below(9), noise.next(1.0F)),
           {noise.next(1.0F)}};
    }
    for (auto& p : (header.panels.resize(below(3)), header.panels))
      p = {text(), noise.word(), noise.word(), noise.word(), noise.word()};
    const std::string bytes = hrm::detail::archive_header_bytes(header);
    CHECK(hrm::read_archive_header_cereal(support::bytes_of(bytes)).value() == header);
    const auto checked = [&](std::size_t size, hrm::ArchiveHeader& h) {
      hrm::detail::ArchiveReader in(support::bytes_of(bytes).subspan(9, size));  // behind mark and byte order
      in.all(h.major, h.minor, h.header_bytes, h.file_bytes, h.config, h.precision, h.name, h.task, h.vocabulary,
             h.licence, h.provenance, h.puzzle_ids, h.tensors, h.tests, h.panels, h.extension);
      return in.ok() && in.left() == 0;
    };
    hrm::ArchiveHeader read;
    const std::size_t whole = bytes.size() - 9 - 8;  // and before the checksum
    CHECK(checked(whole, read));
    CHECK(read == header);
    for (std::size_t size = 0; size < whole; ++size) {
      hrm::ArchiveHeader cut;
      CHECK(!checked(size, cut));
    }
  }
}

TEST_CASE("archive: float32 tensors come back as they went in, others rounded as the kernels round") {
  const auto tensors = support::make_weights(support::archive_shape);
  const auto compare = [&](hrm::Precision precision, const auto& check) {
    const std::string file = archive_of(tensors, precision, {});
    const auto archive = hrm::read_archive(support::bytes_of(file));
    REQUIRE(support::message_of(archive) == "");
    REQUIRE((*archive)->tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const hrm::TensorView& got = (*archive)->tensors[i];
      CHECK(got.name == tensors[i].name);
      const hrm::TensorView want = support::views_of(tensors)[i];
      std::vector<float> a(want.elements());
      std::vector<float> b(want.elements());
      REQUIRE(hrm::read_floats(want, 0, a.size(), a.data()));
      REQUIRE(hrm::read_floats(got, 0, b.size(), b.data()));
      check(want, got, a, b);
    }
  };
  compare(hrm::Precision::f32, [](const auto& want, const auto& got, const auto&, const auto&) {
    CHECK(got.dtype == want.dtype);
    CHECK(std::memcmp(got.data, want.data, want.bytes()) == 0);
  });
  compare(hrm::Precision::bf16, [](const auto& want, const auto& got, const auto& a, const auto& b) {
    const bool block = want.name.find("_level.") != std::string_view::npos;
    CHECK(got.dtype == (block ? hrm::DType::bf16 : want.dtype));
    for (std::size_t k = 0; k < a.size(); ++k) CHECK(b[k] == (block ? hrm::to_float(hrm::to_bfloat16(a[k])) : a[k]));
  });
  compare(hrm::Precision::int8, [](const auto& want, const auto& got, const auto& a, const auto& b) {
    const bool block = want.name.find("_level.") != std::string_view::npos;
    CHECK(got.dtype == (block ? hrm::DType::i8 : want.dtype));
    const std::size_t width = want.shape[want.rank - 1];
    for (std::size_t row = 0; row < a.size() / width; ++row) {
      float most = 0;
      for (std::size_t k = 0; k < width; ++k) most = std::max(most, std::abs(a[row * width + k]));
      for (std::size_t k = 0; k < width; ++k)
        CHECK(std::abs(a[row * width + k] - b[row * width + k]) <= (block ? most / 253.9F : 0.0F));
    }
  });
}

TEST_CASE("archive: loads as the model it was made from, in its own precision unless told otherwise") {
  const support::TemporaryFolder folder;
  for (const auto precision : {hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8}) {
    const std::string file = small_archive(precision);
    const std::string path = folder.write("model.hrm", file);
    const auto model = hrm::load(folder.path());
    REQUIRE(support::message_of(model) == "");
    CHECK(model->precision() == precision);
    CHECK(hrm::load(path, {.precision = hrm::Precision::f32})->precision() == hrm::Precision::f32);
    const auto memory = hrm::load(hrm::Source::memory(support::bytes_of(file)));
    REQUIRE(support::message_of(memory) == "");
    CHECK(memory->fingerprint() == model->fingerprint());
    auto read = [](void* context, std::uint64_t offset, std::byte* out, std::size_t size) {
      std::memcpy(out, static_cast<std::string*>(context)->data() + offset, size);
      return true;
    };
    std::string copy = file;
    auto source = hrm::Source::read(read, &copy, copy.size());
    REQUIRE(source.has_value());
    CHECK(hrm::load(*std::move(source))->fingerprint() == model->fingerprint());
  }
}

TEST_CASE("archive: rows of a puzzle embedding keep their ids") {
  const auto tensors = support::make_weights(support::archive_shape);
  const std::string file = archive_of(tensors, hrm::Precision::f32, {.rows = {1, 3}});
  const auto model = hrm::load(hrm::Source::memory(support::bytes_of(file)));
  REQUIRE(support::message_of(model) == "");
  const std::vector<hrm::Token> tokens{1, 2, 3};
  CHECK((*model)->check(tokens, 1).has_value());
  CHECK((*model)->check(tokens, 3).has_value());
  for (const std::size_t id : {0U, 2U, 4U}) CHECK(!(*model)->check(tokens, id));
  const std::array<std::size_t, 1> one{3};
  const auto narrow = hrm::load(hrm::Source::memory(support::bytes_of(file)), {.puzzle_ids = one});
  REQUIRE(support::message_of(narrow) == "");
  CHECK(!(*narrow)->check(tokens, 1));
  CHECK((*narrow)->check(tokens, 3).has_value());
  const std::array<std::size_t, 1> absent{2};
  CHECK(support::message_of(hrm::load(hrm::Source::memory(support::bytes_of(file)), {.puzzle_ids = absent})) ==
        "memory: puzzle_emb.weights: expected one of the 2 puzzle ids in the file, found 2");
}

TEST_CASE("archive: stored panels are used where they lie, and those of another machine are packed anew") {
  const support::TemporaryFolder folder;
  const auto tensors = support::make_weights(support::archive_shape);
  for (const auto precision : {hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8}) {
    const std::string plain = archive_of(tensors, precision, {});
    const auto fresh = hrm::load(hrm::Source::memory(support::bytes_of(plain)));
    REQUIRE(support::message_of(fresh) == "");
    const std::string path = folder.write("m", archive_of(tensors, precision, {.model = &*fresh}));
    const auto stored = hrm::load(path);
    REQUIRE(support::message_of(stored) == "");
    CHECK(stored->fingerprint() == fresh->fingerprint());
    CHECK(stored->weight_bytes() == fresh->weight_bytes());
    CHECK(std::memcmp(stored->packed().data(), fresh->packed().data(), fresh->weight_bytes()) == 0);
    const auto opened = hrm::open_checkpoint(path);
    CHECK(support::message_of(hrm::check(*opened)) == "");
    const std::string other =
        folder.write("n", archive_of(tensors, precision, {.model = &*fresh, .key = "1 another machine"}));
    const auto repacked = hrm::load(other);
    REQUIRE(support::message_of(repacked) == "");
    CHECK(std::memcmp(repacked->packed().data(), fresh->packed().data(), fresh->weight_bytes()) == 0);
  }
}

TEST_CASE("archive: of the panels for several kernels those that fit are used, wherever they stand") {
  const auto tensors = support::make_weights(support::archive_shape);
  const std::string plain = archive_of(tensors, hrm::Precision::f32, {});
  const std::array<hrm::Precision, 3> precisions{hrm::Precision::int8, hrm::Precision::bf16, hrm::Precision::f32};
  std::vector<hrm::Model> fresh;
  for (const auto precision : precisions) {
    auto model = hrm::load(hrm::Source::memory(support::bytes_of(plain)), {.precision = precision});
    REQUIRE(support::message_of(model) == "");
    fresh.push_back(*std::move(model));
  }
  const std::string file = moved(plain, [&](hrm::ArchiveHeader& header, std::vector<std::string>& panels) {
    const auto add = [&](const std::string& key, std::uint64_t fingerprint, const std::string& bytes) {
      const std::uint64_t sum = hrm::detail::archive_checksum(support::bytes_of(bytes));
      header.panels.push_back({key, fingerprint, 0, bytes.size(), sum});
      panels.push_back(bytes);
    };
    add("5 another machine", 1, std::string(128, 'x'));
    for (std::size_t i = 0; i < 2; ++i) {  // none for float32
      const auto packed = fresh[i].packed();
      add(fresh[i].packed_key(), fresh[i].fingerprint(), {reinterpret_cast<const char*>(packed.data()), packed.size()});
    }
  });
  hrm::Buffer block(file.size());
  std::memcpy(block.data(), file.data(), file.size());
  for (std::size_t i = 0; i < precisions.size(); ++i) {
    auto opened = hrm::open_checkpoint(hrm::Source::memory(block.bytes()));
    REQUIRE(support::message_of(opened) == "");
    CHECK(support::message_of(hrm::check(*opened)) == "");
    const auto model = hrm::load(*std::move(opened), {.precision = precisions[i]});
    REQUIRE(support::message_of(model) == "");
    const bool lent = std::less_equal<>()(block.data(), model->packed().data()) &&
                      std::less<>()(model->packed().data(), block.data() + block.size());
    CHECK(lent == (i < 2));
    CHECK(model->fingerprint() == fresh[i].fingerprint());
    REQUIRE(model->packed().size() == fresh[i].packed().size());
    CHECK(std::memcmp(model->packed().data(), fresh[i].packed().data(), model->packed().size()) == 0);
  }
}

TEST_CASE("archive: the file of version 1.0 loads for ever") {
  const std::string path = support::data("archive/version_1_0.hrm");
  const auto opened = hrm::open_checkpoint(path);
  REQUIRE(support::message_of(opened) == "");
  CHECK(opened->archive->header.major == 1);
  CHECK(opened->archive->header.minor == 0);
  CHECK(opened->archive->header.task == "test");
  CHECK(support::message_of(hrm::check(*opened)) == "");
  REQUIRE(opened->archive->header.tests.size() == 1);
  const auto model = hrm::load(path);
  REQUIRE(support::message_of(model) == "");
  CHECK(support::message_of(hrm::verify(*model, opened->archive->header.tests[0])) == "");
}

TEST_CASE("archive: a newer minor version is read, another major one is not") {
  const std::string file = small_archive(hrm::Precision::f32);
  CHECK(error_of(changed(file, [](auto& h) { h.minor = 9; })) == "");
  CHECK(error_of(changed(file, [](auto& h) { h.major = 2; })) == "archive: version: expected 1.x, found 2.0");
  const std::string extended =
      archive_of(support::make_weights(support::archive_shape), hrm::Precision::f32, {.extension = "more fields"});
  CHECK(error_of(extended) == "");
}

TEST_CASE("archive: headers that lie, with a right checksum") {
  const std::string file = small_archive(hrm::Precision::int8);
  const auto error = [&](const auto& change) { return error_of(changed(file, change)); };
  CHECK(error([](auto&) {}) == "");
  CHECK(error([](auto& h) { h.file_bytes += 1; }).find("bytes as its header says, found") != std::string::npos);
  CHECK(error([](auto& h) {
          h.header_bytes = ~std::uint64_t{0};
        }).starts_with("archive: header: expected a length within the file"));
  for (const std::uint64_t size : {5U, 29U, 36U, 1U << 20}) {
    CHECK(error([&](auto& h) {
            h.header_bytes = size;
          }).starts_with("archive: header: expected a length within the file"));
  }
  CHECK(error_of("HRMmodel") == "archive: header: expected a byte order, found the end");
  CHECK(error([](auto& h) {
          h.tensors[3].offset += 1;
        }).ends_with("expected a place of its own behind the one before, found another"));
  CHECK(error([](auto& h) {
          h.tensors[3].offset = h.tensors[2].offset;
        }).ends_with("expected a place of its own behind the one before, found another"));
  CHECK(error([](auto& h) {
          h.tensors[3].offset += 8192;
        }).ends_with("expected a place of its own behind the one before, found another"));
  CHECK(error([](auto& h) {
          h.tensors[3].offset = ~std::uint64_t{63};
        }).ends_with("expected a place of its own behind the one before, found another"));
  CHECK(error([](auto& h) {
          h.tensors[3].bytes -= 1;
        }).ends_with("expected as many bytes as its shape takes, found another number"));
  CHECK(error([](auto& h) {
          h.tensors[3].shape[0] = std::uint64_t{1} << 62;
        }).ends_with("expected as many bytes as its shape takes, found another number"));
  CHECK(error([](auto& h) { h.tensors[3].dtype = 7; }).ends_with("dtype: expected 0 to 6, found 7"));
  CHECK(error([](auto& h) { std::swap(h.tensors[0].name, h.tensors[1].name); }) ==
        "");  // the same shape: only the sums differ
  CHECK(error([](auto& h) { h.tensors[0].name = h.tensors[1].name; }) ==
        "L_init: expected every name once, found it twice");
  CHECK(error([](auto& h) {
          h.tensors.back().scales_offset += 64;
        }).ends_with("expected a place for its scales, found another"));
  CHECK(error([](auto& h) { h.tensors[0].scales_checksum = 5; }).ends_with("expected no scales, found some"));
  CHECK(error([](auto& h) { h.config.sizes.heads = 3; }).find("num_heads: expected a number that divides hidden") !=
        std::string::npos);
  CHECK(error([](auto& h) { h.config.sizes.inner = 128; }).find("expected a configuration that fits the tensors") !=
        std::string::npos);
  CHECK(error([](auto& h) {
          h.config.sizes.puzzle_tokens = 2;
        }).find("expected a configuration that fits the tensors") != std::string::npos);
  CHECK(error([](auto& h) { h.config.seq_len = std::size_t{1} << 62; }) ==
        "seq_len: expected 0 to 1048576, found 4611686018427387904");
  CHECK(error([](auto& h) { h.config.rms_norm_eps = std::bit_cast<float>(0x7fc00000U); }) != "");
  CHECK(error([](auto& h) { h.config.positions = static_cast<hrm::PositionEncoding>(7); }) ==
        "archive: header: expected fields that fill it, found others");
  CHECK(error([](auto& h) { h.precision = 3; }).find("expected a precision from 0 to 2") != std::string::npos);
  CHECK(error([](auto& h) { h.tests[0].segments = 2000; }).find("expected a test of tokens") != std::string::npos);
  CHECK(error([](auto& h) {
          h.tests[0].logits[0] = std::bit_cast<float>(0x7f800000U);
        }).find("expected a test of tokens") != std::string::npos);
  CHECK(error([](auto& h) { h.tests[0].q[1] = std::bit_cast<float>(0x7f800000U); }).find("expected a test of tokens") !=
        std::string::npos);
}

TEST_CASE("archive: lengths that no file could hold ask for no memory") {
  const std::string file = small_archive(hrm::Precision::f32);
  const auto header = hrm::read_archive_header_cereal(support::bytes_of(file))->header_bytes;
  const auto at = [&](std::size_t place) {
    std::string bytes = file;
    for (std::size_t i = 0; i < 8; ++i) bytes[place + i] = '\x7f';
    const std::uint64_t sum = hrm::detail::archive_checksum(support::bytes_of(bytes).first(header - 8));
    std::memcpy(bytes.data() + header - 8, &sum, 8);
    return error_of(bytes);
  };
  const std::size_t name = 143;  // the length of the first text
  CHECK(at(name) == "archive: header: expected fields that fill it, found others");
  // Wherever the lengths of the others lie: to ask for so much memory would end the test.
  for (std::size_t place = name; place + 16 <= header; ++place) static_cast<void>(at(place));
}

TEST_CASE("archive: numbers that differ above 32 bits alone are others, where sizes have no more too") {
  const std::string file = small_archive(hrm::Precision::f32);
  const auto header = hrm::read_archive_header_cereal(support::bytes_of(file))->header_bytes;
  for (std::size_t number = 0; number < 13; ++number) {  // of the configuration, which begins at byte 29
    std::string bytes = file;
    bytes[29 + 8 * number + 4] = 1;
    const std::uint64_t sum = hrm::detail::archive_checksum(support::bytes_of(bytes).first(header - 8));
    std::memcpy(bytes.data() + header - 8, &sum, 8);
    CAPTURE(number);
    CHECK(error_of(bytes) != "");
  }
  CHECK(error_of(changed(file, [](auto& h) {
          h.tensors[0].shape[0] += std::uint64_t{1} << 32;
        })).ends_with("expected as many bytes as its shape takes, found another number"));
}

TEST_CASE("archive: the checksum of pieces is that of the whole, and tells lengths apart") {
  std::string bytes(100, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(7 * i + 1);
  const auto whole = support::bytes_of(bytes);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    for (std::size_t piece = 1; piece <= 40; ++piece) {
      hrm::detail::ArchiveChecksum sum;
      for (std::size_t at = 0; at < size; at += piece) sum.add(whole.subspan(at, std::min(piece, size - at)));
      sum.add({});
      REQUIRE(sum.value() == hrm::detail::archive_checksum(whole.first(size)));
    }
  }
  const std::string zeros(40, '\0');
  for (std::size_t size = 0; size < zeros.size(); ++size) {
    CHECK(hrm::detail::archive_checksum(support::bytes_of(zeros).first(size)) !=
          hrm::detail::archive_checksum(support::bytes_of(zeros).first(size + 1)));
  }
}

TEST_CASE("archive: a test that would take minutes or gigabytes is refused") {
  const auto tensors = support::make_weights(support::archive_shape);
  const auto error = [&](std::size_t tokens, std::uint32_t segments, std::size_t cycles, std::size_t count = 1) {
    hrm::SelfTest test;
    test.tokens.assign(tokens, 1);
    test.segments = segments;
    test.logits.assign(tokens * support::archive_shape.vocab, 0.0F);
    test.q = {0.0F, 0.0F};
    return error_of(moved(archive_of(tensors, hrm::Precision::f32, {}), [&](auto& h, auto&) {
      h.config.sizes.h_cycles = h.config.sizes.l_cycles = cycles;
      h.tests.assign(count, test);
    }));
  };
  CHECK(error(4095, 1, 2) == "");  // and one puzzle token
  CHECK(error(4096, 1, 2).find("expected tests of some seconds") != std::string::npos);
  CHECK(error(1, 1, 1024) == "");
  CHECK(error(1, 1024, 2) == "");
  CHECK(error(1, 1024, 2, 300) == "");
  CHECK(error(1, 1024, 2, 400).find("expected tests of some seconds") != std::string::npos);
  CHECK(error(1, 1024, 1024).find("expected tests of some seconds") != std::string::npos);
  CHECK(error(4000, 512, 2).find("expected tests of some seconds") != std::string::npos);

  hrm::Config wide;
  wide.sizes = {.hidden = 512,
                .heads = 8,
                .inner = 1536,
                .vocab = 40000,
                .h_layers = 4,
                .l_layers = 4,
                .h_cycles = 2,
                .l_cycles = 2,
                .puzzle_tokens = 1};
  const auto fits = [&](std::size_t tokens) {
    return hrm::detail::self_test_work(wide, tokens, 2) <= hrm::detail::max_self_test_work;
  };
  CHECK(fits(64));
  CHECK(!fits(128));  // 5 million logits
  wide.sizes.vocab = 11;
  CHECK(fits(128));
  CHECK(!fits(hrm::saturated));
}

TEST_CASE("archive: a writer can be asked twice") {
  const auto tensors = support::make_weights(support::archive_shape);
  const auto views = support::views_of(tensors);
  hrm::ArchiveContents contents;
  contents.header.config =
      hrm::complete(hrm::read_config(support::write_yaml(support::archive_shape)).value(), views).value();
  contents.header.puzzle_ids = contents.rows = {1, 3};
  contents.tensors = views;
  hrm::ArchiveWriter writer(contents);
  std::string first;
  std::string second;
  REQUIRE(support::message_of(writer.write(support::append, &first)) == "");
  REQUIRE(support::message_of(writer.write(support::append, &second)) == "");
  CHECK(first == second);
  contents.rows = {};
  contents.header.puzzle_ids = {};
  std::string third;
  REQUIRE(support::message_of(writer.write(support::append, &third)) == "");
  CHECK(error_of(third) == "");
}

TEST_CASE("archive: what no reader would take is not written") {
  const auto tensors = support::make_weights(support::archive_shape);
  const auto views = support::views_of(tensors);
  const auto config =
      hrm::complete(hrm::read_config(support::write_yaml(support::archive_shape)).value(), views).value();
  const auto error = [&](const auto& change) {
    hrm::ArchiveContents contents;
    contents.header.config = config;
    auto own = views;
    hrm::SelfTest test;
    test.tokens = {1};
    test.segments = 1;
    test.logits.assign(support::archive_shape.vocab, 0.0F);
    test.q = {0.0F, 0.0F};
    contents.header.tests = {test};
    change(contents, own);
    contents.tensors = own;
    std::string out;
    const std::string message = support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out));
    CHECK((message.empty() ? error_of(out) == "" : out.empty()));
    return message;
  };
  const std::string unfit =
      "archive: header: expected a test of tokens, logits and q values that fit the model, found "
      "another";
  const std::string ids = "archive: header: expected an id for every row of puzzle_emb.weights, found another number";
  CHECK(error([](auto&, auto&) {}) == "");
  CHECK(error([](auto& c, auto&) { c.header.tests[0].segments = 0; }) == unfit);
  CHECK(error([](auto& c, auto&) { c.header.tests[0].segments = 1025; }) == unfit);
  CHECK(error([](auto& c, auto&) { c.header.tests[0].q.pop_back(); }) == unfit);
  CHECK(error([](auto& c, auto&) { c.header.tests.resize(1024, c.header.tests[0]); }) == "");
  CHECK(error([](auto& c, auto&) { c.header.tests.resize(1025, c.header.tests[0]); }) ==
        "archive: header: expected at most 1024 self-tests, found more");
  CHECK(error([](auto& c, auto&) {
          c.header.tests[0].tokens.assign(4096, 1);
        }).starts_with("archive: header: expected tests of some seconds"));
  CHECK(error([](auto& c, auto&) {
          c.rows = {0, 2};
          c.header.puzzle_ids = {0, 1, 2, 3};
        }) == ids);
  CHECK(error([](auto& c, auto&) { c.header.puzzle_ids = {0, 1}; }) == ids);
  for (const std::vector<std::uint64_t>& wrong :
       std::vector<std::vector<std::uint64_t>>{{3, 1, 2, 0}, {1, 0, 2, 3}, {0, 2, 2, 9}, {0, 1, 3, 2}}) {
    CHECK(error([&](auto& c, auto&) { c.header.puzzle_ids = wrong; }) ==
          "archive: header: expected puzzle ids in ascending order, found others");
  }
  CHECK(error([](auto& c, auto&) { c.header.puzzle_ids = {0, 2, 5, 9}; }) == "");
  CHECK(error([](auto& c, auto&) { c.header.config.sizes.inner = 128; }) ==
        "archive: header: expected a configuration that fits the tensors, found another");
  CHECK(error([](auto&, auto& t) { t.push_back(t[0]); }).ends_with("expected every name once, found it twice"));
  CHECK(error([](auto&, auto& t) { t.pop_back(); }) != "");
  CHECK(error([](auto&, auto& t) { t[1].data = t[0].data; }) == "");  // lent bytes may be shared, as they are copied
  static_assert(!std::is_constructible_v<hrm::ArchiveWriter, hrm::ArchiveContents>);
}

TEST_CASE("archive: int8 rows too small to be told from zeros are zeros, as in a model that is packed directly") {
  auto tensors = support::make_weights(support::archive_shape);
  const auto wide = std::find_if(tensors.begin(), tensors.end(),
                                 [](const auto& t) { return t.name == "L_level.layers.0.mlp.down_proj.weight"; });
  REQUIRE(wide != tensors.end());
  const float sizes[] = {1e-37F, 1.1e-38F, 9e-31F, 2e-30F, 0.0F};  // a row each, of 64 numbers
  for (std::size_t row = 0; row < std::size(sizes); ++row) {
    for (std::size_t k = 0; k < 64; ++k) {
      const float value = sizes[row] * (k % 2 == 0 ? 1.0F : -0.4F);
      std::memcpy(wide->data.data() + (row * 64 + k) * sizeof value, &value, sizeof value);
    }
  }
  const auto views = support::views_of(tensors);
  const auto config =
      hrm::complete(hrm::read_config(support::write_yaml(support::archive_shape)).value(), views).value();
  hrm::ModelOptions options;
  options.precision = hrm::Precision::int8;
  const auto direct = hrm::make_model(config, views, options);
  REQUIRE(support::message_of(direct) == "");
  const std::string file = archive_of(tensors, hrm::Precision::int8, {});
  const auto stored = hrm::load(hrm::Source::memory(support::bytes_of(file)));
  REQUIRE(support::message_of(stored) == "");
  const std::vector<hrm::Token> tokens{1, 2, 3};
  const auto test = hrm::make_self_test(*direct, tokens, 2, 2, 0.0F);
  REQUIRE(support::message_of(test) == "");
  CHECK(support::message_of(hrm::verify(*stored, *test)) == "");

  const auto archive = hrm::read_archive(support::bytes_of(file));
  REQUIRE(support::message_of(archive) == "");
  const hrm::TensorView* const levels = hrm::find_tensor((*archive)->tensors, wide->name);
  REQUIRE(levels != nullptr);
  for (std::size_t row = 0; row < std::size(sizes); ++row) {
    const int largest = sizes[row] > 1e-30F ? 127 : 0;
    CAPTURE(row);
    for (std::size_t k = 0; k < 64; ++k)
      CHECK(static_cast<int>(static_cast<std::int8_t>(levels->data[row * 64 + k])) ==
            (k % 2 == 0 ? largest : -largest * 2 / 5 - (largest > 0 ? 1 : 0)));
  }
}

TEST_CASE("archive: writing says what is wrong") {
  auto tensors = support::make_weights(support::archive_shape);
  const auto views = support::views_of(tensors);
  hrm::ArchiveContents contents;
  contents.header.config =
      hrm::complete(hrm::read_config(support::write_yaml(support::archive_shape)).value(), views).value();
  contents.tensors = views;
  contents.rows = {1, 99};
  std::string out;
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out)) ==
        "puzzle_emb.weights: expected rows below 4, found 99");
  contents.rows = {};
  const auto refuse = [](void*, std::span<const std::byte>) { return false; };
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(refuse, nullptr))
            .starts_with("archive: cannot be written"));
  contents.header.provenance.assign(std::size_t{16} << 20, 'x');  // readers would refuse it
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out))
            .starts_with("archive: header: expected at most 16777216 bytes of texts, ids and tests, found 16778"));
  contents.header.provenance.clear();
  auto integers = views;
  integers[4].dtype = hrm::DType::i32;
  contents.tensors = integers;
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out))
            .ends_with(": expected float32, float16 or bfloat16, found int32"));
  auto flat = views;  // a puzzle embedding without rows to choose from
  const auto puzzles = std::find_if(flat.begin(), flat.end(), [](auto& t) { return t.name == "puzzle_emb.weights"; });
  REQUIRE(puzzles != flat.end());
  contents.rows = {1, 3};
  contents.tensors = flat;
  for (const std::size_t rank : {0U, 1U, 3U}) {
    puzzles->rank = rank;
    CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out))
              .starts_with("puzzle_emb.weights: expected a matrix"));
  }
  contents.rows = {};
  contents.tensors = views;
  const auto block = std::find_if(tensors.begin(), tensors.end(),
                                  [](const auto& t) { return t.name == "H_level.layers.0.mlp.down_proj.weight"; });
  REQUIRE(block != tensors.end());
  const std::string kept = block->data;
  const float largest = 3.4e38F;  // finite, and nearer to infinity than to the largest of bfloat16
  std::memcpy(block->data.data(), &largest, sizeof largest);
  contents.precision = hrm::Precision::bf16;
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out)) ==
        block->name + ": expected finite numbers in bfloat16, found NaN or infinity");
  contents.precision = hrm::Precision::f32;
  std::string finite;
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &finite)) == "");
  std::copy(kept.begin(), kept.end(), block->data.begin());
  const std::uint32_t infinite = 0x7f800000U;
  std::memcpy(tensors[4].data.data(), &infinite, 4);
  CHECK(support::message_of(hrm::ArchiveWriter(contents).write(support::append, &out))
            .ends_with("expected finite numbers, found NaN or infinity"));
}
