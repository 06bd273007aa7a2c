#pragma once
/// The log of a training run as CSV, and its curves as SVG.

#include <hrm/io/source.hpp>
#include <hrm/io/text.hpp>
#include <hrm/train/state.hpp>

#include <charconv>
#include <cmath>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

namespace hrm::train {

/// One line of the log. Shares are 0 to 1.
struct LogRow {
  std::uint64_t step = 0;
  double seconds = 0.0;  ///< of training, evaluation included
  double rate = 0.0;
  double loss = 0.0, task = 0.0, halt = 0.0, go_on = 0.0;
  double cells = 0.0;     ///< right, over all segments of training
  double exact = 0.0;     ///< puzzles right when they ended
  double segments = 0.0;  ///< after which they ended
  double speed = 0.0;     ///< examples x segments a second
  bool tested = false;    ///< the rest holds: held-out puzzles, averaged weights
  double test_exact = 0.0, test_cells = 0.0, test_segments = 0.0;
};

/// log.csv and curve.svg in a folder.
class TrainingLog {
 public:
  explicit TrainingLog(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] const std::vector<LogRow>& rows() const noexcept { return rows_; }
  void add(const LogRow& row) { rows_.push_back(row); }
  /// Of the last row.
  [[nodiscard]] double seconds() const noexcept { return rows_.empty() ? 0.0 : rows_.back().seconds; }

  /// Takes up an earlier log, rows up to `last_step`. A log that is not there is an empty one. Error: no log of ours.
  [[nodiscard]] Result<void> read(std::uint64_t last_step) {
    rows_.clear();
    const std::string path = folder_ + "/log.csv";
    if (hrm::detail::path_kind(path) == hrm::detail::PathKind::none) return {};
    const auto file = Source::open(path);
    if (!file) return file.error();
    const std::string text(reinterpret_cast<const char*>(file->bytes().data()), file->size());
    std::size_t at = text.find('\n');
    std::size_t count = 0;
    while (at != std::string::npos && at + 1 < text.size()) {
      const std::size_t end = text.find('\n', at + 1);
      LogRow row;
      ++count;
      if (!parse(text.substr(at + 1, end - at - 1), row)) {
        return Error(ErrorCode::format, path, ": row ", count, ": expected a row of this program's log, found another");
      }
      if (row.step <= last_step) rows_.push_back(row);
      at = end;
    }
    return {};
  }

  [[nodiscard]] Result<void> write(std::string_view title) const {
    std::string csv(header);
    for (const LogRow& row : rows_) csv += format(row);
    if (auto written = write_text(folder_ + "/log.csv", csv); !written) return written;
    return write_text(folder_ + "/curve.svg", svg(title));
  }

  /// Exact answers held out and in training, right cells and mean segments over steps, and the loss.
  [[nodiscard]] std::string svg(std::string_view title) const {
    constexpr double left = 60, top = 40, width = 640, height = 280;
    const double last = rows_.empty() ? 1.0 : std::max(1.0, static_cast<double>(rows_.back().step));
    double most_loss = 1e-9;
    double most_segments = 1.0;
    for (const LogRow& r : rows_)
      most_loss = std::max(most_loss, r.loss), most_segments = std::max(most_segments, r.segments);
    std::string out =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 400\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n"
        "<rect width=\"760\" height=\"400\" fill=\"white\"/>\n";
    const auto text = [&](double x, double y, const char* colour, const char* anchor, std::string_view words) {
      out += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" fill=\"" + colour + "\" text-anchor=\"" + anchor +
             "\">";
      for (const char c : words) out += c == '<' || c == '&' ? std::string("_") : std::string(1, c);
      out += "</text>\n";
    };
    text(left, 22, "black", "start", std::string(title) + ", " + number(last) + " steps");
    for (int i = 0; i <= 4; ++i) {
      const double y = top + height * (1.0 - 0.25 * i);
      out += "<path d=\"M" + number(left) + " " + number(y) + "h" + number(width) + "\" stroke=\"#ddd\"/>\n";
      text(left - 6, y + 4, "black", "end", number(25.0 * i) + "%");
      text(left + width * 0.25 * i, top + height + 18, "black", "middle", number(std::round(last * 0.25 * i)));
    }
    double label = left;
    const auto line = [&](const char* colour, std::string_view name, const auto& value, const auto& shown) {
      std::string path;
      for (const LogRow& r : rows_) {
        if (!shown(r)) continue;
        path += (path.empty() ? "M" : "L") + number(left + width * static_cast<double>(r.step) / last) + " " +
                number(top + height * (1.0 - value(r)));
      }
      out += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\"/>\n";
      text(label, top + height + 44, colour, "start", name);
      label += 8.0 + 7.0 * static_cast<double>(name.size());
    };
    const auto always = [](const LogRow&) { return true; };
    line(
        "#bbbbbb", "loss (of " + number(most_loss) + ")", [&](const LogRow& r) { return r.loss / most_loss; }, always);
    line(
        "#e69f00", "segments (of " + number(most_segments) + ")",
        [&](const LogRow& r) { return r.segments / most_segments; }, always);
    line(
        "#56b4e9", "cells", [](const LogRow& r) { return r.cells; }, always);
    line(
        "#0072b2", "exact in training", [](const LogRow& r) { return r.exact; }, always);
    line(
        "#d55e00", "exact held out", [](const LogRow& r) { return r.test_exact; },
        [](const LogRow& r) { return r.tested; });
    return out + "</svg>\n";
  }

 private:
  static constexpr const char* header =
      "step,seconds,rate,loss,task,halt,continue,cells,exact,segments,speed,test_exact,test_cells,test_segments\n";

  [[nodiscard]] static std::string number(double x) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, x, std::chars_format::general, 6).ptr};
  }
  [[nodiscard]] static std::string format(const LogRow& r) {
    std::string line = std::to_string(r.step);
    for (const double x : {r.seconds, r.rate, r.loss, r.task, r.halt, r.go_on, r.cells, r.exact, r.segments, r.speed})
      line += "," + number(x);
    for (const double x : {r.test_exact, r.test_cells, r.test_segments})
      line += "," + (r.tested ? number(x) : std::string());
    return line + "\n";
  }
  [[nodiscard]] static bool parse(std::string_view line, LogRow& r) {
    const auto next = [&line](auto& x) {
      const std::size_t comma = line.find(',');
      const std::string_view field = line.substr(0, comma);
      line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
      if constexpr (std::is_integral_v<std::remove_reference_t<decltype(x)>>) {
        const char* const end = field.data() + field.size();
        const auto [at, wrong] = std::from_chars(field.data(), end, x);
        return wrong == std::errc{} && at == end;
      } else {
        return hrm::detail::parse_number(field, x);
      }
    };
    if (!next(r.step)) return false;
    for (double* x :
         {&r.seconds, &r.rate, &r.loss, &r.task, &r.halt, &r.go_on, &r.cells, &r.exact, &r.segments, &r.speed}) {
      if (!next(*x)) return false;
    }
    r.tested = line != ",,";
    return !r.tested || (next(r.test_exact) && next(r.test_cells) && next(r.test_segments));
  }

  std::string folder_;
  std::vector<LogRow> rows_;
};

}  // namespace hrm::train
