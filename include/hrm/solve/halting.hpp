#pragma once
/// When to stop thinking. A policy is any small noexcept callable that looks at a Thought and says whether it is the
/// last.

#include <hrm/base/types.hpp>

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>

namespace hrm {

/// A callable that cannot throw: what every function that is given to a solver must be, as nothing on a solver's path
/// may throw.
template <class F, class R, class... Args>
concept NoexceptCallable = std::is_nothrow_invocable_r_v<R, F, Args...>;
/// The same of what is asked where it stands, by several threads at once perhaps: it is called as a const.
template <class F, class R, class... Args>
concept NoexceptConstCallable = NoexceptCallable<const F&, R, Args...>;

/// What the model thinks after a segment. Views into the solver; valid while the policy runs.
struct Thought {
  std::size_t segment = 0;            ///< 1 after the first
  std::span<const Token> prediction;  ///< [S] the most likely token of each position
  std::size_t unchanged = 0;          ///< segments in a row that have given this same prediction, less one
  float q_halt = 0.0F;                ///< the value of stopping now, before the sigmoid
  float q_continue = 0.0F;            ///< the value of thinking on
  std::size_t id = 0;                 ///< which puzzle of a BatchSolver: Job::id; 0 in a Solver
  std::size_t attempt = 0;            ///< Job::attempt; in solve_attempts() the attempt's number, else 0
};

/// The paper's rule: stop when q_halt > q_continue (section 2.4). `margin` asks for more than a lead, `min_segments`
/// for more thought; with `by_sign` the rule is q_halt > margin, whatever q_continue says.
struct QHalt {
  float margin = 0.0F;
  std::size_t min_segments = 1;
  bool by_sign = false;
  [[nodiscard]] bool operator()(const Thought& t) const noexcept {
    return t.segment >= min_segments && t.q_halt > (by_sign ? 0.0F : t.q_continue) + margin;
  }
};

/// Never stops before max_segments: what the reference's evaluation does.
struct Never {
  [[nodiscard]] bool operator()(const Thought&) const noexcept { return false; }
};

/// Stops when the prediction has stayed the same for `segments` segments.
struct Stable {
  std::size_t segments = 2;
  [[nodiscard]] bool operator()(const Thought& t) const noexcept { return t.unchanged >= segments; }
};

/// Stops when the caller's own check of the prediction is content, a puzzle's rules for instance.
template <class Predicate>
  requires NoexceptCallable<const Predicate&, bool, std::span<const Token>>
struct Until {
  Predicate predicate;
  explicit Until(Predicate p) noexcept : predicate(p) {}
  [[nodiscard]] bool operator()(const Thought& t) const noexcept { return predicate(t.prediction); }
};

/// Any policy, kept inside (at most 64 bytes, trivially copyable: catch pointers or references, not containers).
class Halting {
 public:
  template <class Policy>
    requires(!std::same_as<Policy, Halting> && NoexceptCallable<const Policy&, bool, const Thought&>)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Halting(Policy policy)
  noexcept
      : call_([](const void* p, const Thought& t) noexcept -> bool { return (*static_cast<const Policy*>(p))(t); }) {
    static_assert(sizeof(Policy) <= sizeof(bytes_) && alignof(Policy) <= alignof(std::max_align_t), "policy too large");
    static_assert(std::is_trivially_copyable_v<Policy>, "a policy must be trivially copyable");
    ::new (static_cast<void*>(bytes_)) Policy(policy);
  }
  /// Chosen for a policy that may throw, so that the compiler says what is wrong with it.
  template <class Policy>
    requires(!std::same_as<Policy, Halting> && std::is_invocable_r_v<bool, const Policy&, const Thought&> &&
             !NoexceptCallable<const Policy&, bool, const Thought&>)
  Halting(Policy policy_must_be_noexcept)
  = delete;
  [[nodiscard]] bool operator()(const Thought& thought) const noexcept { return call_(bytes_, thought); }

 private:
  alignas(std::max_align_t) unsigned char bytes_[64]{};
  bool (*call_)(const void* policy, const Thought& thought) noexcept;
};

}  // namespace hrm
