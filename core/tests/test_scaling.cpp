// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "scaling.h"

#include <cmath>
#include <sstream>

using namespace mdsieve;

namespace {

// lines in an order that is not n2p2's: by type, cutoff, eta, r_s, neighbours
const char *const two_elements = R"(
number_of_elements 2
elements H O
cutoff_type 2
symfunction_short O 3 H H 0.07 1.0 1.0 6.0
symfunction_short O 2 H 1.0 0.0 6.0
symfunction_short H 2 O 0.4 0.0 6.0
symfunction_short O 2 O 0.1 0.0 6.0
symfunction_short H 2 H 0.2 0.0 6.0
)";

Descriptor descriptor() { return parse_input_nn(two_elements, "input.nn"); }

bool is_close(double a, double b) { return std::fabs(a - b) <= 1e-14 * std::max(std::fabs(a), std::fabs(b)); }

}    // namespace

TEST(statistics_against_formulas)
{
  ColumnStatistics statistics({3});
  const double rows[4][3] = {{1, 1e6 + 4, 5}, {2, 1e6 + 7, 5}, {4, 1e6 + 13, 5}, {9, 1e6 + 16, 5}};
  for (const auto &row : rows) statistics.add(0, row);
  CHECK(statistics.count(0) == 4);
  const Scaling minmax = statistics.scaling(ScalingKind::minmax, {"Ni"});
  CHECK(minmax.kind == ScalingKind::minmax);
  CHECK((minmax.shift[0] == std::vector<double>{1, 1e6 + 4, 5}));
  CHECK(minmax.factor[0][0] == 1.0 / 8.0 && minmax.factor[0][1] == 1.0 / 12.0);
  CHECK(minmax.factor[0][2] == 1.0);    // constant column
  const Scaling standard = statistics.scaling(ScalingKind::std, {"Ni"});
  CHECK((standard.shift[0] == std::vector<double>{4, 1e6 + 10, 5}));
  CHECK(is_close(standard.factor[0][0], 1.0 / std::sqrt(38.0 / 3.0)));    // 9 + 4 + 0 + 25 over n - 1
  CHECK(std::fabs(standard.factor[0][1] - 1.0 / std::sqrt(90.0 / 3.0)) < 1e-10);
  CHECK(standard.factor[0][2] == 1.0);
  CHECK(statistics.scaling(ScalingKind::none, {"Ni"}).shift == Scaling::identity({3}).shift);
}

TEST(rounding_noise_is_no_spread)
{
  ColumnStatistics statistics({2});
  double row[2] = {0.1, 3.0};
  statistics.add(0, row);
  row[0] = std::nextafter(0.1, 1.0);
  row[1] = 3.0 + 1e-6;
  statistics.add(0, row);
  const Scaling scaling = statistics.scaling(ScalingKind::minmax, {"Ni"});
  CHECK(scaling.factor[0][0] == 1.0);
  CHECK(scaling.factor[0][1] > 1e5);
}

TEST(what_was_never_seen)
{
  ColumnStatistics statistics({2, 0, 1});    // the second element has no functions
  const double row[2] = {1, 2};
  statistics.add(0, row);
  CHECK_THROWS(statistics.scaling(ScalingKind::minmax, {"Ni", "H", "Al"}), "no environment of element Al");
  statistics.add(2, row);
  CHECK(statistics.scaling(ScalingKind::minmax, {"Ni", "H", "Al"}).shift[1].empty());
  const double bad[2] = {1, std::nan("")};
  CHECK_THROWS(statistics.add(0, bad), "column 2 of 2 is not finite");
  CHECK(statistics.count(0) == 1);
}

TEST(scaling_data_round_trip)
{
  const Descriptor d = descriptor();
  ColumnStatistics statistics({2, 3});
  for (int i = 0; i < 20; ++i) {
    const double h[2] = {0.1 * i + 0.01 / (1 + i), 1.0 / (1 + i)}, o[3] = {std::sin(i), 7.0, i * i / 3.0};
    statistics.add(0, h);
    statistics.add(1, o);
  }
  const std::string text = statistics.to_scaling_data(d);
  for (const ScalingKind kind : {ScalingKind::minmax, ScalingKind::std, ScalingKind::none}) {
    CHECK(parse_scaling_data(text, "scaling.data", d, kind) == statistics.scaling(kind, d.elements));
    CHECK(parse_scaling_data(text + "  -1.5 2.5\n", "scaling.data", d, kind) ==
          statistics.scaling(kind, d.elements));    // RuNNer's last line
  }
}

TEST(columns_follow_the_sorted_order)
{
  const Descriptor d = descriptor();
  std::ostringstream text;    // minimum = 10 element + rank, so the column's rank can be read off
  for (std::size_t e = 0; e < 2; ++e)
    for (std::size_t r = 0; r < d.columns(static_cast<int>(e)).size(); ++r)
      text << e + 1 << ' ' << r + 1 << ' ' << 10 * (e + 1) + r << " 100 50 1\n";
  const Scaling scaling = parse_scaling_data(text.str(), "s", d, ScalingKind::minmax);
  for (int e = 0; e < 2; ++e) {
    const auto order = d.n2p2_order(e);
    for (std::size_t c = 0; c < order.size(); ++c)
      CHECK(scaling.shift[static_cast<std::size_t>(e)][c] == 10 * (e + 1) + order[c]);
  }
  // n2p2 sorts by type before all else: the angular function of O, first in the file, is its last
  CHECK(scaling.shift[1][0] == 22.0);
}

TEST(malformed_scaling_data)
{
  const Descriptor d = descriptor();
  const std::string good = "# comment\n1 1 0 1 0.5 0.1\n1 2 0 1 0.5 0.1\n2 1 0 1 0.5 0.1\n2 2 0 1 0.5 0.1\n";
  const auto refuse = [&](const std::string &text, const char *message) {
    CHECK_THROWS(parse_scaling_data(text, "s.data", d, ScalingKind::minmax), message);
  };
  parse_scaling_data(good + "2 3 0D0 1.0D+00 0.5 0.1\n", "s.data", d, ScalingKind::minmax);
  refuse(good, "2 functions for element O, but the descriptor has 3");
  refuse(good + "2 4 0 1 0.5 0.1\n",
         "s.data:6: '4' is no function index: expected a whole number from 1 to 3");
  refuse(good + "3 1 0 1 0.5 0.1\n", "s.data:6: '3' is no element index");
  refuse(good + "2 2 0 1 0.5 0.1\n", "s.data:6: function 2 of element 2 (O) is given a second time");
  refuse(good + "2 3 0 1 0.5 x\n", "s.data:6: 'x' is not a finite number");
  refuse(good + "2 3 0 nan 0.5 0.1\n", "s.data:6: 'nan'");
  refuse(good + "2 3 1 0 0.5 0.1\n", "below the minimum");
  refuse(good + "2 3 0 1 0.5 -0.1\n", "sigma is negative");
  refuse(good + "2 3 0\n", "s.data:6: found 3 words");
  CHECK_THROWS(parse_scaling_data("1 1 0 1 0.5\n", "s.data", d, ScalingKind::std), "needs the sixth column");
}

TEST_MAIN
