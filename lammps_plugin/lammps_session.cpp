// SPDX-License-Identifier: GPL-2.0-or-later

#include "lammps_session.h"

#include "driver_link.h"

#include "comm.h"
#include "input.h"
#include "lammps.h"
#include "universe.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

namespace mdsieve {

namespace {

constexpr double seconds_for_announcement = 5.0;    // at the start: a driver that is there speaks at once
constexpr double seconds_for_goodbye = 30.0;
constexpr double shortest_patience = 5.0;

struct Session {
  MPI_Comm parent;
  bool first_of_world;
  int world_ranks;
  int driver = -1;                // rank in the parent communicator, -1: it has not announced itself yet
  std::string mismatch{};         // what is wrong with the driver that has announced itself
  double patience = 600.0;        // seconds for a driver that says nothing at the end
  bool lost = false;              // the driver has been silent for too long already
  bool loss_tolerated = false;    // and the user does not mind
  bool script_ended = false;      // a fix lived until the end of the script
};

std::vector<Session> &sessions()
{
  static auto *const open = new std::vector<Session>;    // never freed: needed while the process ends
  return *open;
}

Session *find_session(MPI_Comm parent)
{
  for (auto &session : sessions())
    if (session.parent == parent) return &session;
  return nullptr;
}

bool script_has_failed = false;

/// Hands a short message over within a time limit, whatever the driver does.
bool send_within(const Session &session, const std::vector<std::int64_t> &message, const Deadline &deadline)
{
  auto *const kept = new std::vector<std::int64_t>(message);    // MPI may need it for longer than we wait
  MPI_Request request;
  int done = 0;
  MPI_Isend(kept->data(), static_cast<int>(kept->size()), MPI_INT64_T, session.driver, tag_to_driver,
            session.parent, &request);
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done && !deadline.passed()) deadline.pause();
  if (done) delete kept;
  return done != 0;
}

/// Takes everything that is still on its way from the driver, up to its own goodbye: MPI does not end well
/// with messages that nobody received.
/// \return whether the goodbye came
bool drain(const Session &session, const Deadline &deadline)
{
  do {
    const auto message = receive_if_there(session.parent, session.driver, MPI_ANY_TAG);
    if (message.empty())
      deadline.pause();
    else if (MessageReader(message).kind() == MessageKind::goodbye)
      return true;
  } while (!deadline.passed());
  return false;
}

std::vector<std::int64_t> message_with_ranks(MessageKind kind, const Session &session)
{
  MessageWriter writer(kind, 0);
  writer.integer(session.world_ranks);
  return writer.finish();
}

/// LAMMPS' next step is a barrier that this driver will never enter, or a finalize that waits for it.
void leave_silent_driver(const Session &session, double waited)
{
  const bool good = session.loss_tolerated && session.script_ended;
  std::fprintf(
      stderr,
      "mdsieve: LAMMPS has ended, but the driver was silent for %.0f s: ending the MPI job; the store "
      "holds every frame that was acknowledged\n",
      waited);
  std::fflush(nullptr);
  // the launcher forwards what was written only as long as the job lives
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  MPI_Abort(session.parent, good ? 0 : 1);
}

void say_goodbye(Session &session, std::int64_t kind)
{
  // a driver may still be starting; it is there if anything but LAMMPS is
  if (session.driver < 0) session.driver = await_driver(session.parent, seconds_for_goodbye);
  if (session.driver < 0 || !session.first_of_world) return;
  double patience = std::max(session.patience, shortest_patience);
  if (session.lost) patience = std::min(patience, seconds_for_goodbye);
  MessageWriter writer(MessageKind::goodbye, 0);
  writer.integer(session.world_ranks);
  writer.integer(kind);
  const Deadline deadline(patience);
  if (!send_within(session, writer.finish(), deadline) || !drain(session, deadline))
    leave_silent_driver(session, patience);
}

/// MPI calls this when it is finalized: after `quit`, which passes by every other ending.
int mpi_is_finalized(MPI_Comm, int, void *, void *);

void watch_mpi_finalize()
{
  static bool watching = false;
  if (watching) return;
  watching = true;
  int key;
  MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, mpi_is_finalized, &key, nullptr);
  MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr);
}

}    // namespace

MPI_Comm parent_communicator(LAMMPS_NS::LAMMPS *lmp)
{
  const MPI_Comm parent = lmp->external_comm;
  if (parent == MPI_Comm(0) || parent == MPI_COMM_NULL) return MPI_COMM_NULL;
  int n_parent, n_universe;
  MPI_Comm_size(parent, &n_parent);
  MPI_Comm_size(lmp->universe->uworld, &n_universe);
  return n_parent > n_universe ? parent : MPI_COMM_NULL;
}

void begin_session(LAMMPS_NS::LAMMPS *lmp)
{
  watch_mpi_finalize();
  const MPI_Comm parent = parent_communicator(lmp);
  if (parent == MPI_COMM_NULL || find_session(parent)) return;
  int me;
  Session session{};
  session.parent = parent;
  MPI_Comm_rank(lmp->world, &me);
  MPI_Comm_size(lmp->world, &session.world_ranks);
  session.first_of_world = me == 0;
  if (session.first_of_world) {
    try {
      session.driver = await_driver(parent, seconds_for_announcement);
    } catch (const LinkError &error) {
      session.mismatch = error.what();
    }
    if (session.driver >= 0)
      send_within(session, message_with_ranks(MessageKind::present, session), Deadline(seconds_for_goodbye));
  }
  sessions().push_back(session);
}

int session_driver(MPI_Comm parent)
{
  const auto *const session = find_session(parent);
  return session ? session->driver : -1;
}

int require_session_driver(MPI_Comm parent)
{
  const auto *const session = find_session(parent);
  if (session && !session->mismatch.empty()) throw LinkError(session->mismatch);
  return session ? session->driver : -1;
}

void set_session_driver(MPI_Comm parent, int driver)
{
  if (auto *const session = find_session(parent)) session->driver = driver;
}

void set_session_patience(MPI_Comm parent, double seconds)
{
  if (auto *const session = find_session(parent)) session->patience = seconds;
}

void lose_session_driver(MPI_Comm parent, bool tolerated)
{
  if (auto *const session = find_session(parent)) {
    session->lost = true;
    session->loss_tolerated = tolerated;
  }
}

bool session_driver_is_lost(MPI_Comm parent)
{
  const auto *const session = find_session(parent);
  return session && session->lost;
}

Parting parting_of_fix(LAMMPS_NS::LAMMPS *lmp, const std::string &id, bool evaluated)
{
  if (script_has_failed) return Parting::error;
  // the command that LAMMPS is at, or the last one if the script has come to its end
  const auto *const input = lmp->input;
  const std::string command = input && input->command ? input->command : "";
  const std::string word = input && input->narg > 0 && input->arg[0] ? input->arg[0] : "";
  if (command == "clear") return Parting::cleared;
  if (command == "unfix" && word == id) return Parting::deleted;
  if (command == "fix" && word == id && evaluated) return Parting::deleted;    // defined anew
  if (command == "plugin") return Parting::deleted;
  if (auto *const session = find_session(parent_communicator(lmp))) session->script_ended = true;
  return Parting::script_ended;
}

std::int64_t next_channel()
{
  static std::int64_t channel = 0;
  return channel++;
}

}    // namespace mdsieve

/// LAMMPS ends; kind 0: it enters MPI_Barrier on the parent communicator next, 1: it does not.
extern "C" void mdsieve_goodbye(int kind)
{
  int finalized = 0;
  MPI_Finalized(&finalized);
  std::fflush(nullptr);    // the driver may have to end the MPI job
  if (!finalized) {
    for (auto &session : mdsieve::sessions()) {
      try {
        mdsieve::say_goodbye(session, kind);
      } catch (const std::exception &) {
        // LAMMPS is ending: there is nobody left to tell
      }
    }
    mdsieve::finish_sending_over_mpi();
  }
  mdsieve::sessions().clear();
}

/// For a program that reads the script through LAMMPS' library: an error has ended it, and LAMMPS is about to
/// be closed all the same.
extern "C" void mdsieve_script_failed() { mdsieve::script_has_failed = true; }

namespace mdsieve {
namespace {
int mpi_is_finalized(MPI_Comm, int, void *, void *)
{
  mdsieve_goodbye(1);
  try {
    say_goodbye_directly(1);
  } catch (const std::exception &) {
    // LAMMPS is ending: there is nobody left to tell
  }
  return MPI_SUCCESS;
}
}    // namespace
}    // namespace mdsieve
