// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mpi.h>

#include <cstdint>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace mdsieve {

/// Remember a LAMMPS that shares its parent communicator with other programs (`-mpicolor`), so that a driver
/// there can be told when it ends, however it ends.
void begin_session(LAMMPS_NS::LAMMPS *lmp);

/// The communicator that LAMMPS shares with other programs, or MPI_COMM_NULL if it is alone.
MPI_Comm parent_communicator(LAMMPS_NS::LAMMPS *lmp);

/// Rank of the driver in the parent communicator, -1 as long as it is unknown.
int session_driver(MPI_Comm parent);
void set_session_driver(MPI_Comm parent, int driver);

/// A number for a new fix, unique in this process.
std::int64_t next_channel();

}    // namespace mdsieve
