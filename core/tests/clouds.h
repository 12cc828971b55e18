// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// Clouds of neighbours, and the printed equations to compare with.

#include "check.h"
#include "kernels.h"
#include "symmetry_functions.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace clouds {

using namespace mdsieve;

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

inline Cloud random_cloud(std::size_t n, double radius, int n_elements, unsigned seed)
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
inline Cloud fcc_cloud(double lattice_constant, double radius)
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
inline std::vector<double> reference(const Descriptor &d, int central, const Cloud &cloud)
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
    const bool weighted = f.type == 12 || f.type == 13;
    long double sum = 0;
    for (std::size_t j = 0; j < cloud.size(); j++) {
      const long double rij = cloud.r(j);
      if (f.type == 2 || f.type == 12 || f.type == aev_radial_type) {
        if (!weighted && cloud.element[j] != f.first) continue;
        const long double weight = f.type == aev_radial_type ? 0.25L : weighted ? charge(j) : 1.0L;
        sum += gaussian(rij) * fc(rij, f.r_cutoff) * weight;
        continue;
      }
      for (std::size_t k = j + 1; k < cloud.size(); k++) {
        const int low = std::min(cloud.element[j], cloud.element[k]);
        const int high = std::max(cloud.element[j], cloud.element[k]);
        if (!weighted && (low != f.first || high != f.second)) continue;
        const long double rik = cloud.r(k);
        if (rij >= f.r_cutoff || rik >= f.r_cutoff) continue;
        const long double dx = cloud.x[j] - cloud.x[k], dy = cloud.y[j] - cloud.y[k],
                          dz = cloud.z[j] - cloud.z[k];
        const long double rjk = sqrtl(dx * dx + dy * dy + dz * dz);
        long double c = ((long double)cloud.x[j] * cloud.x[k] + (long double)cloud.y[j] * cloud.y[k] +
                         (long double)cloud.z[j] * cloud.z[k]) /
                        (rij * rik);
        if (f.type == aev_angular_type) {
          const long double half_angle = 0.5L * (1 + cosl(acosl(0.95L * c) - f.theta_shift));
          sum += 2 * powl(half_angle, f.zeta) * gaussian(0.5L * (rij + rik)) * fc(rij, f.r_cutoff) *
                 fc(rik, f.r_cutoff);
          continue;
        }
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

inline std::vector<double> fingerprint(const SymmetryFunctions &functions, int element, const Cloud &cloud)
{
  std::vector<double> out(std::size_t(functions.n_features(element)), -1.0);
  SymmetryFunctions::Workspace workspace;
  functions.compute(element, cloud.view(), out.data(), workspace);
  return out;
}

/// Every kind of function: all types, shifts, angles, integer and real zeta, several radii; AEV.
inline std::string full_description(int cutoff_type, double alpha, const std::vector<std::string> &elements)
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
      for (const char *radial : {"19.7 2.4 6.0", "4.0 0.0 4.5", "0.0 1.0 6.0"})
        s << "symfunction_short " << a << " aev_radial " << b << " " << radial << "\n";
      for (std::size_t j = i; j < elements.size(); j++) {
        const std::string start = "symfunction_short " + a + " aev_angular " + elements[j] + " " + b + " ";
        for (const char *angle : {"14.1 0.39269908169872414", "14.1 2.748893571891069", "8 0.0", "0.7 1.2"})
          for (const char *radial : {"12.5 1.8125", "12.5 3.1625", "2.0 0.0"}) {
            const std::string eta_and_shift = radial;
            const auto blank = eta_and_shift.find(' ');
            s << start << eta_and_shift.substr(0, blank) << " " << angle << eta_and_shift.substr(blank)
              << " 4.5\n";
          }
        s << start << "0.0 3 -1.0 0.5 6.0\n";
      }
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

inline void compare(const std::vector<double> &got, const std::vector<double> &expected, const Descriptor &d,
                    int element, double relative, double absolute, const std::string &where)
{
  const auto columns = d.columns(element);
  for (std::size_t c = 0; c < got.size(); c++)
    if (!check::close(got[c], expected[c], relative, absolute))
      check::fail(__FILE__, __LINE__,
                  where + ", line " + std::to_string(d.functions[std::size_t(columns[c])].line) + ": " +
                      check::pair(got[c], expected[c]));
}

inline std::vector<const Kernels *> all_kernels()
{
  std::vector<const Kernels *> found;
  for (const char *name : {"portable", "avx2", "avx512"})
    if (const Kernels *kernels = find_kernels(name)) found.push_back(kernels);
  return found;
}

}    // namespace clouds
