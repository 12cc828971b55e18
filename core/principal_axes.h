// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <vector>

namespace mdsieve {

/// Orthonormal directions along which a cloud of points spreads most, for a search that prunes along them.
/// Projected distances never exceed true ones whatever the directions, so they decide speed and nothing else.
struct PrincipalAxes {
  static constexpr int group = 8;    ///< the number of axes is padded with zero axes to a multiple of this

  int n_columns = 0;             ///< columns of a point, a multiple of 4 (padded with zeros)
  int n_axes = 0;                ///< a multiple of `group`
  std::vector<double> centre;    ///< [column]
  std::vector<double> axes;      ///< [column][axis]

  /// Project a point in single precision.
  /// \param point      n_columns doubles
  /// \param projected  n_axes floats
  /// \return a bound on the Euclidean length of the rounding error of `projected`; infinity if there is none
  float project(const double *point, float *projected) const;
};

/// Principal axes of a sample of points: as many as it takes to leave a mean squared rest below `small_rest`,
/// at most 32.
/// \param points     n rows of n_columns doubles
/// \param n_columns  a multiple of 4
PrincipalAxes find_principal_axes(const std::vector<double> &points, int n_columns, double small_rest);

}    // namespace mdsieve
