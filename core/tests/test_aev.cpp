// SPDX-License-Identifier: GPL-2.0-or-later
// ANI's atomic environment vector: values by hand, the nickel set of 54 components, derivatives, symmetry.
#include "check.h"
#include "clouds.h"
#include "kernels.h"
#include "symmetry_functions.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <sstream>

using namespace mdsieve;
using namespace clouds;

namespace {

const double pi = std::acos(-1.0);

/// 22 radial and 32 angular components for nickel.
std::string nickel_set()
{
  std::ostringstream s;
  s.precision(17);
  s << "elements Ni\ncutoff_type 1\n";
  const auto radial = [&](double shift) {
    s << "symfunction_short Ni aev_radial Ni 19.7 " << shift << " 6.9\n";
  };
  for (int i = 0; i < 15; i++) radial(1.06875 + 0.26875 * i);
  for (double shift : {5.10, 5.37, 5.64, 5.91, 6.18, 6.44, 6.71}) radial(shift);
  for (int z = 0; z < 4; z++)
    for (int i = 0; i < 8; i++)
      s << "symfunction_short Ni aev_angular Ni Ni 12.5 14.1 " << pi / 8 * (2 * z + 1) << " "
        << 0.8 + 0.3375 * i << " 3.5\n";
  return s.str();
}

Cloud rattled_fcc(double lattice_constant, unsigned seed)
{
  std::mt19937 random(seed);
  std::normal_distribution<double> step(0.0, 0.12);
  Cloud cloud = fcc_cloud(lattice_constant, 7.5);
  for (auto *axis : {&cloud.x, &cloud.y, &cloud.z})
    for (double &v : *axis) v += step(random);
  return cloud;
}

std::vector<double> derivatives(const SymmetryFunctions &functions, int element, const Cloud &cloud)
{
  std::vector<double> out((cloud.size() + 1) * 3 * std::size_t(functions.n_features(element)), -7.0);
  SymmetryFunctions::Workspace workspace;
  functions.derivatives(element, cloud.view(), out.data(), workspace);
  return out;
}

/// Central differences of sixth order of the printed equations, neighbour k along an axis.
std::vector<double> difference(const Descriptor &d, int element, const Cloud &cloud, std::size_t k, int axis)
{
  const double h = 2e-3;
  const double weights[] = {45.0, -9.0, 1.0};
  std::vector<double> out(d.columns(element).size(), 0.0);
  for (int m = 1; m <= 3; m++)
    for (int sign : {1, -1}) {
      Cloud moved = cloud;
      std::vector<double> *const axes[] = {&moved.x, &moved.y, &moved.z};
      (*axes[axis])[k] += sign * m * h;
      const auto values = reference(d, element, moved);
      for (std::size_t c = 0; c < out.size(); c++) out[c] += sign * weights[m - 1] * values[c] / (60.0 * h);
    }
  return out;
}

void check_derivatives(const Descriptor &d, const Cloud &cloud, const std::vector<std::size_t> &neighbours,
                       const std::string &where)
{
  for (std::size_t k : neighbours)
    for (int axis = 0; axis < 3; axis++) {
      const auto expected = difference(d, 0, cloud, k, axis);
      for (const Kernels *kernels : all_kernels()) {
        use_kernels(*kernels);
        const SymmetryFunctions functions(d, Precision::double_);
        const std::size_t n = std::size_t(functions.n_features(0));
        const auto got = derivatives(functions, 0, cloud);
        const auto here = got.begin() + std::ptrdiff_t(((k + 1) * 3 + std::size_t(axis)) * n);
        compare({here, here + std::ptrdiff_t(n)}, expected, d, 0, 1e-8, 1e-9, where + ", " + kernels->name);
      }
    }
}

}    // namespace

TEST(two_atoms_give_a_quarter_of_the_gaussian)
{
  const auto d =
      parse_input_nn("elements Ni\ncutoff_type 1\nsymfunction_short Ni aev_radial Ni 19.7 2.4 6.9\n"
                     "symfunction_short Ni aev_angular Ni Ni 12.5 14.1 0.4 2.1 3.5\n",
                     "test");
  Cloud cloud;
  cloud.add(1.5, -1.2, 1.6, 0);
  const double r = 2.5, fc = 0.5 * std::cos(pi * r / 6.9) + 0.5;
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    const auto values = fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud);
    CHECK_CLOSE(values[0], 0.25 * std::exp(-19.7 * 0.1 * 0.1) * fc, 1e-12, 0);
    CHECK(values[1] == 0.0);
  }
}

TEST(three_atoms_at_known_angles)
{
  const double r1 = 2.2, r2 = 2.6, eta = 12.5, zeta = 14.1, shift = 2.3, rc = 3.5;
  const auto fc = [&](double r) { return 0.5 * std::cos(pi * r / rc) + 0.5; };
  for (double theta_s : {pi / 8, 3 * pi / 8, 0.0, 2.0})
    for (double angle : {0.0, pi / 3, pi / 2, pi}) {
      std::ostringstream text;
      text.precision(17);
      text << "elements Ni\ncutoff_type 1\nsymfunction_short Ni aev_angular Ni Ni " << eta << " " << zeta
           << " " << theta_s << " " << shift << " " << rc << "\n";
      Cloud cloud;
      cloud.add(0.0, r1, 0.0, 0);
      cloud.add(r2 * std::sin(angle), r2 * std::cos(angle), 0.0, 0);
      const double theta = std::acos(0.95 * std::cos(angle)), mean = 0.5 * (r1 + r2) - shift;
      const double expected = 2.0 * std::pow((1.0 + std::cos(theta - theta_s)) / 2.0, zeta) *
                              std::exp(-eta * mean * mean) * fc(r1) * fc(r2);
      const auto d = parse_input_nn(text.str(), "test");
      for (const Kernels *kernels : all_kernels()) {
        use_kernels(*kernels);
        CHECK_CLOSE(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud)[0], expected, 1e-11, 0);
        CHECK_CLOSE(fingerprint(SymmetryFunctions(d, Precision::mixed), 0, cloud)[0], expected, 1e-5, 1e-9);
      }
    }
}

TEST(the_nickel_set_agrees_with_the_printed_equations)
{
  const auto d = parse_input_nn(nickel_set(), "test");
  CHECK(d.functions.size() == 54);
  for (double lattice_constant :
       {3.52, 2.4}) {    // 12 and about 55 neighbours inside 3.5: several chunks of pairs
    const Cloud cloud = rattled_fcc(lattice_constant, 5);
    const auto expected = reference(d, 0, cloud);
    for (const Kernels *kernels : all_kernels()) {
      use_kernels(*kernels);
      compare(fingerprint(SymmetryFunctions(d, Precision::double_), 0, cloud), expected, d, 0, 1e-10, 1e-12,
              kernels->name);
      compare(fingerprint(SymmetryFunctions(d, Precision::mixed), 0, cloud), expected, d, 0, 1e-5, 1e-6,
              std::string(kernels->name) + " (mixed)");
    }
  }
}

TEST(neither_order_nor_rotation_nor_further_functions_change_it)
{
  const auto d = parse_input_nn(nickel_set(), "test");
  const auto more = parse_input_nn(nickel_set() + "symfunction_short Ni 2 Ni 19.7 5.1 6.9\n"
                                                  "symfunction_short Ni 9 Ni Ni 0.1 1 2 3.5\n"
                                                  "symfunction_short Ni 3 Ni Ni 0.1 1 4 6.9\n",
                                   "test");
  const Cloud cloud = rattled_fcc(2.4, 8);
  std::vector<std::size_t> order(cloud.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::mt19937 random(3);
  std::shuffle(order.begin(), order.end(), random);
  Cloud shuffled, turned;
  for (std::size_t i : order) shuffled.add(cloud.x[i], cloud.y[i], cloud.z[i], 0);
  const double c = std::cos(1.1), s = std::sin(1.1);
  for (std::size_t i = 0; i < cloud.size(); i++)
    turned.add(-cloud.z[i], c * cloud.x[i] - s * cloud.y[i], s * cloud.x[i] + c * cloud.y[i], 0);
  for (const Kernels *kernels : all_kernels())
    for (Precision precision : {Precision::double_, Precision::mixed}) {
      use_kernels(*kernels);
      const SymmetryFunctions functions(d, precision);
      const auto first = fingerprint(functions, 0, cloud);
      CHECK(fingerprint(functions, 0, shuffled) == first);
      const auto among_more = fingerprint(SymmetryFunctions(more, precision), 0, cloud);
      CHECK(std::equal(first.begin(), first.end(), among_more.begin()));
      const double relative = precision == Precision::double_ ? 1e-10 : 1e-5;
      compare(fingerprint(functions, 0, turned), first, d, 0, relative, 0.1 * relative, "rotated");
    }
}

TEST(derivatives_agree_with_differences)
{
  const auto d = parse_input_nn(nickel_set(), "test");
  check_derivatives(d, rattled_fcc(3.52, 2), {0, 43, 85}, "nickel set");
  Cloud near = rattled_fcc(3.52, 4);    // those that angles are made of
  std::vector<std::size_t> inside;
  for (std::size_t k = 0; k < near.size(); k++)
    if (near.r(k) < 3.3) inside.push_back(k);
  CHECK(inside.size() >= 10);
  check_derivatives(d, near, {inside[0], inside[4], inside[9]}, "near neighbours");
}

TEST(atoms_on_a_line_are_no_kink)
{
  const auto d = parse_input_nn(nickel_set(), "test");
  Cloud line;
  line.add(2.2, 0.0, 0.0, 0);
  line.add(-2.5, 0.0, 0.0, 0);
  line.add(3.1, 0.0, 0.0, 0);
  line.add(0.0, 2.4, 0.0, 0);
  check_derivatives(d, line, {0, 1, 2, 3}, "line");
  const auto lattice = derivatives(SymmetryFunctions(d, Precision::double_), 0, fcc_cloud(3.52, 7.5));
  CHECK(std::all_of(lattice.begin(), lattice.end(), [](double v) { return std::isfinite(v); }));
}

TEST(derivatives_sum_to_zero_in_alloys)
{
  std::string text = "elements Ni Al\ncutoff_type 6 0.2\n";
  for (const char *line :
       {"Ni aev_radial Al 19.7 2.4 6.0", "Ni aev_radial Ni 19.7 2.4 6.0",
        "Ni aev_angular Ni Al 12.5 14.1 1.2 2.1 4.0", "Ni aev_angular Al Al 8 3 0.4 2.0 5.0"})
    text += std::string("symfunction_short ") + line + "\n";
  const auto d = parse_input_nn(text, "test");
  const Cloud cloud = random_cloud(50, 6.0, 2, 3);
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    const SymmetryFunctions functions(d, Precision::double_);
    const auto all = derivatives(functions, 1, cloud);
    const std::size_t size = 12;
    for (std::size_t i = 0; i < size; i++) {
      double sum = 0.0, scale = 0.0;
      for (std::size_t k = 0; k <= cloud.size(); k++) {
        sum += all[k * size + i];
        scale += std::fabs(all[k * size + i]);
      }
      CHECK(scale > 0.0 && std::fabs(sum) <= 1e-14 * scale);
    }
  }
}

TEST_MAIN
