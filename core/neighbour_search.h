// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace mdsieve {

/// Points in cells that are at least as wide as a cutoff: those near a position lie in at most 27 of them.
/// Not periodic: images are points of their own. Memory grows with the number of points, not with the space
/// between them.
class NeighbourSearch {
 public:
  /// \param x  n positions of 3 coordinates; points that are not finite are left out
  /// \param use  whether each point takes part
  /// \param cutoff  above 0
  void build(const double *const *x, const std::vector<char> &use, double cutoff);

  /// Call visit(point) for every point within the cutoff of a finite position, and for some beyond it.
  template <class Visit> void visit_near(const double *x, const Visit &visit) const
  {
    if (points_.empty()) return;
    std::array<long, 3> from, to;
    for (std::size_t k = 0; k < 3; k++) {
      const long cell = cell_of(k, x[k]);
      from[k] = cell > 0 ? cell - 1 : 0;
      to[k] = cell + 1 < n_cells_[k] ? cell + 1 : n_cells_[k] - 1;
    }
    for (long iz = from[2]; iz <= to[2]; iz++)
      for (long iy = from[1]; iy <= to[1]; iy++) {
        const long row = (iz * n_cells_[1] + iy) * n_cells_[0];
        const std::size_t end = starts_[static_cast<std::size_t>(row + to[0]) + 1];
        for (std::size_t p = starts_[static_cast<std::size_t>(row + from[0])]; p < end; p++)
          visit(points_[p]);
      }
  }

  double memory_bytes() const;

 private:
  std::array<double, 3> low_{}, inverse_width_{};
  std::array<long, 3> n_cells_{1, 1, 1};
  std::vector<int> points_;            // by cell
  std::vector<long> cell_;             // of each point, -1: left out
  std::vector<std::size_t> starts_;    // of each cell in points_, and one more

  long cell_of(std::size_t k, double x) const
  {
    const double cell = (x - low_[k]) * inverse_width_[k];
    if (!(cell > 0.0)) return 0;
    return cell < static_cast<double>(n_cells_[k]) ? static_cast<long>(cell) : n_cells_[k] - 1;
  }
};

}    // namespace mdsieve
