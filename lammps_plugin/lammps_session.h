// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "link_message.h"

#include <mpi.h>

#include <cstdint>
#include <string>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace mdsieve {

/// Remember a LAMMPS that shares its parent communicator with other programs (`-mpicolor`), so that a driver
/// there can be told when it ends, however it ends; tell the driver that it is there.
void begin_session(LAMMPS_NS::LAMMPS *lmp);

/// The communicator that LAMMPS shares with other programs, or MPI_COMM_NULL if it is alone.
MPI_Comm parent_communicator(LAMMPS_NS::LAMMPS *lmp);

/// Rank of the driver in the parent communicator, -1 as long as it is unknown.
int session_driver(MPI_Comm parent);
void set_session_driver(MPI_Comm parent, int driver);
/// The same for a fix that is about to greet it.
/// \throws LinkError if the driver that has announced itself speaks another protocol
int require_session_driver(MPI_Comm parent);

/// How long a driver may be silent when LAMMPS ends: the `lost T` of a fix.
void set_session_patience(MPI_Comm parent, double seconds);
/// The driver has been silent for too long; tolerated: with `lost warn|ignore`.
void lose_session_driver(MPI_Comm parent, bool tolerated);
bool session_driver_is_lost(MPI_Comm parent);

/// Why LAMMPS deletes a fix.
/// \param evaluated  whether it has seen a frame, so that a command came after the one that made it
Parting parting_of_fix(LAMMPS_NS::LAMMPS *lmp, const std::string &id, bool evaluated);

/// A number for a new fix, unique in this process.
std::int64_t next_channel();

}    // namespace mdsieve
