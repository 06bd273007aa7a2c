#pragma once
/// Who runs the tiles: the calling thread, the built-in pool, or the caller's own job system.

#include <hrm/base/types.hpp>

#include <concepts>
#include <memory>
#include <type_traits>

namespace hrm {

/// A piece of work any number of threads may take part in at once; returns when nothing is left to take.
struct Task {
  void (*call)(void* context) noexcept = nullptr;
  void* context = nullptr;
  void operator()() const noexcept { call(context); }
};

/// What `Executor` wants of a type: run(task) calls task() on up to concurrency() threads at once and returns when all
/// calls it began have returned. It may call fewer times, even not at all: a segment completes with any number of
/// participants, and the solver's own thread does what is left. Give those threads 128 KB of stack: attention takes 50
/// to 72 KB with AVX-512 and AMX (14 KB with AVX2), and fibres of job systems often have 64 KB.
template <class T>
concept ExecutorLike = requires(T& e, Task task) {
  { e.run(task) }
  noexcept;
  { e.concurrency() }
  noexcept->std::convertible_to<unsigned>;
};

/// A non-owning reference to an executor, which must outlive the solvers that use it. The default is the calling
/// thread alone: no thread is made unless asked for. May be shared by solvers on different threads if the executor may.
class Executor {
 public:
  Executor() noexcept = default;
  template <ExecutorLike T>
    requires(!std::same_as<T, Executor>)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Executor(T& executor)
  noexcept
      : self_(const_cast<std::remove_const_t<T>*>(std::addressof(executor))),
        concurrency_(static_cast<unsigned>(executor.concurrency())),
        run_([](void* self, Task task) noexcept { static_cast<T*>(self)->run(task); }) {}

  /// Chosen for one whose functions may throw, so that the compiler says what is wrong with it.
  template <class T>
    requires(!std::same_as<std::remove_cv_t<T>, Executor> && !ExecutorLike<T> && requires(T & e, Task task) {
      e.run(task);
      e.concurrency();
    })
  Executor(T& run_and_concurrency_must_be_noexcept)
  = delete;

  [[nodiscard]] unsigned concurrency() const noexcept { return concurrency_; }
  void run(Task task) const noexcept {
    if (run_ != nullptr) run_(self_, task);
  }

 private:
  void* self_ = nullptr;
  unsigned concurrency_ = 1;
  void (*run_)(void* self, Task task) noexcept = nullptr;
};

}  // namespace hrm
