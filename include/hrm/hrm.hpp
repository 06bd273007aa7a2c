#pragma once
/// hrm: Hierarchical Reasoning Models on a CPU. Everything but what costs or needs more: the cereal side of the archive
/// (io/archive_cereal.hpp), Eigen's Tensor views (tensor_views.hpp), puzzles/ and train/.

#include <hrm/io/load.hpp>
#include <hrm/solve/attempts.hpp>
#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>
#include <hrm/solve/solve.hpp>
#include <hrm/solve/solver.hpp>
#include <hrm/solve/verify.hpp>
