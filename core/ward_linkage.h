// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// Two points whose clusters become one.
struct ClusterMerge {
  std::int32_t first, second;
  double height;    ///< the increase of the sum of squared deviations, as sqrt(2 * increase)
};

/// Ward's hierarchy of points of equal weight (J. Am. Stat. Assoc. 58, 236, 1963) by chains of nearest
/// neighbours (Murtagh, Comput. J. 26, 354, 1983): memory proportional to the number of points, time to its
/// square. Distances are taken from means, so that no matrix is needed.
/// \param points  [point][feature]
/// \return n - 1 merges, the lowest first; the first n - k of them leave k clusters
std::vector<ClusterMerge> ward_linkage(const double *points, std::size_t n, std::size_t n_features);

}    // namespace mdsieve
