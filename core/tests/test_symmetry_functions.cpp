// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"
#include "clouds.h"
#include "input_error.h"
#include "kernels.h"
#include "symmetry_functions.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

using namespace mdsieve;
using namespace clouds;

namespace {

const std::string small =
    "elements Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.1 0 6\n"
    "symfunction_short Ni 3 Ni Ni 0.01 1 2 6\nsymfunction_short Ni 9 Ni Ni 0.01 -1 2 6\n";

}    // namespace

TEST(agrees_with_the_printed_equations)
{
  for (int type = 0; type <= 8; type++)
    for (double alpha : {0.0, 0.4}) {
      const auto d = parse_input_nn(full_description(type, alpha, {"O", "H"}), "test");
      for (std::size_t n : {0, 1, 2, 3, 17, 40}) {
        const Cloud cloud = random_cloud(n, 6.6, 2, unsigned(n) + 1);
        for (int e : {0, 1}) {
          const auto expected = reference(d, e, cloud);
          for (const Kernels *kernels : all_kernels()) {
            use_kernels(*kernels);
            const std::string where = std::string(kernels->name) + ", cutoff type " + std::to_string(type) +
                                      " alpha " + std::to_string(alpha) + ", " + std::to_string(n) +
                                      " neighbours";
            const SymmetryFunctions in_double(d, Precision::double_), mixed(d, Precision::mixed);
            compare(fingerprint(in_double, e, cloud), expected, d, e, 1e-10, 1e-12, where);
            compare(fingerprint(mixed, e, cloud), expected, d, e, 1e-5, 1e-6, where + " (mixed)");
          }
        }
      }
    }
}

TEST(perfect_lattice)
{
  const auto d = parse_input_nn(full_description(1, 0.0, {"Ni"}), "test");
  const Cloud cloud = fcc_cloud(3.52, 6.5);
  CHECK(cloud.size() == 86);    // shells of 12 6 24 12 24 8
  const auto expected = reference(d, 0, cloud);
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    compare(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud), expected, d, 0, 1e-10, 1e-12,
            "fcc");
    compare(fingerprint(SymmetryFunctions(d, Precision::mixed), 0, cloud), expected, d, 0, 1e-5, 1e-6,
            "fcc (mixed)");
  }
}

TEST(many_neighbours_of_several_elements)
{
  const auto d =
      parse_input_nn("elements Al Ni Pd\ncutoff_type 2\nsymfunction_short Ni 2 Pd 0.1 0 9\n"
                     "symfunction_short Ni 3 Al Pd 0.01 1 2 9\nsymfunction_short Ni 9 Ni Ni 0.0 -1 8 9\n"
                     "symfunction_short Ni 9 Al Ni 0.0 -1 3 9\nsymfunction_short Ni 12 0.1 0 9\n"
                     "symfunction_short Ni 13 0.01 0 1 4 9\n",
                     "test");
  const Cloud cloud = random_cloud(3000, 9.5, 3, 7);
  const auto expected = reference(d, 1, cloud);
  use_kernels(*all_kernels().back());
  compare(fingerprint(SymmetryFunctions(d, Precision::double_), 1, cloud), expected, d, 1, 1e-10, 1e-12,
          "3000");
  compare(fingerprint(SymmetryFunctions(d, Precision::mixed), 1, cloud), expected, d, 1, 1e-5, 1e-6,
          "3000 mixed");
}

TEST(order_of_neighbours_changes_no_bit)
{
  const auto d = parse_input_nn(full_description(1, 0.0, {"O", "H"}), "test");
  std::mt19937 random(3);
  for (const Kernels *kernels : all_kernels())
    for (Precision precision : {Precision::double_, Precision::mixed}) {
      use_kernels(*kernels);
      const SymmetryFunctions functions(d, precision);
      for (Cloud cloud : {random_cloud(120, 6.5, 2, 11), fcc_cloud(2.6, 6.5)}) {
        const auto first = fingerprint(functions, 0, cloud);
        std::vector<std::size_t> order(cloud.size());
        std::iota(order.begin(), order.end(), std::size_t(0));
        for (int repeat = 0; repeat < 5; repeat++) {
          std::shuffle(order.begin(), order.end(), random);
          Cloud shuffled;
          for (std::size_t i : order) shuffled.add(cloud.x[i], cloud.y[i], cloud.z[i], cloud.element[i]);
          // far and foreign neighbours do not matter either
          shuffled.add(6.01, 0.1 * repeat, 0.0, 0);
          shuffled.add(1.0, 1.0, 1.0, -1);
          CHECK(fingerprint(functions, 0, shuffled) == first);
        }
      }
    }
}

TEST(rotations_and_reflections_change_nothing)
{
  const auto d = parse_input_nn(full_description(6, 0.2, {"O", "H"}), "test");
  use_kernels(*all_kernels().back());
  const SymmetryFunctions functions(d, Precision::double_);
  const Cloud cloud = random_cloud(60, 6.0, 2, 5);
  const auto first = fingerprint(functions, 1, cloud);
  for (double angle : {0.3, 1.9, 4.0}) {
    const double c = std::cos(angle), s = std::sin(angle);
    Cloud turned;
    for (std::size_t i = 0; i < cloud.size(); i++) {
      const double x = c * cloud.x[i] - s * cloud.y[i], y = s * cloud.x[i] + c * cloud.y[i];
      turned.add(-x, c * y - s * cloud.z[i], s * y + c * cloud.z[i], cloud.element[i]);
    }
    compare(fingerprint(functions, 1, turned), first, d, 1, 1e-10, 1e-12, "rotated");
  }
}

TEST(versions_of_the_kernels_agree)
{
  const auto d = parse_input_nn(full_description(3, 0.0, {"O", "H"}), "test");
  const Cloud cloud = random_cloud(300, 6.0, 2, 21);
  use_kernels(portable_kernels);
  const auto expected = fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud);
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    compare(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud), expected, d, 0, 1e-12, 1e-14,
            kernels->name);
  }
}

TEST(lonely_atoms_are_exactly_zero)
{
  use_kernels(*all_kernels().back());
  const SymmetryFunctions functions(parse_input_nn(small, "test"), Precision::double_);
  CHECK((fingerprint(functions, 0, Cloud{}) == std::vector<double>{0.0, 0.0, 0.0}));
  Cloud one;
  one.add(1.3, 0.4, -2.0, 0);
  const auto values = fingerprint(functions, 0, one);
  CHECK(values[0] > 0.0 && values[1] == 0.0 && values[2] == 0.0);
}

TEST(impossible_neighbours_are_refused)
{
  const SymmetryFunctions functions(parse_input_nn(small, "test"), Precision::double_);
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto message = [&](double x, double y) {
    Cloud cloud = random_cloud(5, 5.0, 1, 1);
    cloud.add(x, y, 0.0, 0);
    try {
      fingerprint(functions, 0, cloud);
    } catch (const InputError &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(message(0.0, 0.0).find("same place") != std::string::npos);
  CHECK(message(nan, 0.0).find("not finite") != std::string::npos);
  CHECK(message(0.0, -inf).find("not finite") != std::string::npos);
  CHECK(message(1.0, 1.0).empty());
}

TEST(one_workspace_serves_atoms_of_any_size)
{
  const auto d = parse_input_nn(full_description(1, 0.0, {"O", "H"}), "test");
  const SymmetryFunctions functions(d, Precision::double_), mixed(d, Precision::mixed);
  SymmetryFunctions::Workspace workspace;
  for (std::size_t n : {5, 400, 1, 60, 0, 61}) {
    const Cloud cloud = random_cloud(n, 6.0, 2, unsigned(n));
    std::vector<double> out(std::size_t(functions.n_features(0)));
    functions.compute(0, cloud.view(), out.data(), workspace);
    CHECK(out == fingerprint(functions, 0, cloud));
    mixed.compute(0, cloud.view(), out.data(), workspace);
    CHECK(out == fingerprint(mixed, 0, cloud));
  }
}

TEST_MAIN
