// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"
#include "cutoff.h"

using namespace mdsieve;

namespace {

/// As printed: x = (r - r_ci) / (r_c - r_ci), in extended precision.
long double printed(int type, long double r, long double rc, long double alpha)
{
  const long double pi = acosl(-1.0L);
  if (r >= rc) return 0;
  if (type == 0) return 1;
  if (type == 2) return powl(tanhl(1 - r / rc), 3);
  if (type == 3) return powl(tanhl(1 - r / rc) / tanhl(1), 3);
  const long double rci = alpha * rc;
  if (r < rci) return 1;
  const long double x = (r - rci) / (rc - rci);
  switch (type) {
  case 1: return 0.5L * (cosl(pi * x) + 1);
  case 4: return expl(1 - 1 / (1 - x * x));
  case 5: return (2 * x - 3) * x * x + 1;
  case 6: return ((15 - 6 * x) * x - 10) * x * x * x + 1;
  case 7: return (x * (x * (20 * x - 70) + 84) - 35) * powl(x, 4) + 1;
  default: return (x * (x * ((315 - 70 * x) * x - 540) + 420) - 126) * powl(x, 5) + 1;
  }
}

}    // namespace

TEST(every_cutoff_function_follows_its_formula)
{
  for (int type = 0; type <= 8; type++)
    for (double alpha : {0.0, 0.25, 0.9})
      for (double rc : {1.0, 6.0, 12.28})
        for (int i = 0; i <= 1000; i++) {
          const double r = 1.1 * rc * i / 1000.0;
          CHECK_CLOSE(cutoff_value(CutoffType(type), r, rc, alpha), double(printed(type, r, rc, alpha)),
                      1e-13,
                      1e-16);    // the printed polynomials cancel near r_c
        }
}

TEST(limits_at_the_inner_radius_and_at_the_cutoff)
{
  for (int type = 0; type <= 8; type++) {
    CHECK(cutoff_value(CutoffType(type), 5.0, 5.0, 0.3) == 0.0);
    CHECK(cutoff_value(CutoffType(type), 7.0, 5.0, 0.3) == 0.0);
    if (type == 2) continue;
    CHECK_CLOSE(cutoff_value(CutoffType(type), 0.0, 5.0, 0.0), 1.0, 1e-15, 0.0);
    if (type != 0 && type != 3) CHECK(cutoff_value(CutoffType(type), 1.49, 5.0, 0.3) == 1.0);
  }
}

TEST_MAIN
