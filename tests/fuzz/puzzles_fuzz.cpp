/// Everything that reads puzzles: grids, mazes, ARC tasks, data sets. The first byte says which.

#include <fuzz/fuzz.hpp>
#include <hrm/io/text.hpp>
#include <hrm/puzzles/arc_task.hpp>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/sudoku_search.hpp>
#include <support/files.hpp>

namespace {

void fuzz_sudoku(std::string_view text) {
  const auto grid = hrm::parse_sudoku(text);
  if (!grid) return fuzz::look_at(grid.error());
  const auto shape = hrm::SudokuShape::of_cells(grid->size()).value();
  fuzz::require(hrm::sudoku_grid(shape, hrm::sudoku_tokens(*grid)) == *grid);
  hrm::SudokuSearch search(shape);
  if (search.solve(*grid, 1, 50).solutions == 1) fuzz::require(hrm::sudoku_solved(shape, *grid, search.solution()));
}

void fuzz_maze(std::string_view text) {
  const auto maze = hrm::parse_maze(text);
  if (!maze) return fuzz::look_at(maze.error());
  fuzz::require(maze->size() == maze->rows * maze->cols);
  fuzz::require(hrm::parse_maze(hrm::format_maze(*maze)).value() == *maze);
  const auto solution = hrm::solve_maze(*maze);
  if (!solution) return fuzz::look_at(solution.error());
  const auto check = hrm::check_maze(*maze, solution->maze);
  fuzz::require(check.shortest && check.steps == solution->steps && solution->shortest >= 1);
  const auto drawn = hrm::check_maze(*maze, *maze);
  fuzz::require(!drawn.valid || drawn.steps >= solution->steps);
}

void fuzz_arc(std::string_view text) {
  const auto look = [](const hrm::ArcGrid& grid) {
    fuzz::require(grid.cells.size() == grid.rows * grid.cols && grid.rows <= 30 && grid.cols <= 30);
    if (!grid.empty()) fuzz::require(hrm::arc_crop(hrm::arc_canvas(grid)) == grid);
  };
  auto tasks = hrm::parse_arc_tasks(text);
  if (!tasks) fuzz::look_at(tasks.error());
  if (auto one = hrm::parse_arc_task("x", text)) {
    for (const auto& pair : one->train) look(pair.input), look(pair.output);
    for (const auto& pair : one->test) look(pair.input), look(pair.output);
  }
  if (tasks) static_cast<void>(hrm::add_arc_solutions(*tasks, text));
  static_cast<void>(hrm::read_arc_identifiers(text, [](std::size_t, std::string_view name) {
    const auto identifier = hrm::parse_arc_identifier(name);
    if (identifier && identifier->task.size() < name.size()) {
      const std::string task(identifier->task), own = identifier->augmentation.name();
      fuzz::require(task + "_" + own == name || task + "|||" + own.substr(0, 2) + "|||" + own.substr(3) == name);
    }
  }));
}

void fuzz_files(std::string_view bytes, bool npy) {
  static const support::TemporaryFolder folder;
  const std::string path = folder.write("file", bytes);
  if (!npy) {
    auto csv = hrm::CsvDataset::open(path);
    if (!csv) return fuzz::look_at(csv.error());
    hrm::PuzzleExample example;
    for (;;) {
      const auto more = csv->next(example);
      if (!more) return fuzz::look_at(more.error());
      if (!*more) return;
      fuzz::require(example.input.size() == csv->info().seq_len && example.label.size() == csv->info().seq_len);
    }
  }
  auto file = hrm::NpyReader::open(path);
  if (!file) return fuzz::look_at(file.error());
  fuzz::require(file->rows() * file->cols() <= bytes.size());
  std::vector<std::int32_t> row(file->cols());
  for (std::size_t i = 0; i < file->rows(); ++i) {
    if (const auto read = file->read_row(i, row); !read) fuzz::look_at(read.error());
  }
}

}  // namespace

void fuzz_one(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::string_view text = hrm::detail::as_text(bytes.subspan(1));
  switch (static_cast<char>(bytes[0])) {
    case 's':
      return fuzz_sudoku(text);
    case 'm':
      return fuzz_maze(text);
    case 'a':
      return fuzz_arc(text);
    case 'n':
    case 'c':
      return fuzz_files(text, static_cast<char>(bytes[0]) == 'n');
    default:
      break;
  }
  const auto info = hrm::parse_dataset_json(text);
  if (!info) return fuzz::look_at(info.error());
  fuzz::require(info->seq_len >= 1 && info->vocab >= 1 && !info->sets.empty());
}
