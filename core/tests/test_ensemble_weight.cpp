// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "ensemble_weight.h"

#include <cmath>

using namespace mdsieve;

namespace {

WeightHeader header()
{
  return {"metal",           2000.0,          1.0,    32,     Lattice::fcc, {2, 2, 2},
          {-4.72, -4.05, 8}, {-2.0, 34.0, 6}, 1400.0, 3000.0, 12.0};
}

EnsembleWeight some_weight()
{
  EnsembleWeight weight(header());
  for (int i = 0; i < 30; ++i) {
    weight.visit(-4.7 * 32 + 0.6 * i, 1.0 * i);
    weight.grid.deposit(-4.7 * 32 + 0.6 * i, 1.0 * i, 0.1 / 3.0);
    weight.deposits++;
  }
  weight.visit(-4.8 * 32, 3.0);
  weight.passages = 3;
  weight.side = -1;
  return weight;
}

std::string with(const std::string &what, const std::string &by)
{
  std::string text = some_weight().text();
  return text.replace(text.find(what), what.size(), by);
}

}    // namespace

TEST(a_weight_reads_back_to_the_last_bit)
{
  const EnsembleWeight weight = some_weight();
  const EnsembleWeight back = parse_weight(weight.text(), "w");
  CHECK(back.text() == weight.text());
  CHECK(back.header == weight.header && back.grid.coefficients() == weight.grid.coefficients());
  CHECK(back.visits == weight.visits && back.n_visited() == weight.n_visited() && weight.n_visited() > 5);
  CHECK(back.samples == 31 && back.deposits == 30 && back.round_trips() == 1 && back.side == -1);
}

TEST(slopes_of_the_tails_are_those_of_their_temperatures)
{
  const EnsembleWeight weight = some_weight();
  CHECK_CLOSE(weight.grid.evaluate(-4.9 * 32, 8.0).d_enthalpy, 2000.0 / 1400.0 - 1.0, 1e-15, 0.0);
  CHECK_CLOSE(weight.grid.evaluate(-3.9 * 32, 8.0).d_enthalpy, 2000.0 / 3000.0 - 1.0, 1e-15, 0.0);
}

TEST(hills_get_smaller_only_after_a_round_trip)
{
  const LearningSchedule schedule{0.1, 2.0};
  CHECK(schedule.hill(1000000, 5, 0) == 0.1);
  CHECK(schedule.hill(1000, 500, 1) == 0.1);
  CHECK_CLOSE(schedule.hill(100000, 500, 1), 0.01, 1e-12, 0.0);
  CHECK(schedule.hill(0, 0, 1) > 0.0);
}

TEST(passages_are_counted_from_side_to_side)
{
  Passages passages{4.0, 22.0, 0};
  int n = 0;
  for (const double value : {25.0, 10.0, 26.0, 3.0, 10.0, 2.0, 21.0, 23.0, 3.9}) n += passages.take(value);
  CHECK(n == 3 && passages.side == -1);
}

TEST(a_file_that_makes_no_sense_is_refused)
{
  const auto refuse = [](const std::string &text, const char *part) {
    CHECK_THROWS(parse_weight(text, "w.txt"), part);
  };
  refuse("", "w.txt:1: expected `mdsieve momt weight 1`, found the end of the file");
  refuse("something else\n", "w.txt:1: not a weight");
  refuse(with("weight 1", "weight 2"), "w.txt:1: not a weight");
  refuse(with("temperature 2000", "temperature hot"), "w.txt:3: 'hot': expected a finite number");
  refuse(with("temperature 2000", "temperature -5"), "w.txt: temperature: expected a number > 0");
  refuse(with("pressure 1", "pressure nan"), "w.txt:4: ");
  refuse(with("atoms 32", "atom 32"), "w.txt:5: expected `atoms`, found 'atom'");
  refuse(with("lattice fcc", "lattice hcp"), "w.txt:6: lattice 'hcp'");
  refuse(with("enthalpy -4.72 -4.05 8", "enthalpy -4.72 -4.8 8"), "w.txt: enthalpy: the window is empty");
  refuse(with("enthalpy -4.72 -4.05 8", "enthalpy -4.72 -4.05 9"),
         "w.txt:15: coefficients: expected 12 rows");
  refuse(with("enthalpy -4.72 -4.05 8", "enthalpy -4.72 -4.05 10000"), "w.txt: too short");
  refuse(with("order -2 34", "order 1 34"), "order: expected a window that covers 0 to 32");
  refuse(with("order -2 34", "order -2 31"), "order: expected a window that covers 0 to 32");
  refuse(with("tails 1400 3000", "tails 3000 1400"), "tails: expected two temperatures");
  refuse(with("samples 31", "samples -1"), "w.txt:11: '-1': expected an integer >= 0");
  refuse(with("side -1", "side 2"), "w.txt:14: side: expected -1, 0 or 1");
  refuse(some_weight().text() + "more\n", "expected the end of the file");
  const std::string text = some_weight().text();
  for (std::size_t n = 0; n + 2 < text.size(); n += 7)
    CHECK_THROWS(parse_weight(text.substr(0, n), "w.txt"), "w.txt");
}

TEST_MAIN
