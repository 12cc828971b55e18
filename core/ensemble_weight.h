// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "bias_grid.h"
#include "structure_factor.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace mdsieve {

/// What a weight is for: the same words as in the command `fix momt`.
struct WeightHeader {
  std::string units;           ///< LAMMPS' unit style
  double temperature = 0.0;    ///< T0 of the ensemble
  double pressure = 0.0;       ///< P0
  std::int64_t n_atoms = 0;
  Lattice lattice = Lattice::fcc;
  std::array<int, 3> repeats{1, 1, 1};
  BiasAxis enthalpy;    ///< per atom
  BiasAxis order;
  double coldest = 0.0;    ///< temperature that continues the weight below the window of enthalpy
  double hottest = 0.0;    ///< and above it
  double cap = 12.0;       ///< depth to which the weight is learnt, in k T0

  bool operator==(const WeightHeader &) const;
};

/// \brief How fast a weight is learnt: hills of `first` k T0 until the system has gone through both phases
/// and come back once, then, as in the 1/t form of Wang-Landau sampling, of `kappa` times visited bins over
/// samples where that is less.
struct LearningSchedule {
  double first = 0.1;
  double kappa = 1.0;

  /// \return the next hill, in k T0
  double hill(std::int64_t samples, std::int64_t visited, std::int64_t round_trips) const;
};

/// Counts the ways between two phases, told apart by one number: past `upper` after below `lower` and back.
struct Passages {
  double lower = 0.0, upper = 0.0;
  int side = 0;    ///< where it has been last: -1 low, 1 high, 0 nowhere yet

  /// \return whether the number has come from the other side
  bool take(double value);
};

/// The weight exp(-v / k T0) of an ensemble, where it has been, and how far it has been learnt.
struct EnsembleWeight {
  WeightHeader header;
  BiasGrid grid;                       ///< over the enthalpy of the cell, not per atom
  std::vector<std::int64_t> visits;    ///< samples in each bin of the grid
  std::int64_t samples = 0;            ///< places looked at, inside or not
  std::int64_t deposits = 0;           ///< hills added
  std::int64_t passages = 0;
  int side = 0;    ///< of Passages

  /// An empty weight: v = 0 inside the window.
  /// \throws InputError if the header makes no sense
  explicit EnsembleWeight(const WeightHeader &of);

  std::int64_t n_visited() const { return visited_; }
  std::int64_t round_trips() const { return passages / 2; }

  /// Count a visit; outside the window of enthalpy there is none.
  void visit(double enthalpy, double order);
  /// Learn by a hill at a place; outside the window nothing is learnt.
  /// \param amount  volume of the hill, in energy
  /// \param unit    k T0
  void learn(double enthalpy, double order, double amount, double unit);
  /// Learn from all visits since the weight was as it is, and forget them: v grows by k T0 ln(visits) in each
  /// bin, the multicanonical recursion, down to the cap.
  /// \param unit  k T0
  void learn_from_visits(double unit);
  void recount();

  /// Text that `parse_weight` reads back exactly.
  std::string text() const;

 private:
  std::int64_t visited_ = 0;
};

/// \param name  of the file, for messages
/// \throws InputError that names file and line
EnsembleWeight parse_weight(const std::string &text, const std::string &name);

}    // namespace mdsieve
