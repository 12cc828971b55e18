// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// What the derivative kernel is told; plain data for the same reason as kernels.h, which includes this.

namespace mdsieve {

template <class Real> struct CutoffTerm;

/// The factors of an angular term besides the power of its angle.
enum class PairKind {
  wide,            ///< g(r_ij) g(r_ik)
  narrow,          ///< g(r_ij) g(r_ik) g(r_jk)
  mean_distance    ///< f_c(r_ij) f_c(r_ik) exp(-eta ((r_ij + r_ik) / 2 - r_s)^2), angle acos(0.95 cos)
};

/// ANI takes the angle of this times the cosine: its sine has no zero, and the derivative no pole.
constexpr double aev_cosine_scale = 0.95;

/// g(r) = exp(-eta (r - r_s)^2) f_c(r) of the neighbours of one slot, with its slope dg/dr.
struct DerivativeFactor {
  int slot, cutoff;
  double eta, shift;
};

/// A radial function: the sum of a factor.
struct DerivativeRadial {
  int factor;
  double weight;
  int column;
};

/// A Gaussian of a group of angular functions and the factors of its two neighbours (PairKind::mean_distance:
/// their cutoff functions).
struct DerivativeExponent {
  double eta, shift;
  int factor_first, factor_second;
  int function_begin = 0, function_end = 0;    ///< its functions
};

/// 2 x^zeta, x = 1/2 + cosine * cos(theta) + sine * sin(theta); PairKind::mean_distance: the sine is that of
/// acos(0.95 cos(theta)).
struct DerivativePower {
  double zeta;
  int integer;    ///< zeta, or 0 if it is no integer
  double cosine, sine;
};

/// An angular function: Gaussian times power over the pairs of a group.
struct DerivativeFunction {
  int exponent, power;
  double weight;
  int column;
};

/// Angular functions that share neighbour elements, cutoff and kind. Sorted by exponent.
struct DerivativeGroup {
  int slot_first, slot_second, cutoff;
  PairKind kind;
  int n_exponents, n_powers, n_functions;
  const DerivativeExponent *exponents;
  const DerivativePower *powers;
  const DerivativeFunction *functions;
};

/// All that the derivatives of one central element need.
struct DerivativePlan {
  int n_features, n_slots, n_cutoffs, n_factors, n_radials, n_groups;
  int most_exponents, most_powers;    ///< of any group
  const CutoffTerm<double> *cutoffs;
  const DerivativeFactor *factors;
  const DerivativeRadial *radials;
  const DerivativeGroup *groups;
};

}    // namespace mdsieve
