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
