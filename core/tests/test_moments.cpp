// SPDX-License-Identifier: GPL-2.0-or-later
// Wide angular functions of integer zeta: through moment tensors or through pairs, the value is the same.
#include "check.h"
#include "clouds.h"

#include <algorithm>
#include <numeric>

using namespace mdsieve;
using namespace clouds;

namespace {

/// Makes SymmetryFunctions use moments up to a zeta while it lives.
struct MomentLimit {
  explicit MomentLimit(int limit) { fix_moment_limit(limit); }
  ~MomentLimit() { fix_moment_limit(-1); }
};

std::string wide_description(const std::vector<std::string> &elements)
{
  std::ostringstream s;
  s << "elements";
  for (const auto &e : elements) s << " " << e;
  s << "\ncutoff_type 1\n";
  for (std::size_t i = 0; i < elements.size(); i++)
    for (std::size_t j = i; j < elements.size(); j++)
      for (const char *eta : {"0.0", "0.05", "0.5"})
        for (const char *lambda : {"1", "-1"})
          for (int zeta = 1; zeta <= max_moment_rank + 1; zeta++)
            s << "symfunction_short " << elements[0] << " 9 " << elements[i] << " " << elements[j] << " "
              << eta << " " << lambda << " " << zeta << " 6.0\n";
  return s.str();
}

/// Neighbours in a narrow cone: 1 - cos is small for every pair, and the terms of the moments cancel.
Cloud cone(std::size_t n, double opening, unsigned seed)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Cloud cloud;
  for (std::size_t i = 0; i < n; i++) {
    const double r = 2.0 + 3.9 * double(i) / double(n);
    cloud.add(r * opening * uniform(random), r * opening * uniform(random), r, int(i % 2));
  }
  return cloud;
}

/// One near neighbour outweighs all others by many orders of magnitude.
Cloud one_near(std::size_t n)
{
  Cloud cloud;
  cloud.add(0.3, 0.1, 0.2, 0);
  for (std::size_t i = 0; i < n; i++) {
    const double angle = 0.7 * double(i);
    cloud.add(5.9 * std::cos(angle), 5.9 * std::sin(angle), 0.01 * double(i), int(i % 2));
  }
  return cloud;
}

/// Pairs of neighbours on a line through the atom: 1 + cos vanishes for them.
Cloud line(std::size_t n)
{
  Cloud cloud;
  for (std::size_t i = 1; i <= n; i++) {
    cloud.add(0.1 * double(i), 0.2 * double(i), -0.2 * double(i), 0);
    cloud.add(-0.11 * double(i), -0.22 * double(i), 0.22 * double(i), 0);
  }
  return cloud;
}

struct Case {
  Cloud cloud;
  double absolute;    ///< nothing but rounding is left of 1 + cos on a line
};

std::vector<Case> all_cases()
{
  return {{Cloud{}, 0.0},
          {random_cloud(1, 6.0, 2, 1), 0.0},
          {random_cloud(2, 6.0, 2, 2), 0.0},
          {random_cloud(3, 6.0, 2, 3), 0.0},
          {cone(9, 0.05, 4), 0.0},
          {cone(60, 0.02, 5), 0.0},
          {cone(2, 0.1, 6), 0.0},
          {one_near(30), 0.0},
          {line(8), 1e-15},
          {line(1), 1e-15},
          {random_cloud(19, 6.0, 2, 7), 0.0},
          {random_cloud(65, 6.0, 2, 8), 0.0},
          {fcc_cloud(3.52, 6.5), 0.0},
          {random_cloud(300, 6.0, 2, 9), 0.0}};
}

}    // namespace

TEST(moments_and_pairs_agree_with_the_printed_equation)
{
  const auto d = parse_input_nn(wide_description({"H", "O"}), "test");
  const auto cases = all_cases();
  for (std::size_t i = 0; i < cases.size(); i++) {
    const auto &[cloud, absolute] = cases[i];
    const auto expected = reference(d, 0, cloud);
    for (const Kernels *kernels : all_kernels()) {
      use_kernels(*kernels);
      for (int limit : {-1, 0, 2, 3, max_moment_rank}) {
        const MomentLimit fixed(limit);
        const std::string where = std::string(kernels->name) + ", moments up to " + std::to_string(limit) +
                                  ", cloud " + std::to_string(i);
        compare(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud), expected, d, 0, 1e-10,
                absolute, where);
        compare(fingerprint(SymmetryFunctions(d, Precision::mixed), 0, cloud), expected, d, 0, 1e-5, 1e-6,
                where + " (mixed)");
      }
    }
  }
}

TEST(order_of_neighbours_changes_no_bit_wherever_the_choice_falls)
{
  const auto d = parse_input_nn(wide_description({"H", "O"}), "test");
  std::mt19937 random(1);
  use_kernels(*all_kernels().back());
  for (Precision precision : {Precision::double_, Precision::mixed}) {
    const SymmetryFunctions functions(d, precision);
    for (const auto &[cloud, absolute] : all_cases()) {
      const auto first = fingerprint(functions, 0, cloud);
      std::vector<std::size_t> order(cloud.size());
      std::iota(order.begin(), order.end(), std::size_t(0));
      std::shuffle(order.begin(), order.end(), random);
      Cloud shuffled;
      for (std::size_t i : order) shuffled.add(cloud.x[i], cloud.y[i], cloud.z[i], cloud.element[i]);
      for (int i = 0; i < 40; i++) shuffled.add(6.0 + 0.01 * i, 0.0, 0.0, i % 2);    // beyond the cutoff
      CHECK(fingerprint(functions, 0, shuffled) == first);
    }
  }
}

TEST(functions_that_differ_in_name_only_have_the_same_value)
{
  // without a Gaussian there is nothing to shift
  const auto d =
      parse_input_nn("elements Ni\ncutoff_type 1\nsymfunction_short Ni 9 Ni Ni 0 1 16 6 1\n"
                     "symfunction_short Ni 9 Ni Ni 0 1 16 6 2\nsymfunction_short Ni 9 Ni Ni 0 1 2 6 1\n"
                     "symfunction_short Ni 9 Ni Ni 0 1 2 6 2\n",
                     "test");
  const Cloud cloud = random_cloud(40, 6.0, 1, 3);
  const auto expected = reference(d, 0, cloud);
  use_kernels(*all_kernels().back());
  for (int limit : {-1, 0, max_moment_rank}) {
    const MomentLimit fixed(limit);
    compare(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud), expected, d, 0, 1e-10, 1e-12,
            "eta 0");
  }
}

TEST_MAIN
