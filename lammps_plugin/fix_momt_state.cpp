/* ----------------------------------------------------------------------
   fix momt, what outlives a run: restart files, the file of its state. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_momt.h"

#include "frame_gather.h"
#include "input_error.h"
#include "small_file.h"

#include "comm.h"
#include "error.h"
#include "universe.h"
#include "utils.h"

#include <cstdio>
#include <cstring>
#include <limits>

using namespace LAMMPS_NS;
using mdsieve::InputError;

void FixMomt::write_restart(FILE *fp)
{
  if (comm->me != 0) return;
  const std::string text = weight_->text();
  RestartState state;
  state.n_out_of_bounds = n_out_of_bounds_;
  state.weight_bytes = static_cast<std::int64_t>(text.size());
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) - sizeof state)
    error->one(FLERR, "Fix momt: the weight is too large for a restart file (2 GiB): take fewer intervals");
  const int size = static_cast<int>(sizeof state + text.size());
  fwrite(&size, sizeof(int), 1, fp);
  fwrite(&state, sizeof state, 1, fp);
  fwrite(text.data(), 1, text.size(), fp);
}

void FixMomt::restart(char *buffer)
{
  RestartState state;
  std::memcpy(&state.layout, buffer, sizeof state.layout);
  if (state.layout != RestartState::current_layout)
    error->all(
        FLERR,
        "Fix momt: the restart file holds the state of a fix {} of another mdsieve version: install that "
        "version, or give the fix another ID to begin anew",
        id);
  std::memcpy(&state, buffer, sizeof state);
  n_out_of_bounds_ = state.n_out_of_bounds;
  const std::string text(buffer + sizeof state, static_cast<std::size_t>(state.weight_bytes));
  try {
    auto weight = mdsieve::parse_weight(text, "the restart file's weight");
    if (options_.weight_file.empty() && !(weight.header == weight_->header))
      throw InputError("the restart file's weight is for another ensemble or window than this fix: give the "
                       "fix another ID to begin anew");
    take_weight(std::move(weight), "the restart file's weight");
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix momt: {}", problem.what());
  }
  set_passages();
}

void FixMomt::post_run()
{
  write_state();
  print_summary();
}

/// One file, also of many walkers: they share the weight.
void FixMomt::write_state()
{
  if (options_.state_file.empty()) return;
  std::string problem;
  if (comm->me == 0 && (!walkers_ || universe->iworld == 0))
    problem = mdsieve::replace_small_file(options_.state_file, "weight", weight_->text());
  mdsieve::broadcast(world, problem);
  if (!problem.empty()) error->all(FLERR, "Fix momt: {}", problem);
}

void FixMomt::print_summary()
{
  if (comm->me != 0) return;
  utils::logmesg(
      lmp,
      "Fix momt {}: {} samples, {} of {} bins visited, {} passages between the phases; forces out of "
      "bounds in {} steps\n",
      id, weight_->samples, weight_->n_visited(), weight_->grid.n_bins(), weight_->passages,
      n_out_of_bounds_);
}
