// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

enum class Verdict : int { known = 0, kept = 1, junk = 2, pending = 3 };
enum class StopMode : int { none = 0, soft = 1, hard = 2, continue_ = 3 };

/// Every word that a condition may name: novelty, frame, range, spread, extrapolation, density.
const std::vector<std::string> &known_scores();
/// Whether only a driver can compute the score.
bool needs_driver(std::string_view score);

/// One comparison, e.g. `novelty > 1.0`.
struct Condition {
  enum class Op { gt, ge, lt, le, eq, ne };
  std::string score;
  Op op = Op::gt;
  double value = 0.0;

  bool holds(double score_value) const;    ///< false for NaN
  std::string text() const;
};

/// \throws InputError naming the word and what was expected (a score of `known_scores`, an operator, a
/// number)
Condition parse_condition(std::string_view score, std::string_view op, std::string_view value,
                          const std::vector<std::string> &known_scores);

/// keep / junk / stop / gap / max: what becomes of a frame, given its scores.
struct Rule {
  std::vector<Condition> keep;    ///< any of them keeps; empty: `novelty > 1`
  std::vector<Condition> junk;    ///< any of them rejects, and wins over keep
  std::vector<Condition> stop;    ///< any of them ends the run
  StopMode stop_mode = StopMode::none;
  std::int64_t gap = 0;    ///< smallest number of steps between kept frames of a world; 0: none
  std::int64_t max = 0;    ///< largest number of kept frames; 0: no bound

  std::string text() const;    ///< as written in the input script
  /// The scores that its conditions name, each once, in the order in which they stand there.
  std::vector<std::string> scores() const;
};

/// What the scorers say of a frame: name -> value. A score that is absent makes no condition hold.
using ScoreValues = std::map<std::string, double>;

struct Decision {
  Verdict verdict = Verdict::known;
  bool stop = false;
  std::string reason;    ///< the condition that decided, or "gap" / "max"; empty for known
};

/// Decide one frame.
/// \param scores          what keep conditions look at
/// \param cautious        what junk and stop conditions look at: the same without what cannot be told yet,
///                        because an empty bank says nothing about how odd a frame is
/// \param step            the frame's step
/// \param last_kept_step  step of the last kept frame of this world, or a negative number if there is none
/// \param n_kept          frames kept so far
/// A frame that a keep condition wants but `gap` or `max` suppresses is known, reason "gap" or "max".
Decision decide(const Rule &rule, const ScoreValues &scores, const ScoreValues &cautious, std::int64_t step,
                std::int64_t last_kept_step, std::int64_t n_kept);

/// Text form that `parse_rule` reads back: the words of the fix command, one space between.
Rule parse_rule(std::string_view text, const std::vector<std::string> &known_scores);

}    // namespace mdsieve
