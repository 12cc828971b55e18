// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace mdsieve {

/// Version and update of the running LAMMPS as `lmp -h` prints them, e.g. "22 Jul 2025 - Update 4". Read
/// without the layout of any of its classes, which changes between updates.
/// \param lmp  the LAMMPS instance
std::string running_lammps(void *lmp);

/// Why the plugin must not be used in the running LAMMPS: one line, empty if it was compiled for it.
std::string difference_from_lammps(void *lmp);

}    // namespace mdsieve
