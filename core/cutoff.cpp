// SPDX-License-Identifier: GPL-2.0-or-later
#include "cutoff.h"

#include <cmath>

namespace mdsieve {

double cutoff_value(CutoffType type, double r, double r_cutoff, double alpha)
{
  if (!(r < r_cutoff)) return 0.0;
  if (type == CutoffType::hard) return 1.0;
  if (type == CutoffType::tanh_unit || type == CutoffType::tanh_norm) {
    const double t = std::tanh(1.0 - r / r_cutoff);
    const double norm = type == CutoffType::tanh_norm ? std::tanh(1.0) : 1.0;
    return (t * t * t) / (norm * norm * norm);
  }

  const double r_inner = alpha * r_cutoff;
  if (r < r_inner) return 1.0;
  const double x = (r - r_inner) / (r_cutoff - r_inner);
  const double y = 1.0 - x;
  // The polynomials are written with their root at x = 1 factored out: no cancellation near the cutoff.
  switch (type) {
  case CutoffType::cosine: {
    const double c = std::sin(0.5 * M_PI * y);    // = cos(pi x / 2)
    return c * c;
  }
  case CutoffType::exponential: return std::exp(-x * x / (y * (1.0 + x)));
  case CutoffType::poly1: return y * y * (1.0 + 2.0 * x);
  case CutoffType::poly2: return y * y * y * (1.0 + x * (3.0 + 6.0 * x));
  case CutoffType::poly3: return y * y * y * y * (1.0 + x * (4.0 + x * (10.0 + 20.0 * x)));
  case CutoffType::poly4: return y * y * y * y * y * (1.0 + x * (5.0 + x * (15.0 + x * (35.0 + 70.0 * x))));
  default: return 0.0;
  }
}

}    // namespace mdsieve
