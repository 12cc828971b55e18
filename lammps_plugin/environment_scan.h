// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "difference_histogram.h"
#include "environment_bank.h"
#include "neighbour_search.h"
#include "symmetry_functions.h"

#include <cstdint>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}    // namespace LAMMPS_NS

namespace mdsieve {

/// Remembers for each atom ID which bank entry covered it last. Forgets when two IDs meet in one place, which
/// costs time, never correctness.
class LastEntry {
 public:
  void resize(std::size_t n_atoms);
  std::int64_t *of(std::int64_t id) { return &entries_[static_cast<std::size_t>(id) & mask_]; }
  void clear();

 private:
  std::vector<std::int64_t> entries_{-1};
  std::size_t mask_ = 0;
};

/// What the atoms of this rank look like at one step.
struct EnvironmentScan {
  std::vector<std::int64_t> id;    ///< candidates: atoms not certainly known
  std::vector<std::int64_t> element;
  std::vector<double> fingerprints;    ///< unscaled, one after the other
  double known_novelty = 0.0;          ///< largest novelty of the other atoms
  std::int64_t known_id = 0;
  std::vector<std::int32_t> counts;    ///< of the histogram's bins; empty if there is none
  FrameExtents extents;                ///< of all atoms; without columns as long as there is no bank
  std::string error;                   ///< not empty: an environment that has no fingerprint, and why
};

/// Computes fingerprints of the owned atoms of a group and compares them with this rank's bank.
///
/// Neighbours are searched among owned and ghost atoms here: LAMMPS' neighbour lists lack the pairs that
/// `special_bonds`, `neigh_modify include` and `exclude`, or `neighbor multi` keep out of them.
class EnvironmentScanner {
 public:
  /// \param type_element  element index of each atom type (from 1), -1 for types that are not looked at
  EnvironmentScanner(SymmetryFunctions functions, std::vector<int> type_element);

  const SymmetryFunctions &functions() const { return functions_; }

  /// \param bank   this rank's copy, or nullptr while there is none: then every atom is a candidate
  /// \param histogram  what to count, or nullptr
  /// \param level  atoms with a novelty up to this are certainly of no interest to the rule; below 0: all are
  /// \param novelty  nullptr, or where to write the novelty of each owned atom (0 outside the group)
  EnvironmentScan scan(LAMMPS_NS::LAMMPS *lmp, int groupbit, const EnvironmentBank *bank,
                       const DifferenceHistogram *histogram, double level, double *novelty);

  /// The bank was replaced: entries have other numbers now.
  void forget_entries() { last_entry_.clear(); }

  double memory_bytes() const;

 private:
  SymmetryFunctions functions_;
  std::vector<int> type_element_;
  std::vector<std::size_t> first_column_;    // of each element
  SymmetryFunctions::Workspace workspace_;
  LastEntry last_entry_;
  NeighbourSearch search_;
  std::vector<char> takes_part_;    // each owned and ghost atom, as a neighbour
  std::vector<double> dx_, dy_, dz_;
  std::vector<int> element_;

  void place_atoms(LAMMPS_NS::LAMMPS *lmp);
  std::size_t gather_neighbours(LAMMPS_NS::LAMMPS *lmp, int i);
  std::string nearest_to(LAMMPS_NS::LAMMPS *lmp, int i) const;
};

}    // namespace mdsieve
