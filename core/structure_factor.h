// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mdsieve {

enum class Lattice { sc, bcc, fcc };

/// \throws InputError unless the word is one of sc, bcc, fcc
Lattice lattice_of(const std::string &word);
std::string name_of(Lattice lattice);

/// \brief Order parameter O = sum over g of |S_g|^2 / (N_g N), S_g = sum over atoms of exp(i g r): N for the
/// perfect crystal, about 1 for a liquid.
///
/// The vectors g are the shortest reciprocal vectors of a lattice of which the cell holds m1 x m2 x m3
/// conventional cells, one of each pair g and -g: integer multiples of the cell's own reciprocal vectors, so
/// that they follow the cell. O then depends on fractional coordinates only: its derivative by strain is
/// zero, and it adds no virial.
///
/// Atoms may be spread over processes: each adds up its own (`add_sums`), the sums are added, and each
/// computes the derivatives of its own.
class LatticeOrder {
 public:
  /// \param repeats  conventional cells along each cell vector
  /// \throws InputError if one of them is below 1 or far too large
  LatticeOrder(Lattice lattice, const std::array<int, 3> &repeats);

  Lattice lattice() const { return lattice_; }
  const std::array<int, 3> &repeats() const { return repeats_; }
  /// Atoms of the perfect crystal that fills the cell.
  long long n_sites() const;

  std::size_t n_vectors() const { return signs_.size(); }
  /// Real and imaginary parts of the structure factors.
  std::size_t n_sums() const { return 2 * signs_.size(); }

  /// Set the sums to those over some atoms, and remember the atoms' phases for `gradient`.
  /// \param fractional  three coordinates an atom
  void compute_sums(std::size_t n_atoms, const double *fractional, double *sums);

  /// \param n_atoms  all atoms, those of other processes included
  double order(const double *sums, double n_atoms) const;

  /// dO/dr of the atoms given to `compute_sums` last, three numbers an atom.
  /// \param sums  over all atoms
  /// \param inverse_cell  of the upper triangular cell matrix: xx yy zz yz xz xy
  void gradient(const double *sums, double n_atoms, const double *inverse_cell, double *gradient) const;

 private:
  Lattice lattice_;
  std::array<int, 3> repeats_;
  std::vector<std::array<int, 3>>
      signs_;                     // g = 2 pi sum over k of signs[k] repeats[k] times reciprocal vector k
  std::vector<double> phases_;    // cos and sin of g r, vector after vector of each atom
};

}    // namespace mdsieve
