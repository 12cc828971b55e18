/* ----------------------------------------------------------------------
   pair_style bpnnp: Behler-Parrinello networks, one or a committee. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "pair_bpnnp.h"

#include "input_error.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "neigh_list.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

void PairBpnnp::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  spread_.resize(std::max(spread_.size(), static_cast<std::size_t>(atom->nmax)));
  std::fill(total_energies_.begin(), total_energies_.end(), 0.0);
  largest_spread_ = 0.0;
  n_outside_ = 0;
  std::fill(spread_.begin(), spread_.begin() + atom->nlocal, 0.0);
  for (int ii = 0; ii < list->inum; ii++) {
    const int i = list->ilist[ii];
    const int element = type_element_[static_cast<std::size_t>(atom->type[i])];
    if (element < 0) continue;
    const std::size_t n = gather_neighbours(i);
    double energy = 0.0;
    try {
      energy = evaluate(i, element, n);
    } catch (const mdsieve::InputError &problem) {
      error->one(FLERR, "Pair bpnnp: atom {}: {}", atom->tag[i], problem.what());
    }
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom) eatom[i] += energy;
    apply(i, n);
  }
  if (vflag_fdotr) virial_fdotr_compute();
  if (eflag_global) share_outputs();
}

/// Displacements in Angstrom of the neighbours within the cutoff.
std::size_t PairBpnnp::gather_neighbours(int i)
{
  const double *const *const x = atom->x;
  const double to_angstrom = 1.0 / force->angstrom;
  const double cutoff = functions_->cutoff() * force->angstrom, cutoff_squared = cutoff * cutoff;
  const auto most = static_cast<std::size_t>(list->numneigh[i]);
  if (dx_.size() < most) {
    for (auto *const array : {&dx_, &dy_, &dz_}) array->resize(most + 64);
    for (auto *const array : {&element_, &index_}) array->resize(most + 64);
  }
  const double xi = x[i][0], yi = x[i][1], zi = x[i][2];
  std::size_t n = 0;
  for (int k = 0; k < list->numneigh[i]; k++) {
    const int j = list->firstneigh[i][k] & NEIGHMASK;
    const double dx = x[j][0] - xi, dy = x[j][1] - yi, dz = x[j][2] - zi;
    dx_[n] = dx * to_angstrom;
    dy_[n] = dy * to_angstrom;
    dz_[n] = dz * to_angstrom;
    element_[n] = type_element_[static_cast<std::size_t>(atom->type[j])];
    index_[n] = j;
    // written so that NaN passes on to the check of the fingerprint
    n += !(dx * dx + dy * dy + dz * dz >= cutoff_squared);
  }
  return n;
}

/// Mean energy of the members in LAMMPS' unit; slopes_ receives its derivatives by the fingerprint [eV],
/// derivatives_ those by the positions of the atom and its neighbours [eV/Angstrom].
double PairBpnnp::evaluate(int i, int element, std::size_t n_neighbours)
{
  const mdsieve::Neighbours neighbours{dx_.data(), dy_.data(), dz_.data(), element_.data(), n_neighbours};
  const auto n_features = static_cast<std::size_t>(functions_->n_features(element));
  functions_->compute(element, neighbours, fingerprint_.data(), workspace_);

  std::fill(slopes_.begin(), slopes_.end(), 0.0);
  const double share = 1.0 / static_cast<double>(members_.size());
  double mean = 0.0;
  bool outside = false;
  for (std::size_t m = 0; m < members_.size(); m++) {
    const double energy =
        members_[m].evaluate(element, fingerprint_.data(), member_slopes_.data(), scratch_.data());
    member_energies_[m] = energy;
    total_energies_[m] += energy;
    mean += share * energy;
    for (std::size_t c = 0; c < n_features; c++) slopes_[c] += share * member_slopes_[c];
    outside = outside || members_[m].is_outside(element, fingerprint_.data());
  }
  n_outside_ += outside;
  if (members_.size() > 1) {
    double squares = 0.0;
    for (const double energy : member_energies_) squares += (energy - mean) * (energy - mean);
    const double spread = std::sqrt(squares / static_cast<double>(members_.size() - 1)) * energy_unit_;
    spread_[static_cast<std::size_t>(i)] = spread;
    largest_spread_ = std::max(largest_spread_, spread);
  }
  derivatives_.resize(std::max(derivatives_.size(), 3 * (n_neighbours + 1)));
  functions_->gradient(element, neighbours, slopes_.data(), derivatives_.data(), workspace_);
  return mean * energy_unit_;
}

/// Forces of the energy of an atom, on it and on its neighbours, owned or ghosts.
void PairBpnnp::apply(int i, std::size_t n_neighbours)
{
  double *const *const f = atom->f;
  const double unit = energy_unit_ / force->angstrom;
  const double *pull = derivatives_.data();
  for (int k = 0; k < 3; k++) f[i][k] -= unit * pull[k];
  for (std::size_t n = 0; n < n_neighbours; n++) {
    pull += 3;
    const int j = index_[n];
    const double fx = -unit * pull[0], fy = -unit * pull[1], fz = -unit * pull[2];
    f[j][0] += fx;
    f[j][1] += fy;
    f[j][2] += fz;
    if (vflag_global || vflag_atom) {
      const double length = force->angstrom;
      ev_tally_xyz(i, j, atom->nlocal, 1, 0.0, 0.0, -fx, -fy, -fz, -dx_[n] * length, -dy_[n] * length,
                   -dz_[n] * length);
    }
  }
}

/// What `compute pair` reads and adds up over the ranks: whole on the first one, 0 on the others. Deviations
/// as the driver's score `spread` takes them: n - 1 for atomic energies, n for the total. Collective.
void PairBpnnp::share_outputs()
{
  std::fill(pvector, pvector + nextra, 0.0);
  pvector[2] = static_cast<double>(n_outside_);
  const auto n = static_cast<double>(members_.size());
  if (members_.size() < 2) return;
  std::vector<double> totals(total_energies_.size());
  MPI_Reduce(&largest_spread_, &pvector[0], 1, MPI_DOUBLE, MPI_MAX, 0, world);
  MPI_Reduce(total_energies_.data(), totals.data(), static_cast<int>(totals.size()), MPI_DOUBLE, MPI_SUM, 0,
             world);
  if (comm->me != 0) {
    pvector[0] = 0.0;
    return;
  }
  double mean = 0.0, squares = 0.0;
  for (const double total : totals) mean += total / n;
  for (const double total : totals) squares += (total - mean) * (total - mean);
  if (atom->natoms > 0)
    pvector[1] = std::sqrt(squares / n) * energy_unit_ / static_cast<double>(atom->natoms);
}

void *PairBpnnp::extract_peratom(const char *name, int &n_columns)
{
  if (std::strcmp(name, "spread") != 0) return nullptr;
  n_columns = 0;
  return spread_.data();
}

double PairBpnnp::memory_usage()
{
  double doubles = static_cast<double>(spread_.capacity() + derivatives_.capacity());
  doubles += 3.0 * static_cast<double>(dx_.capacity());
  return Pair::memory_usage() + sizeof(double) * doubles +
         2.0 * sizeof(int) * static_cast<double>(index_.capacity());
}
