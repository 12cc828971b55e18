// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace mdsieve {

/// One axis of a grid: n intervals of equal width.
struct BiasAxis {
  double lower = 0.0, upper = 1.0;
  int n = 1;

  double spacing() const { return (upper - lower) / n; }
  bool operator==(const BiasAxis &other) const
  { return lower == other.lower && upper == other.upper && n == other.n; }
};

/// The bias and its derivatives at one place.
struct BiasValue {
  double value = 0.0, d_enthalpy = 0.0, d_order = 0.0;
};

/// \brief The bias v(H, O): a tensor product of uniform cubic B-splines, twice continuously differentiable
/// inside its window of enthalpy, and linear in H with a slope of its own on either side.
///
/// The outermost rows of coefficients belong to the slopes: they are chosen such that the first derivatives
/// are continuous at the bounds. A kink there would spoil the conservation of energy.
class BiasGrid {
 public:
  /// \param slope_below, slope_above  dv/dH outside the window
  /// \throws InputError if an axis is empty, reversed, not finite or has too many intervals
  BiasGrid(const BiasAxis &enthalpy, const BiasAxis &order, double slope_below, double slope_above);

  const BiasAxis &enthalpy() const { return enthalpy_; }
  const BiasAxis &order() const { return order_; }

  /// Beyond the axis of the order parameter the outermost interval's polynomial goes on.
  BiasValue evaluate(double enthalpy, double order) const;

  bool is_inside(double enthalpy, double order) const;
  /// The interval in which a place inside lies, row by row of enthalpy.
  std::size_t bin(double enthalpy, double order) const;
  /// Enthalpy and order parameter in the middle of a bin.
  std::array<double, 2> centre(std::size_t bin) const;
  std::size_t n_bins() const { return static_cast<std::size_t>(enthalpy_.n) * order_.n; }

  /// Add a hill of volume `amount` (times the area of one interval) in the shape of a B-spline around a place
  /// inside.
  void deposit(double enthalpy, double order, double amount);

  /// \brief Keep v below `highest` where it has grown above: lower it by the excess everywhere, but not below
  /// 0.
  ///
  /// A constant in v means nothing, so that what is flat stays flat; but what costs more than `highest` is
  /// not filled.
  void limit(double highest);

  /// Rows of enthalpy, n + 3 coefficients along either axis.
  const std::vector<double> &coefficients() const { return coefficients_; }
  int n_rows() const { return enthalpy_.n + 3; }
  int n_columns() const { return order_.n + 3; }
  /// The outermost rows are replaced by those that fit the slopes.
  /// \throws InputError if their number is wrong or one is not finite
  void set_coefficients(std::vector<double> coefficients);

 private:
  void join_tails(int first_column, int last_column);
  double &at(int row, int column)
  { return coefficients_[static_cast<std::size_t>(row) * n_columns() + column]; }
  double at(int row, int column) const
  { return coefficients_[static_cast<std::size_t>(row) * n_columns() + column]; }

  BiasAxis enthalpy_, order_;
  double slope_below_, slope_above_;
  std::vector<double> coefficients_;
};

}    // namespace mdsieve
