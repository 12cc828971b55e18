// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ensemble_weight.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace mdsieve {

/// The words of `fix ID all momt T0 P0 lattice m1 m2 m3 ...`.
struct MomtOptions {
  double temperature = 0.0, pressure = 0.0;
  Lattice lattice = Lattice::fcc;
  std::array<int, 3> repeats{1, 1, 1};

  std::string weight_file;    ///< weight to begin with; empty: an empty one on the window that follows
  std::optional<BiasAxis> enthalpy;    ///< per atom
  std::optional<BiasAxis> order;
  std::optional<std::array<double, 2>> tails;
  std::optional<double> cap;

  int every = 20;                              ///< steps between samples
  std::optional<LearningSchedule> learning;    ///< by hills
  int stretch = 0;                             ///< steps between lessons from the histogram, 0: none
  std::string state_file;                      ///< written at the end of each run
  bool walkers = false;                        ///< the partitions of this LAMMPS share one weight
  std::array<double, 2> bounds{-2.0, 5.0};     ///< of the scale of the forces
  enum class PassageBy { order, enthalpy } passages_by = PassageBy::order;
  std::optional<std::array<double, 2>> passages;
};

/// \throws InputError with one line that names the word and says what was expected
MomtOptions parse_momt_options(const std::vector<std::string> &given);

/// What an empty weight of these options is for.
WeightHeader weight_header(const MomtOptions &options, const std::string &units, std::int64_t n_atoms);

}    // namespace mdsieve
