// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// Rows of numbers and points chosen one after the other: which row is farthest from its nearest point?
///
/// The squared distance to the nearest point only ever falls as points come. So the distance known of a row
/// bounds it from above, however many points the row has not been compared with, and a row is compared with
/// them only as long as it may be the farthest: most rows see few points. Answers are those of the plain
/// search: squared distances are summed over the columns in their order, in double precision without fused
/// multiply-add.
class FarthestPoints {
 public:
  struct Farthest {
    std::int64_t row;    ///< -1: no row is left
    double squared;      ///< distance to the nearest point, infinite as long as there is none
  };

  /// \param rows  n_rows x n_columns, one after the other; must outlive this object
  FarthestPoints(const double *rows, std::size_t n_rows, std::size_t n_columns);

  std::size_t n_rows() const { return n_rows_; }
  std::size_t n_columns() const { return n_columns_; }

  /// From now on distances count to this point too.
  void add(const double *point);
  /// This row is not to be found any more.
  void leave_out(std::size_t row);
  /// The farthest row that is not left out; of several equally far the first.
  Farthest farthest();
  /// Squared distance of each row to its nearest point.
  std::vector<double> squared_distances();

 private:
  struct Block {    ///< of consecutive rows
    double bound;
    std::uint32_t number;
  };

  void search(Block &block, Farthest &best);
  bool may_be_best(std::size_t row, const Farthest &best) const;
  void approach(std::size_t row, const Farthest &best);
  double nearest_in(const double *pack, const double *row, double bound) const;
  std::size_t n_packs() const;

  const double *rows_;
  std::size_t n_rows_, n_columns_;
  std::vector<double> bounds_;         ///< squared, [row]; rows left out keep theirs
  std::vector<std::uint32_t> seen_;    ///< packs of points that a row was compared with, [row]
  std::vector<bool> is_left_out_;
  std::vector<double> packs_;    ///< [pack][column][lane], missing points infinitely far
  std::size_t n_points_ = 0;
  std::vector<Block> blocks_;    ///< a heap, largest bound first
};

}    // namespace mdsieve
