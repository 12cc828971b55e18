// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "structure_factor.h"

#include <cmath>
#include <random>

using namespace mdsieve;

namespace {

/// Upper triangular cell matrix and its inverse: xx yy zz yz xz xy.
constexpr double cell[6] = {7.1, 7.4, 6.9, 0.5, -0.8, 1.1};

std::vector<double> inverse()
{
  const double *h = cell;
  return {1 / h[0],
          1 / h[1],
          1 / h[2],
          -h[3] / (h[1] * h[2]),
          (h[3] * h[5] - h[1] * h[4]) / (h[0] * h[1] * h[2]),
          -h[5] / (h[0] * h[1])};
}

std::vector<double> fractional(const std::vector<double> &x)
{
  const std::vector<double> inv = inverse();
  std::vector<double> s(x.size());
  for (std::size_t i = 0; i < x.size(); i += 3) {
    s[i] = inv[0] * x[i] + inv[5] * x[i + 1] + inv[4] * x[i + 2];
    s[i + 1] = inv[1] * x[i + 1] + inv[3] * x[i + 2];
    s[i + 2] = inv[2] * x[i + 2];
  }
  return s;
}

double n_atoms(const std::vector<double> &coordinates)
{
  const std::size_t n = coordinates.size() / 3;
  return static_cast<double>(n);
}

double order(LatticeOrder &lattice, const std::vector<double> &s)
{
  std::vector<double> sums(lattice.n_sums());
  lattice.compute_sums(s.size() / 3, s.data(), sums.data());
  return lattice.order(sums.data(), n_atoms(s));
}

std::vector<double> crystal(Lattice lattice, const std::array<int, 3> &m, double shift = 0.0)
{
  std::vector<std::array<double, 3>> basis{{0, 0, 0}};
  if (lattice == Lattice::fcc) basis.insert(basis.end(), {{0, .5, .5}, {.5, 0, .5}, {.5, .5, 0}});
  if (lattice == Lattice::bcc) basis.push_back({.5, .5, .5});
  std::vector<double> s;
  for (int i = 0; i < m[0]; ++i)
    for (int j = 0; j < m[1]; ++j)
      for (int k = 0; k < m[2]; ++k)
        for (const auto &b : basis)
          s.insert(s.end(), {(i + b[0]) / m[0] + shift, (j + b[1]) / m[1] - shift, (k + b[2]) / m[2]});
  return s;
}

std::vector<double> random_numbers(std::size_t n)
{
  std::mt19937 random(9);
  std::uniform_real_distribution<double> place(-1.0, 8.0);
  std::vector<double> x(n);
  for (double &value : x) value = place(random);
  return x;
}

}    // namespace

TEST(a_perfect_crystal_has_the_number_of_its_atoms)
{
  for (const Lattice lattice : {Lattice::fcc, Lattice::bcc, Lattice::sc})
    for (const std::array<int, 3> m : {std::array<int, 3>{2, 2, 2}, {3, 3, 3}, {1, 4, 2}}) {
      LatticeOrder parameter(lattice, m);
      const auto s = crystal(lattice, m);
      const double n = n_atoms(s);
      CHECK(parameter.n_sites() == static_cast<long long>(s.size() / 3));
      CHECK_CLOSE(order(parameter, s), n, 1e-12, 0.0);
      CHECK_CLOSE(order(parameter, crystal(lattice, m, 0.123)), n, 1e-12, 0.0);    // wherever it is
    }
  // seen from another lattice there is none of the order
  LatticeOrder fcc(Lattice::fcc, {2, 2, 2});
  CHECK_CLOSE(order(fcc, crystal(Lattice::bcc, {2, 2, 2})), 0.0, 0.0, 1e-12);
}

TEST(it_is_the_definition)
{
  const auto x = random_numbers(60);
  const auto s = fractional(x);
  const int n[4][3] = {{2, 3, 4}, {-2, 3, 4}, {2, -3, 4}, {2, 3, -4}};
  double squares = 0.0;
  for (const auto &vector : n) {
    double real = 0.0, imaginary = 0.0;
    for (std::size_t i = 0; i < s.size(); i += 3) {
      const double angle = 2 * M_PI * (vector[0] * s[i] + vector[1] * s[i + 1] + vector[2] * s[i + 2]);
      real += std::cos(angle);
      imaginary += std::sin(angle);
    }
    squares += real * real + imaginary * imaginary;
  }
  LatticeOrder parameter(Lattice::fcc, {2, 3, 4});
  CHECK_CLOSE(order(parameter, s), squares / (4 * 20), 1e-12, 0.0);
}

TEST(angles_are_exact_to_rounding_wherever_the_atom_is)
{
  LatticeOrder parameter(Lattice::sc, {1, 1, 1});
  for (int i = -4000; i <= 4000; ++i) {
    const double s[] = {i / 800.0, i / 777.7, 0.125 * i};
    double sums[6];
    parameter.compute_sums(1, s, sums);
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t at = 2 * k;
      const long double angle = 2.0L * 3.14159265358979323846264338327950288L * s[k];
      CHECK_CLOSE(sums[at], static_cast<double>(std::cos(angle)), 0.0, 4e-16);
      CHECK_CLOSE(sums[at + 1], static_cast<double>(std::sin(angle)), 0.0, 4e-16);
    }
  }
}

TEST(the_gradient_is_that_of_finite_differences_in_a_skewed_cell)
{
  auto x = random_numbers(36);
  for (const Lattice lattice : {Lattice::fcc, Lattice::bcc, Lattice::sc}) {
    LatticeOrder parameter(lattice, {2, 1, 3});
    std::vector<double> sums(parameter.n_sums()), gradient(x.size());
    const auto s = fractional(x);
    parameter.compute_sums(12, s.data(), sums.data());
    parameter.gradient(sums.data(), 12, inverse().data(), gradient.data());
    double total[3] = {0, 0, 0};
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double h = 1e-5, before = x[i];
      x[i] = before + h;
      const double up = order(parameter, fractional(x));
      x[i] = before - h;
      const double down = order(parameter, fractional(x));
      x[i] = before;
      CHECK_CLOSE(gradient[i], (up - down) / (2 * h), 1e-8, 1e-8);
      total[i % 3] += gradient[i];
    }
    for (const double force : total) CHECK_CLOSE(force, 0.0, 0.0, 1e-13);
  }
}

TEST(parts_add_up)
{
  const auto s = random_numbers(30);
  LatticeOrder all(Lattice::bcc, {2, 2, 2}), part(Lattice::bcc, {2, 2, 2});
  std::vector<double> whole(all.n_sums()), first(all.n_sums()), second(all.n_sums());
  std::vector<double> gradient(30), of_part(18);
  all.compute_sums(10, s.data(), whole.data());
  part.compute_sums(4, s.data(), first.data());
  part.compute_sums(6, s.data() + 12, second.data());
  for (std::size_t k = 0; k < whole.size(); ++k) CHECK_CLOSE(first[k] + second[k], whole[k], 0.0, 1e-13);
  all.gradient(whole.data(), 10, inverse().data(), gradient.data());
  part.gradient(whole.data(), 10, inverse().data(), of_part.data());
  for (std::size_t i = 0; i < 18; ++i) CHECK(of_part[i] == gradient[12 + i]);
}

TEST(what_makes_no_sense_is_refused)
{
  CHECK_THROWS(LatticeOrder(Lattice::fcc, {2, 0, 2}), "expected 1 to 1000, found 0");
  CHECK_THROWS(LatticeOrder(Lattice::fcc, {2, 2, 1001}), "found 1001");
  CHECK_THROWS(lattice_of("hcp"), "lattice 'hcp': expected bcc, fcc or sc");
}

TEST_MAIN
