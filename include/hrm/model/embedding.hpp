#pragma once
/// From token ids to the vectors that are injected into every L application (reference: Inner.embed).

#include <hrm/model/weights.hpp>
#include <hrm/model/workspace.hpp>

#include <cmath>

namespace hrm {

/// x = sqrt(H) * embed(tokens), the puzzle's embedding in the P positions before them; with learned positions
/// x = sqrt(H) * 0.707106781 * (embed + position). Tables are kept in float32, but for a puzzle embedding too large to
/// copy.
class TokenEmbedding {
 public:
  /// Rows of the position table; 0 with rotary positions.
  [[nodiscard]] std::size_t learned_positions() const noexcept { return learned_positions_; }
  /// Number of puzzle ids that may be asked for, or of those chosen at load.
  [[nodiscard]] std::size_t puzzles() const noexcept { return chosen_.empty() ? puzzles_ : chosen_.size(); }

  void take(Arena& arena, const Config& config) noexcept {
    tokens_ = arena.take<float>(config.sizes.vocab * config.sizes.hidden);
    positions_ = arena.take<float>(learned_positions_ * config.sizes.hidden);
    if (mapped_.data == nullptr) puzzle_ = arena.take<float>(puzzles() * config.puzzle_emb_ndim);
  }

  /// Finds the tables' sizes and checks the chosen ids; before take().
  HRM_COLD void measure(detail::WeightReader& reader, const Config& config) {
    const auto rows_of = [&](std::string_view name) -> std::size_t {
      for (const TensorView& t : reader.tensors()) {
        if (t.name == name && t.rank == 2) return t.shape[0];
      }
      return 0;
    };
    if (config.positions == PositionEncoding::learned) {
      learned_positions_ = rows_of("embed_pos.embedding_weight");
      if (learned_positions_ <= config.sizes.puzzle_tokens) {
        reader.fail(Error(ErrorCode::missing, "embed_pos.embedding_weight: expected more than ",
                          config.sizes.puzzle_tokens, " learned positions, found ", learned_positions_));
      }
    }
    if (config.puzzle_emb_ndim == 0) return;
    const TensorView* table =
        reader.find("puzzle_emb.weights", {rows_of("puzzle_emb.weights"), config.puzzle_emb_ndim});
    if (table == nullptr) return;
    puzzles_ = table->shape[0];
    if (puzzles_ == 0) {
      return reader.fail(Error(ErrorCode::shape, "puzzle_emb.weights: expected at least one row, found none"));
    }
    std::vector<detail::SortKey> ids;
    for (const std::size_t id : reader.options().puzzle_ids) ids.push_back({id});
    detail::sort_keys(ids);
    for (const detail::SortKey& id : ids) {
      if (chosen_.empty() || chosen_.back() != id.number) chosen_.push_back(static_cast<std::size_t>(id.number));
    }
    const auto rows = reader.options().row_ids;
    if (!rows.empty()) {
      const bool ascend = std::is_sorted(rows.begin(), rows.end());
      if (rows.size() != puzzles_ || !ascend) {
        return reader.fail(Error(ErrorCode::shape, "puzzle_emb.weights: expected ascending ids of ", puzzles_,
                                 " rows, found ", rows.size(), ascend ? "" : " that do not ascend"));
      }
      for (const std::size_t id : chosen_) {
        if (std::binary_search(rows.begin(), rows.end(), id)) continue;
        reader.fail(Error(ErrorCode::value, "puzzle_emb.weights: expected one of the ", puzzles_,
                          " puzzle ids in the file, found ", id));
      }
      if (chosen_.empty()) chosen_.assign(rows.begin(), rows.end());
    } else if (!chosen_.empty() && chosen_.back() >= puzzles_) {
      reader.fail(Error(ErrorCode::value, "puzzle_emb.weights: expected puzzle ids below ", puzzles_, ", found ",
                        chosen_.back()));
    }
    if (chosen_.empty() && reader.options().owner != nullptr && table->bytes() > mapped_from) {
      mapped_ = *table;
      owner_ = reader.options().owner;
    }
  }

  HRM_COLD void load(detail::WeightReader& reader, const Config& config) {
    const std::size_t hidden = config.sizes.hidden;
    const auto all = [&](std::string_view name, std::size_t rows, float* out) {
      const TensorView* table = reader.find(name, {rows, hidden});
      reader.read(table, 0, rows * hidden, out);
      if (table != nullptr) reader.release(*table);
    };
    all("embed_tokens.embedding_weight", config.sizes.vocab, tokens_);
    if (learned_positions_ > 0) all("embed_pos.embedding_weight", learned_positions_, positions_);
    if (puzzles_ == 0 || mapped_.data != nullptr) return;
    const TensorView* table = reader.find("puzzle_emb.weights", {puzzles_, config.puzzle_emb_ndim});
    for (std::size_t i = 0; i < puzzles() && reader.status(); ++i) {
      const auto rows = reader.options().row_ids;
      std::size_t row = chosen_.empty() ? i : chosen_[i];
      if (!rows.empty()) row = static_cast<std::size_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
      reader.read(table, row * config.puzzle_emb_ndim, config.puzzle_emb_ndim, puzzle_ + i * config.puzzle_emb_ndim);
    }
    if (table != nullptr) reader.release(*table);
  }

  /// Whether a puzzle can be embedded; nothing is written. Never allocates.
  [[nodiscard]] Result<void> check(const Config& config, std::span<const Token> tokens,
                                   std::size_t puzzle_id) const noexcept {
    if (tokens.empty()) return Error(ErrorCode::value, "tokens: expected at least one, found none");
    const std::size_t vocab = config.sizes.vocab;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0 || static_cast<std::size_t>(tokens[i]) >= vocab) {
        return Error(ErrorCode::value, "token ", i, ": expected 0 to ", vocab - 1, ", found ", tokens[i]);
      }
    }
    if (learned_positions_ > 0 && tokens.size() + config.sizes.puzzle_tokens > learned_positions_) {
      return Error(ErrorCode::value, "tokens: expected at most ", learned_positions_ - config.sizes.puzzle_tokens,
                   " (learned positions), found ", tokens.size());
    }
    if (puzzles_ == 0) return puzzle_id == 0 ? Result<void>() : no_puzzle(puzzle_id);
    return find(puzzle_id) < puzzles() ? Result<void>() : no_puzzle(puzzle_id);
  }

  /// Writes x [P + tokens, hidden]. The arguments have passed check(). False if a mapped puzzle row is not finite.
  [[nodiscard]] bool embed(const Config& config, std::span<const Token> tokens, std::size_t puzzle_id,
                           float* x) const noexcept {
    const std::size_t hidden = config.sizes.hidden;
    const std::size_t first = config.sizes.puzzle_tokens;
    bool finite = true;
    if (first > 0) {
      std::memset(x, 0, first * hidden * sizeof(float));  // the last puzzle token is padded with zeros
      const std::size_t width = config.puzzle_emb_ndim;
      if (mapped_.data != nullptr) {
        finite = read_floats(mapped_, puzzle_id * width, width, x);
      } else {
        std::memcpy(x, puzzle_ + find(puzzle_id) * width, width * sizeof(float));
      }
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::memcpy(x + (first + i) * hidden, tokens_ + static_cast<std::size_t>(tokens[i]) * hidden,
                  hidden * sizeof(float));
    }
    const std::size_t count = (first + tokens.size()) * hidden;
    const auto root = static_cast<float>(std::sqrt(static_cast<double>(hidden)));
    if (learned_positions_ > 0) {
      for (std::size_t i = 0; i < count; ++i) x[i] = root * (0.707106781F * (x[i] + positions_[i]));
    } else {
      for (std::size_t i = 0; i < count; ++i) x[i] = root * x[i];
    }
    return finite;
  }

 private:
  static constexpr std::size_t mapped_from = std::size_t{64} << 20;

  [[nodiscard]] std::size_t find(std::size_t puzzle_id) const noexcept {
    if (chosen_.empty()) return puzzle_id;
    const auto at = std::lower_bound(chosen_.begin(), chosen_.end(), puzzle_id);
    return at != chosen_.end() && *at == puzzle_id ? static_cast<std::size_t>(at - chosen_.begin()) : chosen_.size();
  }
  [[nodiscard]] Error no_puzzle(std::size_t puzzle_id) const noexcept {
    if (!chosen_.empty()) {
      return Error(ErrorCode::value, "puzzle id: expected one of the ", chosen_.size(), " kept at load, found ",
                   puzzle_id);
    }
    return Error(ErrorCode::value, "puzzle id: expected below ", puzzles_ == 0 ? 1 : puzzles_, ", found ", puzzle_id);
  }

  float* tokens_ = nullptr;     // [vocab, hidden]
  float* positions_ = nullptr;  // [learned_positions, hidden]
  float* puzzle_ = nullptr;     // [puzzles, puzzle_emb_ndim]
  std::size_t learned_positions_ = 0;
  std::size_t puzzles_ = 0;
  std::vector<std::size_t> chosen_;  // sorted ids kept at load; empty: all
  TensorView mapped_;                // a large puzzle embedding, read where it lies
  std::shared_ptr<const void> owner_;
};

}  // namespace hrm
