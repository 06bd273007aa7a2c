#include <doctest/doctest.h>
#include <hrm/puzzles/npy.hpp>

#include <support/files.hpp>

namespace {

/// An .npy file of version 1 with this header text and data.
std::string npy(const std::string& header, const std::string& data) {
  std::string text = header;
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(text.size() & 0xff);
  file += static_cast<char>(text.size() >> 8);
  return file + text + data;
}

std::string header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

std::vector<std::int32_t> row(hrm::NpyReader& file, std::size_t index) {
  std::vector<std::int32_t> out(file.cols());
  file.read_row(index, out).value();
  return out;
}

}  // namespace

TEST_CASE("npy: every whole-number type") {
  const support::TemporaryFolder folder;
  const auto read = [&](const std::string& descr, const std::string& data) {
    auto file = hrm::NpyReader::open(folder.write("a.npy", npy(header(descr, "(1, 2)"), data))).value();
    return row(file, 0);
  };
  using Row = std::vector<std::int32_t>;
  CHECK(read("|u1", "\x02\xff") == Row{2, 255});
  CHECK(read("|i1", "\x02\xff") == Row{2, -1});
  CHECK(read("<u2", std::string("\x02\x01\xff\xff", 4)) == Row{258, 65535});
  CHECK(read("<i2", std::string("\x02\x01\xff\xff", 4)) == Row{258, -1});
  CHECK(read("<i4", std::string("\x00\x00\x00\x80\xff\xff\xff\x7f", 8)) == Row{INT32_MIN, INT32_MAX});
  CHECK(read("<u4", std::string("\x00\x00\x00\x00\xff\xff\xff\x7f", 8)) == Row{0, INT32_MAX});
  CHECK(read("<i8", std::string("\xfe\xff\xff\xff\xff\xff\xff\xff\x05\0\0\0\0\0\0\0", 16)) == Row{-2, 5});
  CHECK(read("<u8", std::string("\x09\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0", 16)) == Row{9, 5});
}

TEST_CASE("npy: numbers that do not fit") {
  const support::TemporaryFolder folder;
  const auto fails = [&](const std::string& descr, const std::string& data) {
    auto file = hrm::NpyReader::open(folder.write("a.npy", npy(header(descr, "(1,)"), data))).value();
    return !file.at(0).has_value();
  };
  CHECK(fails("<u4", std::string("\x00\x00\x00\x80", 4)));
  CHECK(fails("<i8", std::string("\x00\x00\x00\x00\x01\0\0\0", 8)));
  CHECK(fails("<i8", std::string("\xff\xff\xff\x7f\xff\xff\xff\xff", 8)));
  CHECK(fails("<u8", std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8)));
}

TEST_CASE("npy: rank, and rows in any order across the buffer's end") {
  const support::TemporaryFolder folder;
  std::string data;
  for (int i = 0; i < 100000; ++i) data += {static_cast<char>(i), static_cast<char>(i >> 8), 0};
  auto file = hrm::NpyReader::open(folder.write("a.npy", npy(header("|u1", "(100000, 3)"), data))).value();
  CHECK(file.rows() == 100000);
  CHECK(file.rank() == 2);
  for (const std::size_t i : {0U, 1U, 99999U, 21844U, 21845U, 21846U, 5U, 70000U, 70001U, 3U}) {
    CHECK(row(file, i) == std::vector<std::int32_t>{static_cast<int>(i & 255), static_cast<int>(i >> 8 & 255), 0});
  }
  auto flat = hrm::NpyReader::open(folder.write("b.npy", npy(header("|u1", "(3,)"), "abc"))).value();
  CHECK(flat.rank() == 1);
  CHECK(flat.at(2).value() == 'c');
  CHECK(hrm::NpyReader::open(folder.write("c.npy", npy(header("|u1", "(0, 5)"), ""))).value().rows() == 0);
  // keys in another order, double quotes, no comma at the end
  CHECK(hrm::NpyReader::open(
      folder.write("d.npy", npy(R"({"shape": (1, 1), "fortran_order": False, "descr": "|u1"})", "a"))));
  for (const char version : {'\2', '\3'}) {  // the header's length has four bytes
    std::string later = npy(header("|u1", "(1, 2)"), "ab");
    later[6] = version;
    later.insert(10, 2, '\0');
    auto wide = hrm::NpyReader::open(folder.write("e.npy", later)).value();
    CHECK(row(wide, 0) == std::vector<std::int32_t>{'a', 'b'});
  }
}

TEST_CASE("npy: bad files, each with its line") {
  const support::TemporaryFolder folder;
  const auto message = [&](const std::string& bytes) {
    const std::string path = folder.write("x.npy", bytes);
    const auto file = hrm::NpyReader::open(path);
    REQUIRE_FALSE(file);
    const std::string text(file.error().message());
    REQUIRE(text.substr(0, path.size() + 2) == path + ": ");
    return text.substr(path.size() + 2);
  };
  const std::string good = npy(header("|u1", "(2, 3)"), "abcdef");
  CHECK(hrm::NpyReader::open(folder.write("x.npy", good)));
  CHECK(message("") == "magic, expected \\x93NUMPY, found another");
  CHECK(message("PK\x03\x04 a zip file") == "magic, expected \\x93NUMPY, found another");
  CHECK(message(good.substr(0, 100)) == "bytes, expected at least 128, found 100");
  CHECK(message(good.substr(0, 131)) == "bytes for 2 x 3 numbers, expected 134, found 131");
  CHECK(message(good + "g") == "bytes for 2 x 3 numbers, expected 134, found 135");
  CHECK(message(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "abcdef")) ==
        "order, expected C, found Fortran");
  for (const char* descr : {">i4", "<f4", "|b1", "<c8", "|O", "<i3", "<i9", "|i4", "", "<U5", "i4"}) {
    CHECK(message(npy(header(descr, "(2, 3)"), "abcdef")) ==
          std::string("dtype, expected a little-endian whole number, found ") + descr);
  }
  CHECK(message(npy(header("|u1", "()"), "a")) == "dimensions, expected 1 or 2, found 0");
  CHECK(message(npy(header("|u1", "(1, 1, 1)"), "a")) == "dimensions, expected 1 or 2, found more");
  CHECK(message(npy(header("|u1", "(6, 0)"), "")) == "row length, expected 1 to 1048576, found 0");
  CHECK(message(npy(header("|u1", "(1, 2000000)"), "a")) == "row length, expected 1 to 1048576, found 2000000");
  CHECK(message(npy(header("|u1", "(999999999999999999, 1000000)"), "a")).substr(0, 5) == "shape");
  CHECK(message(npy(header("|u1", "(9999999999999999999, 1)"), "a")) == "shape, expected smaller numbers");
  CHECK(message(npy(header("|u1", "(99999999999, 1)"), "a")) ==
        "bytes for 99999999999 x 1 numbers, expected 100000000127, found 129");
  std::string version = good;
  version[6] = 9;
  CHECK(message(version) == "npy version, expected 1 to 3, found 9");
  std::string huge = good;
  huge[6] = 2;
  huge[10] = huge[11] = '\x7f';
  CHECK(message(huge).substr(0, 42) == "header, expected at most 4096 bytes, found");
  for (const char* broken :
       {"", "{", "{}", "{'descr'}", "{'descr': }", "{'shape': (1", "{'shape': (1,", "{'shape': (-1,)}",
        "{'fortran_order': false}", "{'x': 1}", "{'descr': '|u1}", "{'descr': '|u1', 'shape': (1,)}"}) {
    CHECK(message(npy(broken, "a")) == "header, expected descr, fortran_order and shape");
  }
}

TEST_CASE("npy: any beginning and any changed byte of the header gives an error or a file, never more") {
  const support::TemporaryFolder folder;
  const std::string good = npy(header("<i4", "(2, 3)"), std::string(24, '\1'));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(hrm::NpyReader::open(folder.write("x.npy", good.substr(0, size))));
  }
  for (std::size_t at = 0; at < 128; ++at) {
    for (const char c : {'\0', '9', '\xff', '(', ' '}) {
      std::string wrong = good;
      wrong[at] = c;
      auto file = hrm::NpyReader::open(folder.write("x.npy", wrong));
      if (file && file->rows() > 0) CHECK(file->rows() * file->cols() <= 24);
    }
  }
}

TEST_CASE("npy: what the writer writes, the reader reads") {
  const support::TemporaryFolder folder;
  for (const std::size_t bytes : {1U, 4U}) {
    auto writer = hrm::NpyWriter::create(folder.path("w.npy"), 5, bytes).value();
    for (int i = 0; i < 20; ++i) REQUIRE(writer.add(std::vector<std::int32_t>{i, 1, 2, 3, bytes == 1 ? 255 : -7}));
    REQUIRE(writer.finish());
    auto reader = hrm::NpyReader::open(folder.path("w.npy")).value();
    REQUIRE(reader.rows() == 20);
    CHECK(row(reader, 19) == std::vector<std::int32_t>{19, 1, 2, 3, bytes == 1 ? 255 : -7});
  }
  CHECK(support::read_file(folder.path("w.npy")).substr(10, 60) ==
        "{'descr': '<i4', 'fortran_order': False, 'shape': (20, 5), }");
  auto flat = hrm::NpyWriter::create(folder.path("f.npy"), 0, 4).value();
  REQUIRE(flat.finish());
  CHECK(hrm::NpyReader::open(folder.path("f.npy")).value().rank() == 1);
  CHECK_FALSE(hrm::NpyWriter::create(folder.path("no/such/folder.npy"), 5, 1));
}
