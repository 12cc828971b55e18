// SPDX-License-Identifier: GPL-2.0-or-later

#include "environment_scan.h"

#include "input_error.h"

#include "atom.h"
#include "force.h"
#include "lammps.h"

#include <algorithm>
#include <cmath>

namespace mdsieve {

void LastEntry::resize(std::size_t n_atoms)
{
  std::size_t size = 1;
  while (size < 2 * n_atoms) size *= 2;
  if (size <= entries_.size()) return;
  entries_.assign(size, -1);
  mask_ = size - 1;
}

void LastEntry::clear() { std::fill(entries_.begin(), entries_.end(), -1); }

EnvironmentScanner::EnvironmentScanner(SymmetryFunctions functions, std::vector<int> type_element)
    : functions_(std::move(functions)), type_element_(std::move(type_element))
{
  std::vector<int> n_features;
  for (int e = 0; e < functions_.n_elements(); e++) n_features.push_back(functions_.n_features(e));
  first_column_ = first_columns(n_features);
}

/// Sorts the atoms that may be neighbours into cells; those of types without an element are nobody's.
void EnvironmentScanner::place_atoms(LAMMPS_NS::LAMMPS *lmp)
{
  const auto *const atom = lmp->atom;
  const auto n = static_cast<std::size_t>(atom->nlocal + atom->nghost);
  takes_part_.resize(n);
  for (std::size_t j = 0; j < n; j++)
    takes_part_[j] = type_element_[static_cast<std::size_t>(atom->type[j])] >= 0;
  search_.build(atom->x, takes_part_, functions_.cutoff() * lmp->force->angstrom);
}

std::size_t EnvironmentScanner::gather_neighbours(LAMMPS_NS::LAMMPS *lmp, int i)
{
  const double *const *const x = lmp->atom->x;
  const int *const type = lmp->atom->type;
  const double to_angstrom = 1.0 / lmp->force->angstrom;
  const double cutoff = functions_.cutoff() * lmp->force->angstrom;
  const double cutoff_squared = cutoff * cutoff;
  const double xi = x[i][0], yi = x[i][1], zi = x[i][2];
  dx_.clear();
  dy_.clear();
  dz_.clear();
  element_.clear();
  search_.visit_near(x[i], [&](int j) {
    const double dx = x[j][0] - xi;
    const double dy = x[j][1] - yi;
    const double dz = x[j][2] - zi;
    if (j == i || dx * dx + dy * dy + dz * dz >= cutoff_squared) return;
    dx_.push_back(dx * to_angstrom);
    dy_.push_back(dy * to_angstrom);
    dz_.push_back(dz * to_angstrom);
    element_.push_back(type_element_[static_cast<std::size_t>(type[j])]);
  });
  return element_.size();
}

/// For a message: which neighbour lies on top of an atom.
std::string EnvironmentScanner::nearest_to(LAMMPS_NS::LAMMPS *lmp, int i) const
{
  const double *const *const x = lmp->atom->x;
  std::int64_t id = 0;
  double least = INFINITY;
  search_.visit_near(x[i], [&](int j) {
    const double r2 =
        std::pow(x[j][0] - x[i][0], 2) + std::pow(x[j][1] - x[i][1], 2) + std::pow(x[j][2] - x[i][2], 2);
    if (j == i || r2 >= least) return;
    least = r2;
    id = static_cast<std::int64_t>(lmp->atom->tag[j]);
  });
  return id > 0 ? "; the neighbour is atom " + std::to_string(id) : std::string();
}

EnvironmentScan EnvironmentScanner::scan(LAMMPS_NS::LAMMPS *lmp, int groupbit, const EnvironmentBank *bank,
                                         const DifferenceHistogram *histogram, double level, double *novelty)
{
  EnvironmentScan result;
  if (bank) result.extents = FrameExtents(first_column_.back());
  if (bank && histogram) result.counts.assign(histogram->n_bits(), 0);
  const auto *const atom = lmp->atom;
  if (novelty) std::fill(novelty, novelty + atom->nlocal, 0.0);
  last_entry_.resize(static_cast<std::size_t>(atom->nlocal));
  const double certain = level * (1.0 - 1.0e-12);    // ties are the decider's business
  std::vector<double> fingerprint;
  place_atoms(lmp);
  for (int i = 0; i < atom->nlocal; i++) {
    if (!std::isfinite(atom->x[i][0] + atom->x[i][1] + atom->x[i][2])) {    // it is nobody's neighbour
      result.error = "atom " + std::to_string(atom->tag[i]) + ": its position is not finite";
      return result;
    }
    const int element = type_element_[static_cast<std::size_t>(atom->type[i])];
    if (element < 0 || !(atom->mask[i] & groupbit)) continue;
    const auto id = static_cast<std::int64_t>(atom->tag[i]);
    fingerprint.resize(static_cast<std::size_t>(functions_.n_features(element)));
    const std::size_t n = gather_neighbours(lmp, i);
    try {
      functions_.compute(element, {dx_.data(), dy_.data(), dz_.data(), element_.data(), n},
                         fingerprint.data(), workspace_);
    } catch (const InputError &error) {
      result.error = "atom " + std::to_string(id) + ": " + error.what() + nearest_to(lmp, i);
      return result;
    }
    if (bank) {
      const int n_features = functions_.n_features(element);
      result.extents.add(first_column_[static_cast<std::size_t>(element)], n_features, id,
                         fingerprint.data());
    }
    if (histogram && !result.counts.empty())
      histogram->add(element, fingerprint.data(), result.counts.data());
    double value = INFINITY;
    if (bank && (level >= 0.0 || novelty)) {
      const double threshold = bank->header().thresholds[static_cast<std::size_t>(element)];
      const double enough = novelty ? 0.0 : result.known_novelty * threshold;
      value = bank->distance(element, fingerprint.data(), enough, last_entry_.of(id)) / threshold;
    }
    if (novelty) novelty[i] = value;
    if (value > certain) {
      result.id.push_back(id);
      result.element.push_back(element);
      result.fingerprints.insert(result.fingerprints.end(), fingerprint.begin(), fingerprint.end());
    } else if (value > result.known_novelty) {
      result.known_novelty = value;
      result.known_id = id;
    }
  }
  return result;
}

double EnvironmentScanner::memory_bytes() const
{
  return static_cast<double>(dx_.capacity()) * (3 * sizeof(double) + sizeof(int)) +
         static_cast<double>(takes_part_.capacity()) + search_.memory_bytes();
}

}    // namespace mdsieve
