// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "kernels.h"

namespace mdsieve {

/// The polynomial of least degree that replaces Gaussian and cosine cutoff of r_jk in working precision:
/// sets `fit` and `fit_degree`; fit_degree stays 0 if none will do.
/// \param eta       exponent of the Gaussian [1/A^2]
/// \param r_cutoff  r_c [A]
template <class Real> void fit_exponent(PairExponent<Real> &e, double eta, double r_cutoff);

}    // namespace mdsieve
