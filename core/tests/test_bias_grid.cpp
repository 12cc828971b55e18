// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "bias_grid.h"

#include <cmath>
#include <limits>
#include <random>

using namespace mdsieve;

namespace {

const BiasAxis enthalpy{-150.0, -130.0, 20}, order{-2.0, 34.0, 18};
constexpr double below = 0.7, above = -0.4;

BiasGrid rough_grid()
{
  BiasGrid grid(enthalpy, order, below, above);
  std::mt19937 random(4);
  std::uniform_real_distribution<double> height(-1.0, 1.0);
  std::vector<double> coefficients(grid.coefficients().size());
  for (double &c : coefficients) c = height(random);
  grid.set_coefficients(coefficients);
  return grid;
}

}    // namespace

TEST(derivatives_are_those_of_the_value)
{
  const BiasGrid grid = rough_grid();
  const double h = 1e-5;
  for (const double x : {-160.0, -150.0, -149.3, -141.0, -130.001, -130.0, -120.0})
    for (const double y : {-2.0, 0.0, 1.3, 16.0, 31.99, 34.0}) {
      const BiasValue v = grid.evaluate(x, y);
      const double by_x = (grid.evaluate(x + h, y).value - grid.evaluate(x - h, y).value) / (2 * h);
      const double by_y = (grid.evaluate(x, y + h).value - grid.evaluate(x, y - h).value) / (2 * h);
      CHECK_CLOSE(v.d_enthalpy, by_x, 0.0, 1e-5);
      CHECK_CLOSE(v.d_order, by_y, 0.0, 1e-5);
    }
}

TEST(a_plane_is_a_plane)
{
  BiasGrid grid(enthalpy, order, 0.25, 0.25);
  std::vector<double> coefficients;
  for (int a = 0; a < grid.n_rows(); ++a)
    for (int b = 0; b < grid.n_columns(); ++b)
      coefficients.push_back(0.25 * (a - 1) * enthalpy.spacing() + 3.0 * (b - 1) * order.spacing());
  grid.set_coefficients(coefficients);
  for (const double x : {-200.0, -150.0, -140.3, -130.0, -100.0})
    for (const double y : {-2.0, 5.1, 33.0}) {
      const BiasValue v = grid.evaluate(x, y);
      CHECK_CLOSE(v.value, 0.25 * (x + 150.0) + 3.0 * (y + 2.0), 0.0, 1e-12);
      CHECK_CLOSE(v.d_enthalpy, 0.25, 0.0, 1e-12);
      CHECK_CLOSE(v.d_order, 3.0, 0.0, 1e-12);
    }
}

TEST(tails_join_without_a_kink_also_after_deposits)
{
  BiasGrid grid = rough_grid();
  for (int i = 0; i < 40; ++i)
    grid.deposit(i % 2 ? -150.0 + 0.02 * i : -130.0 - 0.02 * i, 0.9 * i - 1.9, 0.3);
  for (int i = 0; i <= 116; ++i) {
    const double y = -2.0 + 0.31 * i;
    CHECK(grid.evaluate(-150.0 - 1e-9, y).d_enthalpy == below &&
          grid.evaluate(-170.0, y).d_enthalpy == below);
    CHECK(grid.evaluate(-130.0 + 1e-9, y).d_enthalpy == above &&
          grid.evaluate(-100.0, y).d_enthalpy == above);
    CHECK_CLOSE(grid.evaluate(-150.0, y).d_enthalpy, below, 0.0, 1e-12);
    CHECK_CLOSE(grid.evaluate(-130.0, y).d_enthalpy, above, 0.0, 1e-12);
    CHECK_CLOSE(grid.evaluate(-153.0, y).value, grid.evaluate(-150.0, y).value - 3.0 * below, 0.0, 1e-12);
    CHECK(grid.evaluate(-153.0, y).d_order == grid.evaluate(-150.0, y).d_order);
  }
}

TEST(a_hill_has_the_volume_that_was_asked_for)
{
  BiasGrid grid(enthalpy, order, 0.0, 0.0);
  grid.deposit(-139.7, 15.2, 0.5);
  double sum = 0.0;
  for (const double c : grid.coefficients()) sum += c;
  CHECK_CLOSE(sum, 0.5, 1e-12, 0.0);
  CHECK(grid.evaluate(-139.7, 15.2).value > grid.evaluate(-139.0, 15.2).value);
  CHECK(grid.evaluate(-136.0, 15.2).value == 0.0);
}

TEST(bins)
{
  const BiasGrid grid(enthalpy, order, 0.0, 0.0);
  CHECK(grid.n_bins() == 360);
  CHECK(grid.bin(-150.0, -2.0) == 0 && grid.bin(-149.01, -0.01) == 0 && grid.bin(-148.9, 0.1) == 19);
  CHECK(grid.bin(-130.0, 34.0) == 359);
  CHECK((grid.centre(19) == std::array<double, 2>{-148.5, 1.0}));
  CHECK(grid.is_inside(-150.0, 34.0) && grid.is_inside(-130.0, -2.0));
  CHECK(!grid.is_inside(-150.1, 0.0) && !grid.is_inside(-129.9, 0.0) && !grid.is_inside(-140.0, 34.1));
  CHECK(!grid.is_inside(std::nan(""), 0.0));
}

TEST(what_makes_no_sense_is_refused)
{
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_THROWS(BiasGrid({1.0, 1.0, 10}, order, 0, 0), "enthalpy: the window is empty");
  CHECK_THROWS(BiasGrid(enthalpy, {3.0, 1.0, 10}, 0, 0), "order: the window is empty");
  CHECK_THROWS(BiasGrid({0.0, infinity, 10}, order, 0, 0), "enthalpy: the window is empty");
  CHECK_THROWS(BiasGrid({0.0, 1.0, 3}, order, 0, 0), "3 intervals: expected 4 to 10000");
  CHECK_THROWS(BiasGrid({0.0, 1.0, 10001}, order, 0, 0), "10001 intervals");
  CHECK_THROWS(BiasGrid({0.0, 1.0, 9000}, {0.0, 1.0, 9000}, 0, 0), "81000000 bins");
  BiasGrid grid(enthalpy, order, 0, 0);
  CHECK_THROWS(grid.set_coefficients({1.0}), "1 coefficients: expected 483");
  CHECK_THROWS(grid.set_coefficients(std::vector<double>(483, infinity)), "not finite");
}

TEST_MAIN
