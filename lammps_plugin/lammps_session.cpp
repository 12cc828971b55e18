// SPDX-License-Identifier: GPL-2.0-or-later

#include "lammps_session.h"

#include "driver_link.h"

#include "lammps.h"
#include "universe.h"

#include <vector>

namespace mdsieve {

namespace {

struct Session {
  MPI_Comm parent;
  MPI_Comm universe;
  bool first_of_world;
  int world_ranks;
  int driver;
};

std::vector<Session> &sessions()
{
  static auto *const open = new std::vector<Session>;    // never freed: needed while the process ends
  return *open;
}

/// Ranks of the parent communicator that are not in this LAMMPS universe.
std::vector<int> other_ranks(const Session &session)
{
  int n_parent;
  MPI_Comm_size(session.parent, &n_parent);
  MPI_Group parent, universe;
  MPI_Comm_group(session.parent, &parent);
  MPI_Comm_group(session.universe, &universe);
  std::vector<int> all(n_parent), inside(n_parent), others;
  for (int i = 0; i < n_parent; i++) all[i] = i;
  MPI_Group_translate_ranks(parent, n_parent, all.data(), universe, inside.data());
  for (int i = 0; i < n_parent; i++)
    if (inside[i] == MPI_UNDEFINED) others.push_back(i);
  MPI_Group_free(&parent);
  MPI_Group_free(&universe);
  return others;
}

/// A driver that never heard of a fix of this world must learn of its end too; others ignore the message.
void say_goodbye(const Session &session, std::int64_t kind)
{
  if (!session.first_of_world) return;
  MessageWriter writer(MessageKind::goodbye, 0);
  writer.integer(session.world_ranks);
  writer.integer(kind);
  const auto message = writer.finish();
  const auto receivers = session.driver >= 0 ? std::vector<int>{session.driver} : other_ranks(session);
  for (int rank : receivers) {
    MPI_Request request;
    MPI_Isend(message.data(), static_cast<int>(message.size()), MPI_INT64_T, rank, tag_to_driver, session.parent,
              &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);    // a few words: sent at once, without the receiver
  }
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
  sessions().push_back({parent, lmp->universe->uworld, me == 0, world_ranks, -1});
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
  if (!finalized)
    for (const auto &session : mdsieve::sessions()) mdsieve::say_goodbye(session, kind);
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
