// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

namespace mdsieve {

/// Orthonormal directions along which a cloud of points spreads most, for a search that prunes along them.
/// Whatever the directions, the distance of two points lies between that of their projections with the
/// difference, and with the sum, of their distances from the axes' span: the directions decide speed and
/// nothing else.
struct PrincipalAxes {
  static constexpr int group = 8;    ///< the number of axes is padded with zero axes to a multiple of this
  static constexpr int most_axes = 32;

  int n_columns = 0;             ///< columns of a point, a multiple of 4 (padded with zeros)
  int n_axes = 0;                ///< a multiple of `group`
  std::vector<double> centre;    ///< [column]
  std::vector<double> axes;      ///< [column][axis]

  /// A point in single precision.
  struct Projection {
    float along[most_axes];    ///< coordinates along the axes, n_axes of them
    float rest;                ///< distance from the span of the axes
    float error;               ///< bound on the length of the error of all these; infinity if there is none
  };
  /// \param point      n_columns doubles
  void project(const double *point, Projection &projection) const;
};

/// Principal axes of a sample of points: as many as it takes to leave a mean squared rest below `small_rest`,
/// at most 32.
/// \param points     n rows of n_columns doubles
/// \param n_columns  a multiple of 4
PrincipalAxes find_principal_axes(const std::vector<double> &points, int n_columns, double small_rest);

}    // namespace mdsieve
