// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"

#include "farthest_points.h"

#include <algorithm>
#include <limits>
#include <random>

using namespace mdsieve;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Cloud {
  std::vector<double> values;
  std::size_t n_rows, n_columns;
  const double *row(std::size_t i) const { return &values[i * n_columns]; }
};

/// Coordinates of a few distinct values, if `n_values` is above 0: many rows are equally far, many coincide.
Cloud cloud(std::size_t n_rows, std::size_t n_columns, int n_values, unsigned seed)
{
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Cloud made{{}, n_rows, n_columns};
  for (std::size_t i = 0; i < n_rows * n_columns; ++i)
    made.values.push_back(n_values > 0 ? static_cast<double>(random() % static_cast<unsigned>(n_values))
                                       : normal(random));
  return made;
}

/// The rule without any shortcut.
class Plain {
 public:
  explicit Plain(const Cloud &cloud)
      : cloud_(cloud), squared_(cloud.n_rows, infinity), left_(cloud.n_rows, true)
  {}
  void add(const double *point)
  {
    for (std::size_t i = 0; i < cloud_.n_rows; ++i) {
      volatile double sum = 0.0;    // each step is rounded
      for (std::size_t column = 0; column < cloud_.n_columns; ++column) {
        const volatile double difference = cloud_.row(i)[column] - point[column];
        const volatile double square = difference * difference;
        sum = sum + square;
      }
      const double total = sum;
      squared_[i] = std::min(squared_[i], total);
    }
  }
  void leave_out(std::size_t row) { left_[row] = false; }
  FarthestPoints::Farthest farthest() const
  {
    FarthestPoints::Farthest best{-1, -infinity};
    for (std::size_t i = 0; i < cloud_.n_rows; ++i)
      if (left_[i] && squared_[i] > best.squared) best = {static_cast<std::int64_t>(i), squared_[i]};
    return best;
  }
  const std::vector<double> &squared_distances() const { return squared_; }

 private:
  const Cloud &cloud_;
  std::vector<double> squared_;
  std::vector<bool> left_;
};

void compare(const Cloud &cloud, std::size_t n_picks)
{
  FarthestPoints fast(cloud.values.data(), cloud.n_rows, cloud.n_columns);
  Plain plain(cloud);
  for (std::size_t pick = 0; pick < n_picks; ++pick) {
    const auto found = fast.farthest(), expected = plain.farthest();
    CHECK(found.row == expected.row);
    CHECK(found.squared == expected.squared);
    if (found.row < 0 || found.row != expected.row) break;
    const auto row = static_cast<std::size_t>(found.row);
    fast.leave_out(row), plain.leave_out(row);
    fast.add(cloud.row(row)), plain.add(cloud.row(row));
  }
  CHECK(fast.squared_distances() == plain.squared_distances());
}

}    // namespace

TEST(picks_and_distances_are_those_of_the_plain_search)
{
  for (const std::size_t n_columns : {1, 2, 15, 16, 17, 40}) compare(cloud(1500, n_columns, 0, 7), 120);
}

TEST(among_equals_the_first_is_found_and_every_row_is_found_once)
{
  for (const int n_values : {1, 2, 3}) compare(cloud(700, 3, n_values, 3), 701);
}

TEST(rows_are_fewer_than_a_block_or_end_within_one)
{
  for (const std::size_t n_rows : {1, 2, 127, 128, 129, 257}) compare(cloud(n_rows, 5, 0, 9), n_rows + 1);
}

TEST(distances_beyond_the_largest_number_are_infinite)
{
  const Cloud wide{{0.0, 1e200, -1e200, 3e200}, 4, 1};
  compare(wide, 5);
}

TEST(without_rows_none_is_found)
{
  FarthestPoints none(nullptr, 0, 3);
  CHECK(none.farthest().row == -1);
}

TEST_MAIN
