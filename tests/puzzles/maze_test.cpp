#include <doctest/doctest.h>
#include <hrm/puzzles/maze_generator.hpp>

using hrm::Maze;
using hrm::Token;

namespace {

Maze maze_of(std::string_view text) { return hrm::parse_maze(text).value(); }

// The way from S to G is four steps to the right, or six around below.
constexpr std::string_view ring =
    "#######\n"
    "#S   G#\n"
    "# ### #\n"
    "#     #\n"
    "#######\n";

hrm::MazeCheck check(std::string_view answer, std::string_view maze = ring) {
  return hrm::check_maze(maze_of(maze), maze_of(answer));
}

}  // namespace

TEST_CASE("maze: text and tokens by hand") {
  const Maze maze = maze_of("#S\nG \noo");
  CHECK(maze.rows == 3);
  CHECK(maze.cols == 2);
  CHECK(maze.cells == "#SG oo");
  CHECK(hrm::maze_tokens(maze) == std::vector<Token>{1, 3, 4, 2, 5, 5});
  CHECK(hrm::maze_grid(3, 2, hrm::maze_tokens(maze)) == maze);
  CHECK(hrm::format_maze(maze) == "#S\nG \noo\n");
  CHECK(hrm::maze_grid(1, 4, std::vector<Token>{0, 6, -3, 1}).cells == "???#");
}

TEST_CASE("maze: one line is a square, line ends of both kinds") {
  CHECK(maze_of("#S G") == maze_of("#S\n G"));
  CHECK(maze_of("#S\r\n G\r\n") == maze_of("#S\n G"));
  CHECK(maze_of("S").rows == 1);
  CHECK(maze_of("S G\n").cols == 3);
  for (const std::string_view text :
       {"", "\n", "S G", "##\n#", "#\n##", "#S\n\n#G", "ab", "#\r#\n##", "##\t#", "##\n##\r"}) {
    CHECK_FALSE(hrm::parse_maze(text));
  }
  CHECK(hrm::parse_maze("#x##").error().message() == "maze: cell 1, expected one of '# SGo', found 'x'");
  CHECK(hrm::parse_maze("##\n###").error().message() == "maze: row 2, expected 2 cells, found 3");
}

TEST_CASE("maze: round trips of random rectangles") {
  hrm::Random random(41);
  for (int round = 0; round < 50; ++round) {
    Maze maze{random.between(1, 9), random.between(1, 9), {}};
    for (std::size_t i = 0; i < maze.rows * maze.cols; ++i) maze.cells += hrm::maze_chars[random.between(0, 4)];
    CHECK(maze_of(hrm::format_maze(maze)) == maze);
    CHECK(hrm::maze_grid(maze.rows, maze.cols, hrm::maze_tokens(maze)) == maze);
  }
}

TEST_CASE("maze: the shortest way") {
  const auto solution = hrm::solve_maze(maze_of(ring)).value();
  CHECK(solution.steps == 4);
  CHECK(solution.shortest == 1);
  CHECK(solution.choices == 1);                                                   // at S
  CHECK(hrm::solve_maze(maze_of("S    \n## ##\n##G  \n")).value().choices == 1);  // above the way down
  CHECK(hrm::format_maze(solution.maze) == "#######\n#SoooG#\n# ### #\n#     #\n#######\n");
  CHECK(hrm::solve_maze(solution.maze).value().maze == solution.maze);  // a marked way counts as free
  const auto open = hrm::solve_maze(maze_of("S  \n   \n  G\n")).value();
  CHECK(open.steps == 4);
  CHECK(open.shortest == 6);
  const auto wide = hrm::solve_maze(maze_of("S    \n     \n     \n     \n    G\n")).value();
  CHECK(wide.shortest == 70);  // 8 over 4
  CHECK(hrm::solve_maze(maze_of("SG\n##")).value().steps == 1);
  for (const std::string_view none : {"S#G\n###\n", "S  \n   \n", "G\n", "SSG\n", "SGG\n", "###\n"}) {
    CHECK_FALSE(hrm::solve_maze(maze_of(none)));
  }
}

TEST_CASE("maze: one made by hand whose cells do not fill it") {
  CHECK(Maze{}.whole());
  CHECK(maze_of(ring).whole());
  for (const Maze& maze : {Maze{1, 5, "S G"}, Maze{2, 3, "S G"}, Maze{2, 2, "S G"}, Maze{0, 0, "S G"}, Maze{3, 0, "SG"},
                           Maze{0, 3, "S G"}, Maze{1, 3, "S G S G"}}) {
    CHECK_FALSE(maze.whole());
    const auto solution = hrm::solve_maze(maze);
    REQUIRE_FALSE(solution);
    CHECK(solution.error().code() == hrm::ErrorCode::shape);
    CHECK_FALSE(hrm::check_maze(maze, maze).kept);
  }
  CHECK(hrm::solve_maze(Maze{1, 3, "S "}).error().message() == "maze: cells, expected 1 x 3, found 2");
}

TEST_CASE("maze: rows do not join at their ends") {
  CHECK_FALSE(hrm::solve_maze(maze_of("##S\nG##\n")));
  CHECK(hrm::solve_maze(maze_of("#S \nG  \n")).value().steps == 2);
}

TEST_CASE("maze: answers that are paths") {
  const auto best = check("#######\n#SoooG#\n# ### #\n#     #\n#######\n");
  CHECK(best.kept);
  CHECK(best.valid);
  CHECK(best.shortest);
  CHECK(best.steps == 4);
  const auto longer = check("#######\n#S   G#\n#o###o#\n#ooooo#\n#######\n");
  CHECK(longer.valid);
  CHECK_FALSE(longer.shortest);
  CHECK(longer.steps == 8);
  CHECK(check("SG\n  \n", "SG\n  \n").shortest);
  // an o of the question is a free cell
  CHECK(
      check("#######\n#SoooG#\n# ### #\n#     #\n#######\n", "#######\n#SoooG#\n#o### #\n#     #\n#######\n").shortest);
}

TEST_CASE("maze: answers that are none") {
  for (const std::string_view answer : {
           "#######\n#S   G#\n# ### #\n#     #\n#######\n",  // nothing marked
           "#######\n#So oG#\n# ### #\n#     #\n#######\n",  // a gap
           "#######\n#SoooG#\n# ### #\n#  o  #\n#######\n",  // a loose cell
           "#######\n#SoooG#\n#o### #\n#     #\n#######\n",  // a branch at S
           "#######\n#SoooG#\n# ###o#\n#     #\n#######\n",  // a branch at G
           "#######\n#SoooG#\n#o###o#\n#ooooo#\n#######\n",  // two ways
       }) {
    CHECK(check(answer).kept);
    CHECK_FALSE(check(answer).valid);
    CHECK_FALSE(check(answer).shortest);
  }
  for (const std::string_view answer : {
           "#######\n#oSooG#\n# ### #\n#     #\n#######\n",  // S has moved
           "#######\n#SoooG#\n#     #\n#     #\n#######\n",  // walls are gone
           "#######\n#Soooo#\n# ### #\n#     #\n#######\n",  // no goal
           "#######\n#SoooG#\n#####o#\n#     #\n#######\n",  // a free cell became wall
           " ######\n#SoooG#\n# ### #\n#     #\n#######\n",  // the first wall is gone
           "#######\n#SoooG#\n# ### #\n#     #\n###### \n",  // the last one
           "#######\n#SoooG#\n# ### #\n#     #\n",           // a row short
       }) {
    CHECK_FALSE(check(answer).kept);
    CHECK_FALSE(check(answer).valid);
  }
  CHECK_FALSE(check("Soo\noGo\nooo\n", "S  \n G \n   \n").valid);  // everything marked
  // Touching itself from the side: two ways to walk it.
  CHECK_FALSE(check("Soo \n oo \n oo \n  G \n", "S   \n    \n    \n  G \n").valid);
  // A circle that never reaches G must end the walk.
  CHECK_FALSE(check("So  \noo  \n    \n   G\n", "S   \n    \n    \n   G\n").valid);
  // A loop hanging on the path.
  CHECK_FALSE(check("SoooG\n o o \n ooo \n", "S   G\n     \n     \n").valid);
}

TEST_CASE("maze: each of the eight symmetries is taken back by its inverse") {
  hrm::Random random(43);
  for (int round = 0; round < 10; ++round) {
    hrm::MazeOptions options;
    options.rows = options.cols = random.between(5, 16);
    const auto tokens = hrm::maze_tokens(hrm::generate_maze(options, random).value().solution.maze);
    for (std::size_t kind = 0; kind < hrm::square_symmetries; ++kind) {
      const auto there = hrm::square_symmetry(kind, options.rows, hrm::maze_vocab);
      const auto back = hrm::square_symmetry(hrm::square_inverse(kind), options.rows, hrm::maze_vocab);
      CHECK(back.apply(there.apply(tokens)) == tokens);
      CHECK(there.inverse() == back);
    }
  }
}

TEST_CASE("maze: the solver's own answers are valid and shortest; the eight symmetries keep that") {
  hrm::Random random(42);
  for (int round = 0; round < 30; ++round) {
    hrm::MazeOptions options;
    options.rows = options.cols = 2 * random.between(2, 7) + 1;
    options.loops = round % 2 == 0 ? 0.0 : 0.3;
    options.unique = false;
    const auto made = hrm::generate_maze(options, random).value();
    const auto check = hrm::check_maze(made.maze, made.solution.maze);
    CHECK(check.shortest);
    CHECK(check.steps == made.solution.steps);
    const auto symmetry = hrm::random_square_symmetry(options.rows, hrm::maze_vocab, random);
    const auto moved = [&](const Maze& maze) {
      return hrm::maze_grid(maze.rows, maze.cols, symmetry.apply(hrm::maze_tokens(maze)));
    };
    CHECK(hrm::check_maze(moved(made.maze), moved(made.solution.maze)).shortest);
    CHECK(hrm::solve_maze(moved(made.maze)).value().shortest == made.solution.shortest);
    // one cell more or less is noticed
    for (std::size_t i = 0; i < made.maze.size(); ++i) {
      Maze wrong = made.solution.maze;
      if (wrong.cells[i] != ' ' && wrong.cells[i] != 'o') continue;
      wrong.cells[i] = wrong.cells[i] == ' ' ? 'o' : ' ';
      CHECK_FALSE(hrm::check_maze(made.maze, wrong).valid);
    }
  }
}
