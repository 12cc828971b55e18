// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "scaling.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace mdsieve {

/// Smallest and largest value of every column of every element: of a bank's entries, or of anything else.
class FingerprintRange {
 public:
  explicit FingerprintRange(const std::vector<int> &n_features);

  void extend(int element, const double *raw);
  /// Whether nothing of the element was seen.
  bool is_empty(int element) const { return count_[static_cast<std::size_t>(element)] == 0; }
  int n_elements() const { return static_cast<int>(count_.size()); }
  int n_features(int element) const
  { return static_cast<int>(lower_[static_cast<std::size_t>(element)].size()); }
  const std::vector<double> &lower(int element) const { return lower_[static_cast<std::size_t>(element)]; }
  const std::vector<double> &upper(int element) const { return upper_[static_cast<std::size_t>(element)]; }

 private:
  std::vector<std::int64_t> count_;
  std::vector<std::vector<double>> lower_, upper_;    // [element][column]
};

/// Smallest and largest value of every column in one frame, and whose they are. Columns of all elements one
/// after the other; of equal values the smaller atom ID has it. An element that the frame has not is left at
/// +infinity, -infinity and 0.
struct FrameExtents {
  std::vector<double> smallest, largest;
  std::vector<std::int64_t> smallest_id, largest_id;

  FrameExtents() = default;
  explicit FrameExtents(std::size_t n_columns);
  std::size_t size() const { return smallest.size(); }
  /// \param first  column of the element's first function
  void add(std::size_t first, int n_features, std::int64_t id, const double *raw);
  void merge(const FrameExtents &other);
};

/// First column of each element in FrameExtents, and the number of all columns.
std::vector<std::size_t> first_columns(const std::vector<int> &n_features);

/// What leaves a range the farthest.
struct RangeExcess {
  double value = 0.0;    ///< in scaled units; 0 inside, infinite for an element without a range
  /// The largest among elements that have a range, NaN if there is none: what junk and stop look at.
  double cautious = std::numeric_limits<double>::quiet_NaN();
  std::int64_t atom = 0;    ///< its ID, 0 if nothing is outside
  int element = -1;
  int column = -1;
  double raw = 0.0;      ///< the unscaled value that is outside
  double bound = 0.0;    ///< the bound it has passed
};

/// How far a frame lies outside: the largest of (value - upper) * factor and (lower - value) * factor over
/// all columns, with the factors of the frozen scaling.
RangeExcess range_excess(const FingerprintRange &range, const Scaling &scaling, const FrameExtents &extents);

}    // namespace mdsieve
