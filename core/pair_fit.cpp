// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mdsieve {

namespace {

/// cos^2(pi sqrt(u) / 2) exp(-a u) / (1 - u)^2: cosine cutoff and Gaussian in u = (r / r_c)^2, the root at
/// the cutoff taken out.
long double cutoff_gaussian(long double u, long double a)
{
  const long double s = std::sqrt(u), pi_half = 1.57079632679489661923132169163975144L;
  const long double below = 1.0L - s;
  const long double root = below < 1e-12L ? 0.5L * pi_half : std::sin(pi_half * below) / (below * (1.0L + s));
  return root * root * std::exp(-a * u);
}

/// Coefficients in t = 2u - 1 of the Chebyshev interpolant of cutoff_gaussian on [0, 1].
std::vector<long double> chebyshev_fit(long double a, int degree)
{
  const int n = degree + 1;
  const long double pi = 3.14159265358979323846264338327950288L;
  std::vector<long double> values, coefficients(std::size_t(n), 0.0L);
  for (int i = 0; i < n; i++)
    values.push_back(cutoff_gaussian(0.5L + 0.5L * std::cos(pi * (i + 0.5L) / n), a));
  std::vector<long double> now(std::size_t(n), 0.0L), last = now;    // T_k(t) as a polynomial in t
  now[0] = 1.0L;
  for (int k = 0; k < n; k++) {
    long double weight = 0.0L;
    for (int i = 0; i < n; i++) weight += values[std::size_t(i)] * std::cos(pi * k * (i + 0.5L) / n);
    weight *= (k == 0 ? 1.0L : 2.0L) / n;
    for (int i = 0; i < n; i++) coefficients[std::size_t(i)] += weight * now[std::size_t(i)];
    std::vector<long double> next(std::size_t(n), 0.0L);    // T_k+1 = 2 t T_k - T_k-1, T_1 = t T_0
    for (int i = 0; i < n; i++) {
      next[std::size_t(i)] -= k == 0 ? 0.0L : last[std::size_t(i)];
      if (i + 1 < n) next[std::size_t(i) + 1] += (k == 0 ? 1.0L : 2.0L) * now[std::size_t(i)];
    }
    last = now;
    now = next;
  }
  return coefficients;
}

}    // namespace

template <class Real> void fit_exponent(PairExponent<Real> &e, double eta, double r_cutoff)
{
  const double tolerance = sizeof(Real) == 8 ? 1e-12 : 8e-7;
  const long double a = (long double)eta * r_cutoff * r_cutoff;
  for (int degree = 3; degree <= max_fit_degree<Real>; degree++) {
    const auto coefficients = chebyshev_fit(a, degree);
    double worst = 0.0;
    for (int i = 0; i <= 256; i++) {
      const Real t = Real(i / 128.0 - 1.0);    // exact
      Real value = Real(coefficients.back());
      for (int c = degree; c-- > 0;) value = value * t + Real(coefficients[std::size_t(c)]);
      const long double exact = cutoff_gaussian(0.5L * (1.0L + t), a);
      worst = std::max(worst, std::fabs(double((value - exact) / exact)));
    }
    if (worst > tolerance) continue;
    e.fit_degree = degree;
    for (int c = 0; c <= degree; c++)
      e.fit[c] = Real(0.25L * coefficients[std::size_t(c)]);    // (1 - t)^2 / 4
    return;
  }
}

template void fit_exponent(PairExponent<double> &, double, double);
template void fit_exponent(PairExponent<float> &, double, double);

}    // namespace mdsieve
