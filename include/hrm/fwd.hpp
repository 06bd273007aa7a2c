#pragma once
/// Forward declarations, for headers that only name our types.

#include <cstdint>

namespace hrm {

using Token = std::int32_t;
class Error;
template <class T>
class Result;
struct Config;
struct Sizes;
struct DynamicShape;
struct ModelOptions;
class ModelInterface;
class Model;
template <class Shape, class Weight>
class BasicModel;
struct Thought;
class Halting;
class Executor;
class ThreadPool;
struct SolverOptions;
struct Answer;
class Solver;
class BatchSolver;

}  // namespace hrm
