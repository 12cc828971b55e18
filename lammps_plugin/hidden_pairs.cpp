// SPDX-License-Identifier: GPL-2.0-or-later

#include "hidden_pairs.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "lammps.h"
#include "neighbor.h"

#include <algorithm>
#include <cmath>

namespace mdsieve {

void warn_of_hidden_pairs(LAMMPS_NS::LAMMPS *lmp, const std::string &who)
{
  using LAMMPS_NS::Atom;
  const Atom *const atom = lmp->atom;
  const auto *const neighbor = lmp->neighbor;
  // pairs of 1-2, 1-3 or 1-4 neighbours that never enter a neighbour list
  int mine = atom->molecular == Atom::TEMPLATE && neighbor->special_flag[1] == 0;
  for (int i = 0; atom->molecular == Atom::MOLECULAR && i < atom->nlocal; i++) {
    int nearer = 0;
    for (int k = 1; k <= 3; k++) {
      if (neighbor->special_flag[k] == 0 && atom->nspecial[i][k - 1] > nearer) mine = 1;
      nearer = atom->nspecial[i][k - 1];
    }
  }
  int special;
  MPI_Allreduce(&mine, &special, 1, MPI_INT, MPI_MAX, lmp->world);
  if (lmp->comm->me != 0) return;
  if (special)
    lmp->error->warning(FLERR,
                        "{}: special_bonds with factor 0 hides bonded neighbours from the fingerprints; use "
                        "a tiny factor such as 1e-50 instead",
                        who);
  if (neighbor->exclude)
    lmp->error->warning(FLERR, "{}: neigh_modify exclude hides pairs of atoms from the fingerprints", who);
}

namespace {

/// Settings that LAMMPS shares with its communication styles alone.
struct CommSettings : LAMMPS_NS::Comm {
  static int group(const LAMMPS_NS::Comm *comm) { return comm->*(&CommSettings::bordergroup); }
  static int is_reduced(const LAMMPS_NS::Comm *comm) { return comm->*(&CommSettings::multi_reduce); }
};

}    // namespace

bool ghosts_of_a_group_only(const LAMMPS_NS::Comm *comm) { return CommSettings::group(comm) != 0; }

double least_reach_of_ghosts(LAMMPS_NS::LAMMPS *lmp)
{
  using LAMMPS_NS::Comm;
  auto *const comm = lmp->comm;
  const auto *const neighbor = lmp->neighbor;
  if (comm->mode == Comm::SINGLE) return comm->get_comm_cutoff();
  double least = INFINITY;
  if (comm->mode == Comm::MULTIOLD) {
    for (int type = 1; type <= lmp->atom->ntypes; type++) {
      const double user = comm->cutusermultiold ? comm->cutusermultiold[type] : 0.0;
      least = std::min(least, std::max(user, neighbor->cuttype[type]));
    }
    return least;
  }
  const double *const *const cut_squared = neighbor->cutcollectionsq;
  for (int i = 0; i < neighbor->ncollections; i++) {
    double reach = comm->cutusermulti ? comm->cutusermulti[i] : 0.0;
    for (int j = 0; j < neighbor->ncollections; j++) {
      if (CommSettings::is_reduced(comm) && cut_squared[j][j] > cut_squared[i][i]) continue;
      reach = std::max(reach, std::sqrt(cut_squared[i][j]));
    }
    least = std::min(least, reach);
  }
  return least;
}

}    // namespace mdsieve
