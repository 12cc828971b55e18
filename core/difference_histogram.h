// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "scaling.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// What makes a bit of a difference vector 1.
enum class DifferenceMode : int {
  presence = 0,    ///< the bin is occupied in one of frame and reference, but not in the other
  count = 1,       ///< the bin holds another number of environments than in the reference
  fraction = 2,    ///< its share of the element's environments differs by more than `step`
};

/// What a histogram is: fixed when it is created and stored with all that comes of it.
struct HistogramLayout {
  std::string descriptor_hash;               ///< of the symmetry functions
  std::vector<std::string> elements;         ///< the descriptor's
  std::vector<std::vector<double>> lower;    ///< frozen range, [element][column]
  std::vector<std::vector<double>> upper;    ///< a column with upper == lower was constant
  int n_bins = 20;                           ///< of each range; two more lie below and above it
  DifferenceMode mode = DifferenceMode::presence;
  double step = 0.0;    ///< of DifferenceMode::fraction: the largest difference of shares that counts as none

  /// The ranges of a frozen scaling: minimum to maximum, or mean +- 3 standard deviations.
  /// \throws InputError for a scaling of kind none, which knows no ranges
  void take_ranges(const Scaling &scaling);
  std::vector<int> n_features() const;
  bool operator==(const HistogramLayout &other) const;
};

/// Bits of a difference vector, 64 a word; those beyond the last are 0.
using Bits = std::vector<std::uint64_t>;

/// Number of bits that differ.
std::int64_t hamming_distance(const std::uint64_t *a, const std::uint64_t *b, std::size_t n_words);

/// Histograms of symmetry functions and the difference vectors made of them (DV-LAE): for every element,
/// every symmetry function and every bin one bit that says whether a frame differs there from a reference
/// structure.
///
/// Counts are integers: those of the ranks add up to those of the frame. Bins stand in the order of elements,
/// columns, and within a column: below the range, the bins of the range, above it. Values within rounding of
/// a bound lie inside.
class DifferenceHistogram {
 public:
  /// \throws InputError if the layout makes no sense or takes more than 2^26 bins
  explicit DifferenceHistogram(HistogramLayout layout);

  const HistogramLayout &layout() const { return layout_; }
  std::size_t n_bits() const { return n_bits_; }
  std::size_t n_words() const { return (n_bits_ + 63) / 64; }

  /// Count one environment.
  /// \param counts  n_bits() numbers
  /// \throws InputError naming the column that is not finite
  void add(int element, const double *raw, std::int32_t *counts) const;

  /// What a frame's difference vectors depend on, in as few bytes as the mode allows: for `presence` one bit
  /// a bin, else the counts (4 bytes each), little-endian, padded to words of 8 bytes.
  std::string signature(const std::int32_t *counts) const;
  std::size_t signature_bytes() const;

  /// Difference vector of a frame and a reference, given their signatures.
  /// \throws InputError if a signature has another length
  Bits difference(std::string_view frame, std::string_view reference) const;

 private:
  struct Column {
    double lower, width_inverse;
    double below, above;    ///< bounds of the range, rounding allowed for
  };
  bool differs(std::int64_t count, std::int64_t reference, std::int64_t total,
               std::int64_t reference_total) const;

  HistogramLayout layout_;
  std::vector<std::size_t> first_bin_;    // of each element, and the end
  std::vector<std::vector<Column>> columns_;
  std::size_t n_bits_ = 0;
};

}    // namespace mdsieve
