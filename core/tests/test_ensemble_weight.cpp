// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "ensemble_weight.h"

#include <algorithm>
#include <cmath>
#include <random>

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

namespace {

/// A valley of free energy over the bins of a grid, in k T0, and how flat a weight makes it.
struct Valley {
  static constexpr double unit = 0.17;
  EnsembleWeight weight;

  Valley() : weight(make()) {}
  static WeightHeader make()
  {
    WeightHeader wide = header();
    wide.coldest = wide.hottest = wide.temperature;
    wide.enthalpy.n = 20;
    wide.order.n = 16;
    return wide;
  }
  double cost(double enthalpy, double order) const
  {
    const double a = (enthalpy - weight.grid.enthalpy().lower) / weight.grid.enthalpy().spacing() - 9.5;
    const double b = (order + 2.0) / weight.grid.order().spacing() - 7.5;
    return 0.15 * (a * a + b * b) - 0.1 * a * b;
  }
  double height(double enthalpy, double order) const
  { return cost(enthalpy, order) + weight.grid.evaluate(enthalpy, order).value / unit; }

  /// Largest difference of heights where the free energy is below `depth`, away from the edges of the grid.
  double roughness(double depth) const
  {
    double lowest = 1e300, highest = -1e300;
    for (std::size_t bin = 0; bin < weight.grid.n_bins(); ++bin) {
      const auto [enthalpy, order] = weight.grid.centre(bin);
      const std::size_t row = bin / 16, column = bin % 16;
      if (row < 3 || row > 16 || column < 3 || column > 12 || cost(enthalpy, order) > depth) continue;
      lowest = std::min(lowest, height(enthalpy, order));
      highest = std::max(highest, height(enthalpy, order));
    }
    return highest - lowest;
  }
};

}    // namespace

TEST(histograms_of_stretches_flatten_what_is_below_the_cap)
{
  Valley valley;
  auto &weight = valley.weight;
  for (int stretch = 0; stretch < 20; ++stretch) {
    std::vector<double> heights;
    double sum = 0.0;
    for (std::size_t bin = 0; bin < weight.grid.n_bins(); ++bin) {
      const auto [enthalpy, order] = weight.grid.centre(bin);
      heights.push_back(valley.height(enthalpy, order));
      sum += std::exp(-heights.back());
    }
    for (std::size_t bin = 0; bin < heights.size(); ++bin)    // what a stretch of a million samples would see
      weight.visits[bin] = static_cast<std::int64_t>(1e6 * std::exp(-heights[bin]) / sum);
    weight.learn_from_visits(Valley::unit);
    CHECK(weight.n_visited() == 0);
  }
  CHECK(valley.roughness(8.0) < 0.5);
  for (const double c : weight.grid.coefficients()) CHECK(c >= 0.0 && c <= 12.0 * Valley::unit + 1e-12);
}

TEST(hills_flatten_what_is_below_the_cap)
{
  Valley valley;
  auto &weight = valley.weight;
  const auto &axis = weight.grid.enthalpy();
  std::mt19937 random(1);
  std::normal_distribution<double> step(0.0, 1.5);
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  double enthalpy = axis.lower + 9.5 * axis.spacing(), order = 15.0;
  double mean_roughness = 0.0;
  constexpr int n = 600000;
  for (int i = 0; i < n; ++i) {
    const double to = enthalpy + axis.spacing() * step(random), there = order + 2.25 * step(random);
    const bool possible = weight.grid.is_inside(to, there);
    if (possible && chance(random) < std::exp(valley.height(enthalpy, order) - valley.height(to, there))) {
      enthalpy = to;
      order = there;
    }
    weight.visit(enthalpy, order);
    const double hill =
        Valley::unit * LearningSchedule{0.1, 1.0}.hill(weight.samples, weight.n_visited(), i > 20000);
    weight.learn(enthalpy, order, hill, Valley::unit);
    if (i >= n / 2 && i % 1000 == 0) mean_roughness += valley.roughness(8.0) / (n / 2000.0);
  }
  CHECK(mean_roughness < 1.0);
  CHECK(weight.deposits == n);
  for (const double c : weight.grid.coefficients()) CHECK(c >= 0.0 && c <= 12.0 * Valley::unit + 1e-12);
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
