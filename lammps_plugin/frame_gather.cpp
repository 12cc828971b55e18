// SPDX-License-Identifier: GPL-2.0-or-later

#include "frame_gather.h"

#include "atom.h"
#include "force.h"
#include "lammps.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <numeric>

namespace mdsieve {

namespace {

std::int64_t bits_of(double value)
{
  std::int64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

double value_of(std::int64_t bits)
{
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// All ranks' words on the first rank, in the order of the ranks; one message a rank.
std::vector<std::int64_t> gather(MPI_Comm world, const std::vector<std::int64_t> &mine)
{
  int me, n_ranks;
  MPI_Comm_rank(world, &me);
  MPI_Comm_size(world, &n_ranks);
  if (n_ranks == 1) return mine;
  const int n_mine = static_cast<int>(mine.size());
  std::vector<int> counts(n_ranks), starts(n_ranks);
  MPI_Gather(&n_mine, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  std::vector<std::int64_t> all;
  if (me == 0) {
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
    all.resize(static_cast<std::size_t>(starts.back()) + static_cast<std::size_t>(counts.back()));
  }
  MPI_Gatherv(mine.data(), n_mine, MPI_INT64_T, all.data(), counts.data(), starts.data(), MPI_INT64_T, 0,
              world);
  return all;
}

/// Records that begin with an atom ID, as positions in a block of words, by ascending ID.
std::vector<std::size_t> by_id(const std::vector<std::int64_t> &words, std::vector<std::size_t> starts)
{
  std::sort(starts.begin(), starts.end(), [&](std::size_t a, std::size_t b) { return words[a] < words[b]; });
  return starts;
}

void combine_summaries(void *more, void *into, int *n, MPI_Datatype *)
{
  const auto *from = static_cast<const ScanSummary *>(more);
  auto *to = static_cast<ScanSummary *>(into);
  for (int i = 0; i < *n; i++, from++, to++) {
    to->n_atoms += from->n_atoms;
    to->n_candidates += from->n_candidates;
    const bool larger = from->known_novelty > to->known_novelty;
    const bool same = from->known_novelty == to->known_novelty && from->known_id > 0 &&
                      (to->known_id == 0 || from->known_id < to->known_id);
    if (larger || same) {
      to->known_novelty = from->known_novelty;
      to->known_id = from->known_id;
    }
    if (from->failed_rank >= 0 && (to->failed_rank < 0 || from->failed_rank < to->failed_rank))
      to->failed_rank = from->failed_rank;
  }
}

struct ColumnExtents {
  double smallest, largest;
  std::int64_t smallest_id, largest_id;
};

FrameExtents to_extents(const ColumnExtents *columns, std::size_t n)
{
  FrameExtents extents(n);
  for (std::size_t i = 0; i < n; i++) {
    extents.smallest[i] = columns[i].smallest;
    extents.largest[i] = columns[i].largest;
    extents.smallest_id[i] = columns[i].smallest_id;
    extents.largest_id[i] = columns[i].largest_id;
  }
  return extents;
}

std::vector<ColumnExtents> to_columns(const FrameExtents &extents)
{
  std::vector<ColumnExtents> columns;
  columns.reserve(extents.size());
  for (std::size_t i = 0; i < extents.size(); i++)
    columns.push_back(
        {extents.smallest[i], extents.largest[i], extents.smallest_id[i], extents.largest_id[i]});
  return columns;
}

void combine_extents(void *more, void *into, int *n, MPI_Datatype *)
{
  auto *const to = static_cast<ColumnExtents *>(into);
  const auto size = static_cast<std::size_t>(*n);
  FrameExtents extents = to_extents(to, size);
  extents.merge(to_extents(static_cast<const ColumnExtents *>(more), size));
  const auto columns = to_columns(extents);
  std::copy(columns.begin(), columns.end(), to);
}

/// MPI counts are ints: longer contents go in pieces.
template <typename Container>
void broadcast_values(MPI_Comm world, Container &values, MPI_Datatype type, int from)
{
  auto n = static_cast<std::int64_t>(values.size());
  MPI_Bcast(&n, 1, MPI_INT64_T, from, world);
  values.resize(static_cast<std::size_t>(n));
  for (std::int64_t start = 0; start < n; start += INT_MAX)
    MPI_Bcast(&values[static_cast<std::size_t>(start)],
              static_cast<int>(std::min<std::int64_t>(n - start, INT_MAX)), type, from, world);
}

}    // namespace

ScanSummary summarise(MPI_Comm world, const EnvironmentScan &scan, int nlocal)
{
  int me;
  MPI_Comm_rank(world, &me);
  const ScanSummary mine{nlocal, static_cast<std::int64_t>(scan.id.size()), scan.known_novelty, scan.known_id,
                         scan.error.empty() ? -1 : me};
  MPI_Datatype type;
  MPI_Op combine;
  MPI_Type_contiguous(sizeof(ScanSummary), MPI_BYTE, &type);
  MPI_Type_commit(&type);
  MPI_Op_create(combine_summaries, 1, &combine);
  ScanSummary all;
  MPI_Allreduce(&mine, &all, 1, type, combine, world);
  MPI_Op_free(&combine);
  MPI_Type_free(&type);
  return all;
}

void add_histograms(MPI_Comm world, std::vector<std::int32_t> &counts)
{
  int me;
  MPI_Comm_rank(world, &me);
  MPI_Reduce(me == 0 ? MPI_IN_PLACE : counts.data(), counts.data(), static_cast<int>(counts.size()),
             MPI_INT32_T, MPI_SUM, 0, world);
}

void merge_extents(MPI_Comm world, FrameExtents &extents)
{
  int me, n_ranks;
  MPI_Comm_rank(world, &me);
  MPI_Comm_size(world, &n_ranks);
  if (n_ranks == 1) return;
  const std::vector<ColumnExtents> mine = to_columns(extents);
  std::vector<ColumnExtents> all(mine.size());
  MPI_Datatype type;
  MPI_Op combine;
  MPI_Type_contiguous(sizeof(ColumnExtents), MPI_BYTE, &type);
  MPI_Type_commit(&type);
  MPI_Op_create(combine_extents, 1, &combine);
  MPI_Reduce(mine.data(), all.data(), static_cast<int>(mine.size()), type, combine, 0, world);
  MPI_Op_free(&combine);
  MPI_Type_free(&type);
  if (me == 0) extents = to_extents(all.data(), all.size());
}

FrameReport::Candidates gather_candidates(MPI_Comm world, const EnvironmentScan &scan,
                                          const std::vector<int> &n_features)
{
  // a record: ID, element, fingerprint
  std::vector<std::int64_t> mine;
  mine.reserve(2 * scan.id.size() + scan.fingerprints.size());
  const double *next = scan.fingerprints.data();
  for (std::size_t i = 0; i < scan.id.size(); i++) {
    mine.push_back(scan.id[i]);
    mine.push_back(scan.element[i]);
    for (int k = 0; k < n_features[static_cast<std::size_t>(scan.element[i])]; k++)
      mine.push_back(bits_of(*next++));
  }
  const auto words = gather(world, mine);

  const auto length = [&](std::size_t start) {
    return static_cast<std::size_t>(n_features[static_cast<std::size_t>(words[start + 1])]);
  };
  std::vector<std::size_t> starts;
  for (std::size_t start = 0; start < words.size(); start += 2 + length(start)) starts.push_back(start);

  FrameReport::Candidates candidates;
  for (const auto start : by_id(words, std::move(starts))) {
    candidates.id.push_back(words[start]);
    candidates.element.push_back(static_cast<std::int32_t>(words[start + 1]));
    for (std::size_t k = 0; k < length(start); k++)
      candidates.fingerprints.push_back(value_of(words[start + 2 + k]));
  }
  return candidates;
}

FrameReport::Atoms gather_atoms(LAMMPS_NS::LAMMPS *lmp, const std::vector<int> &type_element, bool velocities,
                                bool forces)
{
  // a record: ID, element, position, velocity and force as asked for
  const auto *const atom = lmp->atom;
  const double to_angstrom = 1.0 / lmp->force->angstrom;
  const std::size_t record = 5 + (velocities ? 3 : 0) + (forces ? 3 : 0);
  std::vector<std::int64_t> mine;
  mine.reserve(record * static_cast<std::size_t>(atom->nlocal));
  for (int i = 0; i < atom->nlocal; i++) {
    mine.push_back(atom->tag[i]);
    mine.push_back(type_element[static_cast<std::size_t>(atom->type[i])]);
    for (int k = 0; k < 3; k++) mine.push_back(bits_of(atom->x[i][k] * to_angstrom));
    for (int k = 0; velocities && k < 3; k++) mine.push_back(bits_of(atom->v[i][k]));
    for (int k = 0; forces && k < 3; k++) mine.push_back(bits_of(atom->f[i][k]));
  }
  const auto words = gather(lmp->world, mine);

  std::vector<std::size_t> starts(words.size() / record);
  for (std::size_t i = 0; i < starts.size(); i++) starts[i] = i * record;
  FrameReport::Atoms atoms;
  for (const auto start : by_id(words, std::move(starts))) {
    atoms.id.push_back(words[start]);
    atoms.element.push_back(static_cast<std::int32_t>(words[start + 1]));
    auto next = words.begin() + static_cast<std::ptrdiff_t>(start) + 2;
    for (int k = 0; k < 3; k++) atoms.position.push_back(value_of(*next++));
    for (int k = 0; velocities && k < 3; k++) atoms.velocity.push_back(value_of(*next++));
    for (int k = 0; forces && k < 3; k++) atoms.force.push_back(value_of(*next++));
  }
  return atoms;
}

void broadcast(MPI_Comm world, std::vector<std::int64_t> &words, int from)
{ broadcast_values(world, words, MPI_INT64_T, from); }

void broadcast(MPI_Comm world, std::string &text, int from) { broadcast_values(world, text, MPI_CHAR, from); }

}    // namespace mdsieve
