#pragma once
/// Running a segment: tiles are claimed in order, by any number of threads, and it may pause between any two of them.

#include <hrm/model/model.hpp>
#include <hrm/solve/executor.hpp>
#include <hrm/solve/wait.hpp>

#include <utility>

namespace hrm {

/// How far a segment has come. Between runs the first done() tiles of each lane are done and no other is begun; these
/// two numbers, with the workspace, are all there is to a pause.
class Progress {
 public:
  Progress() noexcept = default;
  Progress(const Progress& other) noexcept { *this = other; }
  Progress& operator=(const Progress& other) noexcept {
    if (this != &other) set(other.done());
    return *this;
  }

  /// Tiles done. Only between runs.
  [[nodiscard]] Tickets done() const noexcept {
    return {lanes_[0].done.load(std::memory_order_relaxed), lanes_[1].done.load(std::memory_order_relaxed)};
  }
  /// The first `done` tiles are done: none at the beginning of a segment, or as many as there were at a pause.
  void set(const Tickets& done) noexcept {
    const std::uint32_t tickets[2] = {done.first, done.second};
    for (std::size_t i = 0; i < 2; ++i) {
      lanes_[i].next.store(tickets[i], std::memory_order_relaxed);
      lanes_[i].done.store(tickets[i], std::memory_order_relaxed);
      lanes_[i].stage.store(0, std::memory_order_relaxed);
    }
    changes_.store(0, std::memory_order_relaxed);
    inside_.store(0, std::memory_order_relaxed);
  }

 private:
  friend class Segment;
  // Of each lane, so that the other one's threads keep theirs: a cache line of what changes with every tile, and one of
  // what they look at.
  struct alignas(64) Counters {
    std::atomic<std::uint32_t> next{0};               // the first tile nobody has claimed
    std::atomic<std::uint32_t> done{0};               // tiles finished
    alignas(64) std::atomic<std::uint32_t> stage{0};  // stages before this one are complete
  };
  static constexpr std::uint32_t paused = 1;
  static constexpr std::uint32_t change = 2;

  Counters lanes_[2];
  // Stages completed times `change`, and `paused`: what threads wait for.
  alignas(64) std::atomic<std::uint32_t> changes_{0};
  std::atomic<std::uint32_t> inside_{0};  // participants so far
};

/// One run of a segment, from where `progress` stands. `Stop` is called before each tile, by every participant, and
/// says whether to pause; it must be noexcept and safe on any thread.
class Segment {
 public:
  Segment(const ModelInterface& model, const Schedule& schedule, const Workspace& workspace,
          Progress& progress) noexcept
      : model_(model),
        schedule_(schedule),
        workspace_(workspace),
        progress_(progress),
        end_(schedule.tickets(workspace.lanes())) {}

  /// True when the segment is complete (progress then stands at its end), false when stop() paused it.
  template <class Stop>
  [[nodiscard]] bool run(const Executor& executor, const Stop& stop) noexcept {
    static_assert(noexcept(stop()), "what decides to pause must be noexcept");
    const Tickets from = progress_.done();
    if (from == end_) return true;
    if (executor.concurrency() <= 1) return run_alone(from, stop);
    if (stop()) return false;  // nobody has to wake up to be told
    progress_.set(from);
    progress_.lanes_[0].stage.store(stage_at(from.first), std::memory_order_relaxed);
    progress_.lanes_[1].stage.store(stage_at(workspace_.lanes() == 2 ? from.second : end_.first),
                                    std::memory_order_relaxed);
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
    return progress_.done() == end_;
  }

 private:
  enum class Took : std::uint8_t { tile, nothing, end };

  // The stage of the first tile that is not done; all stages where none is left.
  [[nodiscard]] std::uint32_t stage_at(std::uint32_t done) const noexcept {
    return static_cast<std::uint32_t>(done == end_.first ? schedule_.size() : schedule_.stage_of(done));
  }

  // Stage by stage: both lanes at once where one core then fetches the weights once, else one after the other. The lane
  // that is behind (after a pause of several threads, by stages) never needs what the other one has not done.
  template <class Stop>
  [[nodiscard]] bool run_alone(Tickets at, const Stop& stop) noexcept {
    const bool two = workspace_.lanes() == 2;
    for (std::size_t stage = 0; at != end_;) {
      if (stop()) {
        progress_.set(at);
        return false;
      }
      while (at.first >= schedule_.first(stage + 1) && (!two || at.second >= schedule_.first(stage + 1))) ++stage;
      const auto run = [&](Lane lane, std::uint32_t ticket) { run_tile(stage, ticket, lane); };
      const bool joined = two && schedule_[stage].joined;
      if (joined && at.first == at.second) {
        run(Lane::both, at.first++);
        ++at.second;
      } else if (joined ? at.first < at.second : at.first < schedule_.first(stage + 1)) {
        run(Lane::first, at.first++);
      } else {
        run(Lane::second, at.second++);
      }
    }
    progress_.set(at);
    return true;
  }

  // A tile is claimed only once its stage is open, that is when all it needs are done, and a claimed tile is always
  // run: nobody ever waits for a participant that sleeps, so a segment completes with any number of them, and a late
  // one costs no more than its own help. Each keeps to a lane, whose rows are in its cache, and helps in the other one
  // when there is nothing to do; a thread by itself serves both in turn. Who pauses tells the others, who may be
  // asleep: nobody else would wake them.
  template <class Stop>
  void participate(const Stop& stop) noexcept {
    const std::uint32_t others = progress_.inside_.fetch_add(1, std::memory_order_relaxed);
    const std::size_t own = others % 2;
    bool asked = others == 0;  // by run()
    std::size_t stages[2] = {0, 0};
    for (;;) {
      if (!std::exchange(asked, false) && stop()) {
        progress_.changes_.fetch_or(Progress::paused, std::memory_order_release);
        wake_all(progress_.changes_);
        return;
      }
      const std::uint32_t seen = progress_.changes_.load(std::memory_order_acquire);
      if ((seen & Progress::paused) != 0) return;
      const auto next = [&](std::size_t lane) { return progress_.lanes_[lane].next.load(std::memory_order_relaxed); };
      const bool alone = progress_.inside_.load(std::memory_order_relaxed) == 1;
      const std::size_t lane = alone ? (next(1) < next(0) ? 1 : 0) : own;
      const Took here = take(lane, stages[lane]);
      if (here == Took::tile) continue;
      const Took there = take(1 - lane, stages[1 - lane]);
      if (there == Took::tile) continue;
      if (here == Took::end && there == Took::end) return;
      wait_while(progress_.changes_, seen);
    }
  }

  void run_tile(std::size_t stage, std::uint32_t ticket, Lane lane) const noexcept {
    model_.run(schedule_[stage], ticket - schedule_.first(stage), lane, workspace_);
  }

  // Claims and runs a tile of a lane, if there is one; `stage` is one that its next tile does not lie before.
  [[nodiscard]] Took take(std::size_t lane, std::size_t& stage) noexcept {
    if (lane >= workspace_.lanes()) return Took::end;
    Progress::Counters& counters = progress_.lanes_[lane];
    std::uint32_t ticket = counters.next.load(std::memory_order_relaxed);
    do {
      if (ticket >= end_.first) return Took::end;
      stage = schedule_.stage_of(ticket, stage);
      if (counters.stage.load(std::memory_order_acquire) < stage) return Took::nothing;
      const std::uint32_t after = schedule_[stage].after[lane];  // mostly nothing: the other lane keeps its cache line
      if (after > 0 && progress_.lanes_[1 - lane].stage.load(std::memory_order_acquire) < after) return Took::nothing;
    } while (!counters.next.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed));
    run_tile(stage, ticket, lane == 0 ? Lane::first : Lane::second);
    if (counters.done.fetch_add(1, std::memory_order_acq_rel) + 1 == schedule_.first(stage + 1)) {
      counters.stage.store(static_cast<std::uint32_t>(stage + 1), std::memory_order_release);
      progress_.changes_.fetch_add(Progress::change, std::memory_order_release);  // keeps `paused`
      wake_all(progress_.changes_);
    }
    return Took::tile;
  }

  const ModelInterface& model_;
  const Schedule& schedule_;
  const Workspace& workspace_;
  Progress& progress_;
  const Tickets end_;  // tiles of the segment
};

}  // namespace hrm
