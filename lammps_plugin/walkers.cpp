// SPDX-License-Identifier: GPL-2.0-or-later

#include "walkers.h"

#include <algorithm>

namespace mdsieve {

Walkers::Walkers(MPI_Comm universe, MPI_Comm world, int n_worlds) : world_(world), n_worlds_(n_worlds)
{
  int me, rank;
  MPI_Comm_rank(world, &me);
  MPI_Comm_rank(universe, &rank);
  MPI_Comm_split(universe, me == 0 ? 0 : MPI_UNDEFINED, rank, &first_ranks_);
}

Walkers::~Walkers()
{
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (!finalized && first_ranks_ != MPI_COMM_NULL) MPI_Comm_free(&first_ranks_);
}

std::vector<Walkers::Place> Walkers::exchange(const Place &mine) const
{
  std::vector<Place> places(static_cast<std::size_t>(n_worlds_));
  if (first_ranks_ != MPI_COMM_NULL)
    MPI_Allgather(&mine, 3, MPI_DOUBLE, places.data(), 3, MPI_DOUBLE, first_ranks_);
  MPI_Bcast(places.data(), 3 * n_worlds_, MPI_DOUBLE, 0, world_);
  return places;
}

bool Walkers::agree(std::int64_t number) const
{
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(n_worlds_));
  if (first_ranks_ != MPI_COMM_NULL)
    MPI_Allgather(&number, 1, MPI_INT64_T, numbers.data(), 1, MPI_INT64_T, first_ranks_);
  MPI_Bcast(numbers.data(), n_worlds_, MPI_INT64_T, 0, world_);
  return std::all_of(numbers.begin(), numbers.end(), [&](std::int64_t n) { return n == numbers.front(); });
}

}    // namespace mdsieve
