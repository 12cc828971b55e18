// SPDX-License-Identifier: GPL-2.0-or-later
#include "bias_grid.h"

#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mdsieve {

namespace {

constexpr int most_intervals = 10000;
constexpr std::size_t most_bins = 4000000;    // every rank has them all

/// The four B-splines that are not zero in an interval, and their derivatives by the place in it.
struct Splines {
  int first;    // coefficient of the first of them
  double value[4], derivative[4];
};

int interval_of(const BiasAxis &axis, double x)
{
  const double u = std::floor((x - axis.lower) / axis.spacing());
  return static_cast<int>(std::clamp(u, 0.0, static_cast<double>(axis.n - 1)));
}

Splines splines_at(const BiasAxis &axis, double x)
{
  Splines s{};
  s.first = interval_of(axis, x);
  const double t = (x - axis.lower) / axis.spacing() - s.first, r = 1.0 - t;
  const double per_unit = 1.0 / axis.spacing();
  s.value[0] = r * r * r / 6.0;
  s.value[1] = (3.0 * t * t * (t - 2.0) + 4.0) / 6.0;
  s.value[2] = (3.0 * r * r * (r - 2.0) + 4.0) / 6.0;
  s.value[3] = t * t * t / 6.0;
  s.derivative[0] = -0.5 * r * r * per_unit;
  s.derivative[1] = (1.5 * t - 2.0) * t * per_unit;
  s.derivative[2] = -(1.5 * r - 2.0) * r * per_unit;
  s.derivative[3] = 0.5 * t * t * per_unit;
  return s;
}

void require_axis(const BiasAxis &axis, const std::string &name)
{
  if (!std::isfinite(axis.lower) || !std::isfinite(axis.upper) || !(axis.lower < axis.upper))
    throw InputError(name + ": the window is empty: expected a lower bound below the upper one");
  if (axis.n < 4 || axis.n > most_intervals)
    throw InputError(name + ": " + std::to_string(axis.n) + " intervals: expected 4 to " +
                     std::to_string(most_intervals));
  if (!(axis.spacing() > 0.0) || !std::isfinite(1.0 / axis.spacing()))
    throw InputError(name + ": the intervals are too narrow");
}

}    // namespace

BiasGrid::BiasGrid(const BiasAxis &enthalpy, const BiasAxis &order, double slope_below, double slope_above)
    : enthalpy_(enthalpy), order_(order), slope_below_(slope_below), slope_above_(slope_above)
{
  require_axis(enthalpy, "enthalpy");
  require_axis(order, "order");
  if (n_bins() > most_bins)
    throw InputError(std::to_string(n_bins()) + " bins of enthalpy and order: expected at most " +
                     std::to_string(most_bins));
  coefficients_.assign(static_cast<std::size_t>(n_rows()) * n_columns(), 0.0);
  join_tails(0, n_columns());
}

BiasValue BiasGrid::evaluate(double enthalpy, double order) const
{
  const double inside = std::clamp(enthalpy, enthalpy_.lower, enthalpy_.upper);
  const Splines row = splines_at(enthalpy_, inside), column = splines_at(order_, order);
  BiasValue v;
  for (int a = 0; a < 4; ++a) {
    double along = 0.0, derivative = 0.0;
    for (int b = 0; b < 4; ++b) {
      const double c = at(row.first + a, column.first + b);
      along += c * column.value[b];
      derivative += c * column.derivative[b];
    }
    v.value += row.value[a] * along;
    v.d_enthalpy += row.derivative[a] * along;
    v.d_order += row.value[a] * derivative;
  }
  if (enthalpy != inside) {
    v.d_enthalpy = enthalpy < inside ? slope_below_ : slope_above_;
    v.value += v.d_enthalpy * (enthalpy - inside);
  }
  return v;
}

bool BiasGrid::is_inside(double enthalpy, double order) const
{
  return enthalpy >= enthalpy_.lower && enthalpy <= enthalpy_.upper && order >= order_.lower &&
         order <= order_.upper;
}

std::size_t BiasGrid::bin(double enthalpy, double order) const
{ return static_cast<std::size_t>(interval_of(enthalpy_, enthalpy)) * order_.n + interval_of(order_, order); }

std::array<double, 2> BiasGrid::centre(std::size_t bin) const
{
  const auto columns = static_cast<std::size_t>(order_.n);
  const std::size_t row = bin / columns;
  return {enthalpy_.lower + (static_cast<double>(row) + 0.5) * enthalpy_.spacing(),
          order_.lower + (static_cast<double>(bin - row * columns) + 0.5) * order_.spacing()};
}

void BiasGrid::deposit(double enthalpy, double order, double amount)
{
  const Splines row = splines_at(enthalpy_, enthalpy), column = splines_at(order_, order);
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < 4; ++b)
      at(row.first + a, column.first + b) += amount * row.value[a] * column.value[b];
  join_tails(column.first, column.first + 4);
}

void BiasGrid::limit(double highest)
{
  const auto first = coefficients_.begin() + n_columns(), last = coefficients_.end() - n_columns();
  const double excess = *std::max_element(first, last) - highest;
  if (excess <= 0.0) return;
  for (auto c = first; c != last; ++c) *c = std::max(*c - excess, std::min(*c, 0.0));
  join_tails(0, n_columns());
}

void BiasGrid::set_coefficients(std::vector<double> coefficients)
{
  if (coefficients.size() != coefficients_.size())
    throw InputError(std::to_string(coefficients.size()) + " coefficients: expected " +
                     std::to_string(coefficients_.size()));
  for (const double c : coefficients)
    if (!std::isfinite(c)) throw InputError("a coefficient is not finite");
  coefficients_ = std::move(coefficients);
  join_tails(0, n_columns());
}

/// dv/dH at a bound is the difference of the rows on either side of it over twice the spacing.
void BiasGrid::join_tails(int first_column, int last_column)
{
  const double twice = 2.0 * enthalpy_.spacing();
  const int last = n_rows() - 1;
  for (int b = first_column; b < last_column; ++b) {
    at(0, b) = at(2, b) - twice * slope_below_;
    at(last, b) = at(last - 2, b) + twice * slope_above_;
  }
}

}    // namespace mdsieve
