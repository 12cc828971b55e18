// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "principal_axes.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// A k-d tree over projected points in single precision that grows point by point. It never decides: it
/// offers every point that could lie within a bound, rounding included, and leaves out only those that surely
/// do not.
class RangeTree {
 public:
  /// The exact distance from the query to point `id`, in double precision.
  using Exact = double (*)(const void *query, std::int32_t id);

  /// \param n_axes  length of a projected point, a multiple of PrincipalAxes::group
  explicit RangeTree(int n_axes);

  /// Forget everything and build from n points.
  /// \param projected  n rows of n_axes floats; row i has id i
  /// \param errors     bound on the rounding error of each row
  void build(const std::vector<float> &projected, const std::vector<float> &errors);
  void insert(std::int32_t id, const float *projected, float error);

  struct Query {
    const float *projected;
    float error;
    Exact exact;
    const void *context;    ///< handed to `exact`
  };
  struct Found {
    double distance;
    std::int32_t id;    ///< -1: no point within the bound
  };
  /// The nearest point whose exact distance is <= bound. The search ends at the first one with a distance <=
  /// enough.
  Found search(const Query &query, double bound, double enough) const;

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
  /// Points on their way into a (sub)tree.
  struct Points {
    std::vector<std::int32_t> id;
    std::vector<float> error;
    std::vector<float> projected;
    std::vector<std::int32_t> order;
  };

  std::int32_t new_block();
  std::int32_t new_pair();
  void clear_node(std::int32_t node);
  void append(std::int32_t node, std::int32_t id, const float *projected, float error);
  void collect(std::int32_t node, Points &points);
  void release_children(std::int32_t node);
  void build_node(std::int32_t node, Points &points, std::int32_t begin, std::int32_t end, int depth);
  void rebuild(std::int32_t node, int depth);
  bool is_worth_rebuilding(const Node &node) const;

  int n_axes_;
  std::vector<Node> nodes_;
  std::vector<Lanes> blocks_;         ///< n_axes_ rows of lanes a block
  std::vector<std::int32_t> ids_;     ///< `lanes` a block
  std::vector<float> errors_;         ///< `lanes` a block
  std::vector<std::int32_t> next_;    ///< next block of the leaf, -1: none
  std::vector<std::int32_t> free_blocks_, free_pairs_;
};

}    // namespace mdsieve
