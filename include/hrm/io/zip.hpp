#pragma once
/// A stored zip file as torch.save writes it: zip64 records, data descriptors and padding in, compression and
/// everything that a reader could be fooled with out.

#include <hrm/io/text.hpp>

#include <array>
#include <vector>

namespace hrm {

/// One file within a zip file; views of its bytes.
struct ZipEntry {
  std::string_view name;
  std::span<const std::byte> data;
  std::uint32_t crc = 0;  ///< as the directory says; zip_crc() of the data
};

/// CRC-32 as zip files have it, of a run of bytes; about 2 GB/s. `before` is that of the bytes in front of them.
[[nodiscard]] inline std::uint32_t zip_crc(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept {
  struct Tables {
    std::array<std::array<std::uint32_t, 256>, 8> at{};
    constexpr Tables() noexcept {
      for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t c = i;
        for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? c >> 1 ^ 0xedb88320U : c >> 1;
        at[0][i] = c;
      }
      for (std::size_t t = 1; t < 8; ++t) {
        for (std::size_t i = 0; i < 256; ++i) at[t][i] = at[t - 1][i] >> 8 ^ at[0][at[t - 1][i] & 0xffU];
      }
    }
  };
  static constexpr Tables tables;
  std::uint32_t crc = before ^ 0xffffffffU;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::array<std::uint32_t, 2> words{};
    std::memcpy(words.data(), bytes.data() + i, 8);
    words[0] ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= tables.at[7 - k][words[k / 4] >> (8 * (k % 4)) & 0xffU];
  }
  for (; i < bytes.size(); ++i) crc = crc >> 8 ^ tables.at[0][(crc ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xffU];
  return crc ^ 0xffffffffU;
}

namespace detail {

/// The directory of a zip file, and what it takes to read it.
class ZipReader {
 public:
  explicit ZipReader(std::span<const std::byte> file) noexcept : file_(file) {}

  [[nodiscard]] HRM_COLD Result<std::vector<ZipEntry>> read() {
    if (auto found = find_directory(); !found) return found.error();
    constexpr std::size_t least = 46;  // bytes of a directory entry
    if (count_ > max_entries || count_ * least > size_) {
      return Error(ErrorCode::format, "zip: directory: expected entries for its ", size_, " bytes, found a count of ",
                   count_);
    }
    std::vector<Item> items;
    items.reserve(static_cast<std::size_t>(count_));
    ByteReader reader(file_.subspan(static_cast<std::size_t>(offset_), static_cast<std::size_t>(size_)));
    for (std::uint64_t i = 0; i < count_; ++i) {
      auto item = read_item(reader);
      if (!item) return item.error();
      if (item->header >= offset_) {
        return wrong(item->entry.name, "expected a local header before the directory", "found it beyond");
      }
      items.push_back(*item);
    }
    if (reader.left() != 0)
      return Error(ErrorCode::format, "zip: directory: expected its end, found ", reader.left(), " more bytes");

    // Every entry lies between its local header and the next one's; so no byte belongs to two of them.
    std::vector<SortKey> keys;
    keys.reserve(items.size());
    for (const Item& item : items) keys.push_back({item.header, {}, keys.size()});
    sort_keys(keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::uint64_t limit = i + 1 < keys.size() ? keys[i + 1].number : offset_;
      if (auto local = read_local(items[keys[i].index], limit); !local) return local.error();
    }
    for (SortKey& key : keys) key = {0, items[key.index].entry.name, key.index};
    if (const SortKey* twin = find_twin(keys); twin != nullptr) {
      return wrong(twin->text, "expected every name once", "found it twice");
    }
    std::vector<ZipEntry> entries;
    entries.reserve(items.size());
    for (const SortKey& key : keys) entries.push_back(items[key.index].entry);
    return entries;
  }

 private:
  static constexpr std::uint64_t max_entries = std::uint64_t{1} << 17;
  static constexpr std::uint16_t descriptor_flag = 8;
  static constexpr std::uint16_t utf8_flag = 0x800;

  struct Item {
    ZipEntry entry;
    std::uint64_t header = 0;  // where the local header begins
    std::uint64_t size = 0;
    std::uint16_t flags = 0;
  };

  [[nodiscard]] static Error wrong(std::string_view name, std::string_view expected, std::string_view found) noexcept {
    return Error(ErrorCode::format, "zip: ", brief(name), ": ", expected, ", ", found);
  }
  [[nodiscard]] static Error refused(std::string_view name, std::string_view what) noexcept {
    return Error(ErrorCode::unsupported, "zip: ", brief(name), ": expected a stored entry, found ", what);
  }

  /// The end record, with the zip64 one where there is one: offset_, size_ and count_ of the directory.
  [[nodiscard]] HRM_COLD Result<void> find_directory() noexcept {
    constexpr std::size_t end_size = 22;
    constexpr std::size_t locator_size = 20;
    if (file_.size() < end_size)
      return Error(ErrorCode::format, "zip: expected at least ", end_size, " bytes, found ", file_.size());
    std::size_t end = file_.size() - end_size;
    const std::size_t last = end > 65535 ? end - 65535 : 0;  // a comment of up to 65,535 bytes may follow
    for (;; --end) {
      ByteReader at(file_.subspan(end));
      if (at.number<std::uint32_t>() == 0x06054b50U) {
        static_cast<void>(at.take(16));
        if (at.number<std::uint16_t>() == at.left()) break;
      }
      if (end == last)
        return Error(ErrorCode::format,
                     "zip: expected an end of directory record, found none: the file is cut short or no zip file");
    }
    ByteReader record(file_.subspan(end + 4, end_size - 4));
    const auto disk = record.number<std::uint16_t>();
    const auto first_disk = record.number<std::uint16_t>();
    const auto here = record.number<std::uint16_t>();
    const auto count = record.number<std::uint16_t>();
    const auto size = record.number<std::uint32_t>();
    const auto offset = record.number<std::uint32_t>();
    std::uint64_t stop = end;
    offset_ = offset;
    size_ = size;
    count_ = count;
    bool wide = false;
    if (end >= locator_size) {
      ByteReader locator(file_.subspan(end - locator_size, locator_size));
      if (locator.number<std::uint32_t>() == 0x07064b50U) {
        const auto disk64 = locator.number<std::uint32_t>();
        const auto at = locator.number<std::uint64_t>();
        const auto disks = locator.number<std::uint32_t>();
        if (disk64 != 0 || disks > 1) return refused("end of directory", "several disks");
        if (auto read = read_end64(at, end - locator_size, count, size, offset); !read) return read;
        stop = at;
        wide = true;
      }
    }
    if (!wide && (disk != 0 || first_disk != 0 || here != count)) return refused("end of directory", "several disks");
    if (wide && ((disk != 0 && disk != 0xffff) || (first_disk != 0 && first_disk != 0xffff))) {
      return refused("end of directory", "several disks");
    }
    if (offset_ > stop || size_ != stop - offset_) {
      return Error(ErrorCode::format, "zip: directory: expected it to end at byte ", stop, ", found ", size_,
                   " bytes from ", offset_, " on");
    }
    return {};
  }

  [[nodiscard]] HRM_COLD Result<void> read_end64(std::uint64_t at, std::uint64_t limit, std::uint16_t count,
                                                 std::uint32_t size, std::uint32_t offset) noexcept {
    const auto bad = [](std::string_view what) {
      return wrong("zip64 end of directory", "expected it to agree with itself", what);
    };
    if (at > limit || limit - at < 56) return bad("found it out of the file");
    ByteReader record(file_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(limit - at)));
    if (record.number<std::uint32_t>() != 0x06064b50U) return bad("found no such record");
    if (record.number<std::uint64_t>() != limit - at - 12) return bad("found another length");
    static_cast<void>(record.take(4));  // versions
    const auto disk = record.number<std::uint32_t>();
    const auto first_disk = record.number<std::uint32_t>();
    const auto here = record.number<std::uint64_t>();
    count_ = record.number<std::uint64_t>();
    size_ = record.number<std::uint64_t>();
    offset_ = record.number<std::uint64_t>();
    if (disk != 0 || first_disk != 0 || here != count_) return refused("end of directory", "several disks");
    if ((count != 0xffff && count != count_) || (size != 0xffffffffU && size != size_) ||
        (offset != 0xffffffffU && offset != offset_)) {
      return bad("found two directories");
    }
    return {};
  }

  /// Values of a zip64 extra field, for those of the three that are all ones.
  [[nodiscard]] static bool read_extra(std::span<const std::byte> extra, std::uint64_t& size, std::uint64_t& stored,
                                       std::uint64_t* header) noexcept {
    constexpr std::uint32_t ones = 0xffffffffU;
    bool found = false;
    ByteReader fields(extra);
    while (fields.left() >= 4) {
      const auto id = fields.number<std::uint16_t>();
      ByteReader field(fields.take(fields.number<std::uint16_t>()));
      if (!fields.ok()) return false;
      if (id != 1) continue;
      if (found) return false;
      found = true;
      if (size == ones) size = field.number<std::uint64_t>();
      if (stored == ones) stored = field.number<std::uint64_t>();
      if (header != nullptr && *header == ones) *header = field.number<std::uint64_t>();
      if (!field.ok()) return false;
    }
    return true;
  }

  [[nodiscard]] HRM_COLD Result<Item> read_item(ByteReader& reader) const noexcept {
    Item item;
    if (reader.number<std::uint32_t>() != 0x02014b50U)
      return wrong("directory", "expected an entry", "found other bytes");
    static_cast<void>(reader.take(4));  // versions
    item.flags = reader.number<std::uint16_t>();
    const auto method = reader.number<std::uint16_t>();
    static_cast<void>(reader.take(4));  // time
    item.entry.crc = reader.number<std::uint32_t>();
    std::uint64_t stored = reader.number<std::uint32_t>();
    item.size = reader.number<std::uint32_t>();
    const auto name = reader.number<std::uint16_t>();
    const auto extra = reader.number<std::uint16_t>();
    const auto comment = reader.number<std::uint16_t>();
    const auto disk = reader.number<std::uint16_t>();
    static_cast<void>(reader.take(6));  // attributes
    item.header = reader.number<std::uint32_t>();
    item.entry.name = reader.text(name);
    const auto fields = reader.take(extra);
    static_cast<void>(reader.take(comment));
    if (!reader.ok()) return wrong("directory", "expected a whole entry", "found its end");
    static_assert(max_name == 1024);
    if (name == 0 || name > max_name) return wrong("directory", "expected names of 1 to 1024 bytes", "found another");
    if ((item.flags & 0x2041U) != 0) return refused(item.entry.name, "an encrypted one");
    if ((item.flags & ~std::uint32_t{descriptor_flag | utf8_flag | 6U}) != 0)
      return refused(item.entry.name, "unknown flags");
    if (method != 0) return refused(item.entry.name, "a compressed one");
    if (disk != 0 && disk != 0xffff) return refused(item.entry.name, "one on another disk");
    if (!read_extra(fields, item.size, stored, &item.header))
      return wrong(item.entry.name, "expected a zip64 field that fits", "found another");
    if (stored != item.size) return refused(item.entry.name, "two sizes");
    return item;
  }

  /// Holds the local header against the directory, and sets the entry's data. Nothing reaches beyond `limit`.
  [[nodiscard]] HRM_COLD Result<void> read_local(Item& item, std::uint64_t limit) const noexcept {
    const std::string_view name = item.entry.name;
    ByteReader reader(
        file_.subspan(static_cast<std::size_t>(item.header), static_cast<std::size_t>(limit - item.header)));
    const auto signature = reader.number<std::uint32_t>();
    static_cast<void>(reader.take(2));
    const auto flags = reader.number<std::uint16_t>();
    const auto method = reader.number<std::uint16_t>();
    static_cast<void>(reader.take(4));
    const auto crc = reader.number<std::uint32_t>();
    std::uint64_t stored = reader.number<std::uint32_t>();
    std::uint64_t size = reader.number<std::uint32_t>();
    const auto name_size = reader.number<std::uint16_t>();
    const auto extra_size = reader.number<std::uint16_t>();
    const std::string_view local_name = reader.text(name_size);
    const auto extra = reader.take(extra_size);
    item.entry.data = reader.take(item.size);
    if (!reader.ok())
      return wrong(name, "expected bytes of its own", "found it overlapping the next entry or the file's end");
    if (signature != 0x04034b50U) return wrong(name, "expected a local header", "found other bytes");
    if (flags != item.flags || method != 0 || local_name != name)
      return wrong(name, "expected a local header like the directory's entry", "found another");
    if (!read_extra(extra, size, stored, nullptr))
      return wrong(name, "expected a zip64 field that fits", "found another");
    const bool later = (flags & descriptor_flag) != 0;  // sizes and checksum stand behind the data
    if ((!later || size != 0 || stored != 0 || crc != 0) &&
        (size != item.size || stored != item.size || crc != item.entry.crc)) {
      return wrong(name, "expected sizes and checksum as the directory has them", "found others in the local header");
    }
    if (later && !descriptor_fits(reader, item)) {
      return wrong(name, "expected sizes and checksum as the directory has them",
                   "found others in the data descriptor");
    }
    return {};
  }

  /// A data descriptor: signature or none, checksum, twice the size in 4 or 8 bytes.
  [[nodiscard]] static bool descriptor_fits(const ByteReader& from, const Item& item) noexcept {
    for (const bool signature : {true, false}) {
      for (const bool wide : {false, true}) {
        ByteReader at = from;
        const bool begins = !signature || at.number<std::uint32_t>() == 0x08074b50U;
        const auto crc = at.number<std::uint32_t>();
        const std::uint64_t stored = wide ? at.number<std::uint64_t>() : at.number<std::uint32_t>();
        const std::uint64_t size = wide ? at.number<std::uint64_t>() : at.number<std::uint32_t>();
        if (at.ok() && begins && crc == item.entry.crc && stored == item.size && size == item.size) return true;
      }
    }
    return false;
  }

  std::span<const std::byte> file_;
  std::uint64_t offset_ = 0;  // of the directory
  std::uint64_t size_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace detail

/// The entries of a stored zip file, sorted by name. Total on any bytes: compressed, encrypted and multi-disk entries,
/// two of one name, overlapping ones, and headers that contradict each other are refused by name. Linear time (n log n
/// in the number of entries); allocates at most a few times the directory's size. Contents are not checked against the
/// checksums.
[[nodiscard]] HRM_COLD inline Result<std::vector<ZipEntry>> read_zip(std::span<const std::byte> file) {
  return detail::ZipReader(file).read();
}

}  // namespace hrm
