/* ----------------------------------------------------------------------
   fix select, taking replies: what a verdict changes, and a driver that says nothing. Part of mdsieve, a
plugin for LAMMPS. SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_select.h"

#include "driver_link.h"
#include "frame_gather.h"
#include "lammps_session.h"

#include "comm.h"
#include "error.h"
#include "timer.h"
#include "update.h"

#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;
using mdsieve::ReplyBatch;
using mdsieve::SelectOptions;
using mdsieve::Verdict;

/// Takes replies, on all ranks alike, until at most so many frames are undecided.
void FixSelect::fetch_replies(int outstanding_allowed)
{
  if (lost_) return;
  ReplyBatch batch;
  if (comm->me == 0) batch = receive_replies(outstanding_allowed);
  if (comm->nprocs > 1) {
    std::vector<std::int64_t> words = batch.pack();
    mdsieve::broadcast(world, words);
    if (comm->me != 0) batch = ReplyBatch::unpack(words);
  }
  for (const auto &reply : batch.replies) apply(reply);
  if (batch.end == ReplyBatch::failed) error->all(FLERR, "Fix select: {}", batch.text);
  if (batch.end == ReplyBatch::lost) lose_driver(batch.text);
}

/// First rank only: what has come, and what must be waited for.
ReplyBatch FixSelect::receive_replies(int outstanding_allowed)
{
  ReplyBatch batch;
  mdsieve::Reply reply;
  try {
    bool held_up = false;
    while (decider_->outstanding() > outstanding_allowed) {
      if (!decider_->poll(reply)) {
        held_up = outstanding_allowed > 0;
        reply = decider_->wait();
      }
      reply.require_fit(wanted_.n_features);
      batch.replies.push_back(std::move(reply));
    }
    if (held_up) n_held_up_++;
    while (decider_->outstanding() > 0 && decider_->poll(reply)) {
      reply.require_fit(wanted_.n_features);
      batch.replies.push_back(std::move(reply));
    }
  } catch (const mdsieve::DriverLost &exception) {
    batch.end = ReplyBatch::lost;
    batch.text = exception.what();
  } catch (const std::exception &exception) {
    batch.end = ReplyBatch::failed;
    batch.text = exception.what();
  }
  return batch;
}

void FixSelect::apply(const mdsieve::Reply &reply)
{
  if (!reply.bank.empty()) adopt_bank(reply.bank);
  if (!reply.histogram.empty()) adopt_histogram(reply.histogram);
  const auto n_entries = static_cast<std::int64_t>(reply.entry_element.size());
  if (bank_ && n_entries > 0) {
    // replies overlap when several frames are on their way
    const std::int64_t known = bank_->size() - (reply.revision - n_entries);
    if (known < 0) error->all(FLERR, "Fix select: the driver left out entries of its bank");
    const double *raw = reply.entry_fingerprints.data();
    for (std::int64_t i = 0; i < n_entries; i++) {
      const int element = reply.entry_element[i];
      const std::int64_t *origin = &reply.entry_origin[3 * i];
      if (i >= known) bank_->add(element, raw, {origin[0], origin[1], origin[2]});
      raw += scanner_->functions().n_features(element);
    }
  }
  if (reply.step == update->ntimestep) verdict_ = reply.verdict;
  novelty_ = reply.novelty;
  trigger_ = reply.trigger_id;
  for (std::size_t i = 0; i < scores_.size(); i++)
    scores_[i] = i < reply.scores.size() && !std::isnan(reply.scores[i]) ? reply.scores[i] : 0.0;
  progress_.n_kept = before_restart_.n_kept + reply.n_kept;
  progress_.n_junk = before_restart_.n_junk + reply.n_junk;
  if (reply.verdict == Verdict::kept) progress_.last_kept_step = reply.step;
  if (reply.stop) stop_run();
}

void FixSelect::stop_run()
{
  std::string conditions;
  for (const auto &condition : options_.rule.stop) conditions += " stop " + condition.text();
  const std::string message = fmt::format("Fix select {}:{} holds at step {} (novelty {:.6g}, atom {})", id,
                                          conditions, update->ntimestep, novelty_, trigger_);
  if (options_.rule.stop_mode == mdsieve::StopMode::hard) error->all(FLERR, message);
  if (comm->me == 0) utils::logmesg(lmp, "{}: the run ends here\n", message);
  timer->force_timeout();
}

void FixSelect::lose_driver(const std::string &problem)
{
  const bool tolerated = options_.on_lost != SelectOptions::OnLost::error;
  mdsieve::lose_session_driver(mdsieve::parent_communicator(lmp), tolerated);
  if (!tolerated) error->all(FLERR, "Fix select: {}", problem);
  if (options_.on_lost == SelectOptions::OnLost::warn && comm->me == 0)
    error->warning(FLERR, "Fix select: {}; frames are no longer looked at", problem);
  lost_ = true;
  verdict_ = Verdict::pending;
}

/// Ends the run on all ranks if one of them has a problem, with the words of the first that has one.
/// Collective.
void FixSelect::fail_everywhere(const std::string &problem)
{
  const int mine = problem.empty() ? comm->nprocs : comm->me;
  int first;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
  if (first == comm->nprocs) return;
  std::string everywhere = problem;
  mdsieve::broadcast(world, everywhere, first);
  error->all(FLERR, "Fix select: {}", everywhere);
}
