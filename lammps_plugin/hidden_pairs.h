// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace mdsieve {

/// Warn where LAMMPS keeps pairs of atoms out of the neighbour lists, so that environments lack them.
/// Collective.
/// \param who  what the warning begins with, e.g. "Fix select"
void warn_of_hidden_pairs(LAMMPS_NS::LAMMPS *lmp, const std::string &who);

}    // namespace mdsieve
