// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

enum class ScalingKind : int { none = 0, minmax = 1, std = 2 };

/// The frozen column scaling of a bank: scaled = (raw - shift) * factor, per element and column.
/// A column that was constant where the scaling was fitted keeps factor 1 (scikit-learn's convention).
struct Scaling {
  ScalingKind kind = ScalingKind::none;
  std::vector<std::vector<double>> shift;     ///< [element][column]
  std::vector<std::vector<double>> factor;    ///< [element][column]

  bool operator==(const Scaling &other) const;
  /// No scaling at all: shift 0, factor 1.
  static Scaling identity(const std::vector<int> &n_features);
};

/// Running minimum, maximum, mean and variance (Welford) of every column.
class ColumnStatistics {
 public:
  explicit ColumnStatistics(const std::vector<int> &n_features);
  /// \throws InputError naming the column that is not finite
  void add(int element, const double *raw);
  std::int64_t count(int element) const;
  std::vector<int> n_features() const;
  /// \throws InputError naming the element if one with columns was never added
  Scaling scaling(ScalingKind kind, const std::vector<std::string> &elements) const;
  /// n2p2 `scaling.data` text: element index and function index in n2p2's sorted order, min max mean sigma.
  std::string to_scaling_data(const Descriptor &descriptor) const;

 private:
  struct Column {
    double min, max, mean, m2;
  };
  std::vector<std::int64_t> count_;
  std::vector<std::vector<Column>> columns_;
};

/// What `scaling.data` says of one column.
struct ColumnSummary {
  double min = 0.0, max = 0.0, mean = 0.0;
  double sigma = 0.0;    ///< sample standard deviation
};

/// Read n2p2 `scaling.data` (functions in n2p2's sorted order) for a descriptor.
/// \param needs_sigma  the last column may not be missing, as it is in files of old programs
/// \return [element][column], columns as in a fingerprint
/// \throws InputError "name:line: ..."
std::vector<std::vector<ColumnSummary>> parse_column_summaries(std::string_view text, const std::string &name,
                                                               const Descriptor &descriptor,
                                                               bool needs_sigma);

/// The scaling of a bank from n2p2 `scaling.data`.
/// \throws InputError "name:line: ..."
Scaling parse_scaling_data(std::string_view text, const std::string &name, const Descriptor &descriptor,
                           ScalingKind kind);

}    // namespace mdsieve
