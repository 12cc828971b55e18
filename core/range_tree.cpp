// SPDX-License-Identifier: GPL-2.0-or-later
// How the tree grows; how it is searched is in range_search.cpp.
#include "range_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mdsieve {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

}    // namespace

RangeTree::RangeTree(int n_axes)
    : n_axes_(n_axes), row_length_((static_cast<std::size_t>(n_axes) + 2 + 7) / 8 * 8)
{
  nodes_.resize(1);
  neighbours_.resize(1);
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
  neighbours_[static_cast<std::size_t>(index)] = -1;
}

std::int32_t RangeTree::new_block()
{
  const auto n_rows = static_cast<std::size_t>(n_axes_) + 1;
  std::int32_t block;
  if (free_blocks_.empty()) {
    block = static_cast<std::int32_t>(next_.size());
    next_.push_back(-1);
    blocks_.resize(blocks_.size() + n_rows);
    ids_.resize(ids_.size() + lanes);
  } else {
    block = free_blocks_.back();
    free_blocks_.pop_back();
    next_[block] = -1;
  }
  // an empty lane is infinitely far from everything
  for (std::size_t i = 0; i < n_rows; ++i)
    std::fill_n(blocks_[static_cast<std::size_t>(block) * n_rows + i].value, lanes, infinity);
  std::fill_n(&ids_[static_cast<std::size_t>(block) * lanes], lanes, -1);
  return block;
}

std::int32_t RangeTree::new_pair()
{
  std::int32_t pair;
  if (free_pairs_.empty()) {
    pair = static_cast<std::int32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + 2);
    neighbours_.resize(nodes_.size());
  } else {
    pair = free_pairs_.back();
    free_pairs_.pop_back();
  }
  clear_node(pair);
  clear_node(pair + 1);
  return pair;
}

/// Put a point into a leaf; the box is the caller's.
void RangeTree::put(std::int32_t index, std::int32_t id)
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
  const auto n_rows = static_cast<std::size_t>(n_axes_) + 1;
  for (std::size_t i = 0; i < n_rows; ++i) blocks_[block * n_rows + i].value[lane] = row(id)[i];
}

void RangeTree::collect(std::int32_t index, std::vector<std::int32_t> &ids) const
{
  const Node &node = nodes_[index];
  if (node.child >= 0) {
    collect(node.child, ids);
    collect(node.child + 1, ids);
    return;
  }
  for (std::int32_t block = node.block, left = node.count; block >= 0; block = next_[block], left -= lanes)
    for (int lane = 0; lane < std::min<std::int32_t>(left, lanes); ++lane)
      ids.push_back(ids_[static_cast<std::size_t>(block) * lanes + lane]);
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

/// Fill an empty node with points: split at the median of the widest axis.
void RangeTree::build_node(std::int32_t index, std::int32_t *begin, std::int32_t *end, int depth)
{
  const auto n = static_cast<std::int32_t>(end - begin);
  {
    Node &node = nodes_[index];
    node.built = n;
    for (const std::int32_t *id = begin; id != end; ++id) {
      const float *const y = row(*id);
      for (int axis = 0; axis < lanes; ++axis) {
        node.low[axis] = std::min(node.low[axis], y[axis]);
        node.high[axis] = std::max(node.high[axis], y[axis]);
      }
      node.error = std::max(node.error, error_of(*id));
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
  if (n <= leaf_points || depth >= deepest || widest < 0 || !(width < infinity)) {
    for (const std::int32_t *id = begin; id != end; ++id) put(index, *id);
    return;
  }
  std::int32_t *const middle = begin + n / 2;
  std::nth_element(begin, middle, end,
                   [&](std::int32_t a, std::int32_t b) { return row(a)[widest] < row(b)[widest]; });
  float split = row(*middle)[widest];
  const float low = nodes_[index].low[widest];
  if (split <= low) {    // half of them are equal: split above them
    split = infinity;
    for (const std::int32_t *id = begin; id != end; ++id)
      if (row(*id)[widest] > low) split = std::min(split, row(*id)[widest]);
  }
  std::int32_t *const cut =
      std::partition(begin, end, [&](std::int32_t a) { return row(a)[widest] < split; });
  const std::int32_t pair = new_pair();
  Node &node = nodes_[index];
  node.axis = widest;
  node.split = split;
  node.child = pair;
  node.count = n;
  build_node(pair, begin, cut, depth + 1);
  build_node(pair + 1, cut, end, depth + 1);
}

void RangeTree::rebuild(std::int32_t index, int depth)
{
  std::vector<std::int32_t> ids;
  ids.reserve(static_cast<std::size_t>(nodes_[index].count));
  collect(index, ids);
  release_children(index);
  clear_node(index);
  build_node(index, ids.data(), ids.data() + ids.size(), depth);
}

void RangeTree::append(const PrincipalAxes::Projection &point)
{
  rows_.resize(rows_.size() + row_length_, 0.0f);
  float *const y = rows_.data() + rows_.size() - row_length_;
  std::copy_n(point.along, n_axes_, y);
  y[n_axes_] = point.rest;
  y[n_axes_ + 1] = point.error;
  ++n_points_;
}

void RangeTree::build()
{
  nodes_.resize(1);
  neighbours_.resize(1);
  clear_node(0);
  blocks_.clear();
  ids_.clear();
  next_.clear();
  free_blocks_.clear();
  free_pairs_.clear();
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n_points_));
  for (std::int32_t i = 0; i < n_points_; ++i) ids[static_cast<std::size_t>(i)] = i;
  build_node(0, ids.data(), ids.data() + ids.size(), 0);
}

/// An inner node out of balance, and grown by enough since it was built to pay for building it again.
bool RangeTree::is_worth_rebuilding(const Node &node) const
{
  const std::int32_t larger = std::max(nodes_[node.child].count, nodes_[node.child + 1].count);
  return node.count > 4 * leaf_points && larger > 0.7 * node.count && node.count > 1.4 * node.built;
}

void RangeTree::insert(const PrincipalAxes::Projection &point)
{
  append(point);
  std::int32_t index = 0, worst = -1;
  int depth = 0, worst_depth = 0;
  while (true) {
    Node &node = nodes_[index];
    for (int axis = 0; axis < lanes; ++axis) {
      node.low[axis] = std::min(node.low[axis], point.along[axis]);
      node.high[axis] = std::max(node.high[axis], point.along[axis]);
    }
    node.error = std::max(node.error, point.error);
    if (node.child < 0) break;
    ++node.count;
    const std::int32_t child = node.child + (point.along[node.axis] < node.split ? 0 : 1);
    if (worst < 0 && is_worth_rebuilding(node)) {
      worst = index;
      worst_depth = depth;
    }
    index = child;
    ++depth;
  }
  put(index, n_points_ - 1);
  const Node &leaf = nodes_[index];
  if (worst >= 0) {
    rebuild(worst, worst_depth);
  } else if (leaf.count > leaf_points && (leaf.built <= leaf_points || leaf.count >= 2 * leaf.built)) {
    rebuild(index, depth);
  }
}

std::size_t RangeTree::memory_bytes() const
{
  return nodes_.capacity() * sizeof(Node) + blocks_.capacity() * sizeof(Lanes) +
         (ids_.capacity() + next_.capacity() + free_blocks_.capacity() + free_pairs_.capacity() +
          neighbours_.capacity()) *
             sizeof(std::int32_t) +
         rows_.capacity() * sizeof(float);
}

}    // namespace mdsieve
