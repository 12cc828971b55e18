/* ----------------------------------------------------------------------
   fix momt: a multiorder-multithermal ensemble. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_momt.h"

#include "angle.h"
#include "atom.h"
#include "bond.h"
#include "comm.h"
#include "compute.h"
#include "dihedral.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "improper.h"
#include "kspace.h"
#include "modify.h"
#include "pair.h"
#include "update.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;
using namespace FixConst;

int FixMomt::setmask() { return POST_FORCE | POST_RUN; }

/// Forces as they would be at the end of this step; nothing is learnt twice.
void FixMomt::setup(int vflag)
{
  require_same_walkers();
  measure();
  bias();
  apply(vflag);
  energy_->addstep(update->ntimestep + 1);
}

void FixMomt::post_force(int vflag)
{
  if (atom->natoms != weight_->header.n_atoms)
    error->all(FLERR, "Fix momt: the number of atoms has changed from {} to {}: it must stay",
               weight_->header.n_atoms, atom->natoms);
  measure();
  // before the bias is taken: what a restart file of this step holds is what the forces of this step came
  // from
  if (update->ntimestep % options_.every == 0) sample();
  bias();
  apply(vflag);
  energy_->addstep(update->ntimestep + 1);
}

/// Enthalpy and order parameter, the same to the last bit on all ranks. Collective.
void FixMomt::measure()
{
  if (update->eflag_global != update->ntimestep)
    error->all(FLERR, "Fix momt: no energies in step {}: is the pair style computed?", update->ntimestep);
  const auto n = static_cast<std::size_t>(atom->nlocal);
  fractional_.resize(3 * n);
  gradient_.resize(3 * n);
  for (std::size_t i = 0; i < n; i++) domain->x2lamda(atom->x[i], &fractional_[3 * i]);

  const std::size_t n_sums = lattice_order_->n_sums();
  sums_.resize(n_sums + 1);
  lattice_order_->compute_sums(n, fractional_.data(), sums_.data());
  double &energy = sums_[n_sums];
  energy = force->pair ? force->pair->eng_vdwl + force->pair->eng_coul : 0.0;
  if (force->bond) energy += force->bond->energy;
  if (force->angle) energy += force->angle->energy;
  if (force->dihedral) energy += force->dihedral->energy;
  if (force->improper) energy += force->improper->energy;

  const int count = static_cast<int>(sums_.size());
  if (comm->me == 0)
    MPI_Reduce(MPI_IN_PLACE, sums_.data(), count, MPI_DOUBLE, MPI_SUM, 0, world);
  else
    MPI_Reduce(sums_.data(), nullptr, count, MPI_DOUBLE, MPI_SUM, 0, world);
  MPI_Bcast(sums_.data(), count, MPI_DOUBLE, 0, world);    // an Allreduce may round differently on each rank

  if (force->kspace) energy += force->kspace->energy;
  const double volume = domain->xprd * domain->yprd * domain->zprd;
  enthalpy_ = energy + options_.pressure * volume / force->nktv2p;
  order_ = lattice_order_->order(sums_.data(), static_cast<double>(weight_->header.n_atoms));
  if (!std::isfinite(enthalpy_) || !std::isfinite(order_))
    error->all(FLERR, "Fix momt: step {}: the enthalpy or the order parameter is not finite",
               update->ntimestep);
}

/// Note where this step is, and learn from it.
void FixMomt::sample()
{
  const bool by_order = options_.passages_by == mdsieve::MomtOptions::PassageBy::order;
  const double n_atoms = static_cast<double>(weight_->header.n_atoms);
  const bool passage = passages_.take(by_order ? order_ : enthalpy_ / n_atoms);
  weight_->side = passages_.side;
  const double unit = force->boltz * options_.temperature;
  std::vector<mdsieve::Walkers::Place> places{{enthalpy_, order_, passage ? 1.0 : 0.0}};
  if (walkers_) places = walkers_->exchange(places.front());
  for (const auto &place : places) {
    weight_->passages += place.passage > 0.5;
    weight_->visit(place.enthalpy, place.order);
    if (options_.learning) weight_->learn(place.enthalpy, place.order, hill(), unit);
  }
  if (options_.stretch && update->ntimestep % options_.stretch == 0) weight_->learn_from_visits(unit);
}

/// Volume of the next hill, in energy; 0 if nothing is learnt.
double FixMomt::hill() const
{
  if (!options_.learning) return 0.0;
  return force->boltz * options_.temperature *
         options_.learning->hill(weight_->samples, weight_->n_visited(), weight_->round_trips());
}

void FixMomt::bias()
{
  bias_ = weight_->grid.evaluate(enthalpy_, order_);
  const double wanted = 1.0 + bias_.d_enthalpy;
  scale_ = std::clamp(wanted, options_.bounds[0], options_.bounds[1]);
  if (scale_ == wanted) return;
  if (n_out_of_bounds_++ == 0 && comm->me == 0)
    error->warning(FLERR,
                   "Fix momt: step {}: scale {:.4g} of the forces is limited to {:.4g}: energy is not "
                   "conserved; f_{}[11] counts such steps",
                   update->ntimestep, wanted, scale_, id);
}

/// Forces and virial of U are scaled; the order parameter adds forces, but, being a function of fractional
/// coordinates, no virial. The pressure P0 V in the enthalpy counts as often as U does.
void FixMomt::apply(int vflag)
{
  lattice_order_->gradient(sums_.data(), static_cast<double>(weight_->header.n_atoms), domain->h_inv,
                           gradient_.data());
  const double scale = scale_, slope = bias_.d_order;
  double *const *const f = atom->f;
  const double *gradient = gradient_.data();
  for (int i = 0; i < atom->nlocal; i++, gradient += 3)
    for (int k = 0; k < 3; k++) f[i][k] = scale * f[i][k] - slope * gradient[k];

  v_init(vflag);
  if (!vflag_global) return;
  const double more = scale - 1.0;
  const auto add = [&](const double *part) {
    for (int k = 0; k < 6; k++) virial[k] += more * part[k];
  };
  if (force->pair) add(force->pair->virial);
  if (force->bond) add(force->bond->virial);
  if (force->angle) add(force->angle->virial);
  if (force->dihedral) add(force->dihedral->virial);
  if (force->improper) add(force->improper->virial);
  if (comm->me != 0) return;
  if (force->kspace) add(force->kspace->virial);    // the same on all ranks
  const double volume = domain->xprd * domain->yprd * domain->zprd;
  for (int k = 0; k < 3; k++) virial[k] -= more * options_.pressure * volume / force->nktv2p;
}

/* ----------------------------------------------------------------------
   outputs
------------------------------------------------------------------------- */

double FixMomt::compute_scalar() { return bias_.value; }

/// H, O, v, scale, dv/dO, hill, samples, visited bins, passages, round trips, steps out of bounds.
double FixMomt::compute_vector(int i)
{
  switch (i) {
  case 0: return enthalpy_;
  case 1: return order_;
  case 2: return bias_.value;
  case 3: return scale_;
  case 4: return bias_.d_order;
  case 5: return hill();
  case 6: return static_cast<double>(weight_->samples);
  case 7: return static_cast<double>(weight_->n_visited());
  case 8: return static_cast<double>(weight_->passages);
  case 9: return static_cast<double>(weight_->round_trips());
  default: return static_cast<double>(n_out_of_bounds_);
  }
}

double FixMomt::memory_usage()
{
  const double per_atom = 6.0 + 2.0 * static_cast<double>(lattice_order_->n_vectors());
  return sizeof(double) * (per_atom * atom->nmax + 2.0 * static_cast<double>(weight_->grid.n_bins()));
}
