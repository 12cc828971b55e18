/* ----------------------------------------------------------------------
   fix select, what others read of it: restart files, outputs and values of atoms. Part of mdsieve, a plugin
for LAMMPS. SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_select.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "memory.h"
#include "update.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   restart: counters, and the bank where no driver keeps it
------------------------------------------------------------------------- */

void FixSelect::write_restart(FILE *fp)
{
  const Configuration now = configuration();
  if (comm->me != 0) return;
  RestartState state;
  state.progress = progress_;
  state.n_evaluated = n_evaluated_;
  state.evaluated_step = evaluated_step_;
  state.evaluated_natoms = natoms_if_evaluated();
  state.configuration = now;
  state.novelty = novelty_;
  std::copy_n(scores_.begin(), 3, state.scores);
  state.trigger = trigger_;
  const std::string bank = !has_driver_ && bank_ ? bank_->serialise() : std::string();
  const std::string frames = decider_->seen_frames();
  state.bank_bytes = static_cast<std::int64_t>(bank.size());
  state.frames_bytes = static_cast<std::int64_t>(frames.size());
  if (bank.size() + frames.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) - sizeof state)
    error->one(
        FLERR,
        "Fix select: the bank is too large for a restart file (2 GiB); keep it with `bank FILE` or a driver");
  const int size = static_cast<int>(sizeof state + bank.size() + frames.size());
  fwrite(&size, sizeof(int), 1, fp);
  fwrite(&state, sizeof state, 1, fp);
  fwrite(bank.data(), 1, bank.size(), fp);
  fwrite(frames.data(), 1, frames.size(), fp);
}

void FixSelect::restart(char *buffer)
{
  RestartState state;
  std::memcpy(&state.layout, buffer, sizeof state.layout);
  if (state.layout != RestartState::current_layout)
    error->all(
        FLERR,
        "Fix select: the restart file holds the state of a fix {} of another mdsieve version: install that "
        "version, or give the fix another ID to begin anew",
        id);
  std::memcpy(&state, buffer, sizeof state);
  n_evaluated_ = state.n_evaluated;
  evaluated_step_ = state.evaluated_step;
  evaluated_natoms_ = state.evaluated_natoms;
  evaluated_configuration_ = state.configuration;
  novelty_ = state.novelty;
  std::copy_n(state.scores, 3, scores_.begin());
  trigger_ = state.trigger;

  if (has_driver_) {    // it has the bank, and counts this run from 0
    before_restart_ = state.progress;
    progress_.n_kept = state.progress.n_kept;
    progress_.n_junk = state.progress.n_junk;
  } else {
    progress_ = state.progress;
    const std::string bank(buffer + sizeof state, static_cast<std::size_t>(state.bank_bytes));
    const std::string frames(buffer + sizeof state + bank.size(),
                             static_cast<std::size_t>(state.frames_bytes));
    if (!bank.empty()) restore_bank(bank, frames);
    if (comm->me == 0) decider_->resume(progress_);
  }
  begin_totals();
}

/* ----------------------------------------------------------------------
   outputs
------------------------------------------------------------------------- */

/// Verdict on the frame of this step: 0 known (or not evaluated), 1 kept, 2 junk, 3 pending.
double FixSelect::compute_scalar()
{ return update->ntimestep == evaluated_step_ ? static_cast<double>(verdict_) : 0.0; }

/// novelty, frame, range, spread, evaluated, kept, junk, atom ID, seconds computing, seconds waiting, then
/// further scores.
double FixSelect::compute_vector(int i)
{
  switch (i) {
  case 0: return novelty_;
  case 1:
  case 2:
  case 3: return scores_[static_cast<std::size_t>(i) - 1];
  case 4: return static_cast<double>(n_evaluated_);
  case 5: return static_cast<double>(progress_.n_kept);
  case 6: return static_cast<double>(progress_.n_junk);
  case 7: return static_cast<double>(trigger_);
  case 8: return seconds_computing_;
  case 9: return seconds_waiting_;
  default: return scores_[static_cast<std::size_t>(i) - 7];
  }
}

/* ----------------------------------------------------------------------
   the per-atom novelty goes with its atom
------------------------------------------------------------------------- */

void FixSelect::grow_arrays(int nmax) { memory->grow(vector_atom, nmax, "select:vector_atom"); }

void FixSelect::copy_arrays(int i, int j, int) { vector_atom[j] = vector_atom[i]; }

void FixSelect::set_arrays(int i) { vector_atom[i] = 0.0; }

int FixSelect::pack_exchange(int i, double *buffer)
{
  buffer[0] = vector_atom[i];
  return 1;
}

int FixSelect::unpack_exchange(int nlocal, double *buffer)
{
  vector_atom[nlocal] = buffer[0];
  return 1;
}

double FixSelect::memory_usage()
{
  double bytes = scanner_->memory_bytes();
  if (bank_) bytes += static_cast<double>(bank_->memory_bytes());
  if (options_.peratom) bytes += static_cast<double>(atom->nmax) * sizeof(double);
  return bytes;
}
