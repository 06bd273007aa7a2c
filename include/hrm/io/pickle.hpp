#pragma once
/// The pickle of a torch.save file, read without running anything: a state dictionary of tensors, and nothing else.

#include <hrm/io/text.hpp>

#include <array>
#include <vector>

namespace hrm {

/// One entry of a state dictionary: where its elements lie in which storage.
struct PickledTensor {
  std::string_view name;
  std::string_view storage;  ///< the storage's key: record "data/KEY"
  DType dtype = DType::f32;
  std::size_t storage_size = 0;  ///< elements of the whole storage
  std::size_t offset = 0;        ///< elements before the first
  std::size_t rank = 0;
  std::array<std::size_t, TensorView::max_rank> shape{};
};

namespace detail {

/// A virtual machine for the opcodes that torch.save writes (protocols 2 to 5), with a fixed list of names it knows:
/// what they build is plain data here. Values are numbered, nothing is ever copied deeply, and a container can only be
/// put into one made before it, so that there are no loops.
class PickleMachine {
 public:
  explicit PickleMachine(std::span<const std::byte> bytes) noexcept : in_(bytes) {}

  [[nodiscard]] HRM_COLD Result<std::vector<PickledTensor>> run() {
    for (;;) {
      at_ = in_.position();
      const auto opcode = in_.number<std::uint8_t>();
      if (!in_.ok())
        return Error(ErrorCode::format, "pickle: expected more opcodes, found the end: the file is cut short");
      if (opcode == '.') break;
      if (auto done = step(opcode); !done)
        return Error(done.error().code(), "pickle: byte ", at_, ": ", done.error().message());
      if (!in_.ok())
        return Error(ErrorCode::format, "pickle: byte ", at_,
                     ": expected an operand, found the end: the file is cut short");
      if (held() > max_held)
        return Error(ErrorCode::format, "pickle: expected values of at most ", max_held, " bytes, found more");
    }
    return finish();
  }

 private:
  static constexpr std::size_t max_held = std::size_t{16} << 20;  // twice what thousands of layers take

  enum class Kind : std::uint8_t { none, boolean, number, real, text, tuple, dict, global, storage, tensor, mark };
  enum class Name : std::uint8_t { ordered_dict, rebuild_tensor, rebuild_parameter, storage };

  struct Value {
    Kind kind = Kind::none;
    std::uint32_t index = 0;  // tuple, dict, storage, tensor: which; text: its length; global: Name, and dtype << 8
    std::int64_t number = 0;  // number
    const char* text = nullptr;
  };
  struct Tuple {
    std::size_t first = 0;  // in items_
    std::size_t count = 0;
    std::uint32_t oldest = none;  // the oldest dictionary inside
  };
  struct Storage {
    std::string_view key;
    DType dtype = DType::f32;
    std::size_t size = 0;
  };
  struct Item {
    std::uint32_t dict;
    Value key, value;
  };
  struct Known {
    std::string_view module, name;
    Name what;
  };
  struct StorageClass {
    std::string_view name;  // torch.NAMEStorage
    DType dtype;
  };
  static constexpr std::uint32_t none = 0xffffffffU;
  static constexpr std::array<Known, 3> known{{
      {"collections", "OrderedDict", Name::ordered_dict},
      {"torch._utils", "_rebuild_tensor_v2", Name::rebuild_tensor},
      {"torch._utils", "_rebuild_parameter", Name::rebuild_parameter},
  }};
  static constexpr std::array<StorageClass, 9> storage_classes{{
      {"Float", DType::f32},
      {"Half", DType::f16},
      {"BFloat16", DType::bf16},
      {"Double", DType::f64},
      {"Int", DType::i32},
      {"Long", DType::i64},
      {"Byte", DType::u8},
      {"Char", DType::i8},
      {"Bool", DType::u8},
  }};

  /// Bytes of all values together: whatever mix of opcodes a file has, it asks for no more memory than a few times
  /// this.
  [[nodiscard]] std::size_t held() const noexcept {
    return (stack_.size() + memo_.size() + items_.size()) * sizeof(Value) + marks_.size() * sizeof(std::size_t) +
           tuples_.size() * sizeof(Tuple) + storages_.size() * sizeof(Storage) +
           tensors_.size() * sizeof(PickledTensor) + entries_.size() * sizeof(Item);
  }

  [[nodiscard]] static std::string_view text_of(const Value& value) noexcept { return {value.text, value.index}; }
  [[nodiscard]] static std::string_view name_of_kind(Kind kind) noexcept {
    constexpr std::array<std::string_view, 11> names{"None",      "a bool",   "a number",     "a float",
                                                     "a string",  "a tuple",  "a dictionary", "a class",
                                                     "a storage", "a tensor", "a mark"};
    return names[static_cast<std::size_t>(kind)];
  }

  [[nodiscard]] static Error empty() noexcept {
    return Error(ErrorCode::format, "expected a value on the stack, found none");
  }

  void push(Kind kind, std::uint32_t index = 0, std::int64_t number = 0) {
    stack_.push_back({kind, index, number, nullptr});
  }
  void push_text(std::uint64_t size) {
    const std::string_view text = in_.text(size);  // a few mebibytes at most, as all of the pickle is
    stack_.push_back({Kind::text, static_cast<std::uint32_t>(text.size()), 0, text.data()});
  }
  /// Whether `count` values that are no marks lie on top.
  [[nodiscard]] bool has(std::size_t count) const noexcept {
    if (stack_.size() < count) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (stack_[stack_.size() - 1 - i].kind == Kind::mark) return false;
    }
    return true;
  }
  [[nodiscard]] Value pop() noexcept {
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }

  /// The uppermost text on the stack: the key of the tensor that is being made.
  [[nodiscard]] std::string_view last_text() const noexcept {
    std::size_t i = stack_.size();
    while (i > 0 && stack_[i - 1].kind != Kind::text) --i;
    return i > 0 ? text_of(stack_[i - 1]) : "tensor";
  }

  // Errors of a step lack its place; run() puts it before them.
  [[nodiscard]] HRM_COLD Result<void> step(std::uint8_t opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const auto version = in_.number<std::uint8_t>();
        if (version < 2 || version > 5)
          return Error(ErrorCode::unsupported, "expected protocol 2 to 5, found ", version);
        return {};
      }
      case 0x95:
        static_cast<void>(in_.take(8));
        return {};  // FRAME
      case '(':
        marks_.push_back(stack_.size());
        return push(Kind::mark), Result<void>();
      case 'N':
        return push(Kind::none), Result<void>();
      case 0x88:
      case 0x89:
        return push(Kind::boolean), Result<void>();
      case 'K':
        return push(Kind::number, 0, in_.number<std::uint8_t>()), Result<void>();
      case 'M':
        return push(Kind::number, 0, in_.number<std::uint16_t>()), Result<void>();
      case 'J':
        return push(Kind::number, 0, in_.number<std::int32_t>()), Result<void>();
      case 'G':
        static_cast<void>(in_.take(8));
        return push(Kind::real), Result<void>();
      case 0x8a:
        return long_number();
      case 'X':
        return push_text(in_.number<std::uint32_t>()), Result<void>();
      case 0x8c:
        return push_text(in_.number<std::uint8_t>()), Result<void>();
      case 0x8d:
        return push_text(in_.number<std::uint64_t>()), Result<void>();
      case 'q':
        return put(in_.number<std::uint8_t>());
      case 'r':
        return put(in_.number<std::uint32_t>());
      case 0x94:
        return put(static_cast<std::uint32_t>(memo_.size()));
      case 'h':
        return get(in_.number<std::uint8_t>());
      case 'j':
        return get(in_.number<std::uint32_t>());
      case ')':
        return tuple(0);
      case 0x85:
        return tuple(1);
      case 0x86:
        return tuple(2);
      case 0x87:
        return tuple(3);
      case 't': {
        auto count = from_mark();
        return count ? tuple(*count) : count.error();
      }
      case '}':
        return push(Kind::dict, dicts_++), Result<void>();
      case 's':
        return set_items(2);
      case 'u': {
        auto count = from_mark();
        return count ? set_items(*count) : count.error();
      }
      case 'c':
        return global();
      case 0x93:
        return stack_global();
      case 'R':
        return reduce();
      case 'b':
        return build();
      case 'Q':
        return persistent();
      default:
        break;
    }
    return Error(ErrorCode::unsupported, "expected an opcode that tensors need, found ", opcode,
                 ": save the model's state_dict alone");
  }

  [[nodiscard]] HRM_COLD Result<void> long_number() {  // LONG1
    const auto size = in_.number<std::uint8_t>();
    if (size > 8) return Error(ErrorCode::unsupported, "expected a number of at most 8 bytes, found ", size);
    std::uint64_t value = in_.little(size);
    if (size > 0 && size < 8 && (value >> (8 * size - 1) & 1U) != 0) value |= ~std::uint64_t{0} << (8 * size);
    push(Kind::number, 0, static_cast<std::int64_t>(value));
    return {};
  }

  [[nodiscard]] HRM_COLD Result<void> put(std::uint32_t index) {
    if (!has(1)) return empty();
    if (index > memo_.size())
      return Error(ErrorCode::format, "memo: expected at most ", memo_.size(), ", found ", index);
    if (index == memo_.size()) memo_.emplace_back();
    memo_[index] = stack_.back();
    return {};
  }
  [[nodiscard]] HRM_COLD Result<void> get(std::uint32_t index) {
    if (index >= memo_.size())
      return Error(ErrorCode::format, "memo: expected below ", memo_.size(), ", found ", index);
    stack_.push_back(memo_[index]);
    return {};
  }

  /// How many values lie above the last mark, which is taken out.
  [[nodiscard]] HRM_COLD Result<std::size_t> from_mark() {
    if (marks_.empty()) return Error(ErrorCode::format, "expected a mark on the stack, found none");
    const std::size_t mark = marks_.back();
    marks_.pop_back();
    const std::size_t count = stack_.size() - mark - 1;
    stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(mark));
    return count;
  }

  /// The oldest dictionary that a value is or holds.
  [[nodiscard]] std::uint32_t oldest(const Value& value) const noexcept {
    if (value.kind == Kind::dict) return value.index;
    return value.kind == Kind::tuple ? tuples_[value.index].oldest : none;
  }

  [[nodiscard]] HRM_COLD Result<void> tuple(std::size_t count) {
    if (!has(count)) return empty();
    Tuple made{items_.size(), count, none};
    const std::size_t first = stack_.size() - count;
    for (std::size_t i = first; i < stack_.size(); ++i) {
      const std::uint32_t inside = oldest(stack_[i]);
      made.oldest = inside < made.oldest ? inside : made.oldest;
      items_.push_back(stack_[i]);
    }
    stack_.resize(first);
    push(Kind::tuple, static_cast<std::uint32_t>(tuples_.size()));
    tuples_.push_back(made);
    return {};
  }

  [[nodiscard]] HRM_COLD Result<void> set_items(std::size_t count) {
    if (count % 2 != 0 || !has(count + 1))
      return Error(ErrorCode::format, "expected a dictionary and pairs, found other values");
    const std::size_t first = stack_.size() - count;
    const Value dict = stack_[first - 1];
    if (dict.kind != Kind::dict)
      return Error(ErrorCode::format, "expected a dictionary, found ", name_of_kind(dict.kind));
    for (std::size_t i = first; i < stack_.size(); i += 2) {
      if (oldest(stack_[i]) <= dict.index || oldest(stack_[i + 1]) <= dict.index) return loop();
      entries_.push_back({dict.index, stack_[i], stack_[i + 1]});
    }
    stack_.resize(first);
    return {};
  }
  [[nodiscard]] static Error loop() noexcept {
    return Error(ErrorCode::format,
                 "memo loop: expected a dictionary to hold newer ones alone, found itself or one before it");
  }

  [[nodiscard]] HRM_COLD Result<void> global() {
    std::array<std::string_view, 2> words;
    for (std::string_view& word : words) {
      ByteReader ahead = in_;
      std::size_t length = 0;
      while (length < 256 && ahead.left() > 0 && ahead.number<char>() != '\n') ++length;
      word = in_.text(length);
      if (in_.number<char>() != '\n')
        return Error(ErrorCode::format, "expected a module and a name, found a longer line");
    }
    return push_global(words[0], words[1]);
  }
  [[nodiscard]] HRM_COLD Result<void> stack_global() {
    if (!has(2)) return empty();
    const Value name = pop();
    const Value module = pop();
    if (name.kind != Kind::text || module.kind != Kind::text)
      return Error(ErrorCode::format, "expected a module and a name, found other values");
    return push_global(text_of(module), text_of(name));
  }
  [[nodiscard]] HRM_COLD Result<void> push_global(std::string_view module, std::string_view name) {
    for (const Known& k : known) {
      if (k.module != module || k.name != name) continue;
      push(Kind::global, static_cast<std::uint32_t>(k.what));
      return {};
    }
    constexpr std::string_view suffix = "Storage";
    if (module == "torch" && name.ends_with(suffix)) {
      for (const StorageClass& c : storage_classes) {
        if (c.name != name.substr(0, name.size() - suffix.size())) continue;
        push(Kind::global, static_cast<std::uint32_t>(Name::storage) | static_cast<std::uint32_t>(c.dtype) << 8);
        return {};
      }
    }
    return Error(ErrorCode::unsupported, "expected a name that tensors need, found ", module.substr(0, 100), ".",
                 name.substr(0, 100), ", which is not run");
  }

  [[nodiscard]] HRM_COLD Result<void> reduce() {
    if (!has(2)) return empty();
    const Value args = pop();
    const Value what = pop();
    if (what.kind != Kind::global || args.kind != Kind::tuple)
      return Error(ErrorCode::format, "expected a name and its arguments, found other values");
    const Tuple& tuple = tuples_[args.index];
    const Value* arg = items_.data() + tuple.first;
    switch (static_cast<Name>(what.index & 0xff)) {
      case Name::ordered_dict:
        if (tuple.count != 0)
          return Error(ErrorCode::unsupported, "OrderedDict: expected no arguments, found ", tuple.count);
        push(Kind::dict, dicts_++);
        return {};
      case Name::rebuild_tensor:
        if (tuple.count < 6 || tuple.count > 7)
          return Error(ErrorCode::format, "tensor: expected 6 or 7 arguments, found ", tuple.count);
        return rebuild(arg);
      case Name::rebuild_parameter:
        if (tuple.count != 3 || arg[0].kind != Kind::tensor)
          return Error(ErrorCode::format, "parameter: expected a tensor, found other arguments");
        stack_.push_back(arg[0]);
        return {};
      case Name::storage:
        break;
    }
    return Error(ErrorCode::format, "expected a function, found the class of a storage");
  }

  /// (storage, offset, size, stride, requires_grad, hooks): contiguous tensors of up to 4 dimensions.
  [[nodiscard]] HRM_COLD Result<void> rebuild(const Value* arg) {
    if (arg[0].kind != Kind::storage || arg[1].kind != Kind::number || arg[2].kind != Kind::tuple ||
        arg[3].kind != Kind::tuple) {
      return Error(ErrorCode::format, "tensor: expected storage, offset, size and strides, found other arguments");
    }
    const Storage& storage = storages_[arg[0].index];
    const Tuple& size = tuples_[arg[2].index];
    const Tuple& strides = tuples_[arg[3].index];
    if (size.count > TensorView::max_rank || strides.count != size.count) {
      return Error(ErrorCode::unsupported, "tensor: expected at most ", TensorView::max_rank,
                   " dimensions with a stride each, found ", size.count, " and ", strides.count);
    }
    if (arg[1].number < 0) return Error(ErrorCode::format, "tensor: offset: expected 0 or more, found ", arg[1].number);
    PickledTensor tensor;
    tensor.storage = storage.key;
    tensor.dtype = storage.dtype;
    tensor.storage_size = storage.size;
    tensor.offset = saturating_size(static_cast<std::uint64_t>(arg[1].number));
    tensor.rank = size.count;
    std::size_t elements = 1;
    bool empty = false;  // PyTorch's strides of a tensor without elements take a length of 0 for 1
    for (std::size_t i = 0; i < size.count; ++i) {
      const Value& length = items_[size.first + i];
      empty = empty || (length.kind == Kind::number && length.number == 0);
    }
    for (std::size_t i = size.count; i-- > 0;) {
      const Value& length = items_[size.first + i];
      const Value& stride = items_[strides.first + i];
      if (length.kind != Kind::number || stride.kind != Kind::number || length.number < 0) {
        return Error(ErrorCode::format, "tensor: expected sizes and strides, found other values");
      }
      tensor.shape[i] = saturating_size(static_cast<std::uint64_t>(length.number));
      if (!empty && tensor.shape[i] > 1 && static_cast<std::uint64_t>(stride.number) != elements) {
        return Error(ErrorCode::unsupported, brief(last_text()), ": expected contiguous strides, found ", stride.number,
                     " where ", elements, " is contiguous: save x.contiguous()");
      }
      if (!checked_mul(elements, tensor.shape[i], elements))
        return Error(ErrorCode::format, "tensor: expected a size that can be, found a larger one");
    }
    std::size_t end = 0;
    if (!checked_add(tensor.offset, elements, end) || end > storage.size) {
      return Error(ErrorCode::format, "tensor: expected elements within its storage's ", storage.size, ", found ",
                   elements, " from ", tensor.offset, " on");
    }
    push(Kind::tensor, static_cast<std::uint32_t>(tensors_.size()));
    tensors_.push_back(tensor);
    return {};
  }

  [[nodiscard]] HRM_COLD Result<void> build() {
    if (!has(2)) return empty();
    const Value state = pop();
    const Value& object = stack_.back();
    if (object.kind != Kind::dict || state.kind != Kind::dict)
      return Error(ErrorCode::unsupported, "expected a dictionary's attributes, found other values");
    if (state.index <= object.index) return loop();
    return {};
  }

  /// ('storage', class, key, location, elements): any location will do.
  [[nodiscard]] HRM_COLD Result<void> persistent() {
    if (!has(1)) return empty();
    const Value id = pop();
    if (id.kind != Kind::tuple || tuples_[id.index].count != 5)
      return Error(ErrorCode::format, "storage: expected 5 values, found others");
    const Value* part = items_.data() + tuples_[id.index].first;
    if (part[0].kind != Kind::text || text_of(part[0]) != "storage" || part[1].kind != Kind::global ||
        (part[1].index & 0xff) != static_cast<std::uint32_t>(Name::storage) || part[2].kind != Kind::text ||
        part[3].kind != Kind::text || part[4].kind != Kind::number || part[4].number < 0) {
      return Error(ErrorCode::format, "storage: expected a class, a key, a location and a size, found other values");
    }
    if (text_of(part[2]).size() > max_name)
      return Error(ErrorCode::format, "storage: expected a key of at most ", max_name, " bytes, found ",
                   text_of(part[2]).size());
    push(Kind::storage, static_cast<std::uint32_t>(storages_.size()));
    storages_.push_back({text_of(part[2]), static_cast<DType>(part[1].index >> 8),
                         saturating_size(static_cast<std::uint64_t>(part[4].number))});
    return {};
  }

  [[nodiscard]] HRM_COLD Result<std::vector<PickledTensor>> finish() {
    if (in_.left() != 0) return Error(ErrorCode::format, "pickle: expected the end, found ", in_.left(), " more bytes");
    if (stack_.size() != 1) return Error(ErrorCode::format, "pickle: expected one value, found ", stack_.size());
    if (stack_[0].kind != Kind::dict)
      return Error(ErrorCode::unsupported, "pickle: expected a dictionary of tensors, found ",
                   name_of_kind(stack_[0].kind));
    std::vector<PickledTensor> out;
    for (const Item& entry : entries_) {
      if (entry.dict != stack_[0].index) continue;
      if (entry.key.kind != Kind::text)
        return Error(ErrorCode::unsupported, "pickle: expected a name as key, found ", name_of_kind(entry.key.kind));
      if (entry.value.kind != Kind::tensor) {
        return Error(ErrorCode::unsupported, "pickle: ", brief(text_of(entry.key)), ": expected a tensor, found ",
                     name_of_kind(entry.value.kind));
      }
      if (out.size() == max_tensors)
        return Error(ErrorCode::format, "pickle: expected at most ", max_tensors, " tensors, found more");
      out.push_back(tensors_[entry.value.index]);
      out.back().name = text_of(entry.key);
    }
    return out;
  }

  ByteReader in_;
  std::size_t at_ = 0;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Value> memo_;
  std::vector<Tuple> tuples_;
  std::vector<Value> items_;
  std::vector<Storage> storages_;
  std::vector<PickledTensor> tensors_;
  std::vector<Item> entries_;
  std::uint32_t dicts_ = 0;
};

}  // namespace detail

/// The tensors of a pickled state dictionary (dict or OrderedDict of names to tensors), in its order. Nothing is run:
/// names other than those that tensors need, and opcodes beyond theirs, are refused. Strides must be contiguous,
/// locations are ignored. Texts are views of `bytes`. Time and memory are linear in the bytes, of which 4 MiB are read
/// at most.
[[nodiscard]] HRM_COLD inline Result<std::vector<PickledTensor>> read_pickle(std::span<const std::byte> bytes) {
  constexpr std::size_t max_size = std::size_t{4} << 20;
  if (bytes.size() > max_size)
    return Error(ErrorCode::format, "pickle: expected at most ", max_size, " bytes, found ", bytes.size());
  return detail::PickleMachine(bytes).run();
}

}  // namespace hrm
