// SPDX-License-Identifier: GPL-2.0-or-later

#include "lammps_session.h"

#include "driver_link.h"

#include "lammps.h"
#include "universe.h"

#include <algorithm>
#include <vector>

namespace mdsieve {

namespace {

constexpr double seconds_for_goodbye = 30.0;

struct Session {
  MPI_Comm parent;
  bool first_of_world;
  int world_ranks;
  int driver;    // rank in the parent communicator, -1: it has not announced itself yet
};

std::vector<Session> &sessions()
{
  static auto *const open = new std::vector<Session>;    // never freed: needed while the process ends
  return *open;
}

/// Takes everything that is still on its way from the driver, up to its own goodbye: MPI does not end well
/// with messages that nobody received.
void drain(const Session &session)
{
  const Deadline deadline(seconds_for_goodbye);
  while (!deadline.passed()) {
    const auto message = receive_if_there(session.parent, session.driver, MPI_ANY_TAG);
    if (message.empty())
      deadline.pause();
    else if (MessageReader(message).kind() == MessageKind::goodbye)
      return;
  }
}

void say_goodbye(Session &session, std::int64_t kind)
{
  // a driver may still be starting; it is there if anything but LAMMPS is
  if (session.driver < 0) session.driver = await_driver(session.parent, seconds_for_goodbye);
  if (session.driver < 0 || !session.first_of_world) return;
  MessageWriter writer(MessageKind::goodbye, 0);
  writer.integer(session.world_ranks);
  writer.integer(kind);
  const auto message = writer.finish();
  MPI_Send(message.data(), static_cast<int>(message.size()), MPI_INT64_T, session.driver, tag_to_driver,
           session.parent);
  drain(session);
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
  const MPI_Comm parent = parent_communicator(lmp);
  if (parent == MPI_COMM_NULL) return;
  int me, world_ranks;
  MPI_Comm_rank(lmp->world, &me);
  MPI_Comm_size(lmp->world, &world_ranks);
  if (std::any_of(sessions().begin(), sessions().end(), [&](const Session &s) { return s.parent == parent; }))
    return;
  sessions().push_back({parent, me == 0, world_ranks, -1});
  watch_mpi_finalize();
}

int session_driver(MPI_Comm parent)
{
  for (const auto &session : sessions())
    if (session.parent == parent) return session.driver;
  return -1;
}

void set_session_driver(MPI_Comm parent, int driver)
{
  for (auto &session : sessions())
    if (session.parent == parent) session.driver = driver;
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
  if (!finalized) {
    for (auto &session : mdsieve::sessions()) {
      try {
        mdsieve::say_goodbye(session, kind);
      } catch (const std::exception &) {
        // LAMMPS is ending: there is nobody left to tell
      }
    }
  }
  mdsieve::sessions().clear();
}

namespace mdsieve {
namespace {
int mpi_is_finalized(MPI_Comm, int, void *, void *)
{
  mdsieve_goodbye(1);
  return MPI_SUCCESS;
}
}    // namespace
}    // namespace mdsieve
