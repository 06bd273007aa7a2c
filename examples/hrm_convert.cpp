/// hrm-convert: any model that can be read as an archive or as safetensors, with the precision and the puzzle ids that
/// are wanted; also says what is in a model, and tries it.

#include "common/program.hpp"

#include <hrm/io/archive_cereal.hpp>

namespace {

using hrm::Error;
using hrm::ErrorCode;
using hrm::Result;

constexpr std::size_t piece = std::size_t{4} << 20;

/// A file that appears under its name only when it is whole.
class Output {
 public:
  Output(std::string path, const hrm::Source& source)
      : path_(std::move(path)), part_(path_ + ".part"), file_(part_, std::ios::binary), source_(source) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    std::error_code ignored;
    if (!finished_) std::filesystem::remove(part_, ignored);
  }

  /// Error: the file cannot be made, as in a folder that is not there.
  [[nodiscard]] Result<void> opened() const {
    if (file_.is_open()) return {};
    return Error(ErrorCode::io, path_, ": file: expected one that can be made, found an error");
  }
  /// For the writers of the library. Pages of the mapped input are let go once they are written.
  static bool write(void* context, std::span<const std::byte> bytes) {
    auto& out = *static_cast<Output*>(context);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto run = bytes.subspan(at, std::min(piece, bytes.size() - at));
      out.file_.write(reinterpret_cast<const char*>(run.data()), static_cast<std::streamsize>(run.size()));
      if (bytes.size() > piece) out.source_.release(run.data(), run.size());
    }
    return out.file_.good();
  }
  /// Whole, but not yet under its name.
  [[nodiscard]] const std::string& part() {
    file_.flush();
    return part_;
  }
  [[nodiscard]] Result<void> finish() {
    file_.close();
    std::error_code fault;
    if (file_.good()) std::filesystem::rename(part_, path_, fault);
    if (!file_.good() || fault) return Error(ErrorCode::io, path_, ": cannot be written");
    finished_ = true;
    return {};
  }

 private:
  std::string path_;
  std::string part_;
  std::ofstream file_;
  const hrm::Source& source_;
  bool finished_ = false;
};

struct Wishes {
  std::optional<hrm::Precision> precision;
  std::vector<std::uint64_t> ids;  // ascending; empty: all
  bool panels = false;
};

/// "7,2,9" in ascending order, each once.
bool parse_ids(std::string_view text, std::vector<std::uint64_t>& ids) {
  const bool good = example::each_part(text, [&ids](std::string_view part) {
    std::size_t id = 0;
    if (!hrm::detail::parse_size(part, id)) return false;
    ids.push_back(id);
    return true;
  });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return good;
}

/// The rows of the puzzle embedding that hold the ids.
Result<std::vector<std::uint64_t>> rows_of(const hrm::Checkpoint& model, const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) return std::vector<std::uint64_t>();
  if (model.config.puzzle_ids == 0)
    return Error(ErrorCode::value, "puzzle ids: expected none, as the model has no puzzle embedding, found ",
                 ids.size());
  if (model.archive == nullptr || model.archive->header.puzzle_ids.empty()) {
    if (ids.back() < model.config.puzzle_ids) return ids;
    return Error(ErrorCode::value, "puzzle ids: expected below ", model.config.puzzle_ids, ", found ", ids.back());
  }
  const auto& held = model.archive->header.puzzle_ids;
  std::vector<std::uint64_t> rows;
  for (const std::uint64_t id : ids) {
    const auto at = std::lower_bound(held.begin(), held.end(), id);
    if (at == held.end() || *at != id)
      return Error(ErrorCode::value, "puzzle ids: expected one of the ", held.size(), " in the file, found ", id);
    rows.push_back(static_cast<std::uint64_t>(at - held.begin()));
  }
  return rows;
}

/// A puzzle that is none, the same everywhere, and what the model says to it after two segments, or one of coarse
/// weights: the differences between two machines' roundings grow from segment to segment. None for a model so large
/// that a test of one token is too long for readers.
Result<std::optional<hrm::SelfTest>> make_test(const hrm::Model& model, std::uint64_t puzzle_id) {
  constexpr std::size_t most = 128;
  constexpr std::size_t most_logits = std::size_t{1} << 21;  // half of the largest header
  const hrm::Config& config = model.config();
  const std::uint32_t segments = model.precision() == hrm::Precision::f32 ? 2 : 1;
  std::size_t length = config.seq_len == 0 ? 16 : std::min(config.seq_len, most);
  const auto fits = [&] {
    return length * config.sizes.vocab <= most_logits &&
           hrm::detail::self_test_work(config, length, segments) <= hrm::detail::max_self_test_work;
  };
  while (length > 0 && !fits()) length /= 2;
  if (length == 0) return std::optional<hrm::SelfTest>();
  std::vector<hrm::Token> tokens(length);
  std::uint32_t state = 12345;
  for (hrm::Token& token : tokens) {
    state = state * 1664525U + 1013904223U;
    token = static_cast<hrm::Token>((state >> 8) % config.sizes.vocab);
  }
  auto test = hrm::make_self_test(model, tokens, puzzle_id, segments, 0.0F);
  if (!test) return test.error();
  float largest = 1.0F;
  bool finite = hrm::is_finite(test->q[0]) && hrm::is_finite(test->q[1]);
  for (const float value : test->logits) {
    finite = finite && hrm::is_finite(value);
    largest = std::max(largest, std::abs(value));
  }
  if (!finite) return Error(ErrorCode::value, "self-test: expected finite answers of the model, found NaN or infinity");
  // Sums are rounded in another order on other machines; the coarser the weights, the more that shifts.
  constexpr std::array<float, 3> shares{1e-3F, 3e-2F, 1e-1F};
  test->tolerance = largest * shares[static_cast<std::size_t>(model.precision())];
  return std::optional(*std::move(test));
}

/// Of the puzzle embedding's rows; 0 without one.
std::uint64_t first_id(const hrm::Checkpoint& model) {
  const bool named = model.archive != nullptr && !model.archive->header.puzzle_ids.empty();
  return named ? model.archive->header.puzzle_ids.front() : 0;
}

/// Everything that checksums and the self-test can say about a model, and how long each step took.
Result<void> verify(const std::string& path, const std::string& config, std::string& said) {
  auto start = std::chrono::steady_clock::now();
  const auto milliseconds = [&] {  // since it was last asked
    const double passed = example::milliseconds_since(start);
    start = std::chrono::steady_clock::now();
    char text[32];
    std::snprintf(text, sizeof text, "%.*f ms", passed < 10.0 ? 2 : 0, passed);
    return std::string(text);
  };
  auto opened = hrm::open_checkpoint(path, config);
  if (!opened) return opened.error();
  said = "opened in " + milliseconds();
  if (auto checked = hrm::check(*opened); !checked) return checked;
  const bool sums = opened->format != hrm::FileFormat::safetensors;
  said += sums ? ", checksums right in " + milliseconds() : ", no checksums in this format";
  std::vector<hrm::SelfTest> tests;
  if (opened->archive != nullptr) tests = opened->archive->header.tests;
  const std::uint64_t puzzle_id = first_id(*opened);
  auto model = hrm::load(*std::move(opened));
  if (!model) return model.error();
  said += ", loaded in " + milliseconds();
  for (const hrm::SelfTest& test : tests) {
    if (auto same = hrm::verify(*model, test); !same) return same.error().in(path);
    said += ", self-test passed in " + milliseconds();
  }
  if (!tests.empty()) return {};
  said += ", no self-test in this file";
  const auto made = make_test(*model, puzzle_id);  // so that its answers are at least looked at
  if (!made) return made.error().in(path);
  if (*made) said += ", answers are finite";
  return {};
}

void print_info(const hrm::Checkpoint& model, const std::string& path) {
  const hrm::Config& c = model.config;
  const hrm::Sizes& s = c.sizes;
  std::size_t parameters = 0;
  for (const hrm::TensorView& tensor : model.tensors) parameters += tensor.elements();
  std::printf("%s: %s, %zu bytes, %zu tensors, %zu numbers\n", path.c_str(),
              std::string(hrm::name_of(model.format)).c_str(), model.source.size(), model.tensors.size(), parameters);
  if (model.archive != nullptr) {
    const hrm::ArchiveHeader& h = model.archive->header;
    std::printf("  format version     %u.%u, made for %s\n", h.major, h.minor,
                std::string(hrm::name_of(static_cast<hrm::Precision>(h.precision))).c_str());
    for (const auto& [what, text] : {std::pair("name", h.name),
                                     {"task", h.task},
                                     {"vocabulary", h.vocabulary},
                                     {"licence", h.licence},
                                     {"provenance", h.provenance}}) {
      if (!text.empty()) std::printf("  %-18s %s\n", what, example::printable(text).c_str());
    }
    std::printf("  self-tests         %zu\n", h.tests.size());
    for (const hrm::ArchivePanels& panels : h.panels) {
      std::printf("  packed for         %s (%llu bytes)\n", example::printable(panels.kernels).c_str(),
                  static_cast<unsigned long long>(panels.bytes));
    }
    if (!h.puzzle_ids.empty())
      std::printf("  puzzle ids         %zu, from %llu to %llu\n", h.puzzle_ids.size(),
                  static_cast<unsigned long long>(h.puzzle_ids.front()),
                  static_cast<unsigned long long>(h.puzzle_ids.back()));
  }
  std::printf("  hidden             %zu, %zu heads, inner %zu\n", s.hidden, s.heads, s.inner);
  std::printf("  layers             %zu H, %zu L\n", s.h_layers, s.l_layers);
  std::printf("  cycles             %zu H, %zu L, up to %zu segments\n", s.h_cycles, s.l_cycles, c.halt_max_steps);
  std::printf("  vocabulary size    %zu\n", s.vocab);
  std::printf("  positions          %s, length %s\n", c.positions == hrm::PositionEncoding::rope ? "rope" : "learned",
              c.seq_len == 0 ? "any" : std::to_string(c.seq_len).c_str());
  if (c.puzzle_ids > 0)
    std::printf("  puzzle embedding   %zu rows of %zu, %zu tokens\n", c.puzzle_ids, c.puzzle_emb_ndim, s.puzzle_tokens);
}

Result<void> write_archive(const hrm::Checkpoint& in, const std::string& in_path, const std::string& config,
                           const std::string& out, const Wishes& wishes, const example::Arguments& arguments) {
  auto rows = rows_of(in, wishes.ids);
  if (!rows) return rows.error().in(in_path);
  hrm::ArchiveContents contents;
  if (in.archive != nullptr) contents.header = in.archive->header;
  contents.header.tests.clear();
  contents.header.config = in.config;
  contents.rows = *std::move(rows);
  if (!wishes.ids.empty()) contents.header.puzzle_ids = wishes.ids;
  for (const auto& [option, text] : {std::pair("--name", &contents.header.name),
                                     {"--task", &contents.header.task},
                                     {"--vocabulary", &contents.header.vocabulary},
                                     {"--licence", &contents.header.licence},
                                     {"--provenance", &contents.header.provenance}}) {
    if (const auto given = arguments.text(option)) *text = *given;
  }
  const auto own =
      in.archive != nullptr ? static_cast<hrm::Precision>(in.archive->header.precision) : hrm::Precision::f32;
  contents.precision = wishes.precision.value_or(own);
  contents.tensors = in.tensors;
  contents.release = &hrm::detail::release_pages;
  contents.release_context = const_cast<hrm::Source*>(&in.source);

  std::vector<std::size_t> test_ids;  // the test needs one puzzle; a large embedding stays where it is
  const auto& ids = contents.header.puzzle_ids;
  if (in.config.puzzle_ids > 0) test_ids.push_back(ids.empty() ? 0 : static_cast<std::size_t>(ids.front()));
  {
    hrm::LoadOptions options;
    options.precision = contents.precision;
    options.config = config;
    options.puzzle_ids = test_ids;
    auto model = hrm::load(in_path, options);
    if (!model) return model.error();
    auto test = make_test(*model, test_ids.empty() ? 0 : test_ids.front());
    if (!test) return test.error().in(in_path);
    if (*test) contents.header.tests.push_back(**std::move(test));
  }
  const auto write = [&]() -> Result<void> {
    Output file(out, in.source);
    if (auto opened = file.opened(); !opened) return opened;
    hrm::ArchiveWriter writer(contents);
    if (auto written = writer.write(&Output::write, &file); !written) return written.error().in(out);
    if (auto readable = hrm::open_checkpoint(file.part()); !readable) return readable.error();
    return file.finish();
  };
  if (auto written = write(); !written || !wishes.panels) return written;
  auto model = hrm::load(out);  // packed from what the archive holds, so that stored and fresh panels are the same
  if (!model) return model.error();
  contents.packed = model->packed();
  contents.packed_key = model->packed_key();
  contents.packed_fingerprint = model->fingerprint();
  return write();
}

/// The configuration beside a safetensors file.
std::string config_json(const hrm::Config& c) {
  const hrm::Sizes& s = c.sizes;
  std::ostringstream out;
  out.precision(9);
  out << "{\n  \"hidden_size\": " << s.hidden << ",\n  \"num_heads\": " << s.heads
      << ",\n  \"H_layers\": " << s.h_layers << ",\n  \"L_layers\": " << s.l_layers
      << ",\n  \"H_cycles\": " << s.h_cycles << ",\n  \"L_cycles\": " << s.l_cycles
      << ",\n  \"vocab_size\": " << s.vocab << ",\n  \"puzzle_emb_ndim\": " << c.puzzle_emb_ndim
      << ",\n  \"num_puzzle_identifiers\": " << c.puzzle_ids << ",\n";
  if (c.seq_len != 0) out << "  \"seq_len\": " << c.seq_len << ",\n";
  out << "  \"halt_max_steps\": " << c.halt_max_steps << ",\n  \"pos_encodings\": \""
      << (c.positions == hrm::PositionEncoding::rope ? "rope" : "learned")
      << "\",\n  \"rms_norm_eps\": " << c.rms_norm_eps << ",\n  \"rope_theta\": " << c.rope_theta << "\n}\n";
  return out.str();
}

/// Whether a configuration that lies in the folder already does for these tensors, so that none need be written. One of
/// another model is an error: written over, that model could not be loaded any more; left beside, this one could not.
Result<bool> has_config(const std::filesystem::path& folder, const hrm::Config& config,
                        std::span<const hrm::TensorView> tensors) {
  bool found = false;
  for (const char* name : {"all_config.yaml", "config.json"}) {
    const std::string path = (folder / name).string();
    if (hrm::detail::path_kind(path) == hrm::detail::PathKind::none) continue;
    const auto raw = hrm::open_config(path);
    auto there = raw ? hrm::complete(*raw, tensors) : raw.error();
    if (there && there->seq_len == 0) there->seq_len = config.seq_len;  // it does not say, as published ones
    if (!there || *there != config)
      return Error(ErrorCode::mismatch, path,
                   ": expected no configuration in OUT's folder or that of this model, found another's");
    found = true;
  }
  return found;
}

Result<void> write_safetensors(const hrm::Checkpoint& in, const std::string& in_path, const std::string& out,
                               const Wishes& wishes) {
  if (wishes.precision == hrm::Precision::int8)
    return Error(ErrorCode::unsupported, out, ": precision: expected f32 or bf16 for safetensors, found int8");
  if (in.archive != nullptr && wishes.ids.empty()) {
    const auto& held = in.archive->header.puzzle_ids;
    for (std::size_t row = 0; row < held.size(); ++row) {
      if (held[row] == row) continue;
      return Error(ErrorCode::unsupported, in_path, ": puzzle ids: expected 0 to ", held.size() - 1,
                   ", as safetensors have no place for others (--puzzle-ids chooses rows to be numbered anew), found ",
                   held[row]);
    }
  }
  auto rows = rows_of(in, wishes.ids);
  if (!rows) return rows.error().in(in_path);
  const bool half = wishes.precision == hrm::Precision::bf16;
  hrm::Config config = in.config;
  std::vector<std::vector<std::byte>> made;  // of tensors that change; the others are copied from where they lie
  std::vector<hrm::TensorView> views;
  for (hrm::TensorView view : in.tensors) {
    if (hrm::detail::is_left_alone(view.name)) continue;
    const bool to_half = half && view.name.find("_level.layers.") == 1 && view.dtype != hrm::DType::bf16;
    const bool pick = view.name == "puzzle_emb.weights" && !rows->empty();
    if (to_half || pick || view.dtype == hrm::DType::i8) {
      const std::size_t width = view.shape[view.rank - 1];
      hrm::TensorView to = view;
      to.dtype = to_half ? hrm::DType::bf16 : view.dtype == hrm::DType::bf16 ? hrm::DType::bf16 : hrm::DType::f32;
      to.scales = nullptr;
      if (pick) config.puzzle_ids = to.shape[0] = rows->size();
      std::vector<std::byte>& bytes = made.emplace_back(to.bytes());
      std::vector<float> row(width);
      for (std::size_t i = 0; i < to.shape[0]; ++i) {
        const std::size_t from = pick ? static_cast<std::size_t>((*rows)[i]) : i;
        if (!hrm::read_floats(view, from * width, width, row.data()))
          return Error(ErrorCode::value, in_path, ": ", view.name, ": expected finite numbers, found NaN or infinity");
        for (std::size_t k = 0; k < width; ++k) {
          const hrm::bfloat16 rounded = hrm::to_bfloat16(row[k]);
          if (to.dtype == hrm::DType::bf16 && !hrm::is_finite(hrm::to_float(rounded)))
            return Error(ErrorCode::value, in_path, ": ", view.name,
                         ": expected finite numbers in bfloat16, found infinity");
          if (to.dtype == hrm::DType::bf16) std::memcpy(&bytes[2 * (i * width + k)], &rounded, 2);
          if (to.dtype == hrm::DType::f32) std::memcpy(&bytes[4 * (i * width + k)], &row[k], 4);
        }
      }
      to.data = bytes.data();
      view = to;
    }
    views.push_back(view);
  }
  const std::filesystem::path folder = std::filesystem::path(out).parent_path();
  const auto has = has_config(folder, config, views);
  if (!has) return has.error();
  Output file(out, in.source);
  if (auto opened = file.opened(); !opened) return opened;
  if (auto written = hrm::write_safetensors(views, &Output::write, &file); !written) return written.error().in(out);
  if (!*has) {
    Output beside((folder / "config.json").string(), in.source);
    const std::string text = config_json(config);
    static_cast<void>(Output::write(&beside, std::as_bytes(std::span(text))));  // finish() says if it failed
    if (auto finished = beside.finish(); !finished) return finished;
  }
  return file.finish();
}

}  // namespace

int main(int argc, char** argv) {
  example::Arguments arguments(
      "hrm-convert", "IN [OUT]",
      "Writes a model as an archive, or as safetensors with config.json beside it where OUT ends so, and tries it.\n"
      "Without OUT, --info and --verify look at IN.",
      {{"--precision", "P", "f32, bf16 or int8: the weights of the blocks (otherwise as they are); none is made finer"},
       {"--puzzle-ids", "a,b,c",
        "keep these rows of the puzzle embedding alone; they keep their ids in an archive, and are\n"
        "                         numbered anew, from 0 in ascending order, in safetensors"},
       {"--panels", "",
        "store the packed weights too, for this machine's instruction set: ready when opened, twice as large"},
       {"--name", "TEXT", "the model's name"},
       {"--task", "TEXT", "what it solves"},
       {"--vocabulary", "TEXT", "what its tokens mean"},
       {"--licence", "TEXT", "under which terms it may be used"},
       {"--provenance", "TEXT", "where it comes from"},
       {"--info", "", "print a summary"},
       {"--verify", "", "check every byte and run the self-test (always done for IN and OUT of a conversion)"},
       {"--config", "F", "IN's configuration (otherwise the one beside it)"}});
  if (const auto code = arguments.parse(argc, argv)) return *code;
  Wishes wishes;
  constexpr std::array<hrm::Precision, 3> precisions{hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8};
  if (arguments.has("--precision"))
    wishes.precision = precisions[arguments.choice("--precision", {"f32", "bf16", "int8"})];
  if (const auto ids = arguments.text("--puzzle-ids"); ids && !parse_ids(*ids, wishes.ids))
    arguments.note("--puzzle-ids", "expected ids as 3,17,4, found " + *ids);
  wishes.panels = arguments.has("--panels");
  const std::size_t files = arguments.rest().size();
  const bool looks = arguments.has("--info") || arguments.has("--verify");
  if (files == 0 || files > 2 || (files == 1 && !looks))
    arguments.note("IN OUT", "expected two paths, or one with --info or --verify");
  const bool safetensors = files == 2 && std::filesystem::path(arguments.rest()[1]).extension() == ".safetensors";
  for (const char* own : {"--panels", "--name", "--task", "--vocabulary", "--licence", "--provenance"}) {
    if (files == 1 && arguments.has(own)) arguments.note(own, "goes with OUT");
    if (safetensors && arguments.has(own)) arguments.note(own, "expected an archive as OUT, found safetensors");
  }
  for (const char* own : {"--precision", "--puzzle-ids"}) {
    if (files == 1 && arguments.has(own)) arguments.note(own, "goes with OUT");
  }
  if (const auto code = arguments.wrong()) return *code;
  const std::string config = arguments.text("--config").value_or("");
  const std::string& in_path = arguments.rest()[0];
  std::string last = in_path;
  std::string said;

  if (files == 2) {
    const auto in = hrm::open_checkpoint(in_path, config);
    if (!in) return example::fail(arguments, in.error());
    // Damage must not be given new checksums and a new test.
    if (auto tried = verify(in_path, config, said); !tried) return example::fail(arguments, tried.error());
    last = arguments.rest()[1];
    const auto written = safetensors ? write_safetensors(*in, in_path, last, wishes)
                                     : write_archive(*in, in_path, config, last, wishes, arguments);
    if (!written) return example::fail(arguments, written.error());
  }
  const std::string last_config = files == 2 ? "" : config;
  if (arguments.has("--info")) {
    const auto model = hrm::open_checkpoint(last, last_config);
    if (!model) return example::fail(arguments, model.error());
    print_info(*model, last);
  }
  if (files == 2 || arguments.has("--verify")) {
    if (auto tried = verify(last, last_config, said); !tried) return example::fail(arguments, tried.error());
    std::printf("%s: %s\n", last.c_str(), said.c_str());
  }
  return arguments.finish(example::done);
}
