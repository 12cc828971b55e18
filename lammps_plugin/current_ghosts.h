// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace mdsieve {

/// While it lives, ghost atoms lie where box and owned atoms are now; afterwards where they were.
///
/// Fixes such as `deform` change the box at the end of a step, when ghost atoms have been placed by the box
/// before: an environment would then depend on which of its atoms are ghosts. Collective.
class CurrentGhosts {
 public:
  explicit CurrentGhosts(LAMMPS_NS::LAMMPS *lmp);
  ~CurrentGhosts();
  CurrentGhosts(const CurrentGhosts &) = delete;
  CurrentGhosts &operator=(const CurrentGhosts &) = delete;

 private:
  LAMMPS_NS::LAMMPS *lmp_;
  std::vector<double> x_, v_;    // of the ghosts, 3 each, as they were
};

}    // namespace mdsieve
