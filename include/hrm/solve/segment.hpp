#pragma once
/// Running a segment: tiles are claimed in order, by any number of threads, and it may pause between any two of them.

#include <hrm/model/model.hpp>
#include <hrm/solve/executor.hpp>
#include <hrm/solve/wait.hpp>

namespace hrm {

/// How far a segment has come. Between runs `next` tiles are done and no other is begun; that number, with the
/// workspace, is all there is to a pause.
class Progress {
 public:
  Progress() noexcept = default;
  Progress(const Progress& other) noexcept { *this = other; }
  Progress& operator=(const Progress& other) noexcept {
    if (this != &other) set(other.next(), 0);
    return *this;
  }

  /// Tiles done. Only between runs.
  [[nodiscard]] std::uint32_t next() const noexcept { return done_.load(std::memory_order_relaxed); }

 private:
  friend class Segment;
  static constexpr std::uint32_t paused = 1U << 31;
  void set(std::uint32_t ticket, std::uint32_t stage) noexcept {
    next_.store(ticket, std::memory_order_relaxed);
    done_.store(ticket, std::memory_order_relaxed);
    stage_.store(stage, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> next_{0};   // the first tile nobody has claimed
  std::atomic<std::uint32_t> done_{0};   // tiles finished
  std::atomic<std::uint32_t> stage_{0};  // stages before this one are complete, or `paused`; what threads wait for
};

/// One run of a segment, from where `progress` stands. `Stop` is called before each tile, by every participant, and
/// says whether to pause; it must be noexcept and safe on any thread.
class Segment {
 public:
  Segment(const ModelInterface& model, const Schedule& schedule, const Workspace& workspace,
          Progress& progress) noexcept
      : model_(model), schedule_(schedule), workspace_(workspace), progress_(progress) {}

  /// True when the segment is complete (progress then stands at its end), false when stop() paused it.
  template <class Stop>
  [[nodiscard]] bool run(const Executor& executor, const Stop& stop) noexcept {
    static_assert(noexcept(stop()), "what decides to pause must be noexcept");
    const std::uint32_t from = progress_.next();
    if (from >= schedule_.tickets()) return true;
    if (executor.concurrency() <= 1) return run_alone(from, stop);
    progress_.set(from, static_cast<std::uint32_t>(schedule_.stage_of(from)));
    struct Shared {
      Segment* segment;
      const Stop* stop;
    } shared{this, &stop};
    const Task task{[](void* context) noexcept {
                      const auto* s = static_cast<const Shared*>(context);
                      s->segment->participate(*s->stop);
                    },
                    &shared};
    executor.run(task);
    task();  // whatever the executor left over
    return progress_.next() == schedule_.tickets();
  }

  /// Back to the beginning, for the next segment.
  static void rewind(Progress& progress) noexcept { progress.set(0, 0); }
  /// To a pause that was saved.
  static void resume_at(Progress& progress, std::uint32_t ticket) noexcept { progress.set(ticket, 0); }

 private:
  template <class Stop>
  [[nodiscard]] bool run_alone(std::uint32_t ticket, const Stop& stop) noexcept {
    std::size_t stage = 0;
    for (; ticket < schedule_.tickets(); ++ticket) {
      if (stop()) break;
      stage = schedule_.stage_of(ticket, stage);
      model_.run(schedule_[stage], ticket - schedule_.first(stage), workspace_);
    }
    progress_.set(ticket, 0);
    return ticket == schedule_.tickets();
  }

  // A tile is claimed only once its stage is open, that is when all before it are done, and a claimed tile is always
  // run: nobody ever waits for a participant that sleeps, so a segment completes with any number of them, and a late
  // one costs no more than its own help. Who pauses tells the others, who may be asleep: nobody else would wake them.
  template <class Stop>
  void participate(const Stop& stop) noexcept {
    std::size_t stage = 0;
    for (;;) {
      if (stop()) {
        progress_.stage_.fetch_or(Progress::paused, std::memory_order_release);
        progress_.stage_.notify_all();
        return;
      }
      std::uint32_t ticket = progress_.next_.load(std::memory_order_relaxed);
      if (ticket >= schedule_.tickets()) return;
      stage = schedule_.stage_of(ticket, stage);
      const std::uint32_t open = progress_.stage_.load(std::memory_order_acquire);
      if ((open & Progress::paused) != 0) return;
      if (open < stage) {
        wait_while(progress_.stage_, open);
        continue;
      }
      if (!progress_.next_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) continue;
      model_.run(schedule_[stage], ticket - schedule_.first(stage), workspace_);
      const std::uint32_t done = progress_.done_.fetch_add(1, std::memory_order_acq_rel) + 1;
      if (done == schedule_.first(stage + 1)) {
        progress_.stage_.fetch_add(1, std::memory_order_release);  // keeps `paused`
        // Waking costs as much as a tile: not for a stage of one tile, which is this thread's.
        if (stage + 1 == schedule_.size() || schedule_.first(stage + 2) - schedule_.first(stage + 1) > 1) {
          progress_.stage_.notify_all();
        }
      }
    }
  }

  const ModelInterface& model_;
  const Schedule& schedule_;
  const Workspace& workspace_;
  Progress& progress_;
};

}  // namespace hrm
