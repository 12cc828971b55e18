// SPDX-License-Identifier: GPL-2.0-or-later

#include "neighbour_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mdsieve {

void NeighbourSearch::build(const double *const *x, const std::vector<char> &use, double cutoff)
{
  std::array<double, 3> high;
  low_.fill(INFINITY);
  high.fill(-INFINITY);
  cell_.assign(use.size(), -1);
  std::size_t n_used = 0;
  for (std::size_t i = 0; i < use.size(); i++) {
    if (!use[i] || !std::isfinite(x[i][0]) || !std::isfinite(x[i][1]) || !std::isfinite(x[i][2])) continue;
    cell_[i] = 0;
    n_used++;
    for (std::size_t k = 0; k < 3; k++) {
      low_[k] = std::min(low_[k], x[i][k]);
      high[k] = std::max(high[k], x[i][k]);
    }
  }
  points_.clear();
  if (n_used == 0) return;

  // a little wider than the cutoff, so that rounding puts no pair within the cutoff two cells apart
  double width = cutoff * (1.0 + 1.0e-9);
  const double most_cells = 4.0 * static_cast<double>(n_used) + 64.0;
  const auto cells_along = [&](std::size_t k) {
    return std::max(1.0, std::floor((high[k] - low_[k]) / width));
  };
  while (cells_along(0) * cells_along(1) * cells_along(2) > most_cells) width *= 1.25;
  for (std::size_t k = 0; k < 3; k++) {
    n_cells_[k] = static_cast<long>(cells_along(k));
    inverse_width_[k] = 1.0 / width;
  }

  const auto n_cells = static_cast<std::size_t>(n_cells_[0] * n_cells_[1] * n_cells_[2]);
  starts_.assign(n_cells + 1, 0);
  for (std::size_t i = 0; i < use.size(); i++) {
    if (cell_[i] < 0) continue;
    cell_[i] = (cell_of(2, x[i][2]) * n_cells_[1] + cell_of(1, x[i][1])) * n_cells_[0] + cell_of(0, x[i][0]);
    starts_[static_cast<std::size_t>(cell_[i]) + 1]++;
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  points_.resize(n_used);
  for (std::size_t i = 0; i < use.size(); i++)
    if (cell_[i] >= 0) points_[starts_[static_cast<std::size_t>(cell_[i])]++] = static_cast<int>(i);
  std::rotate(starts_.rbegin(), starts_.rbegin() + 1, starts_.rend());    // each start had become its end
  starts_.front() = 0;
}

double NeighbourSearch::memory_bytes() const
{
  return static_cast<double>(points_.capacity() * sizeof(int) + cell_.capacity() * sizeof(long) +
                             starts_.capacity() * sizeof(std::size_t));
}

}    // namespace mdsieve
