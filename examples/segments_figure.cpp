/// segments-figure: what halting saves. Accuracy and segments for always thinking M segments, and for thinking until
/// q_halt > q_continue with M as the limit (the paper's figure 5), as a table and as SVG.

#include <hrm/puzzles/picture.hpp>

#include "common/sudoku_input.hpp"

#include <atomic>
#include <cmath>

namespace {

using example::Arguments;
using hrm::format_number;

/// What one puzzle came to, thought about to the end whatever q_halt said.
struct Course {
  std::vector<bool> right;  // after segment 1, 2, ..
  std::size_t halted = 0;   // the first segment with q_halt > q_continue; 0: none
};

/// A point of the figure.
struct Point {
  std::size_t limit = 0;
  double fixed = 0, halting = 0;  // shares of puzzles solved
  double segments = 0;            // in the mean, with halting
};

Course think(hrm::Solver& solver, const hrm::SudokuShape& shape, const hrm::SudokuGrid& puzzle) {
  Course course;
  const example::SudokuCheck right(shape, puzzle);
  if (!solver.start(hrm::sudoku_tokens(puzzle))) return course;  // held against the model before
  for (bool finished = false; !finished;) {
    finished = solver.step();
    course.right.push_back(right(solver.prediction()));
    if (course.halted == 0 && solver.q_halt() > solver.q_continue()) course.halted = solver.segments();
  }
  return course;
}

std::vector<Course> think_all(const example::SudokuInput& input, std::size_t segments, std::size_t threads) {
  std::vector<Course> courses(input.puzzles.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::size_t) {
    hrm::SolverOptions options;
    options.max_tokens = input.shape.cells();
    options.max_segments = segments;
    options.halting = hrm::Never{};
    hrm::Solver solver(input.model, options);
    for (std::size_t i = next++; i < courses.size(); i = next++)
      courses[i] = think(solver, input.shape, input.puzzles[i]);
  };
  example::on_threads(threads, work);
  return courses;
}

Point summarise(std::span<const Course> courses, std::size_t limit) {
  std::size_t fixed = 0;
  std::size_t halting = 0;
  std::size_t segments = 0;
  for (const Course& course : courses) {
    const std::size_t stop = course.halted != 0 ? std::min(course.halted, limit) : limit;
    fixed += course.right[limit - 1] ? 1 : 0;
    halting += course.right[stop - 1] ? 1 : 0;
    segments += stop;
  }
  const double count = static_cast<double>(courses.size());
  return {limit, static_cast<double>(fixed) / count, static_cast<double>(halting) / count,
          static_cast<double>(segments) / count};
}

/// Two charts side by side, over M in doublings.
class Figure {
 public:
  explicit Figure(std::span<const Point> points, std::size_t puzzles) : points_(points) {
    out_ =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"400\" viewBox=\"0 0 860 400\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#24292f\">\n"
        "<rect width=\"860\" height=\"400\" fill=\"#ffffff\"/>\n";
    accuracy(70);
    segments(500);
    legend("always M segments", fixed_colour, 250, true);
    legend("halting, M the limit", halting_colour, 440, false);
    text(430, 390, "middle", "M, segments  \xC2\xB7  " + std::to_string(puzzles) + " puzzles", "#57606a");
    out_ += "</svg>\n";
  }
  [[nodiscard]] const std::string& svg() const noexcept { return out_; }

 private:
  static constexpr double plot_top = 72, plot_height = 264, plot_width = 310;
  static constexpr std::string_view fixed_colour = "#8c959f", halting_colour = "#0969da";

  [[nodiscard]] double column(double left, std::size_t i) const {
    const double steps = points_.size() > 1 ? static_cast<double>(points_.size() - 1) : 1;
    return left + 14 + (plot_width - 28) * static_cast<double>(i) / steps;
  }
  [[nodiscard]] static double height(double share) { return plot_top + plot_height * (1 - share); }

  void text(double x, double y, std::string_view anchor, std::string_view words, std::string_view fill,
            std::string_view more = {}) {
    out_ += "<text x=\"" + format_number(x) + "\" y=\"" + format_number(y) + "\" text-anchor=\"";
    out_.append(anchor).append("\" fill=\"").append(fill).append("\"").append(more).append(">");
    out_.append(words).append("</text>\n");
  }
  void rule(double x1, double x2, double y, std::string_view stroke) {
    out_ += "<path d=\"M" + format_number(x1) + " " + format_number(y) + "H" + format_number(x2) + "\" stroke=\"";
    out_.append(stroke).append("\"/>\n");
  }

  /// Title, horizontal lines at the shares of the height, and M below.
  void frame(double left, std::string_view title, std::span<const std::pair<double, std::string>> ticks) {
    text(left - 40, plot_top - 22, "start", title, "#24292f", " font-weight=\"bold\" font-size=\"15\"");
    for (const auto& [share, words] : ticks) {
      rule(left, left + plot_width, height(share), share == 0 ? "#8c959f" : "#e4e7eb");
      text(left - 8, height(share) + 4.5, "end", words, "#57606a");
    }
    for (std::size_t i = 0; i < points_.size(); ++i) {
      text(column(left, i), plot_top + plot_height + 20, "middle", std::to_string(points_[i].limit), "#57606a");
    }
  }
  /// Where the labels of a line stand, seen from its points.
  struct Place {
    std::string_view anchor;
    double dx, dy;
  };
  /// A line through the points; `value` gives shares of the height.
  template <class Value, class Label>
  void line(double left, std::string_view stroke, bool wide, const Value& value, const Label& label, Place place) {
    out_ += "<path fill=\"none\" stroke=\"";
    out_.append(stroke).append(wide ? "\" stroke-width=\"2\" stroke-dasharray=\"5 4\"" : "\" stroke-width=\"2.5\"");
    out_ += " stroke-linejoin=\"round\" d=\"";
    for (std::size_t i = 0; i < points_.size(); ++i) {
      out_ += (i == 0 ? "M" : "L") + format_number(column(left, i)) + " " + format_number(height(value(points_[i])));
    }
    out_ += "\"/>\n";
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const double x = column(left, i);
      const double y = height(value(points_[i]));
      marker(x, y, stroke, wide);
      text(x + place.dx, std::min(y + place.dy, plot_top + plot_height - 5), place.anchor, label(points_[i]), stroke,
           " font-size=\"12\"");
    }
  }
  void marker(double x, double y, std::string_view stroke, bool wide) {
    out_ += "<circle cx=\"" + format_number(x) + "\" cy=\"" + format_number(y);
    out_.append(wide ? "\" r=\"6\" fill=\"#ffffff\" stroke-width=\"2\" stroke=\"" : "\" r=\"3.5\" fill=\"");
    out_.append(stroke).append("\"/>\n");
  }
  void legend(std::string_view words, std::string_view stroke, double x, bool wide) {
    out_ += "<path d=\"M" + format_number(x) + " 18h34\" stroke=\"";
    out_.append(stroke).append(wide ? "\" stroke-width=\"2\" stroke-dasharray=\"5 4\"/>\n"
                                    : "\" stroke-width=\"2.5\"/>\n");
    marker(x + 17, 18, stroke, wide);
    text(x + 42, 22.5, "start", words, "#24292f");
  }

  static std::string percent(double share) { return format_number(100 * share, 1); }

  void accuracy(double left) {
    std::vector<std::pair<double, std::string>> ticks;
    for (int tenth = 0; tenth <= 10; tenth += 2) ticks.emplace_back(tenth / 10.0, std::to_string(10 * tenth) + " %");
    frame(left, "Puzzles solved", ticks);
    const auto fixed = [](const Point& p) { return p.fixed; };
    const auto halting = [](const Point& p) { return p.halting; };
    line(left, fixed_colour, true, fixed, [](const Point& p) { return percent(p.fixed); }, {"start", 7, 19});
    line(left, halting_colour, false, halting, [](const Point& p) { return percent(p.halting); }, {"end", -7, -9});
  }

  /// Segments in doublings too, so that thinking M segments is a straight line.
  void segments(double left) {
    const double most = std::max(1.0, std::log2(static_cast<double>(points_.back().limit)));
    std::vector<std::pair<double, std::string>> ticks;
    for (std::size_t m = 1; m <= points_.back().limit; m *= 2) {
      ticks.emplace_back(std::log2(static_cast<double>(m)) / most, std::to_string(m));
    }
    frame(left, "Segments in the mean", ticks);
    line(
        left, fixed_colour, true, [most](const Point& p) { return std::log2(static_cast<double>(p.limit)) / most; },
        [](const Point& p) { return std::to_string(p.limit); }, {"end", -8, -8});
    line(
        left, halting_colour, false, [most](const Point& p) { return std::log2(p.segments) / most; },
        [](const Point& p) {
          return p.segments < static_cast<double>(p.limit) ? format_number(p.segments, 2) : std::string();
        },
        {"middle", 0, 20});
  }

  std::span<const Point> points_;
  std::string out_;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "segments-figure", "",
      "Thinks every Sudoku of a file through and prints, for M = 1, 2, 4, .. segments, the share that is solved after\n"
      "M segments, and with halting and M as the limit; the second as SVG too.",
      example::with_sudoku_input({
          {"--max-segments", "M", "the largest M (32)"},
          {"--svg", "F", "where the figure goes"},
          {"--threads", "N", "puzzles at once (1)"},
      }));
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t first = example::first_puzzles(arguments);
  const std::size_t most = arguments.number("--max-segments", 32, 1, 4096);
  const std::size_t threads = arguments.number("--threads", 1, 1, 1024);
  const example::Setup setup(arguments, example::Setup::Threads::none);
  if (!arguments.rest().empty()) arguments.note(arguments.rest()[0], "expected options alone");
  if (const auto code = arguments.wrong()) return *code;
  const auto input = example::load_sudokus(arguments, setup, first, argv[0]);
  if (!input) return example::fail(arguments, input.error());

  const auto svg = arguments.text("--svg");
  if (auto good = example::can_be_written(svg); !good) return example::fail(arguments, good.error());
  const auto courses = think_all(*input, most, threads);
  std::vector<Point> points;
  for (std::size_t limit = 1; limit <= most; limit *= 2) points.push_back(summarise(courses, limit));
  std::printf("| M | solved after M | solved with halting | segments in the mean |\n|---|---|---|---|\n");
  for (const Point& p : points) {
    std::printf("| %zu | %.2f %% | %.2f %% | %.2f |\n", p.limit, 100 * p.fixed, 100 * p.halting, p.segments);
  }
  if (svg) {
    if (auto written = example::write_file(*svg, Figure(points, courses.size()).svg()); !written) {
      return example::fail(arguments, written.error());
    }
  }
  return arguments.finish(example::done);
}
