// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace LAMMPS_NS {
class Comm;
class LAMMPS;
}    // namespace LAMMPS_NS

namespace mdsieve {

/// Warn where LAMMPS keeps pairs of atoms out of the neighbour lists, so that environments lack them.
/// Collective.
/// \param who  what the warning begins with, e.g. "Fix select"
void warn_of_hidden_pairs(LAMMPS_NS::LAMMPS *lmp, const std::string &who);

/// Whether `comm_modify group` leaves ghost atoms out.
bool ghosts_of_a_group_only(const LAMMPS_NS::Comm *comm);

/// Distance up to which ghost atoms of every type are there, whatever `comm_modify mode` is. Valid from
/// `setup()` on.
double least_reach_of_ghosts(LAMMPS_NS::LAMMPS *lmp);

}    // namespace mdsieve
