// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "decider.h"
#include "environment_scan.h"

#include <mpi.h>

#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace mdsieve {

/// Candidates of all ranks on the first rank, by ascending atom ID; empty elsewhere. Collective.
FrameReport::Candidates gather_candidates(MPI_Comm world, const EnvironmentScan &scan,
                                          const std::vector<int> &n_features);

/// Largest known novelty of all ranks, everywhere. Collective.
void largest_known(MPI_Comm world, const EnvironmentScan &scan, double &novelty, std::int64_t &id);

/// All atoms on the first rank, by ascending atom ID; empty elsewhere. Collective.
FrameReport::Atoms gather_atoms(LAMMPS_NS::LAMMPS *lmp, const std::vector<int> &type_element, bool velocities,
                                bool forces);

/// Send words or text from one rank to all. Collective.
void broadcast(MPI_Comm world, std::vector<std::int64_t> &words, int from = 0);
void broadcast(MPI_Comm world, std::string &text, int from = 0);

}    // namespace mdsieve
