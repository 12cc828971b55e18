// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace mdsieve {

/// Cutoff functions, numbered as in n2p2's `cutoff_type`. All but 0, 2 and 3 accept an inner radius
/// r_ci = alpha * r_c below which they are 1; in terms of x = (r - r_ci) / (r_c - r_ci):
enum class CutoffType : int {
  hard = 0,           ///< 1
  cosine = 1,         ///< (cos(pi x) + 1) / 2
  tanh_unit = 2,      ///< tanh^3(1 - r / r_c)
  tanh_norm = 3,      ///< tanh^3(1 - r / r_c) / tanh^3(1)
  exponential = 4,    ///< exp(1 - 1 / (1 - x^2))
  poly1 = 5,          ///< (2x - 3) x^2 + 1
  poly2 = 6,          ///< ((15 - 6x) x - 10) x^3 + 1
  poly3 = 7,          ///< (x (x (20x - 70) + 84) - 35) x^4 + 1
  poly4 = 8,          ///< (x (x ((315 - 70x) x - 540) + 420) - 126) x^5 + 1
};

/// Value of a cutoff function at distance r; 0 at and beyond r_c. Plain scalar reference: the kernels
/// use polynomials of the same functions.
double cutoff_value(CutoffType type, double r, double r_cutoff, double alpha);

}    // namespace mdsieve
