// SPDX-License-Identifier: GPL-2.0-or-later
#include "structure_factor.h"

#include "input_error.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mdsieve {

namespace {

constexpr double two_pi = 6.283185307179586476925287;
constexpr int most_repeats = 1000;

std::vector<std::array<int, 3>> shortest_vectors(Lattice lattice)
{
  switch (lattice) {
  case Lattice::sc: return {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  case Lattice::bcc: return {{1, 1, 0}, {1, -1, 0}, {1, 0, 1}, {1, 0, -1}, {0, 1, 1}, {0, 1, -1}};
  case Lattice::fcc: break;
  }
  return {{1, 1, 1}, {-1, 1, 1}, {1, -1, 1}, {1, 1, -1}};
}

/// (-1)^(n/2) / n! for n = highest, highest - 2, ...: the terms of a Taylor series, the highest power first.
template <std::size_t N> constexpr std::array<double, N> taylor_terms(int highest)
{
  std::array<double, N> terms{};
  for (std::size_t i = 0; i < N; ++i) {
    const int n = highest - 2 * static_cast<int>(i);
    double factorial = 1.0;
    for (int k = 2; k <= n; ++k) factorial *= k;
    terms[i] = (n / 2 % 2 ? -1.0 : 1.0) / factorial;
  }
  return terms;
}
constexpr auto sine_terms = taylor_terms<8>(15);
constexpr auto cosine_terms = taylor_terms<9>(16);

/// Cosine and sine of x turns: by Taylor series in the nearest eighth of a turn, whose last term is below
/// rounding. Quicker than the library's, which also take angles that are not turns.
void of_turns(double x, double &cosine, double &sine)
{
  constexpr double to_integer = 6755399441055744.0;    // 1.5 * 2^52: the sum has no digits below 1
  const double shifted = 4.0 * x + to_integer;
  const double y = 0.25 * two_pi * (4.0 * x - (shifted - to_integer)), z = y * y;
  std::uint64_t quarter;
  std::memcpy(&quarter, &shifted, sizeof quarter);

  double s = sine_terms[0], c = cosine_terms[0];
  for (std::size_t n = 1; n < sine_terms.size(); ++n) s = s * z + sine_terms[n];
  for (std::size_t n = 1; n < cosine_terms.size(); ++n) c = c * z + cosine_terms[n];
  s *= y;
  const bool odd = quarter & 1u;
  cosine = odd ? s : c;
  sine = odd ? c : s;
  if ((quarter + 1) & 2u) cosine = -cosine;
  if (quarter & 2u) sine = -sine;
}

}    // namespace

Lattice lattice_of(const std::string &word)
{
  for (const Lattice lattice : {Lattice::sc, Lattice::bcc, Lattice::fcc})
    if (word == name_of(lattice)) return lattice;
  throw InputError("lattice " + shown(word) + ": expected bcc, fcc or sc");
}

std::string name_of(Lattice lattice)
{
  switch (lattice) {
  case Lattice::sc: return "sc";
  case Lattice::bcc: return "bcc";
  case Lattice::fcc: break;
  }
  return "fcc";
}

LatticeOrder::LatticeOrder(Lattice lattice, const std::array<int, 3> &repeats)
    : lattice_(lattice), repeats_(repeats), signs_(shortest_vectors(lattice))
{
  for (const int m : repeats)
    if (m < 1 || m > most_repeats)
      throw InputError("conventional cells along a cell vector: expected 1 to " +
                       std::to_string(most_repeats) + ", found " + std::to_string(m));
}

long long LatticeOrder::n_sites() const
{
  const long long cells = static_cast<long long>(repeats_[0]) * repeats_[1] * repeats_[2];
  return cells * (lattice_ == Lattice::fcc ? 4 : lattice_ == Lattice::bcc ? 2 : 1);
}

void LatticeOrder::compute_sums(std::size_t n_atoms, const double *fractional, double *sums)
{
  std::fill(sums, sums + n_sums(), 0.0);
  phases_.resize(n_atoms * n_sums());
  double *phase = phases_.data();
  for (std::size_t i = 0; i < n_atoms; ++i, fractional += 3) {
    // along each cell vector: backwards, not at all, forwards
    double real[3][3], imaginary[3][3];
    for (int k = 0; k < 3; ++k) {
      double cosine, sine;
      of_turns(repeats_[k] * fractional[k], cosine, sine);
      real[k][0] = real[k][2] = cosine;
      imaginary[k][0] = -sine;
      imaginary[k][2] = sine;
      real[k][1] = 1.0;
      imaginary[k][1] = 0.0;
    }
    double *sum = sums;
    for (const auto &[a, b, c] : signs_) {
      const double xr = real[0][a + 1], xi = imaginary[0][a + 1];
      const double yr = real[1][b + 1], yi = imaginary[1][b + 1];
      const double zr = real[2][c + 1], zi = imaginary[2][c + 1];
      const double xyr = xr * yr - xi * yi, xyi = xr * yi + xi * yr;
      phase[0] = xyr * zr - xyi * zi;
      phase[1] = xyr * zi + xyi * zr;
      *sum++ += phase[0];
      *sum++ += phase[1];
      phase += 2;
    }
  }
}

double LatticeOrder::order(const double *sums, double n_atoms) const
{
  double squares = 0.0;
  for (std::size_t k = 0; k < n_sums(); ++k) squares += sums[k] * sums[k];
  return squares / (static_cast<double>(n_vectors()) * n_atoms);
}

void LatticeOrder::gradient(const double *sums, double n_atoms, const double *inverse_cell,
                            double *gradient) const
{
  const double factor = 2.0 * two_pi / (static_cast<double>(n_vectors()) * n_atoms);
  const std::size_t n = phases_.size() / n_sums();
  const double *phase = phases_.data();
  for (std::size_t i = 0; i < n; ++i, gradient += 3) {
    double by_fractional[3] = {0.0, 0.0, 0.0};
    const double *sum = sums;
    for (const auto &signs : signs_) {
      const double slope = sum[1] * phase[0] - sum[0] * phase[1];
      for (int k = 0; k < 3; ++k) by_fractional[k] += signs[k] * repeats_[k] * slope;
      phase += 2;
      sum += 2;
    }
    const double a = factor * by_fractional[0], b = factor * by_fractional[1], c = factor * by_fractional[2];
    gradient[0] = inverse_cell[0] * a;
    gradient[1] = inverse_cell[5] * a + inverse_cell[1] * b;
    gradient[2] = inverse_cell[4] * a + inverse_cell[3] * b + inverse_cell[2] * c;
  }
}

}    // namespace mdsieve
