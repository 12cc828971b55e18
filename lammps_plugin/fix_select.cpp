/* ----------------------------------------------------------------------
   fix select: keep only novel frames. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_select.h"

#include "current_ghosts.h"
#include "driver_link.h"
#include "frame_gather.h"
#include "hidden_pairs.h"
#include "input_error.h"
#include "lammps_abi.h"
#include "lammps_session.h"
#include "small_file.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "modify.h"
#include "neighbor.h"
#include "pair.h"
#include "timer.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace LAMMPS_NS;
using namespace FixConst;
using mdsieve::InputError;
using mdsieve::SelectOptions;
using mdsieve::Verdict;

namespace {

constexpr int n_outputs = 10;
constexpr double two_pi = 6.283185307179586;

}    // namespace

/* ---------------------------------------------------------------------- */

FixSelect::FixSelect(LAMMPS *lmp, int narg, char **arg) : Fix(lmp, narg, arg)
{
  if (!atom->tag_enable) error->all(FLERR, "Fix select: atoms need IDs (atom_modify id yes)");
  if (!domain->box_exist) error->all(FLERR, "Fix select: define the simulation box first");

  try {
    options_ = mdsieve::parse_select_options(std::vector<std::string>(arg + 3, arg + narg), atom->ntypes);
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }

  nevery = options_.nevery;
  scalar_flag = vector_flag = 1;
  size_vector = n_outputs;
  global_freq = 1;
  extscalar = extvector = 0;
  restart_global = 1;
  dynamic_group_allow = 1;

  read_descriptor();
  Files files;
  const mdsieve::BankHeader header = bank_header(files.scaling, files.bank);
  const bool is_pilot = options_.scaling_source == SelectOptions::ScalingSource::pilot;
  files.frames = seen_frames(is_pilot ? options_.scaling_kind : header.scaling.kind);
  start_decider(header, files);
  size_vector = n_outputs + static_cast<int>(further_scores_.size());
  begin_totals();

  if (options_.peratom) {
    peratom_flag = 1;
    size_peratom_cols = 0;
    peratom_freq = nevery;
    create_attribute = 1;
    FixSelect::grow_arrays(atom->nmax);
    std::fill(vector_atom, vector_atom + atom->nmax, 0.0);
    atom->add_callback(Atom::GROW);
  }
}

FixSelect::~FixSelect()
{
  if (decider_) decider_->part(mdsieve::parting_of_fix(lmp, id, n_evaluated_ > 0));
  if (!peratom_flag) return;
  atom->delete_callback(id, Atom::GROW);
  memory->destroy(vector_atom);
}

/* ---------------------------------------------------------------------- */

int FixSelect::setmask() { return END_OF_STEP | POST_RUN; }

void FixSelect::init()
{
  require_ghosts();
  if (options_.fields.energy || options_.fields.stress) modify->addstep_compute_all(next_evaluation());
}

/// This step if it is one to evaluate, else the next one.
bigint FixSelect::next_evaluation() const
{
  const bigint past = update->ntimestep % nevery;
  return past == 0 ? update->ntimestep : update->ntimestep - past + nevery;
}

bool FixSelect::may_run_ahead() const { return options_.mode == SelectOptions::Mode::stream; }

/// LAMMPS would stop too, a little later, but not say what helps.
void FixSelect::require_ghosts()
{
  if (comm->mode != Comm::SINGLE) return;    // require_all_ghosts: reaches are not known yet
  const double needed = reach_needed();
  const double pair_reach = force->pair ? force->pair->cutforce + neighbor->skin : 0.0;
  const double have = std::max(comm->cutghostuser, pair_reach);
  if (needed > have * (1.0 + 1.0e-12))
    error->all(
        FLERR,
        "Fix select: the symmetry functions of {} reach {:.6g} and the skin adds {:.6g}, but ghost atoms only "
        "reach {:.6g}: add `comm_modify cutoff {:.6g}`",
        options_.descriptor_file, scanner_->functions().cutoff() * force->angstrom, neighbor->skin, have,
        std::ceil(needed * 1000.0) / 1000.0);
}

/// Cutoff of the symmetry functions and neighbour skin.
double FixSelect::reach_needed() const
{ return scanner_->functions().cutoff() * force->angstrom + neighbor->skin; }

/// What `comm_modify` may leave out of the ghost atoms.
void FixSelect::require_all_ghosts()
{
  if (mdsieve::ghosts_of_a_group_only(comm))
    error->all(FLERR,
               "Fix select: comm_modify group leaves ghost atoms out, so that neighbours would be missing: "
               "remove it");
  const double needed = reach_needed(), have = mdsieve::least_reach_of_ghosts(lmp);
  if (needed > have * (1.0 + 1.0e-12))
    error->all(
        FLERR,
        "Fix select: the symmetry functions of {} reach {:.6g} and the skin adds {:.6g}, but with this "
        "comm_modify mode some ghost atoms only reach {:.6g}: use `comm_modify mode single`, or {:.6g} in "
        "`comm_modify cutoff/multi`",
        options_.descriptor_file, scanner_->functions().cutoff() * force->angstrom, neighbor->skin, have,
        std::ceil(needed * 1000.0) / 1000.0);
}

/// Valid outputs before the first step; also the first frame of each `rerun` snapshot.
void FixSelect::setup(int)
{
  require_all_ghosts();
  if (update->ntimestep % nevery) {
    if (update->ntimestep != evaluated_step_)
      evaluated_step_ = -1;    // reset_timestep may lead to the same step number once more
    return;
  }
  if (!already_evaluated()) evaluate();
}

void FixSelect::min_setup(int vflag) { setup(vflag); }

void FixSelect::end_of_step()
{
  if (update->ntimestep != evaluated_step_) evaluate();
}

void FixSelect::post_run()
{
  if (update->whichflag == 2 && update->ntimestep != evaluated_step_)
    evaluate();    // the minimised structure
  const double start = MPI_Wtime();
  fetch_replies(0);
  seconds_waiting_ += MPI_Wtime() - start;
  write_files();
  print_summary();
  begin_totals();
  evaluated_natoms_ = natoms_if_evaluated();
  evaluated_configuration_ = configuration();
  if (options_.rule.stop_mode == mdsieve::StopMode::continue_) timer->reset_timeout();
}

/* ----------------------------------------------------------------------
   one evaluation
------------------------------------------------------------------------- */

void FixSelect::evaluate()
{
  if (lost_) return;
  double start = MPI_Wtime();
  const mdsieve::CurrentGhosts ghosts(lmp);
  auto scan = scanner_->scan(lmp, groupbit, bank_ ? &*bank_ : nullptr, histogram_ ? &*histogram_ : nullptr,
                             level_, options_.peratom ? vector_atom : nullptr);
  seconds_computing_ += MPI_Wtime() - start;

  start = MPI_Wtime();
  n_evaluated_++;
  evaluated_step_ = update->ntimestep;
  report_frame(scan);
  verdict_ = Verdict::pending;
  fetch_replies(may_run_ahead() ? options_.depth : 0);
  seconds_waiting_ += MPI_Wtime() - start;
  if (options_.fields.energy || options_.fields.stress)
    modify->addstep_compute_all(update->ntimestep + nevery);
}

/// Puts the frame together on the first rank and hands it to the decider.
void FixSelect::report_frame(mdsieve::EnvironmentScan &scan)
{
  const auto summary = mdsieve::summarise(world, scan, atom->nlocal);
  if (summary.failed_rank >= 0) {
    std::string problem = fmt::format("step {}, {}", update->ntimestep, scan.error);
    mdsieve::broadcast(world, problem, static_cast<int>(summary.failed_rank));
    error->all(FLERR, "Fix select: {}", problem);
  }

  mdsieve::FrameReport frame;
  frame.known_novelty = summary.known_novelty;
  frame.known_id = summary.known_id;
  if (summary.n_candidates > 0)
    frame.candidates = mdsieve::gather_candidates(world, scan, wanted_.n_features);
  if (!scan.counts.empty()) {
    mdsieve::add_histograms(world, scan.counts);
    if (comm->me == 0) frame.histogram = histogram_->signature(scan.counts.data());
  }
  if (bank_) {
    mdsieve::merge_extents(world, scan.extents);
    frame.extents = std::move(scan.extents);
  }
  frame.has_atoms = has_driver_ && (summary.n_candidates > 0 || frame_without_candidates_);
  if (frame.has_atoms)
    frame.atoms =
        mdsieve::gather_atoms(lmp, type_element_, options_.fields.velocities, options_.fields.forces);

  const double nan = std::numeric_limits<double>::quiet_NaN();
  frame.energy = options_.fields.energy ? modify->get_compute_by_id("thermo_pe")->compute_scalar() : nan;
  std::fill(frame.pressure, frame.pressure + 6, nan);
  if (options_.fields.stress) {
    auto *const pressure = modify->get_compute_by_id("thermo_press");
    pressure->compute_vector();
    const int from[6] = {0, 1, 2, 5, 4, 3};    // LAMMPS: xx yy zz xy xz yz
    for (int k = 0; k < 6; k++) frame.pressure[k] = pressure->vector[from[k]];
  }
  auto *const temperature = has_driver_ ? modify->get_compute_by_id("thermo_temp") : nullptr;
  frame.temperature = temperature ? temperature->compute_scalar() : nan;

  const double to_angstrom = 1.0 / force->angstrom;
  frame.step = update->ntimestep;
  frame.time = update->atime + (update->ntimestep - update->atimestep) * update->dt;
  frame.evaluation = n_evaluated_;
  frame.natoms = summary.n_atoms;
  const double cell[9] = {domain->xprd, 0.0,        0.0,        domain->xy,  domain->yprd,
                          0.0,          domain->xz, domain->yz, domain->zprd};
  for (int k = 0; k < 9; k++) frame.cell[k] = cell[k] * to_angstrom;
  for (int k = 0; k < 3; k++) {
    frame.origin[k] = domain->boxlo[k] * to_angstrom;
    const bool has_images = domain->periodicity[k] && k < domain->dimension;
    if (has_images) frame.periodic |= 1 << k;
  }
  frame.revision = bank_ ? bank_->size() : -1;
  if (comm->me == 0) decider_->submit(frame);
}

/// Sums over all atoms that tell configurations apart but not periodic images or decompositions.
FixSelect::Configuration FixSelect::configuration()
{
  Configuration mine{}, all{};
  for (int i = 0; i < atom->nlocal; i++) {
    const std::uint64_t hash = static_cast<std::uint64_t>(atom->tag[i]) * 0x9E3779B97F4A7C15ULL;
    const double weight = 0.5 + static_cast<double>(hash >> 11) * 0x1p-53;
    double fractional[3];
    domain->x2lamda(atom->x[i], fractional);
    for (int k = 0; k < 3; k++) {
      mine[k] += weight * std::cos(two_pi * fractional[k]);
      mine[3 + k] += weight * std::sin(two_pi * fractional[k]);
    }
    mine[6] += weight * atom->type[i];
  }
  MPI_Allreduce(mine.data(), all.data(), static_cast<int>(mine.size()), MPI_DOUBLE, MPI_SUM, world);
  return all;
}

/// Number of atoms if the frame as it is now has been evaluated, else -1.
bigint FixSelect::natoms_if_evaluated() const
{ return update->ntimestep == evaluated_step_ ? atom->natoms : -1; }

/// Whether the frame before this run is the one evaluated last, at the end of the run before.
bool FixSelect::already_evaluated()
{
  if (update->ntimestep != evaluated_step_ || atom->natoms != evaluated_natoms_) return false;
  const Configuration now = configuration();
  const double rounding = 1.0e-9 * static_cast<double>(std::max<bigint>(atom->natoms, 1));
  for (std::size_t k = 0; k < now.size(); k++)
    if (!(std::fabs(now[k] - evaluated_configuration_[k]) <= rounding)) return false;
  return true;
}

/* ----------------------------------------------------------------------
   at the end of a run
------------------------------------------------------------------------- */

/// The bank, and the seen frames where no driver has them.
void FixSelect::write_files()
{
  std::string problem;
  if (comm->me == 0 && bank_) {
    const std::string frames = options_.frames_file.empty() ? "" : decider_->seen_frames();
    if (!frames.empty()) problem = mdsieve::replace_small_file(options_.frames_file, "frames", frames);
    if (problem.empty() && !options_.bank_file.empty())
      problem = mdsieve::replace_small_file(options_.bank_file, "bank", bank_->serialise());
  }
  fail_everywhere(problem);
}

void FixSelect::begin_totals()
{
  run_start_ = {
      n_evaluated_, progress_.n_kept, progress_.n_junk, seconds_computing_, seconds_waiting_, n_held_up_, {}};
  for (int e = 0; e < static_cast<int>(elements_.size()); e++)
    run_start_.entries.push_back(bank_ ? bank_->size(e) : 0);
}

void FixSelect::print_summary()
{
  const double mine[2] = {seconds_computing_ - run_start_.computing, seconds_waiting_ - run_start_.waiting};
  double seconds[2];
  MPI_Allreduce(mine, seconds, 2, MPI_DOUBLE, MPI_MAX, world);
  if (comm->me != 0) return;

  const bigint evaluated = n_evaluated_ - run_start_.evaluated;
  const bigint kept = progress_.n_kept - run_start_.kept;
  const bigint junk = progress_.n_junk - run_start_.junk;
  const std::string held_up =
      may_run_ahead() ? fmt::format(", held up {} times", n_held_up_ - run_start_.held_up) : "";
  std::string bank;
  for (int e = 0; bank_ && e < static_cast<int>(elements_.size()); e++)
    bank += fmt::format("{}{} {} (+{})", e ? ", " : "", bank_->size(e), elements_[e],
                        bank_->size(e) - run_start_.entries[e]);
  utils::logmesg(
      lmp,
      "Fix select {}: {} frames seen, {} kept, {} junk; bank {}; {:.4g} s in fingerprints, {:.4g} s waiting{}\n",
      id, evaluated, kept, junk, bank_ ? bank : "not yet (pilot)", seconds[0], seconds[1], held_up);
  if (lost_) return;
  decider_->run_ended(fmt::format("{{\"evaluated\": {}, \"kept\": {}, \"junk\": {}, \"steps\": {}, "
                                  "\"seconds_computing\": {:.6g}, \"seconds_waiting\": {:.6g}}}",
                                  evaluated, kept, junk, update->ntimestep - update->beginstep, seconds[0],
                                  seconds[1]));
}
