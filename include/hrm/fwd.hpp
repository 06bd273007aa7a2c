#pragma once
/// Forward declarations, for headers that only name our types.

#include <cstdint>

namespace hrm {

using Token = std::int32_t;
class Error;
template <class T>
class Result;
enum class Precision : std::uint8_t;
struct Config;
struct Sizes;
struct DynamicShape;
struct ModelOptions;
class ModelInterface;
class Model;
class Source;
struct Checkpoint;
struct LoadOptions;
template <class Shape, class Weight>
class BasicModel;
struct Thought;
class Halting;
class Executor;
class ThreadPool;
struct Noise;
struct SolverOptions;
struct Answer;
class Solver;
class SavedState;
struct Job;
struct Outcome;
struct BatchOptions;
struct BatchCounts;
class BatchSolver;
struct AttemptOptions;
struct AttemptsAnswer;

}  // namespace hrm
