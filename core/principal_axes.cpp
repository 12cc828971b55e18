// SPDX-License-Identifier: GPL-2.0-or-later
#include "principal_axes.h"

#include "vector_types.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace mdsieve {

namespace {

constexpr int n_iterations = 12;
constexpr double largest_overlap = 1e-13;    ///< of two axes, and of one with itself less 1

using Matrix = std::vector<double>;    // row major

/// \param n  a multiple of 4
__attribute__((always_inline)) inline double dot(const double *a, const double *b, std::size_t n)
{
  double4 even = {}, odd = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    even += *reinterpret_cast<const double4_anywhere *>(a + i) *
            *reinterpret_cast<const double4_anywhere *>(b + i);
    odd += *reinterpret_cast<const double4_anywhere *>(a + i + 4) *
           *reinterpret_cast<const double4_anywhere *>(b + i + 4);
  }
  for (; i < n; i += 4)
    even += *reinterpret_cast<const double4_anywhere *>(a + i) *
            *reinterpret_cast<const double4_anywhere *>(b + i);
  const double4 sum = even + odd;
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// sum += factor * a
__attribute__((always_inline)) inline void add_to(double *sum, double factor, const double *a, std::size_t n)
{
  for (std::size_t i = 0; i < n; i += 4)
    *reinterpret_cast<double4_anywhere *>(sum + i) +=
        *reinterpret_cast<const double4_anywhere *>(a + i) * factor;
}

std::vector<double> mean_of(const std::vector<double> &points, int d)
{
  std::vector<double> mean(static_cast<std::size_t>(d), 0.0);
  const std::size_t n = points.size() / static_cast<std::size_t>(d);
  for (std::size_t i = 0; i < n; ++i)
    for (int c = 0; c < d; ++c) mean[c] += points[i * d + c];
  for (double &m : mean) m /= static_cast<double>(n);
  return mean;
}

MDSIEVE_CLONES Matrix covariance_of(const std::vector<double> &points, const std::vector<double> &mean)
{
  const std::size_t d = mean.size();
  const std::size_t n = points.size() / d;
  Matrix covariance(d * d, 0.0);
  std::vector<double> x(d);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t c = 0; c < d; ++c) x[c] = points[i * d + c] - mean[c];
    for (std::size_t a = 0; a < d; ++a) add_to(&covariance[a * d], x[a], x.data(), d);
  }
  for (double &value : covariance) value /= static_cast<double>(n);
  return covariance;
}

/// Unit vectors along the columns of largest variance, [axis][column]: the start, and always a valid answer.
Matrix unit_axes(const Matrix &covariance, std::size_t d, std::size_t k)
{
  std::vector<std::size_t> order(d);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double va = covariance[a * d + a], vb = covariance[b * d + b];
    return std::isfinite(va) && std::isfinite(vb) && va > vb;
  });
  Matrix axes(k * d, 0.0);
  for (std::size_t i = 0; i < k; ++i) axes[i * d + order[i]] = 1.0;
  return axes;
}

/// Gram-Schmidt, twice. A vector that depends on those before it is replaced by its predecessor in
/// `fallback`.
MDSIEVE_CLONES bool orthonormalise(Matrix &axes, std::size_t d, std::size_t k)
{
  for (std::size_t i = 0; i < k; ++i) {
    double *a = &axes[i * d];
    const double length = std::sqrt(dot(a, a, d));
    if (!(length > 0.0) || !std::isfinite(length)) return false;
    for (std::size_t c = 0; c < d; ++c) a[c] /= length;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t j = 0; j < i; ++j) {
        const double overlap = dot(a, &axes[j * d], d);
        add_to(a, -overlap, &axes[j * d], d);
      }
      const double rest = std::sqrt(dot(a, a, d));
      if (!(rest > 1e-10)) return false;
      for (std::size_t c = 0; c < d; ++c) a[c] /= rest;
    }
  }
  return true;
}

MDSIEVE_CLONES Matrix multiply(const Matrix &covariance, const Matrix &axes, std::size_t d, std::size_t k)
{
  Matrix product(k * d);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t c = 0; c < d; ++c) product[i * d + c] = dot(&covariance[c * d], &axes[i * d], d);
  return product;
}

/// Jacobi's eigenvalue method on a small symmetric matrix; rows of `axes` are turned along.
void diagonalise(Matrix &a, std::size_t k, Matrix &axes, std::size_t d)
{
  for (int sweep = 0; sweep < 30; ++sweep) {
    double off = 0.0, diagonal = 0.0;
    for (std::size_t i = 0; i < k; ++i) {
      diagonal += a[i * k + i] * a[i * k + i];
      for (std::size_t j = 0; j < i; ++j) off += a[i * k + j] * a[i * k + j];
    }
    if (off <= 1e-20 * diagonal) return;
    for (std::size_t p = 0; p < k; ++p)
      for (std::size_t q = p + 1; q < k; ++q) {
        const double apq = a[p * k + q];
        if (apq == 0.0) continue;
        const double theta = (a[q * k + q] - a[p * k + p]) / (2.0 * apq);
        const double t = (theta >= 0.0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        for (std::size_t i = 0; i < k; ++i) {
          const double aip = a[i * k + p], aiq = a[i * k + q];
          a[i * k + p] = c * aip - s * aiq;
          a[i * k + q] = s * aip + c * aiq;
        }
        for (std::size_t i = 0; i < k; ++i) {
          const double api = a[p * k + i], aqi = a[q * k + i];
          a[p * k + i] = c * api - s * aqi;
          a[q * k + i] = s * api + c * aqi;
        }
        for (std::size_t i = 0; i < d; ++i) {
          const double vp = axes[p * d + i], vq = axes[q * d + i];
          axes[p * d + i] = c * vp - s * vq;
          axes[q * d + i] = s * vp + c * vq;
        }
      }
  }
}

bool is_orthonormal(const Matrix &axes, std::size_t d, std::size_t k)
{
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const double expected = i == j ? 1.0 : 0.0;
      if (!(std::fabs(dot(&axes[i * d], &axes[j * d], d) - expected) < largest_overlap)) return false;
    }
  return true;
}

/// Leading eigenvectors by orthogonal iteration, strongest first, [axis][column].
Matrix leading_axes(const Matrix &covariance, std::size_t d, std::size_t k)
{
  const Matrix start = unit_axes(covariance, d, k);
  Matrix axes = start;
  for (int i = 0; i < n_iterations; ++i) {
    // the small multiple of the identity keeps null directions from collapsing onto one another
    double trace = 0.0;
    for (std::size_t c = 0; c < d; ++c) trace += covariance[c * d + c];
    Matrix next = multiply(covariance, axes, d, k);
    for (std::size_t j = 0; j < next.size(); ++j) next[j] += 1e-7 * trace * axes[j];
    if (!orthonormalise(next, d, k)) break;
    axes = std::move(next);
  }
  Matrix small(k * k);
  const Matrix product = multiply(covariance, axes, d, k);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < k; ++j) small[i * k + j] = dot(&axes[i * d], &product[j * d], d);
  diagonalise(small, k, axes, d);
  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return small[a * k + a] > small[b * k + b]; });
  Matrix sorted(k * d);
  for (std::size_t i = 0; i < k; ++i) std::copy_n(&axes[order[i] * d], d, &sorted[i * d]);
  return is_orthonormal(sorted, d, k) ? sorted : start;
}

/// How many axes leave a rest below `small_rest`.
std::size_t enough_axes(const Matrix &covariance, const Matrix &axes, std::size_t d, std::size_t k,
                        double small_rest)
{
  double rest = 0.0;
  for (std::size_t c = 0; c < d; ++c) rest += covariance[c * d + c];
  const Matrix product = multiply(covariance, axes, d, k);
  for (std::size_t i = 0; i < k; ++i) {
    if (i > 0 && i % PrincipalAxes::group == 0 && rest < small_rest) return i;
    rest -= dot(&axes[i * d], &product[i * d], d);
  }
  return k;
}

/// Sums of 8 axes at a time, 4 columns interleaved. Returns the sum of the squares.
MDSIEVE_CLONES double project_point(const double *__restrict__ x, const double *__restrict__ axes,
                                    int n_columns, int n_axes, float *__restrict__ along)
{
  double4 squares = {};
  for (int g = 0; g < n_axes; g += PrincipalAxes::group) {
    double4 low[4] = {}, high[4] = {};
    for (int c = 0; c < n_columns; c += 4)
      for (int i = 0; i < 4; ++i) {
        const double *row = axes + static_cast<std::size_t>(c + i) * n_axes + g;
        low[i] += *reinterpret_cast<const double4_anywhere *>(row) * x[c + i];
        high[i] += *reinterpret_cast<const double4_anywhere *>(row + 4) * x[c + i];
      }
    const double4 sum_low = (low[0] + low[1]) + (low[2] + low[3]);
    const double4 sum_high = (high[0] + high[1]) + (high[2] + high[3]);
    squares += sum_low * sum_low + sum_high * sum_high;
    for (int i = 0; i < 4; ++i) {
      along[g + i] = static_cast<float>(sum_low[i]);
      along[g + 4 + i] = static_cast<float>(sum_high[i]);
    }
  }
  return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

/// x minus the centre; returns the squared length.
MDSIEVE_CLONES double centred(const double *point, const double *centre, int n_columns, double *x)
{
  double4 squares = {};
  for (int c = 0; c < n_columns; c += 4) {
    const double4 v = *reinterpret_cast<const double4_anywhere *>(point + c) -
                      *reinterpret_cast<const double4_anywhere *>(centre + c);
    *reinterpret_cast<double4_anywhere *>(x + c) = v;
    squares += v * v;
  }
  return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

}    // namespace

void PrincipalAxes::project(const double *point, Projection &projection) const
{
  constexpr int on_stack = 256;
  double buffer[on_stack];
  std::vector<double> heap;
  double *x = buffer;
  if (n_columns > on_stack) {
    heap.resize(static_cast<std::size_t>(n_columns));
    x = heap.data();
  }
  const double square = centred(point, centre.data(), n_columns, x);
  if (!(square < 1e36)) {    // squares would overflow: no bound, so this point is never left out
    std::fill_n(projection.along, n_axes, 0.0f);
    projection.rest = 0.0f;
    projection.error = std::numeric_limits<float>::infinity();
    return;
  }
  const double along = project_point(x, axes.data(), n_columns, n_axes, projection.along);
  projection.rest = static_cast<float>(std::sqrt(std::max(square - along, 0.0)));
  // Conversion to float errs by 2^-24 of the length, the sums in double by a few times n_columns 2^-53 an
  // axis, the squared rest by as much and by what the axes lack to be orthonormal; the last term is for
  // underflow.
  const double length = std::sqrt(square);
  const double rounding = (n_columns + 16) * 0x1p-49;
  const double error =
      length * (0x1.04p-24 + rounding + std::sqrt(2.0 * most_axes * largest_overlap + rounding));
  projection.error = static_cast<float>(error * (1.0 + 0x1p-20)) + 1e-35f;
}

PrincipalAxes find_principal_axes(const std::vector<double> &points, int n_columns, double small_rest)
{
  const auto d = static_cast<std::size_t>(n_columns);
  const std::size_t k_max = std::min<std::size_t>(d, PrincipalAxes::most_axes);
  PrincipalAxes result;
  result.n_columns = n_columns;
  result.centre = mean_of(points, n_columns);
  Matrix covariance = covariance_of(points, result.centre);
  const bool is_finite =
      std::all_of(covariance.begin(), covariance.end(), [](double v) { return std::fabs(v) < 1e200; });
  if (!is_finite) std::fill(result.centre.begin(), result.centre.end(), 0.0);
  const Matrix axes = is_finite ? leading_axes(covariance, d, k_max) : unit_axes(covariance, d, k_max);
  const std::size_t k = is_finite ? enough_axes(covariance, axes, d, k_max, small_rest) : k_max;
  result.n_axes =
      static_cast<int>((k + PrincipalAxes::group - 1) / PrincipalAxes::group * PrincipalAxes::group);
  result.axes.assign(d * static_cast<std::size_t>(result.n_axes), 0.0);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t c = 0; c < d; ++c) result.axes[c * result.n_axes + i] = axes[i * d + c];
  return result;
}

}    // namespace mdsieve
