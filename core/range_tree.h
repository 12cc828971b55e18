// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "principal_axes.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// A k-d tree over projected points in single precision that grows point by point. It answers where the
/// answer is certain whatever the rounding, and hands every other point to the exact distance.
class RangeTree {
 public:
  /// The exact distance from the query to point `id`, in double precision.
  using Exact = double (*)(const void *query, std::int32_t id);

  /// \param n_axes  a multiple of PrincipalAxes::group
  explicit RangeTree(int n_axes);

  /// Points are numbered from 0 in the order in which they come.
  void insert(const PrincipalAxes::Projection &point);
  /// Add a point that no search sees before `build`.
  void append(const PrincipalAxes::Projection &point);
  /// Build the tree anew from all points.
  void build();

  struct Query {
    PrincipalAxes::Projection point;
    Exact exact;
    const void *context;    ///< handed to `exact`
  };
  struct Found {
    double distance;
    std::int32_t id;    ///< -1: no point within the bound
  };
  /// A point with an exact distance <= radius, -1 if there is none.
  std::int32_t covering(const Query &query, double radius) const;
  /// Whether that of this point surely is; false if it is not, or too close to tell.
  bool surely_covers(std::int32_t id, const Query &query, double radius) const;
  /// The nearest point whose exact distance is <= bound. The search ends at the first one with a distance <=
  /// enough.
  Found nearest(const Query &query, double bound, double enough) const;

  std::size_t memory_bytes() const;

 private:
  static constexpr int lanes = 8;           ///< points of a block
  static constexpr int leaf_points = 16;    ///< a leaf that holds more is split if it can be
  static constexpr int deepest = 120;       ///< below, leaves grow instead

  struct alignas(32) Lanes {
    float value[lanes];
  };
  /// Bounding box over the leading axes, and what is below.
  struct alignas(32) Node {
    float low[lanes], high[lanes];
    float error;    ///< largest of the points below
    float split;    ///< points with a smaller coordinate on `axis` are in the first child
    std::int32_t axis;
    std::int32_t child;    ///< the first of two neighbouring nodes; -1: a leaf
    std::int32_t count;    ///< points below
    std::int32_t built;    ///< points below when it was last built
    std::int32_t block;    ///< leaf: the first of its chain of blocks, -1: empty
    std::int32_t last_block;
  };
  /// Boxes that a search has put off.
  struct Open;

  const float *row(std::int32_t id) const { return &rows_[static_cast<std::size_t>(id) * row_length_]; }
  float rest_of(std::int32_t id) const { return row(id)[n_axes_]; }
  float error_of(std::int32_t id) const { return row(id)[n_axes_ + 1]; }
  bool next(const Query &query, float reach, Open &open, std::int32_t &leaf) const;
  std::int32_t leaf_around(const Query &query) const;
  std::int32_t covering_in(std::int32_t leaf, const Query &query, double radius, float reach) const;

  std::int32_t new_block();
  std::int32_t new_pair();
  void clear_node(std::int32_t index);
  void put(std::int32_t index, std::int32_t id);
  void collect(std::int32_t index, std::vector<std::int32_t> &ids) const;
  void release_children(std::int32_t index);
  void build_node(std::int32_t index, std::int32_t *begin, std::int32_t *end, int depth);
  void rebuild(std::int32_t index, int depth);
  bool is_worth_rebuilding(const Node &node) const;

  int n_axes_;
  std::size_t row_length_;    ///< n_axes_ coordinates, rest, error, padding
  std::int32_t n_points_ = 0;
  std::vector<float> rows_;    ///< by id
  std::vector<Node> nodes_;
  /// By leaf: what covered the last query that lay in it and was covered from outside, -1: none yet. Only a
  /// first guess, so that threads may overwrite one another's.
  mutable std::vector<std::int32_t> neighbours_;
  std::vector<Lanes> blocks_;         ///< a block: n_axes_ rows of lanes, then that of the rests
  std::vector<std::int32_t> ids_;     ///< `lanes` a block
  std::vector<std::int32_t> next_;    ///< next block of the leaf, -1: none
  std::vector<std::int32_t> free_blocks_, free_pairs_;
};

}    // namespace mdsieve
