// SPDX-License-Identifier: GPL-2.0-or-later

#include "current_ghosts.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "lammps.h"

#include <algorithm>

namespace mdsieve {

CurrentGhosts::CurrentGhosts(LAMMPS_NS::LAMMPS *lmp) : lmp_(lmp)
{
  if (!lmp->domain->box_change) return;
  const auto *const atom = lmp->atom;
  if (atom->nghost > 0) {
    const double *const x = atom->x[atom->nlocal];
    x_.assign(x, x + 3 * static_cast<std::size_t>(atom->nghost));
    const double *const v = atom->v[atom->nlocal];
    if (lmp->comm->ghost_velocity) v_.assign(v, v + 3 * static_cast<std::size_t>(atom->nghost));
  }
  lmp->comm->forward_comm();
}

CurrentGhosts::~CurrentGhosts()
{
  const auto *const atom = lmp_->atom;
  if (!x_.empty()) std::copy(x_.begin(), x_.end(), atom->x[atom->nlocal]);
  if (!v_.empty()) std::copy(v_.begin(), v_.end(), atom->v[atom->nlocal]);
}

}    // namespace mdsieve
