// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "rule.h"

#include <cmath>

using namespace mdsieve;

namespace {

const std::vector<std::string> known{"novelty", "frame", "range", "spread"};
using Scores = ScoreValues;

Decision decide_at(const char *rule, const Scores &scores, std::int64_t step = 100, std::int64_t last = -1,
                   std::int64_t n_kept = 0)
{ return decide(parse_rule(rule, known), scores, scores, step, last, n_kept); }

}    // namespace

TEST(text_and_back)
{
  for (const char *text :
       {"", "keep novelty > 1",
        "keep novelty >= 1.5 keep spread > 0.1 junk novelty > 20 junk frame != -2.5e-08",
        "stop novelty > 50 soft",
        "keep novelty > 1 stop range > 3 hard stop novelty >= 50 hard gap 50 max 500",
        "stop novelty < 0.1 continue gap 9007199254740993", "keep novelty == 0.30000000000000004 max 1"}) {
    const Rule rule = parse_rule(text, known);
    CHECK_MESSAGE(rule.text() == text, rule.text());
    CHECK(parse_rule(rule.text(), known).text() == text);
  }
  CHECK(parse_rule("  keep\tnovelty  >  1.0\n gap 050 ", known).text() == "keep novelty > 1 gap 50");
}

TEST(operators)
{
  const double one = 1.0, above = std::nextafter(1.0, 2.0), below = std::nextafter(1.0, 0.0);
  const struct {
    const char *op;
    bool at_below, at_one, at_above;
  } table[] = {{">", false, false, true}, {">=", false, true, true},  {"<", true, false, false},
               {"<=", true, true, false}, {"==", false, true, false}, {"!=", true, false, true}};
  for (const auto &row : table) {
    const Condition condition = parse_condition("novelty", row.op, "1", known);
    CHECK(condition.holds(below) == row.at_below);
    CHECK(condition.holds(one) == row.at_one);
    CHECK(condition.holds(above) == row.at_above);
    CHECK(!condition.holds(std::nan("")));
    CHECK(condition.text() == std::string("novelty ") + row.op + " 1");
  }
}

TEST(verdicts)
{
  CHECK(decide_at("", {{"novelty", 1.5}}).verdict == Verdict::kept);    // without keep: novelty > 1
  CHECK(decide_at("", {{"novelty", 1.5}}).reason == "novelty > 1");
  CHECK(decide_at("", {{"novelty", 1.0}}).verdict == Verdict::known);
  CHECK(decide_at("", {{"novelty", 1.0}}).reason.empty());
  CHECK(decide_at("", {{"novelty", INFINITY}}).verdict == Verdict::kept);
  CHECK(decide_at("keep spread > 1", {{"novelty", 9.0}, {"spread", 0.5}}).verdict == Verdict::known);
  CHECK(decide_at("keep spread > 1 keep novelty > 2", {{"novelty", 9.0}, {"spread", 0.5}}).reason ==
        "novelty > 2");
  CHECK(decide_at("junk novelty > 20", {{"novelty", 21.0}}).verdict == Verdict::junk);
  CHECK(decide_at("junk novelty > 20", {{"novelty", 21.0}}).reason == "novelty > 20");
  CHECK(decide_at("junk novelty > 20", {{"novelty", 20.0}}).verdict == Verdict::kept);
  CHECK(decide_at("junk spread > 1", {{"novelty", 0.1}, {"spread", 2.0}}).verdict == Verdict::junk);
}

TEST(scores_that_are_not_there)
{
  CHECK(decide_at("keep spread > 1", {{"novelty", 5.0}}).verdict == Verdict::known);
  CHECK(decide_at("junk spread != 1", {{"novelty", 5.0}}).verdict == Verdict::kept);
  const double nan = std::nan("");
  CHECK(decide_at("", {{"novelty", nan}}).verdict == Verdict::known);
  CHECK(decide_at("junk spread != 1", {{"novelty", 5.0}, {"spread", nan}}).verdict == Verdict::kept);
  CHECK(!decide_at("stop spread != 1 hard", {{"novelty", 5.0}, {"spread", nan}}).stop);
}

TEST(junk_and_stop_look_at_cautious_scores)
{
  const Rule rule = parse_rule("keep novelty > 1 junk novelty > 20 stop novelty > 20 hard", known);
  const Decision first = decide(rule, {{"novelty", INFINITY}}, {}, 0, -1, 0);
  CHECK(first.verdict == Verdict::kept && !first.stop);
  const Decision odd = decide(rule, {{"novelty", INFINITY}}, {{"novelty", 21.0}}, 0, -1, 0);
  CHECK(odd.verdict == Verdict::junk && odd.stop);
}

TEST(scores_that_a_rule_names)
{
  using Names = std::vector<std::string>;
  CHECK((parse_rule("", known).scores() == Names{"novelty"}));
  CHECK((parse_rule("junk range > 3 keep spread > 1 keep frame > 0 stop range > 9 soft", known).scores() ==
         Names{"spread", "frame", "range"}));
}

TEST(gap_and_max)
{
  const Scores scores{{"novelty", 2.0}};
  CHECK(decide_at("gap 50", scores, 149, 100, 1).verdict == Verdict::known);
  CHECK(decide_at("gap 50", scores, 149, 100, 1).reason == "gap");
  CHECK(decide_at("gap 50", scores, 150, 100, 1).verdict == Verdict::kept);
  CHECK(decide_at("gap 50", scores, 100, 100, 1).reason == "gap");
  CHECK(decide_at("gap 50", scores, 10, -1, 0).verdict == Verdict::kept);    // none kept yet
  CHECK(decide_at("gap 50", scores, 0, 0, 1).reason == "gap");
  CHECK(decide_at("gap 50", scores, 10, 1000, 1).verdict == Verdict::kept);    // steps began anew
  CHECK(decide_at("max 3", scores, 10, 5, 2).verdict == Verdict::kept);
  CHECK(decide_at("max 3", scores, 10, 5, 3).verdict == Verdict::known);
  CHECK(decide_at("max 3", scores, 10, 5, 3).reason == "max");
  CHECK(decide_at("max 3 gap 50", scores, 10, 5, 3).reason == "max");
  CHECK(decide_at("max 3 gap 50", {{"novelty", 0.5}}, 10, 5, 3).reason.empty());    // nothing to suppress
  CHECK(decide_at("max 3 gap 50 junk novelty > 1", scores, 10, 5, 3).verdict == Verdict::junk);
}

TEST(stop_is_its_own_question)
{
  CHECK(decide_at("stop novelty > 5 soft", {{"novelty", 6.0}}).stop);
  CHECK(!decide_at("stop novelty > 5 soft", {{"novelty", 5.0}}).stop);
  const Decision junk = decide_at("junk novelty > 5 stop novelty > 5 hard", {{"novelty", 6.0}});
  CHECK(junk.stop && junk.verdict == Verdict::junk);
  const Decision known_frame = decide_at("max 1 stop novelty > 5 hard", {{"novelty", 6.0}}, 10, 5, 1);
  CHECK(known_frame.stop && known_frame.verdict == Verdict::known && known_frame.reason == "max");
  CHECK(parse_rule("stop novelty > 5 continue", known).stop_mode == StopMode::continue_);
}

TEST(words_that_are_wrong)
{
  const auto refuse = [](const char *text, const char *word) { CHECK_THROWS(parse_rule(text, known), word); };
  refuse("kep novelty > 1", "'kep' is unknown: expected keep, junk, stop, gap or max");
  refuse("keep novlty > 1",
         "'novlty' is not a score: expected one of novelty, frame, range, spread; the nearest is novelty");
  refuse("keep novelty => 1", "'=>' is not an operator");
  refuse("keep novelty > one", "'one' is not a finite number");
  refuse("keep novelty > 1x", "'1x'");
  refuse("keep novelty > nan", "'nan'");
  refuse("keep novelty > inf", "'inf'");
  refuse("keep novelty >", "'keep' needs");
  refuse("stop novelty > 1", "'stop' needs soft, hard or continue");
  refuse("stop novelty > 1 gently", "found 'gently'");
  refuse("stop novelty > 1 soft stop novelty > 2 hard", "same mode");
  refuse("gap", "expected a whole number");
  refuse("gap -5", "'gap -5'");
  refuse("gap 1.5", "'gap 1.5'");
  refuse("max 99999999999999999999", "whole number");
  refuse("gap 5 gap 6", "'gap' is given twice");
}

TEST_MAIN
