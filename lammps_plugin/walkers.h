// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mpi.h>

#include <cstdint>
#include <vector>

namespace mdsieve {

/// The partitions of one LAMMPS, as walkers that tell each other where they are.
class Walkers {
 public:
  /// Where a walker is, and whether it has just come from the other phase.
  struct Place {
    double enthalpy = 0.0, order = 0.0, passage = 0.0;
  };

  /// Collective over all walkers.
  Walkers(MPI_Comm universe, MPI_Comm world, int n_worlds);
  ~Walkers();
  Walkers(const Walkers &) = delete;
  Walkers &operator=(const Walkers &) = delete;

  /// The places of all walkers, in the same order everywhere. Collective over all walkers.
  std::vector<Place> exchange(const Place &mine) const;

  /// Whether all walkers have the same number. Collective over all walkers.
  bool agree(std::int64_t number) const;

 private:
  MPI_Comm world_, first_ranks_ = MPI_COMM_NULL;
  int n_worlds_;
};

}    // namespace mdsieve
