#pragma once
/// A solver's thoughts as bytes: a save game goes on thinking where it stopped, from inside a segment too.

#include <hrm/solve/solver.hpp>

namespace hrm {

/// Writes and reads the state of a Solver. The bytes are for the same model and precision, and inside a segment for the
/// same instruction set and capacity too; they say so, and anything else is refused with the reason. Saved between
/// segments, a puzzle can be thought about further on any processor, from there on with that one's rounding. Read as
/// hostile input: whatever they hold, the solver is either restored or left as it was. Neither side allocates.
///
/// The options are not in the bytes: noise, halting and max_segments are those of the solver that is restored. A
/// segment under way goes on as it began, without noise of the new options.
///
/// Layout, little endian: the Header below, then tokens [S] i32, prediction [S] i32, z_H, z_L [P + S, hidden] f32,
/// logits [P + S, vocab] f32 and q [2] f32 of the last complete segment, and inside a segment its own logits and q as
/// far as they have come and the scratch, as they lie in memory.
class SavedState {
 public:
  static constexpr std::uint32_t version = 10;

  /// Bytes that save() writes for what the solver holds now.
  [[nodiscard]] static std::size_t size(const Solver& solver) noexcept {
    return sizeof(Header) + payload_bytes(solver.mind_, solver.count_, solver.mind_.inside());
  }

  /// Writes the state; gives the number of bytes. Errors: nothing was started, `out` is too small, or there are NaN or
  /// infinity in it (noise without bounds leads there), which restore() would refuse.
  [[nodiscard]] static Result<std::size_t> save(const Solver& solver, std::span<std::byte> out) noexcept {
    if (solver.count_ == 0) return Error(ErrorCode::state, "saved state: expected a started puzzle, found none");
    const std::size_t need = size(solver);
    if (out.size() < need)
      return Error(ErrorCode::memory, "saved state: expected room for ", need, " bytes, found ", out.size());
    const Mind& mind = solver.mind_;
    Header header = describe(mind, mind.inside());
    header.tokens = static_cast<std::uint32_t>(solver.count_);
    header.puzzle_id = solver.puzzle_id_;
    header.segments = solver.segments_;
    header.unchanged = solver.unchanged_;
    header.disturbed = solver.disturbed_;
    header.done = mind.done();
    header.halted = solver.halted_ ? 1 : 0;
    std::byte* at = out.data() + sizeof(Header);
    each_part(mind, solver.count_, mind.inside(), solver.tokens_.data(), solver.prediction_.data(),
              [&](const void* data, std::size_t bytes) {
                std::memcpy(at, data, bytes);
                at += bytes;
              });
    if (auto finite = check_finite(mind, solver.count_, out.data() + sizeof(Header)); !finite) return finite.error();
    header.checksum = checksum(header, out.subspan(sizeof(Header), need - sizeof(Header)));
    std::memcpy(out.data(), &header, sizeof(Header));
    return need;
  }

  /// Takes over a saved state. Errors: another version, model or precision, inside a segment another instruction set or
  /// capacity, or damaged bytes.
  [[nodiscard]] static Result<void> restore(Solver& solver, std::span<const std::byte> bytes) noexcept {
    Mind& mind = solver.mind_;
    if (!mind.status()) return mind.status();
    Header header;
    if (bytes.size() < sizeof(Header)) return damaged("a header of ", sizeof(Header), bytes.size());
    std::memcpy(&header, bytes.data(), sizeof(Header));
    const bool inside = header.done != Tickets{};
    const Header own = describe(mind, inside);
    if (header.magic != own.magic)
      return Error(ErrorCode::format, "saved state: expected the mark 'hrmS', found another");
    if (header.version != own.version) return differs("version", own.version, header.version);
    if (header.fingerprint != own.fingerprint) return differs("model fingerprint", own.fingerprint, header.fingerprint);
    if (header.kernels != own.kernels) {
      return Error(ErrorCode::mismatch, "saved state: expected the ", inside ? "kernels" : "precision", " '",
                   made_with(mind, inside), "', found another's");
    }
    const std::size_t count = header.tokens;
    if (count == 0 || count > mind.capacity().tokens) return damaged("tokens up to ", mind.capacity().tokens, count);
    if (inside && header.capacity != own.capacity) return differs("capacity", own.capacity, header.capacity);
    if (header.halted > 1 || header.disturbed > mind.puzzle_tokens() + count || header.unchanged > header.segments) {
      return Error(ErrorCode::format, "saved state: counters contradict each other");
    }
    const std::size_t need = sizeof(Header) + payload_bytes(mind, count, inside);
    if (bytes.size() != need) return damaged("bytes: ", need, bytes.size());
    if (checksum(header, bytes.subspan(sizeof(Header))) != header.checksum) {
      return Error(ErrorCode::format, "saved state: the checksum does not fit the bytes");
    }
    // Everything is looked at before anything is touched.
    const std::byte* at = bytes.data() + sizeof(Header);
    const std::size_t vocab = mind.model().config().sizes.vocab;
    for (std::size_t i = 0; i < 2 * count; ++i) {
      Token token = 0;
      std::memcpy(&token, at + i * sizeof(Token), sizeof(Token));
      if (token < 0 || static_cast<std::size_t>(token) >= vocab) {
        return Error(ErrorCode::value, "saved state: token ", i % count, ": expected 0 to ", vocab - 1, ", found ",
                     token);
      }
    }
    if (auto finite = check_finite(mind, count, at); !finite) return finite;
    if (auto fits = check_puzzle(mind, at, count, header.puzzle_id); !fits) return fits;
    const Tickets all = mind.tickets_for(count);
    if (header.done.first > all.first || header.done.second > all.second || header.done == all)
      return damaged("tiles below ", all.sum(), header.done.sum());
    if (auto finite = check_embedding(solver, static_cast<std::size_t>(header.puzzle_id)); !finite) return finite;

    mind.set_tokens(count);
    mind.set_active(1);
    std::memcpy(solver.tokens_.data(), at, count * sizeof(Token));
    static_cast<void>(mind.begin(0, solver.tokens_.first(count), static_cast<std::size_t>(header.puzzle_id)));
    each_part(mind, count, inside, solver.tokens_.data(), solver.prediction_.data(),
              [&](const void* data, std::size_t size) {
                std::memcpy(const_cast<void*>(data), at, size);
                at += size;
              });
    mind.resume_at(header.done);
    solver.count_ = count;
    solver.puzzle_id_ = static_cast<std::size_t>(header.puzzle_id);
    solver.segments_ = static_cast<std::size_t>(header.segments);
    solver.unchanged_ = static_cast<std::size_t>(header.unchanged);
    solver.disturbed_ = static_cast<std::size_t>(header.disturbed);
    solver.halted_ = header.halted != 0;
    return {};
  }

  /// Whether two solvers hold the same thoughts, bit for bit (puzzle, prediction, state, logits, progress).
  [[nodiscard]] static bool equal(const Solver& a, const Solver& b) noexcept {
    if (a.count_ != b.count_ || a.puzzle_id_ != b.puzzle_id_ || a.segments_ != b.segments_ || a.halted_ != b.halted_ ||
        a.unchanged_ != b.unchanged_ || a.disturbed_ != b.disturbed_ || a.mind_.done() != b.mind_.done() ||
        a.mind_.model().fingerprint() != b.mind_.model().fingerprint()) {
      return false;
    }
    if (a.count_ == 0) return true;
    const Workspace& v = a.mind_.workspace();
    const Workspace& w = b.mind_.workspace();
    const std::size_t state = v.rows * a.mind_.model().config().sizes.hidden * sizeof(float);
    return std::memcmp(a.tokens_.data(), b.tokens_.data(), a.count_ * sizeof(Token)) == 0 &&
           std::memcmp(a.prediction_.data(), b.prediction_.data(), a.count_ * sizeof(Token)) == 0 &&
           std::memcmp(v.z_h, w.z_h, state) == 0 && std::memcmp(v.z_l, w.z_l, state) == 0 &&
           std::memcmp(a.mind_.kept_q(), b.mind_.kept_q(), 2 * sizeof(float)) == 0 &&
           std::memcmp(a.mind_.kept_logits(), b.mind_.kept_logits(), logits_bytes(a.mind_, a.count_)) == 0;
  }

 private:
  struct Header {                      // no padding
    std::uint32_t magic = 0x536d7268;  // "hrmS"
    std::uint32_t version = SavedState::version;
    std::uint64_t fingerprint = 0;
    std::uint64_t kernels = 0;  // hash of made_with()
    std::uint64_t capacity = 0;
    std::uint64_t puzzle_id = 0;
    std::uint64_t segments = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t disturbed = 0;
    std::uint32_t tokens = 0;
    std::uint32_t halted = 0;
    Tickets done;
    std::uint64_t checksum = 0;  // of this header with a zero here, and of all that follows
  };
  static_assert(sizeof(Header) == 88);

  // Inside a segment the scratch lies as the instruction set wants it; between segments all is float32.
  [[nodiscard]] static std::string_view made_with(const Mind& mind, bool inside) noexcept {
    return inside ? mind.model().kernels() : name_of(mind.model().precision());
  }
  [[nodiscard]] static Header describe(const Mind& mind, bool inside) noexcept {
    Header header;
    header.fingerprint = mind.model().fingerprint();
    const std::string_view name = made_with(mind, inside);
    header.kernels = hash(std::as_bytes(std::span(name)));
    header.capacity = mind.capacity().tokens;
    return header;
  }

  // FNV-1a over words of eight bytes; damage, not malice, is what it finds.
  [[nodiscard]] static std::uint64_t hash(std::span<const std::byte> bytes,
                                          std::uint64_t state = 0xcbf29ce484222325U) noexcept {
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, bytes.size() - i < 8 ? bytes.size() - i : 8);
      state = (state ^ word) * 0x100000001b3U;
      state ^= state >> 32;
    }
    return state;
  }
  [[nodiscard]] static std::uint64_t checksum(Header header, std::span<const std::byte> payload) noexcept {
    header.checksum = 0;
    return hash(payload, hash(std::as_bytes(std::span(&header, 1))));
  }

  [[nodiscard]] static std::size_t state_floats(const Mind& mind, std::size_t count) noexcept {
    const Sizes& s = mind.model().config().sizes;
    return (s.puzzle_tokens + count) * (2 * s.hidden + s.vocab) + 2;
  }
  [[nodiscard]] static std::size_t payload_bytes(const Mind& mind, std::size_t count, bool inside) noexcept {
    return 2 * count * sizeof(Token) + state_floats(mind, count) * sizeof(float) +
           (inside ? logits_bytes(mind, count) + 2 * sizeof(float) + mind.workspace().scratch_bytes : 0);
  }
  [[nodiscard]] static std::size_t logits_bytes(const Mind& mind, std::size_t count) noexcept {
    return (mind.puzzle_tokens() + count) * mind.model().config().sizes.vocab * sizeof(float);
  }
  template <class Visit>
  static void each_part(const Mind& mind, std::size_t count, bool inside, Token* tokens, Token* prediction,
                        const Visit& visit) {
    const Workspace& w = mind.workspace();
    const Sizes& s = mind.model().config().sizes;
    const std::size_t positions = s.puzzle_tokens + count;
    visit(tokens, count * sizeof(Token));
    visit(prediction, count * sizeof(Token));
    visit(w.z_h, positions * s.hidden * sizeof(float));
    visit(w.z_l, positions * s.hidden * sizeof(float));
    visit(mind.kept_logits(), logits_bytes(mind, count));
    visit(mind.kept_q(), 2 * sizeof(float));
    if (!inside) return;
    visit(w.logits, logits_bytes(mind, count));
    visit(w.q, 2 * sizeof(float));
    visit(w.scratch, w.scratch_bytes);
  }

  // What is kept between segments, in a payload.
  [[nodiscard]] static Result<void> check_finite(const Mind& mind, std::size_t count,
                                                 const std::byte* payload) noexcept {
    const std::size_t floats = state_floats(mind, count);
    for (std::size_t i = 0; i < floats; ++i) {
      float value = 0.0F;
      std::memcpy(&value, payload + 2 * count * sizeof(Token) + i * sizeof(float), sizeof(float));
      if (!is_finite(value))
        return Error(ErrorCode::value, "saved state: expected finite numbers, found NaN or infinity");
    }
    return {};
  }

  // The saved tokens need not be aligned; they are checked where they lie, in pieces.
  [[nodiscard]] static Result<void> check_puzzle(const Mind& mind, const std::byte* tokens, std::size_t count,
                                                 std::uint64_t puzzle_id) noexcept {
    if (puzzle_id > static_cast<std::size_t>(-1)) return Error(ErrorCode::value, "saved state: puzzle id out of range");
    Token first = 0;
    std::memcpy(&first, tokens, sizeof(Token));
    const std::size_t most = mind.model()->max_tokens();
    if (most != 0 && count > most) return damaged("tokens up to ", most, count);
    return mind.model()->check(std::span<const Token>(&first, 1), static_cast<std::size_t>(puzzle_id));
  }

  // A row of a mapped file is looked at when it is read: into the place of the solver's own, which is put back.
  [[nodiscard]] static Result<void> check_embedding(const Solver& solver, std::size_t puzzle_id) noexcept {
    const Mind& mind = solver.mind_;
    const bool finite = mind.model()->embed(mind.workspace(), 0, {}, puzzle_id);
    if (solver.count_ > 0) {
      static_cast<void>(mind.model()->embed(mind.workspace(), 0, solver.tokens(), solver.puzzle_id_));
    }
    if (finite) return {};
    return Error(ErrorCode::value, "saved state: puzzle_emb.weights: expected finite numbers in row ", puzzle_id,
                 ", found NaN or infinity");
  }

  template <class A, class B>
  [[nodiscard]] static Error damaged(std::string_view what, A expected, B found) noexcept {
    return Error(ErrorCode::format, "saved state: expected ", what, expected, ", found ", found);
  }
  template <class A, class B>
  [[nodiscard]] static Error differs(std::string_view what, A expected, B found) noexcept {
    return Error(ErrorCode::mismatch, "saved state: ", what, ": expected ", expected, ", found ", found);
  }
};

}  // namespace hrm
