// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"
#include "input_error.h"
#include "kernels.h"
#include "symmetry_functions.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <random>
#include <sstream>

using namespace mdsieve;

namespace {

struct Cloud {
  std::vector<double> x, y, z;
  std::vector<int> element;

  void add(double a, double b, double c, int e)
  {
    x.push_back(a);
    y.push_back(b);
    z.push_back(c);
    element.push_back(e);
  }
  std::size_t size() const { return x.size(); }
  double r(std::size_t i) const { return std::sqrt(x[i] * x[i] + y[i] * y[i] + z[i] * z[i]); }
  Neighbours view() const { return {x.data(), y.data(), z.data(), element.data(), x.size()}; }
};

Cloud random_cloud(std::size_t n, double radius, int n_elements, unsigned seed)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  Cloud cloud;
  while (cloud.size() < n) {
    const double a = uniform(random), b = uniform(random), c = uniform(random);
    const double r2 = a * a + b * b + c * c;
    if (r2 > 1.0 || r2 < 0.04) continue;
    cloud.add(a * radius, b * radius, c * radius, int(random() % unsigned(n_elements)));
  }
  return cloud;
}

/// Perfect fcc up to a radius: many equal distances and exactly collinear neighbours.
Cloud fcc_cloud(double lattice_constant, double radius)
{
  Cloud cloud;
  const int m = int(2 * radius / lattice_constant) + 2;
  const double h = lattice_constant / 2;
  for (int i = -m; i <= m; i++)
    for (int j = -m; j <= m; j++)
      for (int k = -m; k <= m; k++) {
        if ((i + j + k) % 2 != 0 || (i == 0 && j == 0 && k == 0)) continue;
        if (h * h * (i * i + j * j + k * k) < radius * radius) cloud.add(h * i, h * j, h * k, 0);
      }
  return cloud;
}

/// The printed equations, one pair at a time, in extended precision.
std::vector<double> reference(const Descriptor &d, int central, const Cloud &cloud)
{
  std::vector<double> out;
  const auto fc = [&](long double r, double rc) {
    return (long double)cutoff_value(d.cutoff_type, double(r), rc, d.cutoff_alpha);
  };
  for (int index : d.columns(central)) {
    const SymmetryFunction &f = d.functions[std::size_t(index)];
    const auto gaussian = [&](long double r) { return expl(-f.eta * (r - f.r_shift) * (r - f.r_shift)); };
    const auto charge = [&](std::size_t j) {
      return (long double)d.atomic_numbers[std::size_t(cloud.element[j])];
    };
    const bool weighted = f.type > 9;
    long double sum = 0;
    for (std::size_t j = 0; j < cloud.size(); j++) {
      const long double rij = cloud.r(j);
      if (f.type == 2 || f.type == 12) {
        if (f.type == 2 && cloud.element[j] != f.first) continue;
        sum += gaussian(rij) * fc(rij, f.r_cutoff) * (weighted ? charge(j) : 1.0L);
        continue;
      }
      for (std::size_t k = j + 1; k < cloud.size(); k++) {
        const int low = std::min(cloud.element[j], cloud.element[k]);
        const int high = std::max(cloud.element[j], cloud.element[k]);
        if (!weighted && (low != f.first || high != f.second)) continue;
        const long double rik = cloud.r(k);
        const long double dx = cloud.x[j] - cloud.x[k], dy = cloud.y[j] - cloud.y[k],
                          dz = cloud.z[j] - cloud.z[k];
        const long double rjk = sqrtl(dx * dx + dy * dy + dz * dz);
        long double c = ((long double)cloud.x[j] * cloud.x[k] + (long double)cloud.y[j] * cloud.y[k] +
                         (long double)cloud.z[j] * cloud.z[k]) /
                        (rij * rik);
        if (f.theta_shift != 0.0) {
          const long double cx = (long double)cloud.y[j] * cloud.z[k] - (long double)cloud.z[j] * cloud.y[k];
          const long double cy = (long double)cloud.z[j] * cloud.x[k] - (long double)cloud.x[j] * cloud.z[k];
          const long double cz = (long double)cloud.x[j] * cloud.y[k] - (long double)cloud.y[j] * cloud.x[k];
          c = cosl(atan2l(sqrtl(cx * cx + cy * cy + cz * cz), c * rij * rik) - f.theta_shift);
        }
        const long double base = 1 + f.lambda * c;
        if (base <= 0) continue;
        long double term = powl(2, 1 - f.zeta) * powl(base, f.zeta) * gaussian(rij) * gaussian(rik) *
                           fc(rij, f.r_cutoff) * fc(rik, f.r_cutoff);
        if (f.type != 9) term *= gaussian(rjk) * fc(rjk, f.r_cutoff);
        if (weighted) term *= charge(j) * charge(k);
        sum += term;
      }
    }
    out.push_back(double(sum));
  }
  return out;
}

std::vector<double> fingerprint(const SymmetryFunctions &functions, int element, const Cloud &cloud)
{
  std::vector<double> out(std::size_t(functions.n_features(element)), -1.0);
  SymmetryFunctions::Workspace workspace;
  functions.compute(element, cloud.view(), out.data(), workspace);
  return out;
}

/// Every kind of function: all types, shifts, angles, integer and real zeta, several radii.
std::string full_description(int cutoff_type, double alpha, const std::vector<std::string> &elements)
{
  std::ostringstream s;
  s << "elements";
  for (const auto &e : elements) s << " " << e;
  s << "\ncutoff_type " << cutoff_type << " " << alpha << "\n";
  for (const auto &a : elements) {
    for (const char *rc : {"6.0", "4.5"}) {
      s << "symfunction_short " << a << " 12 0.3 0.0 " << rc << "\n";
      s << "symfunction_short " << a << " 12 2.0 2.5 " << rc << "\n";
      s << "symfunction_short " << a << " 13 0.05 0.0 1 2 " << rc << "\n";
      s << "symfunction_short " << a << " 13 0.2 1.5 -1 2.5 " << rc << "\n";
    }
    for (std::size_t i = 0; i < elements.size(); i++) {
      const auto &b = elements[i];
      for (const char *rc : {"6.0", "4.5"})
        for (const char *gaussian : {"0.0 0.0", "0.01 0.0", "0.2 0.0", "4.0 2.5", "30.0 3.0"})
          s << "symfunction_short " << a << " 2 " << b << " " << gaussian << " " << rc << "\n";
      for (std::size_t j = i; j < elements.size(); j++)
        for (int type : {3, 9}) {
          const std::string start =
              "symfunction_short " + a + " " + std::to_string(type) + " " + elements[j] + " " + b + " ";
          for (const char *eta : {"0.0", "0.01", "0.1"})
            for (const char *lambda : {"1", "-1"})
              for (const char *zeta : {"1", "2", "3", "4", "5", "16", "100", "1.5", "7.25"})
                s << start << eta << " " << lambda << " " << zeta << " 6.0\n";
          s << start << "0.02 1 4 4.5\n" << start << "0.02 -1 1 4.5\n";
          s << start << "0.5 1 2 6.0 1.5\n" << start << "0.5 -1 12 6.0 1.5\n";
          s << start << "0.05 1 4 6.0 0.0 theta_s 0.6\n" << start << "0.05 -1 3.5 6.0 theta_s 2.0\n";
        }
    }
  }
  return s.str();
}

void compare(const std::vector<double> &got, const std::vector<double> &expected, const Descriptor &d,
             int element, double relative, double absolute, const std::string &where)
{
  const auto columns = d.columns(element);
  for (std::size_t c = 0; c < got.size(); c++)
    if (!check::close(got[c], expected[c], relative, absolute))
      check::fail(__FILE__, __LINE__,
                  where + ", line " + std::to_string(d.functions[std::size_t(columns[c])].line) + ": " +
                      check::pair(got[c], expected[c]));
}

std::vector<const Kernels *> all_kernels()
{
  std::vector<const Kernels *> found;
  for (const char *name : {"portable", "avx2", "avx512"})
    if (const Kernels *kernels = find_kernels(name)) found.push_back(kernels);
  return found;
}

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
