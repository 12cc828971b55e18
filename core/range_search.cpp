// SPDX-License-Identifier: GPL-2.0-or-later
#include "range_tree.h"
#include "vector_types.h"

#include <cmath>
#include <limits>

namespace mdsieve {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Larger than the relative rounding error of a single-precision distance over 33 coordinates.
constexpr float slack = 1.0f + 1e-5f;

/// Rounded up, so that conversion cannot lose a point.
float rounded_up(double distance) { return static_cast<float>(distance) * (1.0f + 0x1p-22f); }

/// Lower bounds of the squared distance above this belong to points that are surely beyond `reach`.
inline float limit_of(float reach, float error)
{
  const float limit = (reach + error) * slack;
  return limit * limit;
}

/// Upper bounds of the squared distance up to this belong to points that are surely within the radius;
/// negative if none is.
inline float surely_within(float radius, float error)
{
  const float limit = (radius * (1.0f - 0x1p-22f) - error) * (2.0f - slack);
  return limit > 1e-15f && limit < 1e18f ? limit * limit : -1.0f;    // outside, squares are not to be trusted
}

typedef int int8_lanes __attribute__((vector_size(32)));
typedef long long long4 __attribute__((vector_size(32)));

__attribute__((always_inline)) inline bool is_all(int8_lanes mask)
{
  const long4 wide = reinterpret_cast<long4>(mask);
  return (wide[0] & wide[1] & wide[2] & wide[3]) == -1;
}

__attribute__((always_inline)) inline bool is_none(int8_lanes mask)
{
  const long4 wide = reinterpret_cast<long4>(mask);
  return (wide[0] | wide[1] | wide[2] | wide[3]) == 0;
}

/// Squared distances along the axes from a point to those of a block; false if all are above the limit,
/// rests included.
template <class Lanes>
__attribute__((always_inline)) inline bool squares_within(const Lanes *rows, int n_axes,
                                                          const PrincipalAxes::Projection &point, float limit,
                                                          float8 &along, float8 &lower)
{
  const float8 rest = *reinterpret_cast<const float8 *>(rows[n_axes].value) - point.rest;
  const float8 rest_square = rest * rest;
  float8 even = {}, odd = {};
  for (int axis = 0; axis < n_axes; axis += PrincipalAxes::group) {
    for (int a = axis; a < axis + PrincipalAxes::group; a += 2) {
      const float8 d = *reinterpret_cast<const float8 *>(rows[a].value) - point.along[a];
      const float8 e = *reinterpret_cast<const float8 *>(rows[a + 1].value) - point.along[a + 1];
      even += d * d;
      odd += e * e;
    }
    along = even + odd;
    lower = along + rest_square;
    if (is_all(lower > limit)) return false;
  }
  return true;
}

}    // namespace

struct RangeTree::Open {
  std::int32_t node[deepest + 16];
  float square[deepest + 16];    ///< squared distance of the box from the query, rounded
  int n = 0;
  bool has_begun = false;
};

/// The next leaf within reach, nearest boxes first; false if there is none left.
__attribute__((always_inline)) inline bool RangeTree::next(const Query &query, float reach, Open &open,
                                                           std::int32_t &leaf) const
{
  const float *const y = query.point.along;
  const float8 y8 = *reinterpret_cast<const float8_anywhere *>(y);
  const float8 zero = {};
  std::int32_t index = 0;
  if (open.has_begun) {
    do {
      if (open.n == 0) return false;
      index = open.node[--open.n];
    } while (open.square[open.n] > limit_of(reach, nodes_[index].error));
  }
  open.has_begun = true;
  while (true) {
    const Node &node = nodes_[index];
    if (node.child < 0) {
      leaf = index;
      return true;
    }
    const Node *const children = &nodes_[node.child];
    float8 squares[2];
    for (int side = 0; side < 2; ++side) {
      const float8 below = *reinterpret_cast<const float8 *>(children[side].low) - y8;
      const float8 above = y8 - *reinterpret_cast<const float8 *>(children[side].high);
      float8 outside = below > above ? below : above;
      outside = outside > zero ? outside : zero;    // NaN: 0, never pruned
      squares[side] = outside * outside;
    }
    const float8 sums = sums_of(squares[0], squares[1]);
    const float square[2] = {sums[0], sums[4]};
    const bool is_second_nearer =
        square[1] < square[0] || (square[1] == square[0] && y[node.axis] >= node.split);
    const int nearer = is_second_nearer ? 1 : 0, farther = 1 - nearer;
    if (!(square[farther] > limit_of(reach, children[farther].error))) {
      open.node[open.n] = node.child + farther;
      open.square[open.n++] = square[farther];
    }
    if (!(square[nearer] > limit_of(reach, children[nearer].error))) {
      index = node.child + nearer;
      continue;
    }
    do {
      if (open.n == 0) return false;
      index = open.node[--open.n];
    } while (open.square[open.n] > limit_of(reach, nodes_[index].error));
  }
}

bool RangeTree::surely_covers(std::int32_t id, const Query &query, double radius) const
{
  const float *const y = row(id);
  float8 sum = {};
  for (int axis = 0; axis < n_axes_; axis += PrincipalAxes::group) {
    const float8 d = *reinterpret_cast<const float8_anywhere *>(y + axis) -
                     *reinterpret_cast<const float8_anywhere *>(query.point.along + axis);
    sum += d * d;
  }
  const float rest = rest_of(id) + query.point.rest;
  const float square = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  return square + rest * rest <= surely_within(static_cast<float>(radius), query.point.error + error_of(id));
}

std::int32_t RangeTree::leaf_around(const Query &query) const
{
  std::int32_t index = 0;
  while (nodes_[index].child >= 0)
    index = nodes_[index].child + (query.point.along[nodes_[index].axis] < nodes_[index].split ? 0 : 1);
  return index;
}

__attribute__((always_inline)) inline std::int32_t
RangeTree::covering_in(std::int32_t leaf, const Query &query, double radius, float reach) const
{
  const Node &node = nodes_[leaf];
  const auto n_rows = static_cast<std::size_t>(n_axes_) + 1;
  const float limit = limit_of(reach, node.error);
  const float sure = surely_within(static_cast<float>(radius), query.point.error + node.error);
  std::int32_t left = node.count;
  for (std::int32_t block = node.block; block >= 0; block = next_[block], left -= lanes) {
    const Lanes *const rows = &blocks_[static_cast<std::size_t>(block) * n_rows];
    float8 along = {}, lower = {};
    if (!squares_within(rows, n_axes_, query.point, limit, along, lower)) continue;
    const std::int32_t *const ids = &ids_[static_cast<std::size_t>(block) * lanes];
    const int n = left < lanes ? left : lanes;
    const float8 rest = *reinterpret_cast<const float8 *>(rows[n_axes_].value) + query.point.rest;
    const int8_lanes within = along + rest * rest <= sure;
    if (!is_none(within))
      for (int lane = 0; lane < n; ++lane)
        if (within[lane]) return ids[lane];
    for (int lane = 0; lane < n; ++lane)
      if (!(lower[lane] > limit) && query.exact(query.context, ids[lane]) <= radius) return ids[lane];
  }
  return -1;
}

MDSIEVE_CLONES std::int32_t RangeTree::covering(const Query &query, double radius) const
{
  const float reach = rounded_up(radius) + query.point.error;
  // most queries are covered by a point of the leaf in which they lie, or by the one that covered the last
  const std::int32_t first = leaf_around(query);
  std::int32_t id = covering_in(first, query, radius, reach);
  if (id >= 0) return id;
  std::int32_t &neighbour = neighbours_[static_cast<std::size_t>(first)];
  id = __atomic_load_n(&neighbour, __ATOMIC_RELAXED);
  if (id >= 0 && surely_covers(id, query, radius)) return id;
  Open open;
  std::int32_t leaf;
  while (next(query, reach, open, leaf)) {
    if (leaf == first) continue;
    id = covering_in(leaf, query, radius, reach);
    if (id >= 0) {
      __atomic_store_n(&neighbour, id, __ATOMIC_RELAXED);
      return id;
    }
  }
  return -1;
}

MDSIEVE_CLONES RangeTree::Found RangeTree::nearest(const Query &query, double bound, double enough) const
{
  Found found{bound, -1};
  const auto n_rows = static_cast<std::size_t>(n_axes_) + 1;
  float reach = rounded_up(bound) + query.point.error;
  Open open;
  std::int32_t leaf;
  while (next(query, reach, open, leaf)) {
    const Node &node = nodes_[leaf];
    float limit = limit_of(reach, node.error);
    std::int32_t left = node.count;
    for (std::int32_t block = node.block; block >= 0; block = next_[block], left -= lanes) {
      const Lanes *const rows = &blocks_[static_cast<std::size_t>(block) * n_rows];
      const std::int32_t *const ids = &ids_[static_cast<std::size_t>(block) * lanes];
      float8 along = {}, lower = {};
      if (!squares_within(rows, n_axes_, query.point, limit, along, lower)) continue;
      const int n = left < lanes ? left : lanes;
      unsigned tried = 0;
      while (true) {    // nearest first
        int best = -1;
        for (int lane = 0; lane < n; ++lane)
          if (!(tried >> lane & 1u) && !(lower[lane] > limit) && (best < 0 || lower[lane] < lower[best]))
            best = lane;
        if (best < 0) break;
        tried |= 1u << best;
        const double distance = query.exact(query.context, ids[best]);
        if (distance < found.distance || (found.id < 0 && distance <= found.distance)) {
          found = {distance, ids[best]};
          if (distance <= enough) return found;
          reach = rounded_up(distance) + query.point.error;
          limit = limit_of(reach, node.error);
        }
      }
    }
  }
  return found;
}

}    // namespace mdsieve
