// SPDX-License-Identifier: GPL-2.0-or-later

#include "frame_gather.h"

#include "atom.h"
#include "force.h"
#include "lammps.h"

#include <algorithm>
#include <climits>
#include <numeric>

namespace mdsieve {

namespace {

template <typename T> MPI_Datatype mpi_type();
template <> MPI_Datatype mpi_type<double>() { return MPI_DOUBLE; }
template <> MPI_Datatype mpi_type<std::int64_t>() { return MPI_INT64_T; }

/// All ranks' values on the first rank, in the order of the ranks.
template <typename T> std::vector<T> gather(MPI_Comm world, const std::vector<T> &mine)
{
  int me, n_ranks;
  MPI_Comm_rank(world, &me);
  MPI_Comm_size(world, &n_ranks);
  const int n_mine = static_cast<int>(mine.size());
  std::vector<int> counts(n_ranks), starts(n_ranks);
  MPI_Gather(&n_mine, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  std::vector<T> all;
  if (me == 0) {
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
    all.resize(static_cast<std::size_t>(starts.back()) + static_cast<std::size_t>(counts.back()));
  }
  MPI_Gatherv(mine.data(), n_mine, mpi_type<T>(), all.data(), counts.data(), starts.data(), mpi_type<T>(), 0, world);
  return all;
}

/// The order in which the IDs ascend.
std::vector<std::size_t> ascending(const std::vector<std::int64_t> &id)
{
  std::vector<std::size_t> order(id.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return id[a] < id[b]; });
  return order;
}

std::vector<double> reorder_triples(const std::vector<double> &values, const std::vector<std::size_t> &order)
{
  std::vector<double> ordered;
  ordered.reserve(values.size());
  if (values.empty()) return ordered;
  for (const auto i : order)
    ordered.insert(ordered.end(), values.begin() + 3 * static_cast<std::ptrdiff_t>(i),
                   values.begin() + 3 * static_cast<std::ptrdiff_t>(i) + 3);
  return ordered;
}

std::vector<double> owned_triples(const double *const *values, int n, double factor)
{
  std::vector<double> flat;
  flat.reserve(3 * static_cast<std::size_t>(n));
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) flat.push_back(values[i][k] * factor);
  return flat;
}

/// MPI counts are ints: longer contents go in pieces.
template <typename Container>
void broadcast_values(MPI_Comm world, Container &values, MPI_Datatype type, int from)
{
  auto n = static_cast<std::int64_t>(values.size());
  MPI_Bcast(&n, 1, MPI_INT64_T, from, world);
  values.resize(static_cast<std::size_t>(n));
  for (std::int64_t start = 0; start < n; start += INT_MAX)
    MPI_Bcast(&values[static_cast<std::size_t>(start)], static_cast<int>(std::min<std::int64_t>(n - start, INT_MAX)), type,
              from, world);
}

}    // namespace

FrameReport::Candidates gather_candidates(MPI_Comm world, const EnvironmentScan &scan,
                                          const std::vector<int> &n_features)
{
  const auto id = gather(world, scan.id);
  const auto element = gather(world, scan.element);
  const auto fingerprints = gather(world, scan.fingerprints);

  std::vector<std::size_t> start(id.size() + 1, 0);
  for (std::size_t i = 0; i < id.size(); i++)
    start[i + 1] = start[i] + static_cast<std::size_t>(n_features[static_cast<std::size_t>(element[i])]);

  FrameReport::Candidates candidates;
  candidates.fingerprints.reserve(fingerprints.size());
  for (const auto i : ascending(id)) {
    candidates.id.push_back(id[i]);
    candidates.element.push_back(static_cast<std::int32_t>(element[i]));
    candidates.fingerprints.insert(candidates.fingerprints.end(),
                                   fingerprints.begin() + static_cast<std::ptrdiff_t>(start[i]),
                                   fingerprints.begin() + static_cast<std::ptrdiff_t>(start[i + 1]));
  }
  return candidates;
}

void largest_known(MPI_Comm world, const EnvironmentScan &scan, double &novelty, std::int64_t &id)
{
  MPI_Allreduce(&scan.known_novelty, &novelty, 1, MPI_DOUBLE, MPI_MAX, world);
  const std::int64_t none = INT64_MAX;
  const std::int64_t mine = (scan.known_id > 0 && scan.known_novelty == novelty) ? scan.known_id : none;
  MPI_Allreduce(&mine, &id, 1, MPI_INT64_T, MPI_MIN, world);
  if (id == none) id = 0;
}

FrameReport::Atoms gather_atoms(LAMMPS_NS::LAMMPS *lmp, const std::vector<int> &type_element, bool velocities,
                                bool forces)
{
  const auto *const atom = lmp->atom;
  const int n = atom->nlocal;
  std::vector<std::int64_t> my_id(atom->tag, atom->tag + n), my_element;
  for (int i = 0; i < n; i++) my_element.push_back(type_element[static_cast<std::size_t>(atom->type[i])]);

  const auto id = gather(lmp->world, my_id);
  const auto element = gather(lmp->world, my_element);
  const auto order = ascending(id);
  const auto collect = [&](const double *const *values, double factor) {
    return reorder_triples(gather(lmp->world, owned_triples(values, n, factor)), order);
  };

  FrameReport::Atoms atoms;
  for (const auto i : order) {
    atoms.id.push_back(id[i]);
    atoms.element.push_back(static_cast<std::int32_t>(element[i]));
  }
  atoms.position = collect(atom->x, 1.0 / lmp->force->angstrom);
  if (velocities) atoms.velocity = collect(atom->v, 1.0);
  if (forces) atoms.force = collect(atom->f, 1.0);
  return atoms;
}

void broadcast(MPI_Comm world, std::vector<std::int64_t> &words, int from)
{
  broadcast_values(world, words, MPI_INT64_T, from);
}

void broadcast(MPI_Comm world, std::string &text, int from)
{
  broadcast_values(world, text, MPI_CHAR, from);
}

}    // namespace mdsieve
