// SPDX-License-Identifier: GPL-2.0-or-later
#include "range_tree.h"

#include "vector_types.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mdsieve {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Larger than the relative rounding error of a single-precision distance over 32 axes.
constexpr float slack = 1.0f + 1e-5f;

}    // namespace

RangeTree::RangeTree(int n_axes) : n_axes_(n_axes)
{
  nodes_.resize(1);
  clear_node(0);
}

void RangeTree::clear_node(std::int32_t index)
{
  Node &node = nodes_[index];
  std::fill_n(node.low, lanes, infinity);
  std::fill_n(node.high, lanes, -infinity);
  node.error = 0.0f;
  node.split = 0.0f;
  node.axis = 0;
  node.child = -1;
  node.count = node.built = 0;
  node.block = node.last_block = -1;
}

std::int32_t RangeTree::new_block()
{
  std::int32_t block;
  if (free_blocks_.empty()) {
    block = static_cast<std::int32_t>(next_.size());
    next_.push_back(-1);
    blocks_.resize(blocks_.size() + static_cast<std::size_t>(n_axes_));
    ids_.resize(ids_.size() + lanes);
    errors_.resize(errors_.size() + lanes);
  } else {
    block = free_blocks_.back();
    free_blocks_.pop_back();
    next_[block] = -1;
  }
  // an empty lane is infinitely far from everything
  for (int axis = 0; axis < n_axes_; ++axis)
    std::fill_n(blocks_[static_cast<std::size_t>(block) * n_axes_ + axis].value, lanes, infinity);
  std::fill_n(&ids_[static_cast<std::size_t>(block) * lanes], lanes, -1);
  return block;
}

std::int32_t RangeTree::new_pair()
{
  std::int32_t pair;
  if (free_pairs_.empty()) {
    pair = static_cast<std::int32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + 2);
  } else {
    pair = free_pairs_.back();
    free_pairs_.pop_back();
  }
  clear_node(pair);
  clear_node(pair + 1);
  return pair;
}

/// Put a point into a leaf; the box is the caller's.
void RangeTree::append(std::int32_t index, std::int32_t id, const float *projected, float error)
{
  const int lane = nodes_[index].count % lanes;
  if (lane == 0) {
    const std::int32_t block = new_block();
    Node &node = nodes_[index];
    if (node.block < 0)
      node.block = block;
    else
      next_[node.last_block] = block;
    node.last_block = block;
  }
  Node &node = nodes_[index];
  ++node.count;
  const auto block = static_cast<std::size_t>(node.last_block);
  ids_[block * lanes + lane] = id;
  errors_[block * lanes + lane] = error;
  for (int axis = 0; axis < n_axes_; ++axis) blocks_[block * n_axes_ + axis].value[lane] = projected[axis];
}

void RangeTree::collect(std::int32_t index, Points &points)
{
  const Node &node = nodes_[index];
  if (node.child >= 0) {
    collect(node.child, points);
    collect(node.child + 1, points);
    return;
  }
  for (std::int32_t block = node.block, left = node.count; block >= 0; block = next_[block], left -= lanes)
    for (int lane = 0; lane < std::min<std::int32_t>(left, lanes); ++lane) {
      points.id.push_back(ids_[static_cast<std::size_t>(block) * lanes + lane]);
      points.error.push_back(errors_[static_cast<std::size_t>(block) * lanes + lane]);
      for (int axis = 0; axis < n_axes_; ++axis)
        points.projected.push_back(blocks_[static_cast<std::size_t>(block) * n_axes_ + axis].value[lane]);
    }
}

void RangeTree::release_children(std::int32_t index)
{
  const Node node = nodes_[index];
  for (std::int32_t block = node.block; block >= 0; block = next_[block]) free_blocks_.push_back(block);
  if (node.child < 0) return;
  release_children(node.child);
  release_children(node.child + 1);
  free_pairs_.push_back(node.child);
}

/// Fill an empty node with points order[begin..end): split at the median of the widest axis.
void RangeTree::build_node(std::int32_t index, Points &points, std::int32_t begin, std::int32_t end,
                           int depth)
{
  const auto coordinate = [&](std::int32_t i, int axis) {
    return points.projected[static_cast<std::size_t>(i) * n_axes_ + axis];
  };
  {
    Node &node = nodes_[index];
    node.built = end - begin;
    for (std::int32_t i = begin; i < end; ++i) {
      for (int axis = 0; axis < lanes; ++axis) {
        node.low[axis] = std::min(node.low[axis], coordinate(points.order[i], axis));
        node.high[axis] = std::max(node.high[axis], coordinate(points.order[i], axis));
      }
      node.error = std::max(node.error, points.error[points.order[i]]);
    }
  }
  int widest = -1;
  float width = 0.0f;
  for (int axis = 0; axis < lanes; ++axis)
    if (nodes_[index].high[axis] - nodes_[index].low[axis] > width) {
      width = nodes_[index].high[axis] - nodes_[index].low[axis];
      widest = axis;
    }
  // without a width (equal points, or coordinates beyond single precision) nothing can be split
  if (end - begin <= leaf_points || depth >= deepest || widest < 0 || !(width < infinity)) {
    for (std::int32_t i = begin; i < end; ++i) {
      const std::int32_t p = points.order[i];
      append(index, points.id[p], &points.projected[static_cast<std::size_t>(p) * n_axes_], points.error[p]);
    }
    return;
  }
  const auto first = points.order.begin() + begin, last = points.order.begin() + end;
  const auto middle = first + (end - begin) / 2;
  std::nth_element(first, middle, last, [&](std::int32_t a, std::int32_t b) {
    return coordinate(a, widest) < coordinate(b, widest);
  });
  float split = coordinate(*middle, widest);
  if (split <= nodes_[index].low[widest]) {    // half of them are equal: split above them
    split = infinity;
    for (auto i = first; i != last; ++i)
      if (coordinate(*i, widest) > nodes_[index].low[widest]) split = std::min(split, coordinate(*i, widest));
  }
  const auto boundary =
      std::partition(first, last, [&](std::int32_t a) { return coordinate(a, widest) < split; });
  const auto cut = static_cast<std::int32_t>(boundary - points.order.begin());
  const std::int32_t pair = new_pair();
  Node &node = nodes_[index];
  node.axis = widest;
  node.split = split;
  node.child = pair;
  node.count = end - begin;
  build_node(pair, points, begin, cut, depth + 1);
  build_node(pair + 1, points, cut, end, depth + 1);
}

void RangeTree::rebuild(std::int32_t index, int depth)
{
  Points points;
  points.projected.reserve(static_cast<std::size_t>(nodes_[index].count) * n_axes_);
  collect(index, points);
  const auto n = static_cast<std::int32_t>(points.id.size());
  points.order.resize(points.id.size());
  for (std::int32_t i = 0; i < n; ++i) points.order[i] = i;
  release_children(index);
  clear_node(index);
  build_node(index, points, 0, n, depth);
}

void RangeTree::build(const std::vector<float> &projected, const std::vector<float> &errors)
{
  nodes_.resize(1);
  clear_node(0);
  blocks_.clear();
  ids_.clear();
  errors_.clear();
  next_.clear();
  free_blocks_.clear();
  free_pairs_.clear();
  Points points;
  points.projected = projected;
  points.error = errors;
  const auto n = static_cast<std::int32_t>(errors.size());
  points.id.resize(errors.size());
  for (std::int32_t i = 0; i < n; ++i) points.id[i] = i;
  points.order = points.id;
  build_node(0, points, 0, n, 0);
}

/// An inner node out of balance, and grown by enough since it was built to pay for building it again.
bool RangeTree::is_worth_rebuilding(const Node &node) const
{
  const std::int32_t larger = std::max(nodes_[node.child].count, nodes_[node.child + 1].count);
  return node.count > 4 * leaf_points && larger > 0.7 * node.count && node.count > 1.4 * node.built;
}

void RangeTree::insert(std::int32_t id, const float *projected, float error)
{
  std::int32_t index = 0, worst = -1;
  int depth = 0, worst_depth = 0;
  while (true) {
    Node &node = nodes_[index];
    for (int axis = 0; axis < lanes; ++axis) {
      node.low[axis] = std::min(node.low[axis], projected[axis]);
      node.high[axis] = std::max(node.high[axis], projected[axis]);
    }
    node.error = std::max(node.error, error);
    if (node.child < 0) break;
    ++node.count;
    const std::int32_t child = node.child + (projected[node.axis] < node.split ? 0 : 1);
    if (worst < 0 && is_worth_rebuilding(node)) {
      worst = index;
      worst_depth = depth;
    }
    index = child;
    ++depth;
  }
  append(index, id, projected, error);
  Node &leaf = nodes_[index];
  if (worst >= 0) {
    rebuild(worst, worst_depth);
  } else if (leaf.count > leaf_points && (leaf.built <= leaf_points || leaf.count >= 2 * leaf.built)) {
    rebuild(index, depth);
  }
}

MDSIEVE_CLONES RangeTree::Found RangeTree::search(const Query &query, double bound, double enough) const
{
  Found found{bound, -1};
  // boxes put off, with the squared distance from the query, rounded
  std::int32_t open_node[deepest + 16];
  float open_squared[deepest + 16];
  int n_open = 0;

  const float *const y = query.projected;
  const float8 y8 = {y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]};
  const float8 zero = {};
  // rounded up, so that conversion cannot lose a point
  float reach = static_cast<float>(bound) * (1.0f + 0x1p-22f) + query.error;
  // a computed squared distance above this is surely beyond the bound
  const auto limit_of = [&reach](const Node &node) {
    const float limit = (reach + node.error) * slack;
    return limit * limit;
  };

  std::int32_t index = 0;
  while (true) {
    const Node &node = nodes_[index];
    if (node.child >= 0) {
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
      const float squared[2] = {sums[0], sums[4]};
      const bool is_second_nearer =
          squared[1] < squared[0] || (squared[1] == squared[0] && y[node.axis] >= node.split);
      const int nearer = is_second_nearer ? 1 : 0, farther = 1 - nearer;
      if (!(squared[farther] > limit_of(children[farther]))) {
        open_node[n_open] = node.child + farther;
        open_squared[n_open++] = squared[farther];
      }
      if (!(squared[nearer] > limit_of(children[nearer]))) {
        index = node.child + nearer;
        continue;
      }
    } else {
      float limit = limit_of(node);
      std::int32_t left = node.count;
      for (std::int32_t block = node.block; block >= 0; block = next_[block], left -= lanes) {
        const Lanes *const rows = &blocks_[static_cast<std::size_t>(block) * n_axes_];
        float8 sum = {};
        bool is_near = true;
        for (int axis = 0; axis < n_axes_ && is_near; axis += PrincipalAxes::group) {
          for (int a = axis; a < axis + PrincipalAxes::group; ++a) {
            const float8 d = *reinterpret_cast<const float8 *>(rows[a].value) - y[a];
            sum += d * d;
          }
          typedef long long long4 __attribute__((vector_size(32)));
          const long4 beyond = reinterpret_cast<long4>(sum > limit);
          is_near = (beyond[0] & beyond[1] & beyond[2] & beyond[3]) != -1;
        }
        if (!is_near) continue;
        const int n = left < lanes ? left : lanes;
        unsigned tried = 0;
        while (true) {    // nearest first
          int best = -1;
          for (int lane = 0; lane < n; ++lane)
            if (!(tried >> lane & 1u) && !(sum[lane] > limit) && (best < 0 || sum[lane] < sum[best]))
              best = lane;
          if (best < 0) break;
          tried |= 1u << best;
          const std::int32_t id = ids_[static_cast<std::size_t>(block) * lanes + best];
          const double distance = query.exact(query.context, id);
          if (distance < found.distance || (found.id < 0 && distance <= found.distance)) {
            found = {distance, id};
            if (distance <= enough) return found;
            reach = static_cast<float>(distance) * (1.0f + 0x1p-22f) + query.error;
            limit = limit_of(node);
          }
        }
      }
    }
    // the next box that is still within reach
    while (true) {
      if (n_open == 0) return found;
      index = open_node[--n_open];
      if (!(open_squared[n_open] > limit_of(nodes_[index]))) break;
    }
  }
}

std::size_t RangeTree::memory_bytes() const
{
  return nodes_.capacity() * sizeof(Node) + blocks_.capacity() * sizeof(Lanes) +
         (ids_.capacity() + next_.capacity() + free_blocks_.capacity() + free_pairs_.capacity()) *
             sizeof(std::int32_t) +
         errors_.capacity() * sizeof(float);
}

}    // namespace mdsieve
