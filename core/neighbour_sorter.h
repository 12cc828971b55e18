// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "kernels.h"
#include "symmetry_functions.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// Brings the neighbours of one atom into canonical order, so that no sum depends on the order in which they
/// were found. Keeps its memory from atom to atom.
class NeighbourSorter {
 public:
  /// Those that matter (their element has a slot, they lie inside the cutoff) by slot, then r^2, then
  /// dx, dy, dz. Valid until the next call.
  /// \param slot_of_element  -1: of no interest
  /// \param r2_cutoff        square of the largest cutoff radius [A^2]
  /// \throws InputError if a neighbour coincides with the atom or a coordinate is not finite
  SortedNeighbours sort(const Neighbours &in, const std::vector<int> &slot_of_element, int n_slots,
                        double r2_cutoff);

  /// The same neighbours in the same order, with where each stands in `in`: slower.
  /// \param origin  becomes one index a sorted neighbour
  SortedNeighbours sort_with_origin(const Neighbours &in, const std::vector<int> &slot_of_element,
                                    int n_slots, double r2_cutoff, std::vector<std::size_t> &origin);

 private:
  struct Neighbour {
    double r2, x, y, z;
  };
  static bool comes_before(const Neighbour &a, const Neighbour &b);
  static void sort_nearly_sorted(Neighbour *begin, Neighbour *end);
  [[noreturn]] static void refuse(const Neighbour &n);

  void collect(const Neighbours &in, const std::vector<int> &slot_of_element, int n_slots, double r2_cutoff);
  void scatter(int n_slots);
  SortedNeighbours unpack();

  std::vector<Neighbour> found_, sorted_;
  std::vector<std::uint32_t> bucket_of_;     ///< of each that was found
  std::vector<std::uint32_t> bucket_end_;    ///< first counts, then ends
  std::vector<int> slot_begin_;
  std::vector<double> coordinates_;    ///< x, y, z, r2, each with padding
  std::size_t found_count_ = 0, buckets_a_slot_ = 0;
};

}    // namespace mdsieve
