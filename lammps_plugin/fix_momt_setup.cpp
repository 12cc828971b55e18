/* ----------------------------------------------------------------------
   fix momt, setting up: what it works with, and its weight. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_momt.h"

#include "frame_gather.h"
#include "input_error.h"
#include "small_file.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "group.h"
#include "lammps.h"
#include "modify.h"
#include "pair.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;
using namespace FixConst;
using mdsieve::InputError;

namespace {

constexpr int n_outputs = 11;
constexpr double largest_ratio_of_cells = 1.5;
// O / N of a liquid and of a hot crystal
constexpr double liquid_order = 0.12, crystal_order = 0.7;

std::int64_t checksum(const std::string &text)
{
  std::uint64_t hash = 0xcbf29ce484222325u;    // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return static_cast<std::int64_t>(hash);
}

}    // namespace

FixMomt::FixMomt(LAMMPS *lmp, int narg, char **arg) : Fix(lmp, narg, arg)
{
  try {
    options_ = mdsieve::parse_momt_options(std::vector<std::string>(arg + 3, arg + narg));
    lattice_order_.emplace(options_.lattice, options_.repeats);
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix momt: {}", problem.what());
  }
  require_system();
  read_weight();
  set_passages();

  if (options_.walkers && universe->nworlds < 2)
    error->all(FLERR, "Fix momt: walkers yes: there is one walker only: start LAMMPS with `-partition`");
  if (options_.walkers) walkers_.emplace(universe->uworld, world, universe->nworlds);

  scalar_flag = vector_flag = 1;
  size_vector = n_outputs;
  global_freq = 1;
  extscalar = 1;
  extvector = 0;
  energy_global_flag = virial_global_flag = 1;
  thermo_virial = 1;
  restart_global = 1;

  // LAMMPS adds up energies only in steps in which something asks for them
  energy_id_ = fmt::format("{}_momt_energy", id);
  energy_ =
      modify->add_compute(fmt::format("{} all pe pair bond angle dihedral improper kspace", energy_id_));
}

FixMomt::~FixMomt()
{
  if (!energy_id_.empty() && modify->get_compute_by_id(energy_id_)) modify->delete_compute(energy_id_);
}

/// What must be so from the beginning.
void FixMomt::require_system()
{
  if (!domain->box_exist) error->all(FLERR, "Fix momt: define the simulation box first");
  if (domain->dimension != 3) error->all(FLERR, "Fix momt: expected three dimensions");
  if (igroup != 0)
    error->all(FLERR, "Fix momt: group {}: the ensemble is one of all atoms: use group all",
               group->names[igroup]);
  for (int k = 0; k < 3; k++)
    if (!domain->periodicity[k])
      error->all(FLERR, "Fix momt: the box is not periodic in {}: expected `boundary p p p`", "xyz"[k]);

  const long long sites = lattice_order_->n_sites();
  const auto &m = options_.repeats;
  if (atom->natoms != sites)
    error->all(
        FLERR,
        "Fix momt: {} {} {} {} is a crystal of {} atoms, but there are {}: its reciprocal vectors do not "
        "fit the cell",
        mdsieve::name_of(options_.lattice), m[0], m[1], m[2], sites, atom->natoms);
  double lengths[3] = {domain->xprd, std::hypot(domain->yprd, domain->xy),
                       std::hypot(domain->zprd, domain->xz, domain->yz)};
  for (int k = 0; k < 3; k++) lengths[k] /= m[k];
  const auto [shortest, longest] = std::minmax_element(lengths, lengths + 3);
  if (*longest > largest_ratio_of_cells * *shortest)
    error->all(FLERR,
               "Fix momt: {} {} {} {} would be cells of {:.4g} x {:.4g} x {:.4g}, which are no cubes: its "
               "reciprocal vectors do not fit the cell",
               mdsieve::name_of(options_.lattice), m[0], m[1], m[2], lengths[0], lengths[1], lengths[2]);
}

/// The weight to begin with: that of a file, or an empty one.
void FixMomt::read_weight()
{
  try {
    auto header = mdsieve::weight_header(options_, update->unit_style, atom->natoms);
    if (options_.weight_file.empty()) {
      weight_.emplace(header);
      return;
    }
    std::string text, problem;
    if (comm->me == 0) problem = mdsieve::read_small_file(options_.weight_file, "weight", text);
    mdsieve::broadcast(world, problem);
    if (!problem.empty()) throw InputError(problem);
    mdsieve::broadcast(world, text);
    take_weight(mdsieve::parse_weight(text, options_.weight_file), options_.weight_file);
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix momt: {}", problem.what());
  }
}

/// \throws InputError unless the weight is for the ensemble of this fix
void FixMomt::take_weight(mdsieve::EnsembleWeight weight, const std::string &name)
{
  const auto &found = weight.header;
  const auto require = [&](bool same, const std::string &theirs, const std::string &ours) {
    if (!same) throw InputError(fmt::format("{}: made for {}, but this fix has {}", name, theirs, ours));
  };
  const auto crystal = [](mdsieve::Lattice lattice, const std::array<int, 3> &m) {
    return fmt::format("{} {} {} {}", mdsieve::name_of(lattice), m[0], m[1], m[2]);
  };
  require(found.units == update->unit_style, "units " + found.units,
          "units " + std::string(update->unit_style));
  require(found.temperature == options_.temperature, fmt::format("temperature {}", found.temperature),
          fmt::format("{}", options_.temperature));
  require(found.pressure == options_.pressure, fmt::format("pressure {}", found.pressure),
          fmt::format("{}", options_.pressure));
  require(found.n_atoms == atom->natoms, fmt::format("{} atoms", found.n_atoms),
          fmt::format("{}", atom->natoms));
  require(found.lattice == options_.lattice && found.repeats == options_.repeats,
          crystal(found.lattice, found.repeats), crystal(options_.lattice, options_.repeats));
  weight_ = std::move(weight);
}

void FixMomt::set_passages()
{
  const double n = static_cast<double>(weight_->header.n_atoms);
  passages_.lower = options_.passages ? (*options_.passages)[0] : liquid_order * n;
  passages_.upper = options_.passages ? (*options_.passages)[1] : crystal_order * n;
  passages_.side = weight_->side;
}

/* ----------------------------------------------------------------------
   before each run
------------------------------------------------------------------------- */

void FixMomt::init()
{
  require_system();
  if (utils::strmatch(update->integrate_style, "^respa"))
    error->all(FLERR, "Fix momt: run_style respa applies forces in parts: expected run_style verlet");
  if (update->whichflag == 2)
    error->all(FLERR, "Fix momt: minimize has no ensemble: define the fix after it, or unfix it before");
  if (lmp->kokkos) error->all(FLERR, "Fix momt: does not run with KOKKOS");
  if (!force->pair) error->all(FLERR, "Fix momt: there is no pair style, so no energy");
  if (force->pair->tail_flag)
    error->all(FLERR, "Fix momt: pair_modify tail yes adds an energy without forces: expected tail no");
  if (modify->get_fix_by_style("^momt").size() > 1)
    error->all(FLERR, "Fix momt: there are two fixes momt: expected one");
  if (!thermo_virial)
    error->all(FLERR, "Fix momt: fix_modify {} virial no would leave the barostat with a wrong pressure", id);
  require_order_of_fixes();
  warn_of_other_targets();
  energy_ = modify->get_compute_by_id(energy_id_);
  if (!energy_) error->all(FLERR, "Fix momt: compute {} belongs to the fix: do not delete it", energy_id_);
  energy_->addstep(update->ntimestep);
}

/// It scales the forces of the potential, so those of other fixes must come later; barostats read the
/// pressure when they are set up, and must find its virial.
void FixMomt::require_order_of_fixes()
{
  for (const auto *const fix : modify->get_fix_list()) {
    if (fix == this) return;
    bool late = (modify->get_fix_mask(const_cast<Fix *>(fix)) & POST_FORCE) != 0;
    for (const char *pattern : {"^np[th]", "^press/", "^rigid", "^box/relax"})
      late = late || utils::strmatch(fix->style, pattern);
    if (late)
      error->all(FLERR, "Fix momt: fix {} {} is defined before it: define fix momt first", fix->id,
                 fix->style);
  }
}

/// Thermostat and barostat sample the ensemble that the weight is for, or another one.
void FixMomt::warn_of_other_targets()
{
  for (auto *const fix : modify->get_fix_list()) {
    if (!utils::strmatch(fix->style, "^n[vp][th]")) continue;
    int dimension = 0;
    for (const char *name : {"t_start", "t_stop"}) {
      const auto *const target = static_cast<double *>(fix->extract(name, dimension));
      if (!target || dimension != 0 || *target == options_.temperature || comm->me != 0) continue;
      error->warning(FLERR, "Fix momt: fix {} has temperature {}, the ensemble {}", fix->id, *target,
                     options_.temperature);
      break;
    }
    const auto *const coupled = static_cast<int *>(fix->extract("p_flag", dimension));
    const auto *const start = static_cast<double *>(fix->extract("p_start", dimension));
    const auto *const stop = static_cast<double *>(fix->extract("p_stop", dimension));
    if (!coupled || !start || !stop || comm->me != 0) continue;
    for (int k = 0; k < 3; k++) {
      if (!coupled[k] || (start[k] == options_.pressure && stop[k] == options_.pressure)) continue;
      error->warning(FLERR, "Fix momt: fix {} has pressure {}, the ensemble {}", fix->id,
                     start[k] == options_.pressure ? stop[k] : start[k], options_.pressure);
      break;
    }
  }
}

/// Walkers that do not step together would wait for each other for ever.
void FixMomt::require_same_walkers()
{
  if (!walkers_) return;
  const auto require = [&](std::int64_t number, const std::string &what) {
    if (!walkers_->agree(number))
      error->universe_all(FLERR, fmt::format("Fix momt: walkers with different {}: expected the same", what));
  };
  require(update->ntimestep, "steps");
  require(update->laststep, "numbers of steps to run");
  require(options_.every, "`every`");
  mdsieve::EnsembleWeight shared = *weight_;
  shared.side = 0;    // each has its own
  require(checksum(shared.text()), "weights");
}
