// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule.h"

#include "edit_distance.h"
#include "input_error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <locale>
#include <sstream>
#include <utility>

namespace mdsieve {

namespace {

using Op = Condition::Op;

constexpr std::array<std::pair<Op, const char *>, 6> op_words{
    {{Op::gt, ">"}, {Op::ge, ">="}, {Op::lt, "<"}, {Op::le, "<="}, {Op::eq, "=="}, {Op::ne, "!="}}};

constexpr std::array<std::pair<StopMode, const char *>, 3> stop_words{
    {{StopMode::soft, "soft"}, {StopMode::hard, "hard"}, {StopMode::continue_, "continue"}}};

const char *word_of(Op op)
{
  for (const auto &[value, word] : op_words)
    if (value == op) return word;
  return "?";
}

/// The shortest decimal that reads back as the same number, whatever the locale.
std::string number_text(double value)
{
  if (value == std::floor(value) && std::fabs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  for (int precision = 1;; ++precision) {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(precision);
    out << value;
    std::istringstream in(out.str());
    in.imbue(std::locale::classic());
    double back = 0.0;
    in >> back;
    if (back == value || precision >= 17) return out.str();
  }
}

bool read_number(std::string_view word, double &value)
{
  std::istringstream in{std::string(word)};
  in.imbue(std::locale::classic());
  in >> value;
  return !in.fail() && in.eof() && std::isfinite(value);
}

bool any_holds(const std::vector<Condition> &conditions, const ScoreValues &scores, std::string &reason)
{
  for (const Condition &condition : conditions) {
    const auto score = scores.find(condition.score);
    if (score != scores.end() && condition.holds(score->second)) {
      reason = condition.text();
      return true;
    }
  }
  return false;
}

const std::vector<Condition> &keep_of(const Rule &rule)
{
  static const std::vector<Condition> if_new{{"novelty", Op::gt, 1.0}};
  return rule.keep.empty() ? if_new : rule.keep;
}

/// Why a frame that is wanted is not kept all the same; empty if nothing speaks against it.
const char *suppressed_by(const Rule &rule, std::int64_t step, std::int64_t last_kept_step,
                          std::int64_t n_kept)
{
  if (rule.max > 0 && n_kept >= rule.max) return "max";
  // after reset_timestep the step lies before the last kept one: the distance is unknown, nothing is
  // suppressed
  const bool have_last = last_kept_step >= 0 && step >= last_kept_step;
  if (rule.gap > 0 && have_last && step - last_kept_step < rule.gap) return "gap";
  return "";
}

class RuleReader {
 public:
  RuleReader(std::string_view text, const std::vector<std::string> &known_scores)
      : known_scores_(known_scores)
  {
    std::istringstream stream{std::string(text)};
    for (std::string word; stream >> word;) words_.push_back(word);
  }

  Rule read()
  {
    while (next_ < words_.size()) {
      const std::string &word = words_[next_++];
      if (word == "keep")
        rule_.keep.push_back(read_condition(word));
      else if (word == "junk")
        rule_.junk.push_back(read_condition(word));
      else if (word == "stop")
        read_stop();
      else if (word == "gap")
        read_count(word, rule_.gap, have_gap_);
      else if (word == "max")
        read_count(word, rule_.max, have_max_);
      else
        throw InputError("rule: " + shown(word) + " is unknown: expected keep, junk, stop, gap or max");
    }
    return rule_;
  }

 private:
  Condition read_condition(const std::string &keyword)
  {
    if (words_.size() - next_ < 3)
      throw InputError("rule: " + shown(keyword) + " needs a score, an operator and a number, e.g. '" +
                       keyword + " novelty > 1'");
    next_ += 3;
    return parse_condition(words_[next_ - 3], words_[next_ - 2], words_[next_ - 1], known_scores_);
  }

  void read_stop()
  {
    rule_.stop.push_back(read_condition("stop"));
    const std::string word = next_ < words_.size() ? words_[next_] : "";
    for (const auto &[mode, name] : stop_words)
      if (word == name) {
        if (rule_.stop_mode != StopMode::none && rule_.stop_mode != mode)
          throw InputError("rule: " + shown(word) + ": all stop conditions must have the same mode");
        rule_.stop_mode = mode;
        ++next_;
        return;
      }
    throw InputError("rule: 'stop' needs soft, hard or continue after its condition" +
                     (word.empty() ? std::string() : ", found " + shown(word)));
  }

  void read_count(const std::string &keyword, std::int64_t &count, bool &have)
  {
    if (have) throw InputError("rule: " + shown(keyword) + " is given twice");
    have = true;
    const std::string word = next_ < words_.size() ? words_[next_++] : "";
    const bool is_digits = !word.empty() && word.size() < 19 &&
                           std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_digits)
      throw InputError("rule: " + shown(keyword + " " + word) + ": expected a whole number, 0 or larger");
    count = std::stoll(word);
  }

  const std::vector<std::string> &known_scores_;
  std::vector<std::string> words_;
  std::size_t next_ = 0;
  Rule rule_;
  bool have_gap_ = false, have_max_ = false;
};

}    // namespace

const std::vector<std::string> &known_scores()
{
  static const std::vector<std::string> scores{"novelty", "frame",         "range",
                                               "spread",  "extrapolation", "density"};
  return scores;
}

bool needs_driver(std::string_view score)
{ return score == "spread" || score == "extrapolation" || score == "density"; }

bool Condition::holds(double score_value) const
{
  if (std::isnan(score_value)) return false;
  switch (op) {
  case Op::gt: return score_value > value;
  case Op::ge: return score_value >= value;
  case Op::lt: return score_value < value;
  case Op::le: return score_value <= value;
  case Op::eq: return score_value == value;
  case Op::ne: return score_value != value;
  }
  return false;
}

std::string Condition::text() const { return score + " " + word_of(op) + " " + number_text(value); }

Condition parse_condition(std::string_view score, std::string_view op, std::string_view value,
                          const std::vector<std::string> &known_scores)
{
  Condition condition;
  condition.score = std::string(score);
  if (std::find(known_scores.begin(), known_scores.end(), condition.score) == known_scores.end()) {
    std::string names, nearest;
    std::size_t least = std::string::npos;
    for (const std::string &name : known_scores) {
      names += (names.empty() ? "" : ", ") + name;
      const std::size_t distance = edit_distance(score.substr(0, 64), name);
      if (distance < least) {
        least = distance;
        nearest = name;
      }
    }
    throw InputError("rule: " + shown(condition.score) + " is not a score: expected one of " + names +
                     (nearest.empty() ? "" : "; the nearest is " + nearest));
  }
  const auto found =
      std::find_if(op_words.begin(), op_words.end(), [&](const auto &entry) { return op == entry.second; });
  if (found == op_words.end())
    throw InputError("rule: " + shown(op) + " is not an operator: expected >, >=, <, <=, == or !=");
  condition.op = found->first;
  if (!read_number(value, condition.value))
    throw InputError("rule: " + shown(value) + " is not a finite number");
  return condition;
}

std::string Rule::text() const
{
  std::string out;
  const auto append = [&out](const std::string &words) { out += (out.empty() ? "" : " ") + words; };
  for (const Condition &condition : keep) append("keep " + condition.text());
  for (const Condition &condition : junk) append("junk " + condition.text());
  const char *mode = "soft";
  for (const auto &[value, word] : stop_words)
    if (value == stop_mode) mode = word;
  for (const Condition &condition : stop) append("stop " + condition.text() + " " + mode);
  if (gap > 0) append("gap " + std::to_string(gap));
  if (max > 0) append("max " + std::to_string(max));
  return out;
}

std::vector<std::string> Rule::scores() const
{
  // the command's own order is not kept between keep, junk and stop; within each it is
  std::vector<std::string> names;
  const auto note = [&names](const std::vector<Condition> &conditions) {
    for (const Condition &condition : conditions)
      if (std::find(names.begin(), names.end(), condition.score) == names.end())
        names.push_back(condition.score);
  };
  note(keep_of(*this));
  note(junk);
  note(stop);
  return names;
}

Decision decide(const Rule &rule, const ScoreValues &scores, const ScoreValues &cautious, std::int64_t step,
                std::int64_t last_kept_step, std::int64_t n_kept)
{
  Decision decision;
  std::string stop_reason;
  decision.stop = any_holds(rule.stop, cautious, stop_reason);
  if (any_holds(rule.junk, cautious, decision.reason)) {
    decision.verdict = Verdict::junk;
  } else if (any_holds(keep_of(rule), scores, decision.reason)) {
    const std::string obstacle = suppressed_by(rule, step, last_kept_step, n_kept);
    if (obstacle.empty())
      decision.verdict = Verdict::kept;
    else
      decision.reason = obstacle;
  }
  return decision;
}

Rule parse_rule(std::string_view text, const std::vector<std::string> &known_scores)
{ return RuleReader(text, known_scores).read(); }

}    // namespace mdsieve
