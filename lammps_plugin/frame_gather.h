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

/// What all ranks found together.
struct ScanSummary {
  std::int64_t n_atoms = 0;
  std::int64_t n_candidates = 0;
  double known_novelty = 0.0;       ///< largest of the atoms that are certainly known
  std::int64_t known_id = 0;        ///< its atom ID, the smallest if several share it
  std::int64_t failed_rank = -1;    ///< first rank whose scan failed
};

/// One reduction; the same everywhere. LAMMPS' own number of atoms is out of date where atoms are lost.
/// Collective.
ScanSummary summarise(MPI_Comm world, const EnvironmentScan &scan, int nlocal);

/// Histograms of all ranks added up on the first rank; elsewhere what they were. Collective.
void add_histograms(MPI_Comm world, std::vector<std::int32_t> &counts);

/// Extents of all ranks together on the first rank; elsewhere what they were. Collective.
void merge_extents(MPI_Comm world, FrameExtents &extents);

/// Candidates of all ranks on the first rank, by ascending atom ID; empty elsewhere. Collective.
FrameReport::Candidates gather_candidates(MPI_Comm world, const EnvironmentScan &scan,
                                          const std::vector<int> &n_features);

/// All atoms on the first rank, by ascending atom ID; empty elsewhere. Collective.
FrameReport::Atoms gather_atoms(LAMMPS_NS::LAMMPS *lmp, const std::vector<int> &type_element, bool velocities,
                                bool forces);

/// Send words or text from one rank to all. Collective.
void broadcast(MPI_Comm world, std::vector<std::int64_t> &words, int from = 0);
void broadcast(MPI_Comm world, std::string &text, int from = 0);

}    // namespace mdsieve
