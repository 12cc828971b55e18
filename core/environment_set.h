// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "principal_axes.h"
#include "range_tree.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace mdsieve {

/// The entries of one element: unscaled fingerprints and a search structure over the scaled ones.
///
/// Distances are defined once, in double precision, over the scaled original columns in four interleaved
/// partial sums; the search structure only leaves out entries that are surely too far.
class EnvironmentSet {
 public:
  EnvironmentSet(std::string element, const std::vector<double> &shift, const std::vector<double> &factor,
                 double threshold);

  /// An empty set for the same element that searches along the same axes.
  EnvironmentSet empty_copy() const;

  std::int64_t size() const { return size_; }
  int n_features() const { return n_features_; }
  const double *raw(std::int64_t entry) const { return &raw_[static_cast<std::size_t>(entry) * stride_]; }

  struct Nearest {
    double distance = std::numeric_limits<double>::infinity();
    std::int64_t entry = -1;
  };
  /// The nearest entry with a distance <= bound, ending early at a distance <= enough; entry -1 if there is
  /// none.
  /// \param first  an entry to try first; any number that is no entry is passed over
  /// \throws InputError naming the column that is not finite
  Nearest nearest(const double *raw, double bound, double enough, std::int64_t first) const;

  /// An entry with a distance <= radius, -1 if there is none.
  /// \param first  an entry to try first; any number that is no entry is passed over
  /// \throws InputError naming the column that is not finite
  std::int64_t covering(const double *raw, double radius, std::int64_t first) const;

  void add(const double *raw);
  /// Make room for entries to come, and put off the search structure until `finish_loading`.
  void add_unsearched(const double *raw);
  void finish_loading();

  std::size_t memory_bytes() const;

 private:
  struct QueryContext;
  static double exact_distance(const void *query, std::int32_t id);
  double distance_to(const double *scaled, std::int64_t entry) const;
  void scale(const double *raw, double *scaled) const;
  bool has_tree() const { return axes_ != nullptr; }
  bool is_entry(std::int64_t number) const { return number >= 0 && number < size_; }
  void build_tree();
  void store(const double *raw);
  void refuse(const double *raw) const;

  std::string element_;
  int n_features_;
  std::size_t stride_;                    ///< n_features rounded up to a multiple of 4; padding is zero
  std::vector<double> shift_, factor_;    ///< stride_ values
  double threshold_;
  std::int64_t size_ = 0;
  std::vector<double> raw_;
  std::shared_ptr<const PrincipalAxes> axes_;    ///< none as long as there is no tree
  RangeTree tree_;
  std::int64_t next_build_;    ///< size at which axes and tree are made anew
};

}    // namespace mdsieve
